"""Refund tickets: revoke them, free their places, and owe the buyer the money."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from events.models import EventStatus
from events.stock.rebuild import sell_again
from events.stock.record import current_epoch, return_sold, share_event
from orders.exchanges import TicketPlace, cash_of_tickets, give_cash_back
from orders.models import Order, OrderStatus, Payment
from orders.refunds import (
    count_returned,
    record_partial_refund,
    record_rest_as_refund,
    rest_of_payment,
)
from ticketing.actors import Actor, record_act, system_actor
from ticketing.errors import Conflict, NotFound
from ticketing.models import ActType
from ticketing.queue.messages import Message, send_after_commit
from tickets.models import Ticket, TicketStatus
from tickets.notices.requests import request_refund_notice


@dataclass(frozen=True, slots=True)
class _By:
    """The actor of a refund, why, and what refuses it."""

    actor: Actor
    reason: str
    check: Callable[[], None] = lambda: None


class OrderNotRefundable(Conflict):
    """The order is not paid."""

    code = "order_not_refundable"
    title = "This order cannot be refunded"


class TicketNotOfOrder(NotFound):
    """The order has no such ticket, or the ticket was replaced."""

    code = "unknown_ticket_of_order"
    title = "The order has no such ticket"


def refund_order(
    *,
    order_id: UUID,
    actor: Actor,
    now: datetime,
    reason: str = "",
    store_response: Callable[[], None] = lambda: None,
) -> None:
    """
    Revoke an order's tickets at once and owe the buyer all the money. A repeat changes nothing.

    The worker returns the money afterwards. If a process called the gateway first and crashed, the
    buyer would have both the money and the tickets. `reason` is kept with the act. `store_response`
    stores the response in the same transaction.

    :raises OrderNotRefundable: if the order is not paid
    """
    _refund(order_id, None, _By(actor, reason), now, store_response)


def refund_order_of_cancelled_event(*, order_id: UUID, now: datetime) -> None:
    """
    Refund an order whose event was cancelled. The system is the actor. A repeat changes nothing.

    :raises OrderNotRefundable: if the order is not paid
    """
    event_id = Order.objects.values_list("event_id", flat=True).get(pk=order_id)
    actor = system_actor(ActType.EVENT_CANCELLED, about=event_id)
    refund_order(order_id=order_id, actor=actor, now=now)


def refund_tickets(  # noqa: PLR0913 - one argument for each part of the request
    *,
    order_id: UUID,
    ticket_ids: Collection[UUID],
    actor: Actor,
    now: datetime,
    reason: str = "",
    check: Callable[[], None] = lambda: None,
    store_response: Callable[[], None] = lambda: None,
) -> None:
    """
    Refund some of an order's tickets, each at its own price. A repeat changes nothing.

    The refund of its last ticket makes the order `refunded`. `reason` is kept with the act.
    `check` runs before anything is written, and may raise to refuse the refund. `store_response`
    stores the response in the same transaction.

    :raises TicketNotOfOrder: if one of the tickets is not of the order
    :raises OrderNotRefundable: if the order is not paid
    """
    _refund(order_id, set(ticket_ids), _By(actor, reason, check), now, store_response)


def sum_of_refund(*, order_id: UUID, ticket_ids: Collection[UUID]) -> Decimal:
    """
    Return what a refund of some of a paid order's tickets would owe to the buyer now.

    Tickets that were refunded before do not count. With the last ticket, the rest is owed. The part
    that staff took by hand for exchanged tickets is included: `cash_of_refund`.
    """
    of_order = Ticket.objects.of_order(order_id).select_related("order_item")
    open_tickets = list(of_order.filter(refunded_at=None))
    chosen = [ticket for ticket in open_tickets if ticket.pk in ticket_ids]
    if chosen and len(chosen) == len(open_tickets):
        by_hand = cash_of_refund(order_id=order_id, tickets=chosen)
        return rest_of_payment(Payment.objects.get(order_id=order_id)) + by_hand
    return _sum_of_prices(chosen)


def cash_of_refund(*, order_id: UUID, tickets: Collection[Ticket]) -> Decimal:
    """Return the part of a refund of these tickets that staff took by hand, and give back so."""
    places, taken = _places(tickets), cash_of_tickets(order_id)
    return sum((amount for place, amount in taken.items() if place in places), Decimal(0))


def _places(tickets: Collection[Ticket]) -> set[TicketPlace]:
    return {(ticket.order_item_id, ticket.position) for ticket in tickets}


def _sum_of_prices(tickets: Collection[Ticket]) -> Decimal:
    return sum((ticket.price for ticket in tickets), Decimal(0))


def _refund(
    order_id: UUID,
    ticket_ids: set[UUID] | None,
    by: _By,
    now: datetime,
    store_response: Callable[[], None],
) -> None:
    order = Order.objects.select_related("event").get(pk=order_id)
    returned, epoch = _take_back(order, ticket_ids, by, now, store_response)
    if returned and order.event.status == EventStatus.PUBLISHED:
        # Redis has no hold of a paid order any more, so the places are returned to its stock here.
        sell_again(event_id=order.event_id, epoch=epoch, quantities=returned)


@transaction.atomic(durable=True)
def _take_back(
    order: Order,
    ticket_ids: set[UUID] | None,
    by: _By,
    now: datetime,
    store_response: Callable[[], None],
) -> tuple[Counter[UUID], int]:
    """Return how many tickets of each type came back, and in which epoch of the stock."""
    share_event(order.event.number)
    refunded = _refund_open_tickets(order, ticket_ids, by, now)
    store_response()
    returned = Counter(ticket.ticket_type_id for ticket in refunded)
    if returned:
        # Last, so that these rows are locked briefly: every sale of the event updates them.
        return_sold(returned)
        send_after_commit(Message.RETURN_MONEY, order_id=order.pk)
    return returned, current_epoch(order.event_id)


def _refund_open_tickets(
    order: Order, ticket_ids: set[UUID] | None, by: _By, now: datetime
) -> list[Ticket]:
    """Refund those of the given tickets that are not refunded yet, and return them."""
    organizer_id = order.event.organizer_id
    # The lock prevents two refunds of one ticket: the second refund sees the first.
    order = Order.objects.select_for_update().get(pk=order.pk)
    by.check()
    tickets = list(Ticket.objects.of_order(order.pk).select_related("order_item"))
    if ticket_ids is not None and (foreign := ticket_ids - {ticket.pk for ticket in tickets}):
        raise TicketNotOfOrder(
            f"{len(foreign)} of the tickets do not belong to this order, or were replaced."
        )
    if order.status == OrderStatus.REFUNDED:
        return []
    if order.status != OrderStatus.PAID:
        raise OrderNotRefundable(f"The order is {order.status}. Only a paid order can be refunded.")
    open_tickets = [ticket for ticket in tickets if ticket.refunded_at is None]
    refunded = [ticket for ticket in open_tickets if ticket_ids is None or ticket.pk in ticket_ids]
    if not refunded:
        return []
    _end_tickets(refunded, now)
    by_hand = give_cash_back(order_id=order.pk, tickets=_places(refunded), now=now)
    whole = len(refunded) == len(open_tickets)
    if whole:
        refund = record_rest_as_refund(order_id=order.pk, now=now)
    else:
        owed = _sum_of_prices(refunded) - by_hand
        refund = record_partial_refund(order_id=order.pk, amount=owed, now=now)
    request_refund_notice(
        order=order,
        refund=refund,
        cash=by_hand,
        ticket_ids=[ticket.pk for ticket in refunded],
        now=now,
    )
    record_act(
        act=ActType.ORDER_REFUNDED if whole else ActType.ORDER_TICKETS_REFUNDED,
        actor=by.actor,
        subject_id=order.pk,
        organizer_id=organizer_id,
        at=now,
        details={
            "amount": str(refund.amount),
            "currency": order.currency,
            "tickets": [str(ticket.pk) for ticket in refunded],
            **({"cash": str(by_hand)} if by_hand else {}),
            **({"reason": by.reason} if by.reason else {}),
        },
    )
    return refunded


def _end_tickets(refunded: list[Ticket], now: datetime) -> None:
    rows = Ticket.objects.filter(pk__in=[ticket.pk for ticket in refunded])
    rows.update(refunded_at=now, status=TicketStatus.REVOKED)
    rows.filter(revoked_at=None).update(revoked_at=now)
    count_returned(Counter(ticket.order_item_id for ticket in refunded))
