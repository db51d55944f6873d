"""The storage backend for small objects in S3."""

from collections.abc import Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage
from storages.utils import clean_name

from ticketing.errors import Unavailable

# As many as S3 deletes in one request.
_MOST_DELETED: Final = 1_000


class StorageAway(Unavailable):
    """The storage did not store an object under its name, or did not delete it."""

    code = "storage_away"
    title = "The storage does not answer"


class SmallObjects(S3Storage):  # type: ignore[misc]  # it has no types
    """
    Stores each object with one `PutObject`.

    The parent uses boto3's transfer manager, which plans parts and threads. For a picture of a
    kilobyte, that takes longer than the upload.
    """

    def delete_all(self, names: Sequence[str]) -> None:
        """
        Delete objects with few requests. Names without an object are ignored.

        :raises StorageAway: if S3 did not delete all of them; a repeat deletes the rest
        """
        for first in range(0, len(names), _MOST_DELETED):
            keys = [{"Key": name} for name in names[first : first + _MOST_DELETED]]
            try:
                deleted = self.bucket.delete_objects(Delete={"Objects": keys, "Quiet": True})
            except (BotoCoreError, ClientError) as error:
                raise StorageAway("The storage did not delete the objects. Try again.") from error
            if deleted.get("Errors"):
                raise StorageAway("The storage did not delete some of the objects. Try again.")

    def _save(self, name: str, content: Any) -> str:
        cleaned: str = clean_name(name)
        key = self._normalize_name(cleaned)
        parameters = self._get_write_parameters(key, content)
        self.bucket.Object(key).put(Body=content.read(), **parameters)
        return cleaned
