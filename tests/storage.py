"""A file storage in memory for tests, which overwrites files as S3 does."""

from collections.abc import Sequence
from typing import Any

from django.core.files.storage import InMemoryStorage


class OverwritingStorage(InMemoryStorage):
    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        self.delete(name)
        return name

    def delete_all(self, names: Sequence[str]) -> None:
        for name in names:
            self.delete(name)

    def url(self, name: str | None, parameters: Any = None, expire: int | None = None) -> str:
        """Return the address of a file. S3's options of a link do not change it."""
        return super().url(name)
