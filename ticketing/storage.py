"""The storage backend for small objects in S3."""

from typing import Any

from storages.backends.s3 import S3Storage
from storages.utils import clean_name


class SmallObjects(S3Storage):  # type: ignore[misc]  # it has no types
    """
    Stores each object with one `PutObject`.

    The parent uses boto3's transfer manager, which plans parts and threads. For a picture of a
    kilobyte, that takes longer than the upload.
    """

    def _save(self, name: str, content: Any) -> str:
        cleaned: str = clean_name(name)
        key = self._normalize_name(cleaned)
        parameters = self._get_write_parameters(key, content)
        self.bucket.Object(key).put(Body=content.read(), **parameters)
        return cleaned
