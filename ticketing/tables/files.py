"""Make the writer of a file in one of the formats."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from ticketing.tables.columns import Column, FileFormat, Row
from ticketing.tables.csv_file import CsvFile
from ticketing.tables.xlsx_file import XlsxFile


class TableFile(Protocol):
    """A file that is written in pieces: `begin`, any number of `write`, then `end`."""

    content_type: str
    extension: str

    @property
    def state(self) -> dict[str, Any]:
        """Return what another process needs to go on after the last piece, as JSON."""

    def begin(self) -> bytes: ...
    def write(self, rows: Iterable[Row]) -> bytes: ...
    def end(self) -> bytes: ...


def open_table(
    file_format: FileFormat,
    columns: Sequence[Column],
    *,
    language: str,
    state: dict[str, Any] | None = None,
) -> TableFile:
    """Return a new file, or one that goes on after the pieces that gave `state`."""
    if file_format == FileFormat.XLSX:
        return XlsxFile(columns, language=language, state=state)
    return CsvFile(columns, language=language)
