"""Exchange a sold ticket for one of another type of its event, with a new code."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

from django.db import transaction

from events.models import TicketType
from events.stock.rebuild import sell_again
from orders.changes import touch_order
from orders.exchanges import (
    Difference,
    Place,
    SettledDifference,
    cash_of_tickets,
    keep_place,
    price_in_order,
    record_exchange,
    settle_difference,
    with_place,
)
from orders.models import Order, OrderStatus
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.field_changes import FieldChange, details_of
from ticketing.models import ActType
from ticketing.queue.messages import Message, send_after_commit
from tickets.models import Ticket, TicketStatus
from tickets.replacement import ask_for_codes, refuse_replacement, write_replacement


class TicketHasThatType(Conflict):
    """The ticket is of the type that it should become."""

    code = "ticket_has_that_type"
    title = "The ticket has that type already"


class DifferenceHasChanged(Conflict):
    """The difference of the price is not the one that the caller has agreed to."""

    code = "difference_has_changed"
    title = "The difference of the price has changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedExchange:
    """
    Which ticket becomes one of which type, and what happens with the difference of the price.

    `agreed` is the new price less the old one, as the caller has seen it. None: any difference.
    """

    ticket_id: UUID
    ticket_type_id: UUID
    difference: Difference | None = None
    reason: str = ""
    agreed: Decimal | None = None


def exchange_ticket(
    *,
    wanted: WantedExchange,
    actor: Actor,
    now: datetime,
    store_response: Callable[[Ticket], None] = lambda _new: None,
) -> Ticket:
    """
    Replace a valid ticket by one of another type of its event. Return the new ticket.

    A place of the new type is taken under the same rules as for any sale, the old one is free
    again, gates refuse the old code at once, and the buyer gets the order's tickets by mail again.
    No card is charged: the difference is returned, kept, taken in cash or waived.
    `store_response` stores the response in the same transaction.

    :raises TicketNotValid: if the ticket was used, revoked, refunded or replaced
    :raises TicketHasThatType: if it is of that type already
    :raises DifferenceNotSettled, WaiverNeedsReason: if `difference` does not fit the prices
    :raises DifferenceHasChanged: if the difference is not `agreed`
    :raises SoldOut: if no ticket of the new type is left
    :raises EventNotOnSale: if the event was cancelled, or is over
    :raises UnknownTicketType: if the event has no such type
    :raises InventoryUnavailable: if Redis is not available; nothing is changed
    """
    old = Ticket.objects.select_related("ticket_type", "order__event").get(pk=wanted.ticket_id)
    # Before a place is held. In the transaction, `write_replacement` decides.
    _check(old, wanted)
    new, epoch = with_place(
        event_id=old.event_id,
        ticket_type_id=wanted.ticket_type_id,
        now=now,
        write=partial(_write, wanted, actor, now, store_response),
    )
    sell_again(event_id=old.event_id, epoch=epoch, quantities={old.ticket_type_id: 1})
    return new


def difference_of(ticket: Ticket, kind: TicketType) -> Decimal:
    """Return the price of a ticket type for the ticket's order, less what the ticket is worth."""
    return price_in_order(ticket.order, kind) - ticket.price


def _check(old: Ticket, wanted: WantedExchange) -> None:
    if old.status != TicketStatus.VALID or old.order.status != OrderStatus.PAID:
        raise refuse_replacement(old)
    if old.ticket_type_id == wanted.ticket_type_id:
        raise TicketHasThatType(f"The ticket is of the type {old.ticket_type.name} already.")


@transaction.atomic(durable=True)
def _write(
    wanted: WantedExchange,
    actor: Actor,
    now: datetime,
    store_response: Callable[[Ticket], None],
    place: Place,
) -> tuple[Ticket, int]:
    """Return the new ticket, and the epoch of the stock in which the old place is free."""
    keep_place(place)
    tickets = Ticket.objects.select_related("event", "ticket_type", "order_item")
    old = tickets.get(pk=wanted.ticket_id)
    # The lock prevents a refund or another exchange at the same time, which would miss the new
    # ticket. Read with it, so that the price is the one of this moment.
    orders = Order.objects.select_related("payment", "promo_code")
    old.order = orders.select_for_update(of=("self",)).get(pk=old.order_id)
    kind = TicketType.objects.get(pk=place.ticket_type_id)
    settled = _settle(old, kind, wanted)
    new = write_replacement(old, old.order, now=now, ticket_type=kind, price=settled.price)
    if new is None:
        # It was used, refunded or replaced since.
        raise refuse_replacement(old)
    _record_act(old, new, settled, wanted, actor, now)
    ask_for_codes(old.order_id, now)
    touch_order(order_id=old.order_id, now=now)
    store_response(new)
    refund = record_exchange(
        place=place,
        order=old.order,
        ticket=(old.order_item_id, old.position),
        from_type=old.ticket_type_id,
        before=old.price,
        settled=settled,
        now=now,
    )
    if refund is not None:
        send_after_commit(Message.RETURN_MONEY, order_id=old.order_id)
    return new, place.epoch


def _settle(old: Ticket, kind: TicketType, wanted: WantedExchange) -> SettledDifference:
    after = price_in_order(old.order, kind)
    if wanted.agreed not in {None, after - old.price}:
        raise DifferenceHasChanged(
            f"The difference is {after - old.price} now, not {wanted.agreed}. Look at it again."
        )
    in_cash = cash_of_tickets(old.order_id).get((old.order_item_id, old.position), Decimal(0))
    return settle_difference(
        before=old.price,
        after=after,
        in_cash=in_cash,
        difference=wanted.difference,
        reason=wanted.reason,
    )


def _record_act(  # noqa: PLR0913, PLR0917 - the parts of the act
    old: Ticket,
    new: Ticket,
    settled: SettledDifference,
    wanted: WantedExchange,
    actor: Actor,
    now: datetime,
) -> None:
    change = FieldChange("ticket_type", old.ticket_type.name, new.ticket_type.name)
    money = {"returned": settled.returned, "cash": settled.cash}
    record_act(
        act=ActType.TICKET_EXCHANGED,
        actor=actor,
        subject_id=old.pk,
        organizer_id=old.event.organizer_id,
        at=now,
        details={
            **details_of([change]),
            "replaced_by": str(new.pk),
            "currency": old.order.currency,
            **{name: str(amount) for name, amount in money.items() if amount},
            **({"difference": wanted.difference.value} if wanted.difference else {}),
            **({"reason": wanted.reason.strip()} if wanted.reason.strip() else {}),
        },
    )
