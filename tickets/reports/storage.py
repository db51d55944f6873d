"""Write the file of an export to S3 in parts, link to it for a minute, and delete it."""

from typing import Any, Final

from botocore.exceptions import ClientError
from django.conf import settings
from django.core.files.storage import storages

# S3 refuses smaller parts, except the last one.
SMALLEST_PART: Final = 5 * 1024 * 1024
_LINK_SECONDS: Final = 60


def begin_upload(name: str, *, content_type: str) -> str:
    """Return the id of a new upload of several parts."""
    started = _client().create_multipart_upload(
        Bucket=_bucket(), Key=name, ContentType=content_type, CacheControl="private, no-store"
    )
    return str(started["UploadId"])


def write_part(name: str, *, upload: str, number: int, data: bytes) -> str:
    """Store a part, numbered from 1, and return its tag. A repeat replaces the part."""
    stored = _client().upload_part(
        Bucket=_bucket(), Key=name, UploadId=upload, PartNumber=number, Body=data
    )
    return str(stored["ETag"])


def finish_upload(name: str, *, upload: str, tags: list[str]) -> None:
    """Make the file of its parts. A repeat, after a crash, does nothing."""
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    try:
        _client().complete_multipart_upload(
            Bucket=_bucket(), Key=name, UploadId=upload, MultipartUpload={"Parts": parts}
        )
    except ClientError as error:
        # The upload ends when the file is made, so a missing upload with a file is a repeat.
        if error.response.get("Error", {}).get("Code") != "NoSuchUpload" or not _exists(name):
            raise


def delete_file(name: str, *, upload: str) -> None:
    """Delete the file and what was uploaded for it. A repeat does nothing."""
    if upload:
        try:
            _client().abort_multipart_upload(Bucket=_bucket(), Key=name, UploadId=upload)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "NoSuchUpload":
                raise
    _client().delete_object(Bucket=_bucket(), Key=name)


def link_to(name: str, *, file_name: str) -> str:
    """Return an address that downloads the file for a minute, for browsers."""
    links: Any = storages["ticket_links"]
    disposition = f'attachment; filename="{file_name}"'
    link: str = links.url(
        name, parameters={"ResponseContentDisposition": disposition}, expire=_LINK_SECONDS
    )
    return link


def _exists(name: str) -> bool:
    return bool(storages["tickets"].exists(name))


def _bucket() -> str:
    return settings.TICKETS_BUCKET


def _client() -> Any:
    # The client of the storage has the timeouts of a worker, and is made once.
    storage: Any = storages["tickets"]
    return storage.bucket.meta.client
