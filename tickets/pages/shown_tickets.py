"""What the page of an order's tickets shows: each ticket, its code and its state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from django.utils import formats
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from events.handing_on import may_be_transferred
from events.models import Event, EventStatus
from events.wording import show_hour, show_start
from orders.holders import can_name
from orders.models import Order, OrderStatus
from orders.page_link import order_path
from ticketing.clock import zone_named
from tickets.mail import is_the_buyers
from tickets.models import Ticket, TicketQuerySet, TicketStatus, Transfer
from tickets.pictures import render_svg
from tickets.ticket_codes import number_tickets, readable_code
from tickets.transfers.offering import open_offers
from tickets.wallet.keys import apple_keys, google_keys

# How long after the event a phone keeps the page for times without a network.
_KEPT_AFTER_THE_EVENT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ShownTicket:
    """One ticket on the page. A ticket that admits nobody has no picture, and says why."""

    number: int
    readable_code: str
    ticket_type: str
    holder_name: str
    state: str
    words: str
    picture: SafeString | None
    # To whom the buyer offers it now.
    offered_to: str = ""
    can_be_offered: bool = False


@dataclass(frozen=True, slots=True)
class OfferedWallets:
    """The wallets for which this site makes passes."""

    apple: bool
    google: bool


def tickets_of(order: Order) -> TicketQuerySet:
    """Return an order's tickets with what pages and documents say about them, in one query."""
    return Ticket.objects.of_order(order.pk).select_related("ticket_type", "order_item")


def has_tickets(order: Order) -> bool:
    """Say whether an order was paid: only then it has tickets to show."""
    return order.status in (OrderStatus.PAID, OrderStatus.REFUNDED)


def describe_tickets(order: Order, tickets: Sequence[Ticket], *, now: datetime) -> dict[str, Any]:
    """Return the template context of an order's tickets, in the active language."""
    event, numbers = order.event, number_tickets(tickets)
    is_cancelled = event.status == EventStatus.CANCELLED
    offers, allowed = open_offers(order, now=now), may_be_transferred(event, now=now)
    shown = []
    for ticket in tickets:
        one = show_ticket(order, ticket, numbers[ticket.pk])
        if ticket.transfer_id is not None:
            one = _hide_code(one)
        elif ticket.pk in offers:
            one = replace(one, offered_to=offers[ticket.pk].name)
        shown.append(replace(one, can_be_offered=allowed and one.picture is not None))
    return {
        "order": order,
        "event": event,
        "organizer": event.organizer,
        "start": show_start(event),
        "path": order_path(order.pk),
        "tickets": sorted(shown, key=lambda ticket: ticket.number),
        "can_name": can_name(order, event, now),
        "can_be_kept": any(map(is_the_buyers, tickets)) and not is_cancelled,
        "is_event_cancelled": is_cancelled,
        "kept_until": kept_until(event),
        "version": _version(tickets, offers),
        # In milliseconds, for the script that says how old a kept copy is.
        "shown_at": str(int(now.timestamp() * 1000)),
        "wallets": offered_wallets(now=now),
    }


def _version(tickets: Sequence[Ticket], offers: Mapping[UUID, Transfer]) -> str:
    """Return a text that differs once a ticket has changed: a script compares copies by it."""
    states = [
        f"{ticket.pk} {ticket.status} {ticket.transfer_id} {ticket.pk in offers}"
        for ticket in tickets
    ]
    return blake2b("\n".join(states).encode(), digest_size=9).hexdigest()


def offered_wallets(*, now: datetime) -> OfferedWallets:
    """Return the wallets that are configured, and whose certificates have not expired."""
    apple = apple_keys()
    return OfferedWallets(
        apple=apple is not None and apple.is_valid(now), google=google_keys() is not None
    )


def kept_until(event: Event) -> datetime:
    """Return until when a phone may show its copy of the page without asking us."""
    return event.ends_at + _KEPT_AFTER_THE_EVENT


def show_ticket(order: Order, ticket: Ticket, number: int) -> ShownTicket:
    """Return what a page shows to the holder of a ticket."""
    state, words = _state_of(order.event, ticket)
    return ShownTicket(
        number=number,
        readable_code=readable_code(order.code, number),
        ticket_type=ticket.ticket_type.name,
        holder_name=ticket.holder_name,
        state=state,
        words=words,
        picture=_draw(ticket) if state == TicketStatus.VALID else None,
    )


def _hide_code(shown: ShownTicket) -> ShownTicket:
    """Return what a buyer sees of a ticket that is another person's now."""
    words = gettext("Handed on: %(name)s has this ticket now.") % {"name": shown.holder_name}
    return replace(shown, state="handed_on", words=words, picture=None)


def _state_of(event: Event, ticket: Ticket) -> tuple[str, str]:
    """Return a ticket's state and the sentence about it."""
    if ticket.refunded_at is not None:
        return "refunded", gettext("Refunded: this ticket does not open the gate any more.")
    if ticket.status == TicketStatus.REVOKED:
        return "revoked", gettext("Blocked by the organizer: this ticket does not open the gate.")
    if event.status == EventStatus.CANCELLED:
        return "cancelled", gettext("The event was cancelled.")
    if ticket.status == TicketStatus.USED and ticket.used_at is not None:
        used_at = ticket.used_at.astimezone(zone_named(event.timezone))
        moment = {"day": formats.date_format(used_at, "DATE_FORMAT"), "hour": show_hour(used_at)}
        return "used", gettext("Used on %(day)s at %(hour)s.") % moment
    return "valid", gettext("Valid. Show this code at the door.")


def _draw(ticket: Ticket) -> SafeString:
    return mark_safe(render_svg(ticket.code))  # noqa: S308 - made of squares, without any text
