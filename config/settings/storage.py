"""AWS, the S3 bucket of the QR codes, static files, and mail by SES."""

from email.utils import parseaddr
from typing import Any

from botocore.config import Config
from environ import Env

_env = Env()

# --- AWS: boto3 itself reads AWS_ENDPOINT_URL, the region and the credentials -----------
AWS_REGION: str = _env("AWS_DEFAULT_REGION", default="sa-east-1")
AWS_ENDPOINT_URL: str = _env("AWS_ENDPOINT_URL", default="")
# Timeouts of S3 and SES for workers: longer than a buyer would wait, and shorter than a task may
# take.
_WORKER_TIMEOUTS: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 10,
    "retries": {"total_max_attempts": 2},
}
TICKETS_BUCKET: str = _env("TICKETS_BUCKET", default="bilheteria-tickets")
# The URL of S3 for browsers, if it differs from the one that our processes use.
S3_PUBLIC_ENDPOINT_URL: str = (
    _env("AWS_S3_PUBLIC_ENDPOINT_URL", default="").rstrip("/") or AWS_ENDPOINT_URL
)
# The origins of the links to QR codes. The admin's Content-Security-Policy allows their pictures.
TICKETS_ORIGINS: list[str] = (
    [S3_PUBLIC_ENDPOINT_URL]
    if S3_PUBLIC_ENDPOINT_URL
    else [
        f"https://{TICKETS_BUCKET}.s3.amazonaws.com",
        f"https://{TICKETS_BUCKET}.s3.{AWS_REGION}.amazonaws.com",
    ]
)


def _bucket(endpoint_url: str) -> dict[str, Any]:
    return {
        "BACKEND": "ticketing.storage.SmallObjects",
        "OPTIONS": {
            "bucket_name": TICKETS_BUCKET,
            "region_name": AWS_REGION,
            "endpoint_url": endpoint_url or None,
            "client_config": Config(
                **_WORKER_TIMEOUTS,
                signature_version="s3v4",
                s3={"addressing_style": "path" if endpoint_url else "virtual"},
            ),
            "default_acl": None,
            "querystring_auth": True,
            "querystring_expire": 3600,
            "file_overwrite": True,
        },
    }


STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    # Private objects. Buyers get presigned links, which expire.
    "tickets": _bucket(AWS_ENDPOINT_URL),
    # The same bucket, only for presigning links: a signature is valid for one host name.
    "ticket_links": _bucket(S3_PUBLIC_ENDPOINT_URL),
}
EMAIL_BACKEND = "django_ses.SESBackend"
DEFAULT_FROM_EMAIL: str = _env("MAIL_FROM", default="Bilheteria <ingressos@example.com>")
# The envelope's sender. The names of organizers are only in the header `From`, where letters beyond
# ASCII are encoded.
AWS_SES_FROM_EMAIL = parseaddr(DEFAULT_FROM_EMAIL)[1]
AWS_SES_REGION_NAME = AWS_REGION
AWS_SES_REGION_ENDPOINT_URL = AWS_ENDPOINT_URL or None
AWS_SES_CONFIG = Config(**_WORKER_TIMEOUTS)
# By default SES is asked for its quota before each mail. The queue retries refused mails anyway.
AWS_SES_AUTO_THROTTLE = None
# Set only on the local stack: a folder with a copy of each sent mail. `/mailbox` shows them.
MAILBOX_DIR: str = _env("MAILBOX_DIR", default="")
