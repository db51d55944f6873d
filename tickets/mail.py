"""Compose the mail that carries an order's tickets, in its buyer's language."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import translation
from django.utils.translation import gettext, ngettext

from events.event_mail import render_event_mail
from events.wording import show_money
from orders.models import Order
from orders.page_link import order_link
from ticketing.letters import AttachedFile, HtmlMail, Picture
from tickets.documents.calendar_file import CALENDAR_TYPE, render_calendar
from tickets.documents.names import calendar_name, pdf_name
from tickets.documents.pdf import PDF_TYPE, Paper, render_pdf
from tickets.models import Ticket, TicketQuerySet, TicketStatus
from tickets.pictures import render_png
from tickets.ticket_codes import number_tickets, readable_code


@dataclass(frozen=True, slots=True)
class TicketInMail:
    """One ticket as the mail shows it."""

    number: int
    readable_code: str
    ticket_type: str
    price: str
    holder_name: str
    code: str
    picture: Picture
    # What is different from an earlier mail, if this ticket replaces another.
    news: Sequence[str]

    @property
    def file_name(self) -> str:
        return self.picture.file_name

    @property
    def content_id(self) -> str:
        return self.picture.content_id


@dataclass(frozen=True, slots=True)
class LineOfOrder:
    """Tickets of one type at one price."""

    quantity: int
    ticket_type: str
    price: str


def is_the_buyers(ticket: Ticket) -> bool:
    """Say whether a ticket was neither revoked nor handed on to another person."""
    return ticket.status != TicketStatus.REVOKED and ticket.transfer_id is None


def tickets_to_mail(order_id: UUID) -> TicketQuerySet:
    """Return an order's tickets with everything that the mail says about them, in one query."""
    return Ticket.objects.of_order(order_id).select_related(
        "ticket_type", "order_item", "replaces__ticket_type"
    )


def compose_ticket_mail(*, order: Order, tickets: Sequence[Ticket], now: datetime) -> HtmlMail:
    """
    Return the mail that carries an order's tickets (`tickets_to_mail`). It is not sent yet.

    Attached are all of them as a PDF, the event for a calendar, and each QR code as a picture.
    """
    with translation.override(order.language):
        numbers = number_tickets(tickets)
        valid = [ticket for ticket in tickets if is_the_buyers(ticket)]
        shown = [_show_ticket(order, ticket, numbers[ticket.pk]) for ticket in valid]
        renewed = any(ticket.news for ticket in shown)
        refunded = sum((ticket.price for ticket in tickets if ticket.refunded_at), Decimal(0))
        context = _make_context(order, shown) | {
            "renewed": renewed,
            "lines": _count_lines(order, valid),
            "refunded": show_money(refunded, order.currency) if refunded else "",
        }
        new, usual = gettext("Your new tickets: %(event)s"), gettext("Your tickets: %(event)s")
        subject = new if renewed else usual
        return render_event_mail(
            "tickets/mail/tickets",
            order.event,
            context,
            subject=subject % {"event": order.event.name},
            pictures=[ticket.picture for ticket in shown],
            files=[
                AttachedFile(
                    pdf_name(order),
                    render_pdf(order=order, tickets=tickets, paper=Paper.A4),
                    PDF_TYPE,
                ),
                AttachedFile(
                    calendar_name(order), render_calendar(order=order, now=now), CALENDAR_TYPE
                ),
            ],
            to=[order.customer_email],
        )


def _make_context(order: Order, tickets: Sequence[TicketInMail]) -> dict[str, Any]:
    return {
        "order": order,
        "tickets": tickets,
        "count": ngettext("%(count)d ticket", "%(count)d tickets", len(tickets))
        % {"count": len(tickets)},
        "total": show_money(order.total, order.currency),
        "link": order_link(order, "tickets"),
    }


def _count_lines(order: Order, tickets: Sequence[Ticket]) -> list[LineOfOrder]:
    quantities = Counter((ticket.ticket_type.name, ticket.price) for ticket in tickets)
    return [
        LineOfOrder(quantity, name, show_money(price, order.currency))
        for (name, price), quantity in quantities.items()
    ]


def _show_ticket(order: Order, ticket: Ticket, number: int) -> TicketInMail:
    return TicketInMail(
        number=number,
        readable_code=readable_code(order.code, number),
        ticket_type=ticket.ticket_type.name,
        price=show_money(ticket.price, order.currency),
        holder_name=ticket.holder_name,
        code=ticket.code,
        picture=Picture(f"ticket-{order.code}-{number}.png", render_png(ticket.code)),
        news=_say_news(ticket),
    )


def _say_difference(old: Ticket, ticket: Ticket) -> list[str]:
    difference = ticket.price - old.price
    words = {"amount": show_money(abs(difference), ticket.order.currency)}
    if difference > 0:
        return [gettext("You paid the difference of %(amount)s to the organizer.") % words]
    if difference < 0:
        return [gettext("You get the difference of %(amount)s back.") % words]
    return []


def _say_news(ticket: Ticket) -> list[str]:
    """Return in sentences what is different from the ticket that this ticket replaces."""
    old: Ticket | None = getattr(ticket, "replaces", None)
    if old is None:
        return []
    news = []
    if old.ticket_type_id != ticket.ticket_type_id:
        names = {"old": old.ticket_type.name, "new": ticket.ticket_type.name}
        news.append(gettext("Changed from %(old)s to %(new)s.") % names)
    news += _say_difference(old, ticket)
    if old.holder_name != ticket.holder_name:
        names = {"old": old.holder_name, "new": ticket.holder_name}
        news.append(gettext("Now in the name of %(new)s, before %(old)s.") % names)
    news.append(gettext("New code: the code in earlier mails does not open the gate any more."))
    return news
