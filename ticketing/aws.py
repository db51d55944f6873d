"""The one way to an AWS client of our own. boto3 reads the region, the keys and the endpoint."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from django.conf import settings

_QUICK = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})


@cache
def aws_client(service: str) -> Any:
    """Return a client that answers quickly or fails: for questions asked while somebody waits."""
    return boto3.client(service, region_name=settings.AWS_REGION, config=_QUICK)
