"""Asking again for what still waits. SQS may lose a message, but not the row that asks for it."""

from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.db.models import QuerySet

from events.models import Event, EventStatus
from orders.email_confirmation import EmailConfirmation
from orders.models import Payment, PaymentStatus, Refund
from ticketing.queue.messages import Message, next_ask, send_after_commit
from tickets.models import Delivery

BATCH = 500

Asking = TypeVar("Asking", Payment, Refund, Delivery, EmailConfirmation)


@transaction.atomic(durable=True)
def ask_again(*, now: datetime) -> int:
    """
    Send once more what was asked for long ago and has no answer. Return how many messages.

    Each row waits longer than the time before, so that a slow worker is not flooded.
    """
    asked = 0
    for payment in _overdue(Payment.objects.filter(status=PaymentStatus.PENDING), now):
        send_after_commit(Message.SETTLE_ORDER, order_id=payment.order_id)
        asked += 1
    # A charge may have landed after the payment failed, in a worker that died before it looked.
    failed = Payment.objects.filter(undo_at__isnull=False, undone_at=None)
    for payment in _overdue(failed, now):
        send_after_commit(Message.SETTLE_ORDER, order_id=payment.order_id)
        asked += 1
    owed = Refund.objects.filter(refunded_at=None).select_related("payment")
    for refund in _overdue(owed, now):
        send_after_commit(Message.RETURN_MONEY, order_id=refund.payment.order_id)
        asked += 1
    for delivery in _overdue(Delivery.objects.filter(sent_at=None, failed_at=None), now):
        stored = delivery.codes_stored_at is not None
        message = Message.DELIVER_TICKETS if stored else Message.ISSUE_CODES
        send_after_commit(message, order_id=delivery.order_id)
        asked += 1
    unconfirmed = EmailConfirmation.objects.filter(sent_at=None, failed_at=None, confirmed_at=None)
    for confirmation in _overdue(unconfirmed, now):
        send_after_commit(Message.SEND_CONFIRMATION, order_id=confirmation.order_id)
        asked += 1
    unfinished = Event.objects.filter(status=EventStatus.CANCELLED, wound_up_at=None)
    for event_id in unfinished.order_by("cancelled_at").values_list("pk", flat=True)[:BATCH]:
        send_after_commit(Message.WIND_UP_EVENT, event_id=event_id)
        asked += 1
    return asked


def _overdue(rows: QuerySet[Asking], now: datetime) -> list[Asking]:
    # Two sweeps at once share the work: each takes rows that the other has not.
    waiting = rows.filter(ask_again_at__lte=now).order_by("ask_again_at")
    overdue = list(waiting.select_for_update(skip_locked=True, of=("self",))[:BATCH])
    for row in overdue:
        row.asks += 1
        row.ask_again_at = next_ask(row.asks, now=now)
    rows.bulk_update(overdue, ["asks", "ask_again_at"])
    return overdue
