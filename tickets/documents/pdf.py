"""Tickets as PDF, in the active language: to print on A4, or to keep on a phone."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Final
from uuid import UUID

from django.utils import translation
from django.utils.translation import gettext, pgettext
from reportlab.pdfgen.canvas import Canvas

from events.logos import read_logo
from events.wording import show_money, show_start
from orders.models import Order
from tickets.documents.drawing import ACCENT, MM, SOFT, Face, Sheet
from tickets.documents.fonts import load_fonts
from tickets.models import Ticket, TicketStatus
from tickets.ticket_codes import number_tickets, readable_code

PDF_TYPE: Final = "application/pdf"
_SMALL: Final = Face(8, color=SOFT)
_PLAIN: Final = Face(10, color=SOFT)
_STRONG: Final = Face(12, bold=True)
_VALUE: Final = Face(11, bold=True)
# From one value to the value below it, in millimeters.
_ROW: Final = 10.6


class Paper(StrEnum):
    """What a PDF is for."""

    A4 = "a4"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class _Page:
    """A size in millimeters, and where each ticket of a page begins."""

    width: float
    height: float
    tops: Sequence[float]
    draw: Callable[["Sheet", "_Shown"], None]


@dataclass(frozen=True, slots=True)
class _Shown:
    """What one ticket says."""

    organizer: str
    # As PNG. Empty: the organizer has none.
    logo: bytes
    color: str
    questions: str
    event: str
    day: str
    hour: str
    venue: str
    address: str
    ticket_type: str
    price: str
    holder: str
    order_code: str
    readable_code: str
    code: str


def render_pdf(
    *,
    order: Order,
    tickets: Sequence[Ticket],
    paper: Paper,
    chosen: Collection[UUID] | None = None,
) -> bytes:
    """
    Return tickets of an order, each with its QR code, as a PDF. Revoked ones are left out.

    The same tickets always give the same bytes. The organizer's logo is read from S3, so no
    transaction may be open.

    :param tickets: all of the order, as `tickets_to_mail` has them, because they have numbers
    :param chosen: the ids of the tickets to draw; None draws those that were not handed on
    """
    load_fonts()
    page = _PAGES[paper]
    numbers = number_tickets(tickets)
    drawn = [
        _show(order, ticket, numbers[ticket.pk])
        for ticket in tickets
        if ticket.status != TicketStatus.REVOKED
        and (ticket.transfer_id is None if chosen is None else ticket.pk in chosen)
    ]
    written = BytesIO()
    canvas = Canvas(
        written,
        pagesize=(page.width * MM, page.height * MM),
        invariant=True,
        lang=translation.get_language(),
    )
    canvas.setTitle(f"{order.event.name} · {order.code}")
    canvas.setAuthor(order.event.organizer.name)
    for first in range(0, len(drawn), len(page.tops)):
        on_page = drawn[first : first + len(page.tops)]
        for top, ticket in zip(page.tops, on_page, strict=False):
            page.draw(Sheet(canvas, page.height, top=top), ticket)
        canvas.showPage()
    canvas.save()
    return written.getvalue()


def _show(order: Order, ticket: Ticket, number: int) -> _Shown:
    event, organizer, start = order.event, order.event.organizer, show_start(order.event)
    return _Shown(
        organizer=organizer.name,
        logo=read_logo(organizer),
        color=organizer.accent_color or ACCENT,
        questions=gettext("Questions? %(organizer)s: %(email)s")
        % {"organizer": organizer.name, "email": organizer.email},
        event=event.name,
        day=start["day"],
        hour=f"{start['hour']} ({start['zone']})",
        venue=event.venue,
        address=", ".join(filter(None, (event.address, event.city))),
        ticket_type=ticket.ticket_type.name,
        price=show_money(ticket.price, order.currency),
        holder=ticket.holder_name,
        order_code=order.code,
        readable_code=readable_code(order.code, number),
        code=ticket.code,
    )


def _draw_on_a4(sheet: Sheet, ticket: _Shown) -> None:
    """Draw half of an A4 page: a card with the facts, and the code on its right."""
    card = Sheet(sheet.canvas, sheet.height, left=12, top=sheet.top + 11)
    card.draw_card(186, 127, band=4, color=ticket.color)
    card.draw_line(116, 10, 116, 121, dashed=True)
    _draw_facts(
        card, ticket, Face(19, bold=True), x=9, y=11, width=100, venue_lines=2, logo_height=9
    )
    card.draw_line(9, 82, 109, 82, dashed=False)
    _draw_values(card, ticket, x=9, y=86, width=100)
    card.draw_code(ticket.code, 124, 18, side=54)
    card.write_centered(ticket.readable_code, 119, 78, 64, Face(18, bold=True))
    _draw_advice(card, ticket, x=123, y=97, width=56)


def _draw_on_phone(sheet: Sheet, ticket: _Shown) -> None:
    """Draw a page as high as the screen of a phone, with the code as wide as possible."""
    card = Sheet(sheet.canvas, sheet.height, left=4, top=4)
    card.draw_card(82, 199, band=4, color=ticket.color)
    _draw_facts(
        card, ticket, Face(16, bold=True), x=7, y=8, width=68, venue_lines=1, logo_height=6.5
    )
    card.draw_line(4, 66, 78, 66, dashed=True)
    card.draw_code(ticket.code, 13, 71, side=56)
    card.write_centered(ticket.readable_code, 7, 129, 68, Face(18, bold=True))
    card.draw_line(7, 139, 75, 139, dashed=False)
    _draw_values(card, ticket, x=7, y=142, width=68)
    _draw_advice(card, ticket, x=7, y=174, width=68)


def _draw_facts(  # noqa: PLR0913 - a place has many numbers
    card: Sheet,
    ticket: _Shown,
    title: Face,
    *,
    x: float,
    y: float,
    width: float,
    venue_lines: int,
    logo_height: float,
) -> None:
    if ticket.logo:
        # The name is in the last lines of the ticket.
        y = card.draw_picture(ticket.logo, x, y, logo_height)
    else:
        y = card.write(ticket.organizer, x, y, width, _SMALL)
    y = card.write_lines(ticket.event, x, y + 1, width, title, lines=3)
    y = card.write_fitted(ticket.day, x, y + 2, width, _STRONG)
    y = card.write(ticket.hour, x, y, width, _PLAIN)
    y = card.write_lines(ticket.venue, x, y + 2, width, _STRONG, lines=venue_lines)
    card.write_lines(ticket.address, x, y, width, _PLAIN, lines=2)


def _draw_values(card: Sheet, ticket: _Shown, *, x: float, y: float, width: float) -> None:
    """Draw values, each under its label. The name and the type may be long: each has a line."""
    half = width / 2
    for label, value, at, wide, row in (
        (gettext("Name"), ticket.holder, x, width, 0),
        (gettext("Ticket"), ticket.ticket_type, x, width, 1),
        (gettext("Price"), ticket.price, x, half, 2),
        (gettext("Order"), ticket.order_code, x + half, half, 2),
    ):
        lower = card.write(label, at, y + row * _ROW, wide, _SMALL)
        card.write(value, at, lower, wide, _VALUE)


def _draw_advice(card: Sheet, ticket: _Shown, *, x: float, y: float, width: float) -> None:
    advice = pgettext(
        "on a ticket",
        "Show this code at the door, on paper or on a bright screen. It opens the gate once: do not"
        " share it.",
    )
    y = card.write_lines(advice, x, y, width, _SMALL, lines=4)
    card.write_lines(ticket.questions, x, y + 1.5, width, _SMALL, lines=3)


_PAGES: Final = {
    # Two on a page, each a half to cut off.
    Paper.A4: _Page(210, 297, (0, 148.5), _draw_on_a4),
    Paper.PHONE: _Page(90, 207, (0,), _draw_on_phone),
}
