"""Tickets as PDF: what is on the page, and which codes a camera reads from it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pypdfium2
import pypdfium2.raw
import pytest
import zxingcpp
from django.utils import translation
from reportlab.pdfbase import pdfmetrics

from events.models import Event, Organizer, TicketType
from orders.models import Order, OrderItem
from ticketing.ids import new_id
from tickets.documents.fonts import load_fonts
from tickets.documents.pdf import Paper, render_pdf
from tickets.models import Ticket, TicketStatus

CODE = "T101B8KX0PQ3Z" * 8


def order_and_tickets(quantity: int = 2, **fields: Any) -> tuple[Order, list[Ticket]]:
    event = Event(
        organizer=Organizer(name="Casa Azul", email="contato@example.com"),
        **{"name": "Ópera", "venue": "Teatro", "address": "Rua A, 1", "city": "São Paulo"} | fields,
        timezone="America/Sao_Paulo",
        starts_at=datetime.fromisoformat("2027-01-11T00:00:00Z"),
        ends_at=datetime.fromisoformat("2027-01-11T04:00:00Z"),
    )
    order = Order(code="YD8X2B", event=event, currency="BRL")
    return order, [
        Ticket(
            pk=new_id(),
            order=order,
            order_item=OrderItem(unit_price=Decimal("120.00")),
            ticket_type=TicketType(name="Meia-entrada"),
            number=number,
            code=f"{CODE}{number}",
            holder_name="Joana Ñandú ş",
        )
        for number in range(1, quantity + 1)
    ]


def pdf_of(order: Order, tickets: list[Ticket], paper: Paper = Paper.A4, **options: Any) -> bytes:
    with translation.override(options.pop("language", "pt-br")):
        return render_pdf(order=order, tickets=tickets, paper=paper, **options)


def text_of(pdf: bytes) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def codes_in(pdf: bytes) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        pages = [page.render(scale=2).to_pil() for page in document]
    return [found.text for page in pages for found in zxingcpp.read_barcodes(page)]


Places = list[tuple[int, ...]]


def drawn_on(page: pypdfium2.PdfPage) -> tuple[Places, Places, list[str]]:
    """
    Return the shapes and the lines of text of a page, and those in bold letters, as drawn.

    Of each shape: its left, top, right and bottom in millimeters, and 1 if its line is dashed. Of
    each line of text: its left and top.
    """
    shapes, lines, bold, words = [], [], [], page.get_textpage()
    for each in page.get_objects():
        left, bottom, right, top = each.get_bounds()
        ends = (left, page.get_height() - top, right, page.get_height() - bottom)
        place = tuple(round(end * 25.4 / 72) for end in ends)
        if each.type == pypdfium2.raw.FPDF_PAGEOBJ_PATH:
            is_dashed = pypdfium2.raw.FPDFPageObj_GetDashCount(each) > 0
            shapes.append((*place, int(is_dashed)))
            continue
        lines.append(place[:2])
        if "Bold" in each.get_font().get_base_name():
            bold.append(words.get_text_bounded(left, bottom, right, top))
    return shapes, lines, bold


@pytest.mark.parametrize(("paper", "pages"), [(Paper.A4, 2), (Paper.PHONE, 3)])
def test_a_barcode_reader_reads_each_code_from_the_page(paper: Paper, pages: int):
    order, tickets = order_and_tickets(quantity=3)

    pdf = pdf_of(order, tickets, paper)

    assert len(text_of(pdf)) == pages
    assert sorted(codes_in(pdf)) == [ticket.code for ticket in tickets]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("pt-br", ["Domingo, 10 de janeiro de 2027", "21h00", "R$ 120,00", "Preço", "Na entrada"]),
        ("en", ["Sunday, January 10, 2027", "9:00 PM", "BRL 120.00", "Price", "at the door"]),
    ],
)
@pytest.mark.parametrize("paper", Paper)
def test_the_page_has_all_that_the_door_and_the_guest_need(
    paper: Paper, language: str, words: list[str]
):
    order, tickets = order_and_tickets(quantity=1)

    (text,) = text_of(pdf_of(order, tickets, paper, language=language))

    everything = [
        "Casa Azul",
        "Ópera",
        "UTC–3",
        "Teatro",
        "Rua A, 1, São Paulo",
        "Meia-entrada",
        "Joana Ñandú ş",
        "YD8X2B-1",
        "contato@example.com",
    ]
    assert [word for word in [*everything, *words] if word not in text] == []


@pytest.mark.parametrize(
    ("paper", "expected", "texts"),
    [
        # The band, the card, the line along which it is torn, the line above the name, the code.
        (
            Paper.A4,
            [
                (12, 11, 198, 15, 0),
                (12, 11, 198, 138, 0),
                (128, 21, 128, 132, 1),
                (21, 93, 121, 93, 0),
                (136, 29, 190, 83, 0),
            ],
            # The facts of the event; four values below their labels; the code to read; the advice.
            [
                *[(21, top) for top in (23, 27, 38, 43, 50, 55)],
                *[(21, top) for top in (98, 101, 108, 112, 119, 123)],
                (71, 119),
                (71, 123),
                (148, 91),
                *[(135, top) for top in (109, 112, 116, 121, 125)],
            ],
        ),
        # The band, the card, the line above the code, the code, the line above the name.
        (
            Paper.PHONE,
            [
                (4, 4, 86, 8, 0),
                (4, 4, 86, 203, 0),
                (8, 70, 82, 70, 1),
                (17, 75, 73, 131, 0),
                (11, 143, 79, 143, 0),
            ],
            # The same, with the code to read before the values.
            [
                *[(11, top) for top in (13, 17, 27, 32, 39, 44)],
                (30, 135),
                *[(11, top) for top in (147, 150, 157, 161, 168, 172)],
                (45, 168),
                (45, 172),
                *[(11, top) for top in (179, 182, 187)],
            ],
        ),
    ],
)
def test_the_card_has_its_place_on_the_paper_and_what_the_guest_looks_for_is_bold(
    paper: Paper, expected: Places, texts: Places
):
    order, tickets = order_and_tickets(quantity=1)

    with pypdfium2.PdfDocument(pdf_of(order, tickets, paper, language="en")) as document:
        shapes, lines, bold = drawn_on(document[0])

    assert shapes == expected
    assert lines == texts
    assert sorted(bold) == sorted([
        "Ópera", "Sunday, January 10, 2027", "Teatro", "YD8X2B-1",
        "Joana Ñandú ş", "Meia-entrada", "BRL 120.00", "YD8X2B",
    ])  # fmt: skip


def test_a_revoked_ticket_is_not_drawn_and_the_others_keep_their_numbers():
    order, tickets = order_and_tickets(quantity=3)
    tickets[0].status = TicketStatus.REVOKED

    pdf = pdf_of(order, tickets)

    assert sorted(codes_in(pdf)) == [tickets[1].code, tickets[2].code]
    assert "YD8X2B-2" in text_of(pdf)[0]
    assert "YD8X2B-1" not in text_of(pdf)[0]


def test_one_chosen_ticket_is_drawn_alone():
    order, tickets = order_and_tickets(quantity=3)

    assert codes_in(pdf_of(order, tickets, chosen=[tickets[1].pk])) == [tickets[1].code]


def test_the_same_tickets_give_the_same_bytes():
    order, tickets = order_and_tickets()

    assert pdf_of(order, tickets) == pdf_of(order, tickets)


@pytest.mark.parametrize("paper", Paper)
def test_long_texts_end_in_an_ellipsis_and_hide_no_code(paper: Paper):
    order, tickets = order_and_tickets(
        quantity=1, name="Festival " * 22, venue="Teatro" * 30, address="Rua " * 75
    )
    tickets[0].holder_name = "Ana" * 66
    tickets[0].ticket_type.name = "Camarote " * 11

    pdf = pdf_of(order, tickets, paper)

    assert codes_in(pdf) == [tickets[0].code]
    assert text_of(pdf)[0].count("…") == 5
    assert "YD8X2B-1" in text_of(pdf)[0]


def test_emoji_are_left_out_and_letters_of_any_script_do_no_harm():
    order, tickets = order_and_tickets(
        quantity=1, name="🎷 Jazz\u200d & Cia\u0301 👩🏽‍🎤", venue="東京"
    )

    pdf = pdf_of(order, tickets)

    assert "Jazz & Ciá\r\n" in text_of(pdf)[0]
    assert codes_in(pdf) == [tickets[0].code]


def test_programs_read_the_title_the_organizer_and_the_language_of_a_pdf():
    order, tickets = order_and_tickets(quantity=1)

    pdf = pdf_of(order, tickets, language="en")

    with pypdfium2.PdfDocument(pdf) as document:
        found = document.get_metadata_dict()
    assert (found["Title"], found["Author"]) == ("Ópera · YD8X2B", "Casa Azul")
    assert b"/Lang (en)" in pdf


def test_the_first_pdf_of_a_process_loads_its_letters(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pdfmetrics, "_fonts", {})
    load_fonts.cache_clear()

    order, tickets = order_and_tickets(quantity=1)

    assert "Joana Ñandú ş" in text_of(pdf_of(order, tickets))[0]


def test_a_hundred_tickets_stay_small_enough_for_any_mailbox():
    order, tickets = order_and_tickets(quantity=100)

    assert len(pdf_of(order, tickets)) < 400_000


def test_the_page_has_the_organizers_color():
    order, tickets = order_and_tickets(quantity=1)
    order.event.organizer.accent_color = "#1A7F37"

    with pypdfium2.PdfDocument(pdf_of(order, tickets)) as document:
        page = document[0].render(scale=1).to_pil()

    # In the middle of the band, 13 mm below the upper edge.
    assert page.getpixel((page.width // 2, round(13 * 72 / 25.4))) == (0x1A, 0x7F, 0x37)
