"""Finishing the cancellation of an event: its reservations end, and its money goes back."""

from datetime import timedelta

import pytest

from events.models import Event
from orders.models import Order
from tests.make import SOMEBODY, make_event, make_paid_order, make_reserved_order
from tests.moments import NOON
from tests.queue import RecordingQueue
from ticketing.models import Act
from ticketing.queue.messages import Message
from tickets import event_cancellation
from tickets.event_cancellation import finish_event_cancellation
from tickets.refund import refund_order

pytestmark = pytest.mark.django_db(transaction=True)


def statuses() -> dict[object, str]:
    return dict(Order.objects.values_list("pk", "status"))


def test_reservations_end_in_batches_and_each_paid_order_gets_a_refund_of_its_own(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(event_cancellation, "BATCH", 2)
    event = make_event()
    kind = event.ticket_types.get()
    reserved = [make_reserved_order(ticket_type=kind) for _ in range(3)]
    paid = [make_paid_order(ticket_type=kind) for _ in range(3)]
    others = [make_reserved_order(), make_paid_order()]
    for order in others:
        # Cancelled too: its own message finishes it.
        Event.objects.filter(pk=order.event_id).update(status="cancelled", cancelled_at=NOON)
    # The first orders get their money first.
    for minutes, order in enumerate(paid):
        created_at = order.created_at - timedelta(minutes=minutes)
        Order.objects.filter(pk=order.pk).update(created_at=created_at)
    Event.objects.filter(pk=event.pk).update(status="cancelled", cancelled_at=NOON)
    before = statuses()
    queue.sent.clear()

    finish_event_cancellation(event_id=event.pk, now=NOON)

    cancelled = {order.pk: "cancelled" for order in reserved}
    assert statuses() == before | cancelled
    assert {before[order.pk] for order in others} == {"reserved", "paid"}
    assert queue.sent == [
        (Message.REFUND_ORDER, {"order_id": str(order.pk)}) for order in (paid[2], paid[1])
    ]
    acts = Act.objects.filter(type="order.cancelled")
    assert {act.subject_id for act in acts} == set(cancelled)
    assert {(act.actor_kind, act.actor_id, act.actor_name) for act in acts} == {
        ("system", str(event.pk), "event.cancelled")
    }
    event.refresh_from_db()
    assert event.wound_up_at is None


def test_it_is_finished_when_no_order_is_open(queue: RecordingQueue):
    order, elsewhere = make_paid_order(), make_paid_order()
    Event.objects.filter(pk=order.event_id).update(status="cancelled", cancelled_at=NOON)
    refund_order(order_id=order.pk, actor=SOMEBODY, now=NOON)
    queue.sent.clear()

    finish_event_cancellation(event_id=order.event_id, now=NOON + timedelta(minutes=1))

    assert queue.sent == []
    wound_up = dict(Event.objects.values_list("pk", "wound_up_at"))
    assert wound_up == {order.event_id: NOON + timedelta(minutes=1), elsewhere.event_id: None}


def test_the_orders_of_an_event_that_was_not_cancelled_stay(queue: RecordingQueue):
    event = make_event()
    make_reserved_order(ticket_type=event.ticket_types.get())
    make_paid_order(ticket_type=event.ticket_types.get())
    before = statuses()
    queue.sent.clear()

    finish_event_cancellation(event_id=event.pk, now=NOON)

    event.refresh_from_db()
    assert (statuses(), queue.sent, event.wound_up_at) == (before, [], None)
