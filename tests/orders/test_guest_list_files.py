"""Reading guest lists: CSV as spreadsheets write it, XLSX, and pasted lines."""

import zipfile
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


def xlsx(*rows: list[Any]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


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


def test_an_archive_that_is_no_workbook_is_refused():
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "Ana")

    with pytest.raises(GuestListNotReadable):
        read_guest_list(file.getvalue())


def test_a_small_archive_that_unpacks_to_much_is_refused():
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 30_000_000)

    assert len(file.getvalue()) < LARGEST_FILE
    with pytest.raises(GuestListTooLong):
        read_guest_list(file.getvalue())


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
