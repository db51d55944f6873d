"""A CSV file for spreadsheets: with a byte order mark, and in the notation of a language."""

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from io import StringIO
from typing import Any, Final

from ticketing.tables.columns import Cell, Column, Kind, Row
from ticketing.tables.formulas import neutralize_formula

# Without it, Excel reads UTF-8 as the code page of the computer.
_BYTE_ORDER_MARK: Final = "\ufeff"
_PORTUGUESE: Final = "pt"


class CsvFile:
    """
    Writes a CSV file in pieces. It needs no state to go on after a piece.

    In Portuguese cells are separated by `;`, because the comma separates decimals.
    """

    content_type = "text/csv; charset=utf-8"
    extension = "csv"

    def __init__(self, columns: Sequence[Column], *, language: str) -> None:
        self._columns = columns
        self._is_portuguese = language.startswith(_PORTUGUESE)

    @property
    def state(self) -> dict[str, Any]:
        return {}

    def begin(self) -> bytes:
        return (
            _BYTE_ORDER_MARK + self._lines([[column.title for column in self._columns]])
        ).encode()

    def write(self, rows: Iterable[Row]) -> bytes:
        kinds = [column.kind for column in self._columns]
        shown = (
            [self._show(kind, cell) for kind, cell in zip(kinds, row, strict=True)] for row in rows
        )
        return self._lines(shown).encode()

    def end(self) -> bytes:
        return b""

    def _lines(self, rows: Iterable[Sequence[str]]) -> str:
        file = StringIO(newline="")
        csv.writer(file, delimiter=";" if self._is_portuguese else ",").writerows(rows)
        return file.getvalue()

    def _show(self, kind: Kind, cell: Cell) -> str:
        if cell is None:
            return ""
        if kind is Kind.MONEY:
            text = f"{Decimal(cell):.2f}"  # type: ignore[arg-type]  # the kind says so
            return text.replace(".", ",") if self._is_portuguese else text
        if isinstance(cell, datetime):
            return cell.strftime(
                "%d/%m/%Y %H:%M:%S" if self._is_portuguese else "%Y-%m-%d %H:%M:%S"
            )
        return str(cell) if kind is Kind.COUNT else neutralize_formula(str(cell))
