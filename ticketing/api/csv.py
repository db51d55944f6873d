"""Tables that a spreadsheet opens, sent row by row."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import StreamingHttpResponse
from rest_framework.renderers import JSONRenderer

# Where a spreadsheet would take what follows for a formula (OWASP, CSV injection): at the
# beginning, and behind what some of them cut cells at.
_FORMULA = re.compile(r"(^|;)(?=[=+\-@\t\r])")


class CsvRenderer(JSONRenderer):
    """Lets a caller ask for `text/csv`. What it renders itself are problems, in their own form."""

    media_type = "text/csv"
    format = "csv"


class _Line:
    """Gives each written line back."""

    def write(self, line: str) -> str:
        return line


def stream_csv(
    name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]
) -> StreamingHttpResponse:
    """Answer with a table, made as it is sent: nobody holds all of it."""
    return StreamingHttpResponse(
        _write(head, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _write(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(head)
    for row in rows:
        yield writer.writerow([_tame(cell) for cell in row])


def _tame(cell: Any) -> Any:
    return _FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell
