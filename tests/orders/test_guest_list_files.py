"""Reading guest lists: CSV as spreadsheets write it, XLSX, and pasted lines."""

import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook

from orders.guest_list_files import (
    LARGEST_FILE,
    MOST_LINES,
    GuestListEmpty,
    GuestListNotReadable,
    GuestListTooLong,
    RawLine,
    read_guest_list,
)

ANA = RawLine(2, "Ana Souza", "ana@example.com", "Pista", "2")
ANA_CELL = '<c r="A1" t="str"><v>Ana</v></c>'


def xlsx(*rows: list[Any]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def with_part(content: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """Return a workbook with one part of its archive changed."""
    file = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(content)) as source,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for part in source.namelist():
            unpacked = source.read(part)
            target.writestr(part, change(unpacked) if part == name else unpacked)
    return file.getvalue()


def with_rows(rows: str, *, size: str = "A1") -> bytes:
    """Return a workbook whose sheet claims a size and has these rows."""
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f'<dimension ref="{size}"/><sheetData>{rows}</sheetData></worksheet>'
    )
    return with_part(xlsx(), "xl/worksheets/sheet1.xml", lambda _: sheet.encode())


@pytest.mark.parametrize(
    "content",
    [
        b"name,email,type,quantity\nAna Souza,ana@example.com,Pista,2\n",
        b"name;email;type;quantity\r\nAna Souza;ana@example.com;Pista;2\r\n",
        b"\xef\xbb\xbfNome;E-mail;Tipo;Quantidade\nAna Souza;ana@example.com;Pista;2",
        b"Nome\tE-mail\tTipo\tQtd\n  Ana  Souza \tana@example.com\tPista\t2\t",
        b"Nome,E-mail,Tipo,Quantidade\rAna Souza,ana@example.com,Pista,2\r",
        b'Quantidade,Tipo,E-mail,Nome\n2,Pista,ana@example.com,"Ana Souza"',
        xlsx(
            ["Nome", "E-mail", "Tipo", "Quantidade"], ["Ana Souza", "ana@example.com", "Pista", 2.0]
        ),
    ],
)
def test_headings_name_the_columns_in_both_languages(content: bytes):
    assert read_guest_list(content) == [ANA]


def test_without_headings_the_columns_are_in_their_order():
    lines = read_guest_list(b"Ana Souza,ana@example.com\n\nBia Lima\n")

    assert lines == [
        RawLine(1, "Ana Souza", "ana@example.com", "", ""),
        RawLine(3, "Bia Lima", "", "", ""),
    ]


def test_a_file_of_excel_for_windows_keeps_its_accents():
    assert read_guest_list("nome\nJoão".encode("cp1252"))[0].name == "João"


def test_control_characters_are_left_out():
    assert read_guest_list(b"Ana\x07 Souza\x1b,x")[0].name == "Ana Souza"


@pytest.mark.parametrize("content", [b"", b" \n;;\n", b"nome;email\n", xlsx([]), xlsx(["name"])])
def test_a_list_without_lines_is_refused(content: bytes):
    with pytest.raises(GuestListEmpty):
        read_guest_list(content)


def test_as_many_lines_as_allowed_are_read_and_no_more():
    heading = b"nome\n"

    assert len(read_guest_list(heading + b"Ana\n" * MOST_LINES)) == MOST_LINES
    with pytest.raises(GuestListTooLong):
        read_guest_list(heading + b"Ana\n" * (MOST_LINES + 1))
    with pytest.raises(GuestListTooLong):
        read_guest_list(b"x" * (LARGEST_FILE + 1))


@pytest.mark.parametrize(
    "content",
    [b"PK\x03\x04 and nothing else", b"Ana\0Souza", xlsx(["Ana"])[:500], xlsx(["Ana"])[100:]],
)
def test_a_damaged_file_is_refused(content: bytes):
    with pytest.raises(GuestListNotReadable):
        read_guest_list(content)


WORD_TYPES = b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'


@pytest.mark.parametrize(
    "parts",
    [{"a.txt": b"Ana"}, {"[Content_Types].xml": WORD_TYPES, "word/document.xml": b"<w/>"}],
    ids=["archive", "Word"],
)
def test_an_archive_that_is_no_workbook_is_refused(parts: dict[str, bytes]):
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, unpacked in parts.items():
            archive.writestr(name, unpacked)

    with pytest.raises(GuestListNotReadable):
        read_guest_list(file.getvalue())


def overwrite(content: bytes, mark: bytes, new: bytes, *, after: int) -> bytes:
    """Return the bytes with some overwritten, so many after the first mark."""
    start = content.index(mark) + after
    return content[:start] + new + content[start + len(new) :]


LOCAL, CENTRAL, SHEET = b"PK\x03\x04", b"PK\x01\x02", "xl/worksheets/sheet1.xml"
RELATIONS = "xl/_rels/workbook.xml.rels"
BOOK = with_rows(f"<row>{ANA_CELL}</row>")


@pytest.mark.parametrize(
    "content",
    [
        overwrite(BOOK, b"xl/workbook.xml", b"\xaa" * 20, after=15),
        overwrite(overwrite(BOOK, LOCAL, b"\x01", after=6), CENTRAL, b"\x01", after=8),
        overwrite(BOOK, CENTRAL, b"\x63", after=10),
        with_rows(f'<row>{ANA_CELL}</row><row><c t="s"><v>99</v></c></row>'),
        with_part(BOOK, SHEET, lambda part: part[:-30]),
        with_part(BOOK, SHEET, lambda part: b'<?xml version="1.0" encoding="odd"?>' + part),
        with_part(BOOK, RELATIONS, lambda part: part.replace(b"sheet1.xml", b"sheet9.xml")),
    ],
    ids=["bytes", "password", "method", "string", "cut", "encoding", "no sheet"],
)
def test_a_damaged_workbook_is_refused(content: bytes):
    with pytest.raises(GuestListNotReadable):
        read_guest_list(content)


def test_a_small_archive_that_unpacks_to_much_is_refused():
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 30_000_000)

    assert len(file.getvalue()) < LARGEST_FILE
    with pytest.raises(GuestListTooLong):
        read_guest_list(file.getvalue())


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (with_rows(f'<row r="1">{ANA_CELL}</row>', size="A1:XFD500"), [1]),
        (with_rows(f'<row r="1">{ANA_CELL}<c r="XFD1" s="0"/></row>'), [1]),
        (
            with_rows(
                f'<row r="1">{ANA_CELL}</row><row r="99999"><c r="A99999"><v>5</v></c></row>',
                size="A1:XFD99999",
            ),
            [1, 99_999],
        ),
    ],
    ids=["claimed size", "last column", "far row"],
)
def test_what_a_workbook_claims_costs_no_memory(content: bytes, rows: list[int]):
    read_guest_list(xlsx(["Ana"]))  # What is loaded once is not counted.
    tracemalloc.start()
    try:
        lines = read_guest_list(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert [line.row for line in lines] == rows
    assert peak < 3_000_000


@pytest.mark.parametrize(
    "content",
    [
        with_rows("<row>" + "<c/>" * 300_000 + "</row>"),
        with_rows("<row/>" * 300_000),
        with_part(xlsx(["Ana"]), "xl/styles.xml", lambda part: part + b"<xf/>" * 300_000),
        xlsx(["Ana", *[""] * 60, "x"]),
    ],
    ids=["cells", "rows", "styles", "columns"],
)
def test_a_workbook_of_too_many_parts_is_refused(content: bytes):
    with pytest.raises(GuestListTooLong):
        read_guest_list(content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_workbook_that_defines_entities_is_refused(encoding: str):
    def define(sheet: bytes) -> bytes:
        return f"<!DOCTYPE a [<!ENTITY b 'Ana'>]>{sheet.decode()}".encode(encoding)

    content = with_part(with_rows(f"<row>{ANA_CELL}</row>"), "xl/worksheets/sheet1.xml", define)

    with pytest.raises(GuestListNotReadable):
        read_guest_list(content)


def test_only_the_first_sheet_is_opened():
    book = Workbook()
    book.active.append(["Ana"])
    book.create_sheet().append(["Bia"])
    file = BytesIO()
    book.save(file)
    # Whatever the second sheet is, it does not matter.
    content = with_part(file.getvalue(), "xl/worksheets/sheet2.xml", lambda _: b"no sheet")

    assert [line.name for line in read_guest_list(content)] == ["Ana"]


def test_cells_of_a_workbook_are_read_as_they_are_written():
    content = xlsx(["Ana", None, date(2026, 5, 1), 2], [], [3.5, True, "", 2.0])

    assert read_guest_list(content) == [
        RawLine(1, "Ana", "", "2026-05-01 00:00:00", "2"),
        RawLine(3, "3.5", "True", "", "2"),
    ]


def test_a_row_beyond_the_last_of_any_sheet_is_not_reached():
    content = with_rows(f'<row r="1">{ANA_CELL}</row><row r="99999999999">{ANA_CELL}</row>')

    assert [line.row for line in read_guest_list(content)] == [1]


def test_lines_below_many_rows_of_formats_only_are_read():
    formats = "".join(f'<row r="{row}"><c r="A{row}" s="0"/></row>' for row in range(2, 3_000))
    last = '<row r="3000"><c r="A3000" t="str"><v>Bia</v></c></row>'

    lines = read_guest_list(with_rows(f'<row r="1">{ANA_CELL}</row>{formats}{last}'))

    assert [(line.row, line.name) for line in lines] == [(1, "Ana"), (3_000, "Bia")]


def test_a_text_that_many_cells_share_is_not_repeated_as_a_whole():
    line = read_guest_list(xlsx(["x" * 30_000, "a@example.com"]))[0]

    assert len(line.name) == 1_000


def test_a_file_of_exactly_the_largest_size_is_read(monkeypatch: pytest.MonkeyPatch):
    workbook = xlsx(["Ana"])
    with zipfile.ZipFile(BytesIO(workbook)) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())

    for content, limit, size in (
        (b"Ana", "LARGEST_FILE", 3),
        (workbook, "LARGEST_FILE", len(workbook)),
        (workbook, "_LARGEST_UNPACKED", unpacked),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"orders.guest_list_files.{limit}", size)
            assert [line.name for line in read_guest_list(content)] == ["Ana"]
            patch.setattr(f"orders.guest_list_files.{limit}", size - 1)
            with pytest.raises(GuestListTooLong):
                read_guest_list(content)
