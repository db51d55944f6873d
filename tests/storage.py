"""A file storage in memory that overwrites a file of the same name, as S3 does."""

from django.core.files.storage import InMemoryStorage


class OverwritingStorage(InMemoryStorage):
    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        self.delete(name)
        return name
