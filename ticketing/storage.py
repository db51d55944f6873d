"""S3 for small objects."""

from typing import Any

from storages.backends.s3 import S3Storage
from storages.utils import clean_name


class SmallObjects(S3Storage):  # type: ignore[misc]  # it has no types
    """
    Stores each object by one `PutObject`.

    The parent hands it to a transfer manager, which plans parts and threads: for a picture of a
    kilobyte that takes longer than the upload.
    """

    def _save(self, name: str, content: Any) -> str:
        cleaned: str = clean_name(name)
        key = self._normalize_name(cleaned)
        parameters = self._get_write_parameters(key, content)
        self.bucket.Object(key).put(Body=content.read(), **parameters)
        return cleaned
