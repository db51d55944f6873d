"""Compose the mail that carries an order's tickets, in its buyer's language."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext, ngettext

from events.wording import reply_to_addresses, show_money, show_start
from orders.models import Order
from ticketing.letters import HtmlMail, Picture
from tickets.models import Ticket, TicketStatus
from tickets.pictures import render_png
from tickets.ticket_codes import number_tickets


@dataclass(frozen=True, slots=True)
class TicketInMail:
    """One ticket as the mail shows it."""

    number: int
    ticket_type: str
    holder_name: str
    code: str
    picture: Picture

    @property
    def file_name(self) -> str:
        return self.picture.file_name

    @property
    def content_id(self) -> str:
        return self.picture.content_id


def compose_ticket_mail(*, order: Order, tickets: Sequence[Ticket]) -> HtmlMail:
    """Return the mail that carries an order's tickets. It is not sent yet."""
    with translation.override(order.language):
        numbers = number_tickets(tickets)
        shown = [
            _show_ticket(order, ticket, numbers[ticket.pk])
            for ticket in tickets
            if ticket.status != TicketStatus.REVOKED
        ]
        context = _make_context(order, shown)
        subject = gettext("Your tickets: %(event)s") % {"event": order.event.name}
        return HtmlMail(
            subject=" ".join(subject.split()),
            body=render_to_string("tickets/mail/tickets.txt", context),
            html=render_to_string("tickets/mail/tickets.html", context),
            pictures=[ticket.picture for ticket in shown],
            to=[order.customer_email],
            reply_to=reply_to_addresses(order.event.organizer),
        )


def _make_context(order: Order, tickets: Sequence[TicketInMail]) -> dict[str, Any]:
    event = order.event
    return {
        "order": order,
        "event": event,
        "organizer": event.organizer,
        "tickets": tickets,
        "count": ngettext("%(count)d ticket", "%(count)d tickets", len(tickets))
        % {"count": len(tickets)},
        **show_start(event),
        "total": show_money(order.total, order.currency),
        "language": translation.get_language(),
    }


def _show_ticket(order: Order, ticket: Ticket, number: int) -> TicketInMail:
    return TicketInMail(
        number=number,
        ticket_type=ticket.ticket_type.name,
        holder_name=ticket.holder_name,
        code=ticket.code,
        picture=Picture(f"ticket-{order.code}-{number}.png", render_png(ticket.code)),
    )
