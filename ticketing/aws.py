"""The one way to an AWS client of our own, and what is counted of every client's failures."""

from functools import cache
from typing import Any

import boto3
from botocore import handlers
from botocore.config import Config
from django.conf import settings

from ticketing.telemetry.metrics import count_aws_error

_QUICK = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})


@cache
def aws_client(service: str) -> Any:
    """
    Return a client that answers quickly or fails: for questions asked while somebody waits.

    boto3 reads the keys and the endpoint itself.
    """
    return boto3.client(service, region_name=settings.AWS_REGION, config=_QUICK)


def count_failures_of_aws() -> None:
    """
    Count what fails of every call to AWS, by whatever client in this process: also by those that
    the mail, the storage and the queue make for themselves.
    """
    # Each session of botocore begins with this list; a client takes it over from its session.
    handlers.BUILTIN_HANDLERS.extend(
        [("after-call", _count_refusal), ("after-call-error", _count_silence)]
    )


def _count_refusal(
    event_name: str, http_response: Any, parsed: dict[str, Any], **_others: Any
) -> None:
    if http_response.status_code >= 400:  # noqa: PLR2004
        _count(event_name, parsed.get("Error", {}).get("Code") or str(http_response.status_code))


def _count_silence(event_name: str, exception: Exception, **_others: Any) -> None:
    _count(event_name, type(exception).__name__)


def _count(event_name: str, code: str) -> None:
    _, service, operation = event_name.split(".")
    count_aws_error(service=service, operation=operation, code=code)
