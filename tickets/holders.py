"""Name the holders of an order's tickets, before they exist and afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from orders.answer_rules import Place
from orders.holders import (
    UnknownPlace,
    can_name,
    keep_changed_names,
    names_kept,
    places_in,
    refuse_names_when_closed,
)
from orders.models import Order, OrderItem, OrderStatus
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.models import ActType
from tickets.models import Ticket, TicketStatus
from tickets.replacement import TicketNotValid, ask_for_codes, write_replacement
from tickets.transfers.offering import open_offers

# For each ticket of an order, on average. A changed name makes a ticket, and asks for a mail.
MOST_CHANGES: Final = 10


class TooManyNames(Conflict):
    """The tickets of the order were replaced `MOST_CHANGES` times each."""

    code = "too_many_names"
    title = "The names on these tickets were changed too often"


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """A place of an order and the name that its ticket has or will have. Empty: the buyer's."""

    place: Place
    item: OrderItem
    name: str
    # Whether the buyer may change the name now.
    can_name: bool


def named_places(order: Order, *, now: datetime) -> list[NamedPlace]:
    """Return all places of an order, in the order of the ticket types."""
    allowed = can_name(order, order.event, now)
    if order.status not in (OrderStatus.PAID, OrderStatus.REFUNDED):
        kept = names_kept(order)
        return [
            NamedPlace(place, item, kept.get(place, ""), allowed)
            for place, item in places_in(order).items()
        ]
    tickets, free = _tickets_by_place(order), _free_tickets(order, now)
    return [
        NamedPlace(place, item, ticket.holder_name, allowed and ticket.pk in free)
        for place, item in places_in(order).items()
        if (ticket := tickets.get(place)) is not None
    ]


def name_holders(*, order: Order, names: Mapping[Place, str], actor: Actor, now: datetime) -> None:
    """
    Name the holders of some of an order's tickets. An empty name is the buyer's.

    Before the sale the names are kept for the tickets. Afterwards each ticket whose name changes is
    replaced by one with a new code, so that no code is about in another name, and the buyer gets
    the tickets by mail again. A repeat changes nothing.

    :raises NamesClosed: if the buyer may not name holders now (`orders.holders.can_name`)
    :raises UnknownPlace: if the order has no such ticket
    :raises TicketNotValid: if a ticket whose name would change was used, revoked, offered to
        another person or handed on
    :raises TooManyNames: if the tickets were replaced too often
    """
    with transaction.atomic(durable=True):
        # The sale of the order, a refund and another request wait, and find what this one wrote.
        found = Order.objects.select_for_update(of=("self",)).select_related("event")
        locked = found.get(pk=order.pk)
        refuse_names_when_closed(locked, now)
        if not names.keys() <= places_in(locked).keys():
            raise UnknownPlace("The order has no such ticket: send its ticket_type and position.")
        if locked.status == OrderStatus.PAID:
            _rename_tickets(locked, names, actor, now)
            return
        keep_changed_names(locked, names, actor=actor, now=now)


def _rename_tickets(order: Order, names: Mapping[Place, str], actor: Actor, now: datetime) -> None:
    tickets, free = _tickets_by_place(order), _free_tickets(order, now)
    wanted = {place: name or order.customer_name for place, name in names.items()}
    changed = [
        (tickets[place], name)
        for place, name in wanted.items()
        if tickets[place].holder_name != name
    ]
    if not changed:
        return
    replaced = Ticket.objects.filter(order=order, replaced_by__isnull=False).count()
    if replaced >= MOST_CHANGES * len(tickets):
        raise TooManyNames("Ask the organizer to change the names.")
    for old, name in changed:
        new = write_replacement(old, order, now=now, holder_name=name) if old.pk in free else None
        if new is None:
            raise TicketNotValid("A ticket that was used, refunded or handed on keeps its name.")
        record_act(
            act=ActType.TICKET_RENAMED,
            actor=actor,
            subject_id=old.pk,
            organizer_id=order.event.organizer_id,
            at=now,
            details={"replaced_by": str(new.pk)},
        )
    ask_for_codes(order.pk, now)


def _tickets_by_place(order: Order) -> dict[Place, Ticket]:
    tickets = Ticket.objects.of_order(order.pk).select_related("event", "ticket_type")
    return {Place(ticket.order_item_id, ticket.position): ticket for ticket in tickets}


def _free_tickets(order: Order, now: datetime) -> set[UUID]:
    """Return the ids of the valid tickets that the buyer has neither handed on nor offered."""
    mine = Ticket.objects.of_order(order.pk).filter(status=TicketStatus.VALID, transfer=None)
    return set(mine.values_list("pk", flat=True)) - open_offers(order, now=now).keys()
