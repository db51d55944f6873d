"""Read the rows of a guest list: a CSV or XLSX file, or text pasted from a spreadsheet."""

import csv
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from itertools import islice
from typing import Any, Final
from zipfile import ZipFile

from django.conf import settings
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet

from ticketing.errors import Invalid

MOST_LINES: Final = 500
# In bytes. 500 lines are much less.
LARGEST_FILE: Final[int] = settings.GUEST_LIST_MAX_BYTES
# An XLSX file is a ZIP archive, and a small archive can unpack to gigabytes.
_LARGEST_UNPACKED: Final = 20_000_000
# Each tag becomes an object in memory, many times as large as the tag. 500 lines of 50 columns have
# fewer, also if each cell has a text of its own.
_MOST_TAGS: Final = 250_000
_MOST_COLUMNS: Final = 50
# The last row of any sheet. A file may claim another one.
_LAST_ROW: Final = 1_048_576
# Many cells may refer to one text of megabytes. A name or address of this length is refused anyhow.
_LONGEST_CELL: Final = 1_000
_XLSX_STARTS: Final = b"PK\x03\x04"
_DELIMITERS: Final = ";\t,"
_COLUMNS: Final = ("name", "email", "type", "quantity")
_HEADERS: Final = {
    "name": {"name", "nome", "nome completo", "full name", "guest", "convidado", "convidada"},
    "email": {"email", "e-mail", "mail"},
    "type": {"type", "ticket type", "ticket", "tipo", "tipo de ingresso", "ingresso", "setor"},
    "quantity": {"quantity", "qty", "tickets", "quantidade", "qtd", "qtde", "ingressos"},
}


class GuestListNotReadable(Invalid):
    """The file is neither CSV nor XLSX, or is damaged."""

    code = "guest_list_not_readable"
    title = "The list cannot be read"


class GuestListTooLong(Invalid):
    """The list has more than 500 lines or 50 columns, or more than a megabyte."""

    code = "guest_list_too_long"
    title = "The list is too long"


class GuestListEmpty(Invalid):
    """The list has no lines."""

    code = "guest_list_empty"
    title = "The list has no lines"


@dataclass(frozen=True, slots=True)
class RawLine:
    """The texts of one line, and its row in the file, from 1."""

    row: int
    name: str
    email: str
    ticket_type: str
    quantity: str


def read_guest_list(content: bytes) -> list[RawLine]:
    """
    Return the lines of a file: XLSX, or CSV with commas, semicolons or tabs.

    Without a row of headings, the columns are the name, the email, the type and the quantity.

    :raises GuestListNotReadable, GuestListTooLong, GuestListEmpty: if there is no such list
    """
    if len(content) > LARGEST_FILE:
        raise GuestListTooLong("The file has more than one megabyte.")
    rows: Iterable[Sequence[str]]
    rows = _read_xlsx(content) if content.startswith(_XLSX_STARTS) else _read_csv(_decode(content))
    filled = ((number, row) for number, row in enumerate(rows, 1) if any(row))
    # The headings, and one line more than may be: the rest need not be read.
    numbered = list(islice(filled, MOST_LINES + 2))
    if not numbered:
        raise GuestListEmpty("The list has no lines.")
    columns = _columns_of(numbered[0][1])
    if columns is None:
        columns = {name: place for place, name in enumerate(_COLUMNS)}
    else:
        numbered = numbered[1:]
    if not numbered:
        raise GuestListEmpty("The list has headings, and no lines.")
    if len(numbered) > MOST_LINES:
        raise GuestListTooLong(f"The list has more than {MOST_LINES} lines.")
    return [
        RawLine(number, *(_cell(row, columns.get(name)) for name in _COLUMNS))
        for number, row in numbered
    ]


def plain(text: str) -> str:
    """Return a text without accents, capitals and double spaces, to compare it."""
    spelled = unicodedata.normalize("NFKD", text)
    letters = "".join(sign for sign in spelled if not unicodedata.combining(sign))
    return " ".join(letters.casefold().split())


def exact(text: str) -> str:
    """Return a text without double spaces, and with one form of each accent, to compare it."""
    return unicodedata.normalize("NFC", _tidy(text))


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Excel for Windows writes this encoding. It can decode nearly any bytes.
        return content.decode("cp1252", errors="replace")


def _read_csv(text: str) -> list[list[str]]:
    if "\0" in text:
        raise GuestListNotReadable("The file is neither CSV nor XLSX.")
    first = text.lstrip().partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        rows = list(csv.reader(StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise GuestListNotReadable(f"The file is no CSV: {error}") from error
    return [[_tidy(cell) for cell in row] for row in rows]


def _read_xlsx(content: bytes) -> Iterator[list[str]]:
    try:
        with ZipFile(BytesIO(content)) as archive:
            _check_size(archive)
        for row in _first_sheet(content).iter_rows(max_row=_LAST_ROW, values_only=True):
            yield _show_row(row)
    except Invalid:
        raise
    except Exception as error:
        # A damaged file, or one of another program, makes the libraries raise nearly anything:
        # OSError, RuntimeError for a password, zlib.error, SyntaxError, IndexError.
        raise GuestListNotReadable("The file is no XLSX file, or is damaged.") from error


def _check_size(archive: ZipFile) -> None:
    """Refuse an archive that would need much memory or time, before anything is made of it."""
    parts = archive.infolist()
    if sum(part.file_size for part in parts) > _LARGEST_UNPACKED:
        raise GuestListTooLong("The file unpacks to more than 20 megabytes.")
    tags = 0
    for part in parts:
        # Without zeros also UTF-16 is plain to see.
        unpacked = archive.read(part).replace(b"\0", b"")
        # A document type may define entities that multiply a text. No spreadsheet has one.
        if b"<!DOCTYPE" in unpacked:
            raise GuestListNotReadable("The file has a document type.")
        tags += unpacked.count(b"<")
    if tags > _MOST_TAGS:
        raise GuestListTooLong("The file has too many cells.")


def _first_sheet(content: bytes) -> Any:
    """
    Open the first sheet, to be read row by row.

    `load_workbook` would look into each sheet that a workbook lists, which may be any number. The
    size that a sheet claims does not count either: each row would be filled up to it.
    """
    reader = ExcelReader(BytesIO(content), read_only=True, data_only=True, keep_links=False)
    reader.read_manifest()
    reader.read_strings()
    reader.read_workbook()
    apply_stylesheet(reader.archive, reader.wb)
    reader.parser.sheets = reader.parser.sheets[:1]
    reader.read_worksheets()
    sheet = reader.wb.worksheets[0]
    sheet.reset_dimensions()
    return sheet


def _show_row(row: Sequence[Any]) -> list[str]:
    if any(row[_MOST_COLUMNS:]):
        raise GuestListTooLong(f"The list has more than {_MOST_COLUMNS} columns.")
    return [_show(cell) for cell in row[:_MOST_COLUMNS]]


def _show(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return _tidy(str(cell)[:_LONGEST_CELL])


def _tidy(text: str) -> str:
    """Return a text in one line, without control characters."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(shown.split())


def _columns_of(row: Sequence[str]) -> dict[str, int] | None:
    """Return the place of each column, or None if the row is not a row of headings."""
    found: dict[str, int] = {}
    for place, cell in enumerate(row):
        for name, headings in _HEADERS.items():
            if plain(cell) in headings:
                found.setdefault(name, place)
    return found if "name" in found or "email" in found else None


def _cell(row: Sequence[str], place: int | None) -> str:
    return row[place] if place is not None and place < len(row) else ""
