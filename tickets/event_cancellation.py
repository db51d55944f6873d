"""Finish an event cancellation: cancel the event's reservations, refund its paid orders."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from events.models import Event, EventStatus
from events.organizing import note_cancellation_finished
from orders.cancellation import cancel_reservations
from orders.models import OPEN_STATUSES, Order, OrderStatus
from ticketing.actors import system_actor
from ticketing.models import ActType
from ticketing.queue.messages import Message, send_after_commit

BATCH = 500


def finish_event_cancellation(*, event_id: UUID, now: datetime) -> None:
    """
    Cancel a cancelled event's reservations, request its refunds, and note when no order is open.

    Each refund has a message of its own, so that one that fails does not delay the others. An order
    that is `processing` is declined by its settlement. The sweep sends the message of this function
    again until no order is open.
    """
    orders = Order.objects.filter(event_id=event_id, event__status=EventStatus.CANCELLED)
    reserved = orders.filter(status=OrderStatus.RESERVED)
    event = Event.objects.get(pk=event_id)
    actor = system_actor(ActType.EVENT_CANCELLED, about=event_id)
    while batch := list(reserved.values_list("pk", flat=True)[:BATCH]):
        cancel_reservations(event=event, order_ids=batch, actor=actor, now=now)
    paid = orders.filter(status=OrderStatus.PAID).order_by("created_at")
    with transaction.atomic(durable=True):
        for order_id in paid.values_list("pk", flat=True)[:BATCH]:
            send_after_commit(Message.REFUND_ORDER, order_id=order_id)
    if not orders.filter(status__in=OPEN_STATUSES).exists():
        note_cancellation_finished(event_id=event_id, now=now)
