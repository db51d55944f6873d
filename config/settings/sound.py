"""Refuses settings with which production would start, but lose messages or mail dead links."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

# Pages and mails append paths to it.
_PUBLIC_URL: Final = r"https?://[^/?#\s]+"


def refuse_unsound(settings: Mapping[str, Any]) -> None:
    """
    Check what else the settings promise to each other.

    :raises ImproperlyConfigured: and names the variable
    """
    if fault := next(_faults(settings), None):
        raise ImproperlyConfigured(fault)


def _faults(settings: Mapping[str, Any]) -> Iterator[str]:
    if not re.fullmatch(_PUBLIC_URL, settings["PUBLIC_URL"]):
        yield "PUBLIC_URL must be an address such as https://tickets.example.com, without a path."
    longest = settings["CELERY_TASK_TIME_LIMIT"]
    if settings["SQS_VISIBILITY_SECONDS"] <= longest:
        # SQS would deliver the message of a running task to a second worker.
        yield f"SQS_VISIBILITY_SECONDS must be more than {longest}: so long may a task take."
    waits = settings["SQS_BACKOFF_SECONDS"].values()
    if not waits or min(waits) < 0:
        yield "SQS_BACKOFF_SECONDS must have one number or more, none of them negative."
    if settings["ASK_AGAIN_SECONDS"] < 1:
        yield "ASK_AGAIN_SECONDS must be 1 or more."
    urls = settings["SQS_QUEUE_URLS"]
    for name, url in urls.items():
        if list(urls.values()).count(url) > 1:
            yield f"SQS_{name.upper()}_QUEUE_URL must differ from the URL of each other queue."
    for network in settings["WEBHOOK_ALLOWED_NETWORKS"]:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            yield f"WEBHOOK_ALLOWED_NETWORKS: {error}."
