"""AWS clients with short timeouts, and counting failures of all AWS clients of the process."""

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
    Return the process's client of an AWS service, with short timeouts and without retries.

    It is for calls that must not delay the request or task that makes them. boto3 reads the
    credentials and the endpoint from the environment.
    """
    return boto3.client(service, region_name=settings.AWS_REGION, config=_QUICK)


def count_failures_of_aws() -> None:
    """
    Count each failed call to AWS by any client of this process.

    That includes the clients that django-ses, django-storages and kombu make.
    """
    # botocore copies this list into each new session, and from the session into each client.
    handlers.BUILTIN_HANDLERS.extend(
        [("after-call", _count_error_response), ("after-call-error", _count_exception)]
    )


def _count_error_response(
    event_name: str, http_response: Any, parsed: dict[str, Any], **_others: Any
) -> None:
    if http_response.status_code >= 400:  # noqa: PLR2004
        _count(event_name, parsed.get("Error", {}).get("Code") or str(http_response.status_code))


def _count_exception(event_name: str, exception: Exception, **_others: Any) -> None:
    _count(event_name, type(exception).__name__)


def _count(event_name: str, code: str) -> None:
    _, service, operation = event_name.split(".")
    count_aws_error(service=service, operation=operation, code=code)
