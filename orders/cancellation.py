"""Cancel reservations that are not paid, and put their tickets back on sale."""

from collections.abc import Callable, Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from events.models import Event
from events.stock.holds import release_holds
from orders.models import Order, OrderStatus
from orders.state import move_order, move_orders
from ticketing.actors import Actor, record_act, record_acts
from ticketing.errors import Conflict
from ticketing.models import ActType


class OrderNotCancellable(Conflict):
    """The order is not a reservation any more. Only reservations can be cancelled."""

    code = "order_not_cancellable"
    title = "This order cannot be cancelled"


def cancel_order(
    *,
    order_id: UUID,
    actor: Actor,
    now: datetime,
    store_response: Callable[[], None] = lambda: None,
) -> None:
    """
    Cancel a reservation and put its tickets back on sale. A repeat changes nothing.

    `store_response` stores the response in the same transaction.

    :raises OrderNotCancellable: if the order is paid, being paid for, or expired
    """
    event_id = _cancel(order_id, actor, now, store_response)
    release_holds(event_id=event_id, order_ids=[order_id])


def cancel_reservations(
    *, event: Event, order_ids: Collection[UUID], actor: Actor, now: datetime
) -> None:
    """Cancel those of the given orders that are still reservations. The others do not change."""
    _cancel_all(event, order_ids, actor, now)
    cancelled = Order.objects.filter(pk__in=order_ids, status=OrderStatus.CANCELLED)
    release_holds(event_id=event.pk, order_ids=cancelled.values_list("pk", flat=True))


@transaction.atomic(durable=True)
def _cancel(
    order_id: UUID, actor: Actor, now: datetime, store_response: Callable[[], None]
) -> UUID:
    moved = move_order(
        order_id, was=OrderStatus.RESERVED, becomes=OrderStatus.CANCELLED, closed_at=now
    )
    order = Order.objects.select_related("event").get(pk=order_id)
    if order.status != OrderStatus.CANCELLED:
        raise OrderNotCancellable(
            f"The order is {order.status}. Only a reservation can be cancelled."
        )
    if moved:
        record_act(
            act=ActType.ORDER_CANCELLED,
            actor=actor,
            subject_id=order_id,
            organizer_id=order.event.organizer_id,
            at=now,
        )
    store_response()
    return order.event_id


@transaction.atomic(durable=True)
def _cancel_all(event: Event, order_ids: Collection[UUID], actor: Actor, now: datetime) -> None:
    # Lock the rows first: an order that is paid or cancelled concurrently must not get an act.
    reserved = Order.objects.filter(pk__in=order_ids, status=OrderStatus.RESERVED)
    locked = list(reserved.select_for_update().order_by("pk").values_list("pk", flat=True))
    move_orders(locked, was=OrderStatus.RESERVED, becomes=OrderStatus.CANCELLED, closed_at=now)
    record_acts(
        act=ActType.ORDER_CANCELLED,
        actor=actor,
        subject_ids=locked,
        organizer_id=event.organizer_id,
        at=now,
    )
