"""CSV responses, streamed row by row and safe to open in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import StreamingHttpResponse
from rest_framework.renderers import JSONRenderer

from ticketing.tables.formulas import neutralize_formula


class CsvRenderer(JSONRenderer):
    """Allow `Accept: text/csv`. It renders only problem documents; the table is streamed."""

    media_type = "text/csv"
    format = "csv"


class _Echo:
    """A file whose `write` returns the line, so that `writerow` returns it too."""

    def write(self, line: str) -> str:
        return line


def stream_csv(
    name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]
) -> StreamingHttpResponse:
    """Return a response that writes the table while it is sent, so it is never whole in memory."""
    return StreamingHttpResponse(
        _write(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _write(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow([_escape_formula(cell) for cell in row])


def _escape_formula(cell: Any) -> Any:
    return neutralize_formula(cell) if isinstance(cell, str) else cell
