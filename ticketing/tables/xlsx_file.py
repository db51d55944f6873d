"""
An XLSX file for spreadsheets, written row by row (ECMA-376, Part 1).

openpyxl writes a workbook in one go, to a file of its own. This module writes it in pieces, so that
it can be sent while it is made, and continued by another process.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from xml.sax.saxutils import escape

from ticketing.tables.columns import Cell, Column, Kind, Row
from ticketing.tables.formulas import looks_like_formula
from ticketing.tables.zip_stream import StreamedZip

# The limits of Excel.
_MOST_ROWS: Final = 1_048_576
_LONGEST_TEXT: Final = 32_767
# Characters that XML 1.0 has not.
_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Excel reads `_x0041_` as the character with that number.
_LIKE_AN_ESCAPE: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
# Excel counts the days since then.
_FIRST_DAY: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet knows no time zones
_DAY: Final = timedelta(days=1)
_WIDTHS: Final = {Kind.TEXT: 24, Kind.COUNT: 10, Kind.MONEY: 14, Kind.MOMENT: 20}
# Positions in `cellXfs` below. Excel shows a number with separators of the computer's language.
_HEAD, _COUNT, _MONEY, _MOMENT, _NO_FORMULA = 1, 2, 3, 4, 5
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_STYLES: Final = (
    f'{_DECLARATION}<styleSheet xmlns="{_MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="%s"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="6"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    '<xf numFmtId="1" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="4" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)


class XlsxFile:
    """
    Writes a workbook in pieces. `state` lets another process continue after any piece.

    A text is always stored as text, never as a formula. Rows beyond Excel's limit go to another
    sheet.
    """

    content_type = f"{_TYPE}.sheet"
    extension = "xlsx"

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        language: str,
        state: dict[str, Any] | None = None,
        most_rows: int = _MOST_ROWS,
    ) -> None:
        self._columns = columns
        self._moments = (
            "dd/mm/yyyy hh:mm:ss" if language.startswith("pt") else "yyyy-mm-dd hh:mm:ss"
        )
        self._most_rows = most_rows
        self._letters = [_letters(number) for number in range(len(columns))]
        self._zip = StreamedZip.resume(state["zip"]) if state else StreamedZip()
        self._sheets: int = state["sheets"] if state else 0
        self._rows: int = state["rows"] if state else 0

    @property
    def state(self) -> dict[str, Any]:
        return {"zip": self._zip.state, "sheets": self._sheets, "rows": self._rows}

    def begin(self) -> bytes:
        return self._begin_sheet()

    def write(self, rows: Iterable[Row]) -> bytes:
        written, parts = b"", list[str]()
        for row in rows:
            if self._rows == self._most_rows:
                written += self._zip.write("".join(parts).encode())
                written += self._end_sheet() + self._begin_sheet()
                parts.clear()
            parts.append(self._row(row))
        return written + self._zip.write("".join(parts).encode())

    def end(self) -> bytes:
        numbers = range(1, self._sheets + 1)
        return (
            self._end_sheet()
            + self._zip.add("xl/workbook.xml", _workbook(numbers))
            + self._zip.add("xl/_rels/workbook.xml.rels", _parts_of_workbook(numbers))
            + self._zip.add("xl/styles.xml", (_STYLES % self._moments).encode())
            + self._zip.add("_rels/.rels", _parts_of_package())
            + self._zip.add("[Content_Types].xml", _content_types(numbers))
            + self._zip.end()
        )

    def _begin_sheet(self) -> bytes:
        self._sheets += 1
        self._rows = 1
        columns = "".join(
            f'<col min="{n}" max="{n}" width="{_WIDTHS[column.kind]}" customWidth="1"/>'
            for n, column in enumerate(self._columns, 1)
        )
        titles = "".join(
            _text_cell(f"{letter}1", column.title, _HEAD)
            for letter, column in zip(self._letters, self._columns, strict=True)
        )
        # The first row stays visible while the others scroll.
        head = (
            f'{_DECLARATION}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
            f"</sheetView></sheetViews><cols>{columns}</cols><sheetData>"
            f'<row r="1">{titles}</row>'
        )
        name = f"xl/worksheets/sheet{self._sheets}.xml"
        return self._zip.begin(name) + self._zip.write(head.encode())

    def _end_sheet(self) -> bytes:
        return self._zip.write(b"</sheetData></worksheet>", last=True)

    def _row(self, row: Row) -> str:
        self._rows += 1
        cells = zip(self._letters, self._columns, row, strict=True)
        shown = "".join(
            _cell(f"{letter}{self._rows}", column.kind, cell)
            for letter, column, cell in cells
            if cell is not None and cell != ""
        )
        return f'<row r="{self._rows}">{shown}</row>'


def _cell(place: str, kind: Kind, cell: Cell) -> str:
    if isinstance(cell, datetime):
        days = (cell.replace(tzinfo=None) - _FIRST_DAY) / _DAY
        return f'<c r="{place}" s="{_MOMENT}"><v>{days!r}</v></c>'
    if kind is Kind.MONEY:
        return f'<c r="{place}" s="{_MONEY}"><v>{Decimal(cell):f}</v></c>'  # type: ignore[arg-type]  # the kind says so
    if kind is Kind.COUNT:
        return f'<c r="{place}" s="{_COUNT}"><v>{cell}</v></c>'
    text = str(cell)
    return _text_cell(place, text, _NO_FORMULA if looks_like_formula(text) else 0)


def _text_cell(place: str, text: str, style: int) -> str:
    tidy = _LIKE_AN_ESCAPE.sub("_x005F_", _NOT_IN_XML.sub("", text[:_LONGEST_TEXT]))
    shown = escape(tidy.replace("\r", ""))
    return (
        f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{shown}</t></is></c>'
    )


def _letters(number: int) -> str:
    """Return the name of a column, counted from 0: A to Z, AA, AB, and so on."""
    before, place = divmod(number, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + place)


def _workbook(sheets: Iterable[int]) -> bytes:
    listed = "".join(f'<sheet name="{n}" sheetId="{n}" r:id="rId{n}"/>' for n in sheets)
    return (
        f'{_DECLARATION}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
        f"<sheets>{listed}</sheets></workbook>"
    ).encode()


def _parts_of_workbook(sheets: Sequence[int]) -> bytes:
    listed = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in sheets
    )
    styles = f'<Relationship Id="styles" Type="{_OFFICE}/styles" Target="styles.xml"/>'
    return _relationships(listed + styles)


def _parts_of_package() -> bytes:
    return _relationships(
        f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    )


def _relationships(listed: str) -> bytes:
    return (
        f'{_DECLARATION}<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'
    ).encode()


def _content_types(sheets: Iterable[int]) -> bytes:
    listed = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        for n in sheets
    )
    return (
        f'{_DECLARATION}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>'
        f"{listed}</Types>"
    ).encode()
