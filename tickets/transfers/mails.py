"""Compose the mails about transfers: to the new holder in the language of the offer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import formats, translation
from django.utils.translation import gettext

from events.event_mail import render_event_mail
from events.models import EventStatus
from orders.models import Order
from ticketing.clock import zone_named
from ticketing.letters import AttachedFile, HtmlMail, Picture
from tickets.documents.calendar_file import CALENDAR_TYPE, render_calendar
from tickets.documents.names import calendar_name, pdf_name
from tickets.documents.pdf import PDF_TYPE, Paper, render_pdf
from tickets.models import Ticket, Transfer
from tickets.notices.reminders import compose_event_reminder
from tickets.pictures import render_png
from tickets.ticket_codes import number_tickets, readable_code
from tickets.transfers.links import transfer_link
from tickets.transfers.offering import giver_of


def compose_offer_mail(*, transfer: Transfer) -> HtmlMail:
    """Return the mail that offers a ticket to a person, with the link to accept it."""
    ticket, giver = transfer.ticket, giver_of(transfer)
    with translation.override(transfer.language):
        zone = zone_named(ticket.order.event.timezone)
        until = formats.date_format(transfer.expires_at.astimezone(zone))
        subject = gettext("%(name)s sends you a ticket: %(event)s") % {
            "name": giver.name,
            "event": ticket.order.event.name,
        }
        return _compose(
            ticket.order,
            "transfer_offer",
            subject,
            {"transfer": transfer, "ticket": ticket, "until": until}
            | {"link": transfer_link(transfer), "giver": giver},
            to=transfer.email,
        )


def compose_received_mail(*, transfer: Transfer, ticket: Ticket, now: datetime) -> HtmlMail:
    """Return the mail that carries the ticket to its new holder (`ticket_of_transfer`)."""
    order = ticket.order
    with translation.override(transfer.language):
        code, number = _readable_code(order, ticket)
        picture = Picture(f"ticket-{code}.png", render_png(ticket.code))
        tickets = list(
            Ticket.objects.of_order(order.pk).select_related("ticket_type", "order_item")
        )
        pdf = render_pdf(order=order, tickets=tickets, paper=Paper.A4, chosen=[ticket.pk])
        return _compose(
            order,
            "transfer_received",
            gettext("Your ticket: %(event)s") % {"event": order.event.name},
            {"transfer": transfer, "ticket": ticket, "readable_code": code, "picture": picture}
            | {"link": transfer_link(transfer)},
            to=transfer.email,
            pictures=[picture],
            files=[
                AttachedFile(pdf_name(order, number), pdf, PDF_TYPE),
                AttachedFile(
                    calendar_name(order), render_calendar(order=order, now=now), CALENDAR_TYPE
                ),
            ],
        )


def compose_new_date_mail(*, transfer: Transfer, ticket: Ticket) -> HtmlMail:
    """Return the mail that tells the new holder of another date or place, as it is now."""
    order = ticket.order
    with translation.override(transfer.language):
        return _compose(
            order,
            "transfer_changed",
            gettext("Changed: %(event)s") % {"event": order.event.name},
            {"transfer": transfer, "ticket": ticket, "link": transfer_link(transfer)},
            to=transfer.email,
        )


def compose_holders_reminder(*, transfer: Transfer, ticket: Ticket) -> HtmlMail:
    """Return the mail that reminds the new holder of the event."""
    with translation.override(transfer.language):
        return compose_event_reminder(
            ticket.order.event,
            name=ticket.holder_name,
            to=transfer.email,
            link=transfer_link(transfer),
            stop_link=transfer_link(transfer, "reminders"),
        )


def compose_ended_mail(*, transfer: Transfer, ticket: Ticket) -> HtmlMail:
    """Return the mail that tells the new holder that the ticket ended, and why."""
    order = ticket.order
    with translation.override(transfer.language):
        cancelled = order.event.status == EventStatus.CANCELLED
        subject = (
            gettext("Cancelled: %(event)s") if cancelled else gettext("Ticket ended: %(event)s")
        )
        return _compose(
            order,
            "transfer_ended",
            subject % {"event": order.event.name},
            {
                "transfer": transfer,
                "ticket": ticket,
                "readable_code": _readable_code(order, ticket)[0],
                "is_cancelled": cancelled,
                "note": order.event.cancellation_note,
            },
            to=transfer.email,
        )


def compose_handed_on_mail(*, transfer: Transfer, ticket: Ticket) -> HtmlMail:
    """Return the mail that tells the giver that the ticket is another person's now."""
    order, giver = ticket.order, giver_of(transfer)
    with translation.override(giver.language):
        return _compose(
            order,
            "transfer_handed_on",
            gettext("Ticket handed on: %(event)s") % {"event": order.event.name},
            {"transfer": transfer, "ticket": ticket, "giver": giver}
            | {"readable_code": _readable_code(order, ticket)[0]},
            to=giver.email,
        )


def _compose(  # noqa: PLR0913 - a mail has many parts
    order: Order,
    name: str,
    subject: str,
    context: Mapping[str, Any],
    *,
    to: str,
    pictures: Sequence[Picture] = (),
    files: Sequence[AttachedFile] = (),
) -> HtmlMail:
    return render_event_mail(
        f"tickets/mail/{name}",
        order.event,
        {"order": order, **context},
        subject=subject,
        pictures=pictures,
        files=files,
        to=[to],
    )


def _readable_code(order: Order, ticket: Ticket) -> tuple[str, int]:
    number = number_tickets(list(Ticket.objects.of_order(order.pk)))[ticket.pk]
    return readable_code(order.code, number), number
