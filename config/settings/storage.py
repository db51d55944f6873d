"""AWS, the bucket of the QR codes, and mail."""

from typing import Any

from botocore.config import Config
from environ import Env

_env = Env()

# --- AWS: boto3 itself reads AWS_ENDPOINT_URL, the region and the credentials -----------
AWS_REGION: str = _env("AWS_DEFAULT_REGION", default="sa-east-1")
AWS_ENDPOINT_URL: str = _env("AWS_ENDPOINT_URL", default="")
# A worker waits longer than a buyer would, and shorter than its task may take.
_PATIENT: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 10,
    "retries": {"total_max_attempts": 2},
}
TICKETS_BUCKET: str = _env("TICKETS_BUCKET", default="bilheteria-tickets")
# Where people's browsers reach S3, if not by the same name as our processes do.
S3_PUBLIC_ENDPOINT_URL: str = (
    _env("AWS_S3_PUBLIC_ENDPOINT_URL", default="").rstrip("/") or AWS_ENDPOINT_URL
)
# Where the links to QR codes lead: from there the admin's pages may show pictures.
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
                **_PATIENT,
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
    # Private objects, handed out as links that run out.
    "tickets": _bucket(AWS_ENDPOINT_URL),
    # The same bucket, to sign links only: a signature is for one host name.
    "ticket_links": _bucket(S3_PUBLIC_ENDPOINT_URL),
}
EMAIL_BACKEND = "django_ses.SESBackend"
DEFAULT_FROM_EMAIL: str = _env("MAIL_FROM", default="Bilheteria <ingressos@example.com>")
AWS_SES_REGION_NAME = AWS_REGION
AWS_SES_REGION_ENDPOINT_URL = AWS_ENDPOINT_URL or None
AWS_SES_CONFIG = Config(**_PATIENT)
# The default asks SES for its quota before each mail; the queue already retries what is refused.
AWS_SES_AUTO_THROTTLE = None
# Set only on the local stack: a folder that keeps each mail sent, and a page that shows them.
MAILBOX_DIR: str = _env("MAILBOX_DIR", default="")
