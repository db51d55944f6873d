"""CSV and XLSX files: complete, in the notation of a language, and without formulas."""

import csv
import json
from datetime import datetime
from decimal import Decimal
from io import BytesIO, StringIO
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook

from ticketing.tables.columns import Column, FileFormat, Kind, Row
from ticketing.tables.files import open_table
from ticketing.tables.xlsx_file import XlsxFile

COLUMNS = [
    Column("Nome"),
    Column("Ingressos", Kind.COUNT),
    Column("Total", Kind.MONEY),
    Column("Pago em", Kind.MOMENT),
]
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
EVENING = datetime(2026, 11, 28, 21, 5, 9, tzinfo=SAO_PAULO)
ROWS: list[Row] = [
    ['Ana; Souza, "Nina"', 3, Decimal("1234.50"), EVENING],
    ["João ção ✓", 0, Decimal("-45.00"), None],
]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1"]


def written(file_format: FileFormat, rows: list[Row], language: str = "pt-br") -> bytes:
    file = open_table(file_format, COLUMNS, language=language)
    return file.begin() + file.write(rows) + file.end()


def test_csv_in_portuguese_has_semicolons_decimal_commas_and_a_byte_order_mark():
    text = written(FileFormat.CSV, ROWS).decode()

    assert text == (
        "\ufeffNome;Ingressos;Total;Pago em\r\n"
        '"Ana; Souza, ""Nina""";3;1234,50;28/11/2026 21:05:09\r\n'
        "João ção ✓;0;-45,00;\r\n"
    )


def test_csv_in_english_has_commas_and_decimal_points():
    text = written(FileFormat.CSV, ROWS, language="en").decode()

    assert text.splitlines()[1] == '"Ana; Souza, ""Nina""",3,1234.50,2026-11-28 21:05:09'


@pytest.mark.parametrize("text", FORMULAS)
def test_a_csv_cell_that_could_run_as_a_formula_begins_with_an_apostrophe(text: str):
    data = written(FileFormat.CSV, [[text, 1, Decimal(1), None]]).decode("utf-8-sig")

    row = list(csv.reader(StringIO(data, newline=""), delimiter=";"))[1]
    assert row[0] == f"'{text}"


@pytest.mark.parametrize("text", FORMULAS)
def test_an_xlsx_text_is_never_a_formula_not_even_after_editing(text: str):
    data = written(FileFormat.XLSX, [[text, 1, Decimal(1), None]])

    cell = load_workbook(BytesIO(data)).active["A2"]
    assert cell.data_type == "s"
    assert cell.value.strip() == text.strip()
    assert cell.quotePrefix


def test_an_xlsx_file_has_numbers_and_local_times_with_formats():
    book = load_workbook(BytesIO(written(FileFormat.XLSX, ROWS)))

    rows = [[cell.value for cell in row] for row in book.active.iter_rows()]
    assert rows == [
        ["Nome", "Ingressos", "Total", "Pago em"],
        ['Ana; Souza, "Nina"', 3, 1234.5, EVENING.replace(tzinfo=None)],
        ["João ção ✓", 0, -45, None],
    ]
    assert book.active["C2"].number_format == "#,##0.00"
    assert book.active["D2"].number_format == "dd/mm/yyyy hh:mm:ss"
    assert book.active["A1"].font.b
    assert book.active.freeze_panes == "A2"


def test_an_xlsx_text_keeps_marks_of_xml_and_loses_characters_that_xml_has_not():
    data = written(FileFormat.XLSX, [["<b> & \x00\x0b_x0041_ ", 1, Decimal(1), None]])

    with ZipFile(BytesIO(data)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "&lt;b&gt; &amp; _x005F_x0041_ <" in sheet


def test_a_file_is_the_same_whether_one_process_writes_it_or_several():
    rows: list[Row] = [[f"Ana {n}", n, Decimal(n), EVENING] for n in range(100)]
    file = open_table(FileFormat.XLSX, COLUMNS, language="en")
    data, state = file.begin(), file.state

    for start in range(0, 100, 25):
        stored = json.loads(json.dumps(state))
        file = open_table(FileFormat.XLSX, COLUMNS, language="en", state=stored)
        data += file.write(rows[start : start + 25])
        state = file.state
    data += open_table(FileFormat.XLSX, COLUMNS, language="en", state=state).end()

    with ZipFile(BytesIO(data)) as archive:
        assert archive.testzip() is None
    sheet = load_workbook(BytesIO(data)).active
    assert [row[1] for row in sheet.iter_rows(min_row=2, values_only=True)] == list(range(100))


def test_rows_beyond_the_limit_of_a_sheet_go_to_the_next_one_with_its_own_titles():
    file = XlsxFile(COLUMNS, language="en", most_rows=4)
    rows: list[Row] = [[f"Ana {n}", n, Decimal(n), EVENING] for n in range(7)]
    data = file.begin() + file.write(rows) + file.end()

    book = load_workbook(BytesIO(data))
    columns = [[cell.value for cell in sheet["B"]] for sheet in book.worksheets]
    assert columns == [["Ingressos", 0, 1, 2], ["Ingressos", 3, 4, 5], ["Ingressos", 6]]


def test_column_names_go_on_after_z():
    columns = [Column(f"c{n}") for n in range(30)]
    file = XlsxFile(columns, language="en")
    data = file.begin() + file.write([[f"{n}" for n in range(30)]]) + file.end()

    assert load_workbook(BytesIO(data)).active["AD2"].value == "29"
