"""What follows when an event is cancelled: reservations end, buyers get their money back."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from events.models import Event, EventStatus
from events.organizing import note_cancellation_finished
from orders.cancellation import cancel_reservations
from orders.models import Order, OrderStatus
from ticketing.actors import system_actor
from ticketing.models import ActType
from ticketing.queue.messages import Message, send_after_commit

BATCH = 500


def finish_event_cancellation(*, event_id: UUID, now: datetime) -> None:
    """
    End what a cancelled event still has open, and note when nothing is left.

    Each refund is a message of its own, so that one that fails holds no other up. What still is
    `processing` is declined by its own settlement. Until all is done, the sweep asks again.
    """
    orders = Order.objects.filter(event_id=event_id, event__status=EventStatus.CANCELLED)
    reserved = orders.filter(status=OrderStatus.RESERVED)
    event = Event.objects.get(pk=event_id)
    cause = system_actor(ActType.EVENT_CANCELLED, about=event_id)
    while batch := list(reserved.values_list("pk", flat=True)[:BATCH]):
        cancel_reservations(event=event, order_ids=batch, actor=cause, now=now)
    paid = orders.filter(status=OrderStatus.PAID).order_by("created_at")
    with transaction.atomic(durable=True):
        for order_id in paid.values_list("pk", flat=True)[:BATCH]:
            send_after_commit(Message.REFUND_ORDER, order_id=order_id)
    still_open = [OrderStatus.RESERVED, OrderStatus.PROCESSING, OrderStatus.PAID]
    if not orders.filter(status__in=still_open).exists():
        note_cancellation_finished(event_id=event_id, now=now)
