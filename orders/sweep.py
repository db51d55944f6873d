"""Send the messages of orders again whose charge, Pix, refund or confirmation is overdue."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from orders.email_confirmation import EmailConfirmation
from orders.guest_list_record import GuestList, GuestListState
from orders.models import Payment, PaymentStatus, PixCharge, PixState, Refund
from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from ticketing.queue.overdue import take_overdue


def resend_order_messages(*, now: datetime) -> int:
    """
    Send the message again for each row that still waits. Return the number of messages.

    The sweep calls it, and it runs in the caller's transaction.
    """
    sent = 0
    for message, rows, order_path in _waiting_rows():
        for row in take_overdue(rows, now=now):
            send_after_commit(message, order_id=_follow(row, order_path))
            sent += 1
    selling = GuestList.objects.filter(state=GuestListState.SELLING)
    for guests in take_overdue(selling, now=now):
        send_after_commit(Message.SELL_GUEST_LIST, guest_list_id=guests.pk)
        sent += 1
    return sent


def waiting_messages_of(order_id: UUID) -> set[Message]:
    """Return the messages of the rows of one order that still wait, overdue or not."""
    return {message for message, rows in _waiting_rows_of(order_id) if rows.exists()}


def resend_messages_of(*, order_id: UUID, now: datetime) -> int:
    """
    Send the messages of one order's waiting rows now. Return the number of messages.

    It runs in the caller's transaction. The sweep then waits again as after a first message.
    """
    messages = set()
    for message, rows in _waiting_rows_of(order_id):
        if rows.update(asks=0, ask_again_at=next_retry_at(0, now=now)):
            messages.add(message)
    for message in sorted(messages):
        send_after_commit(message, order_id=order_id)
    return len(messages)


def _waiting_rows() -> Iterator[tuple[Message, QuerySet[Any], str]]:
    """Yield each message with the rows that ask for it, and the path from a row to its order."""
    payments = Payment.objects
    yield Message.SETTLE_ORDER, payments.filter(status=PaymentStatus.PENDING), "order_id"
    # A worker may have charged after the payment failed, and died before it noticed. Settling the
    # order again undoes the charge.
    failed = payments.filter(undo_at__isnull=False, undone_at=None)
    yield Message.SETTLE_ORDER, failed, "order_id"
    owed = Refund.objects.filter(refunded_at=None).select_related("payment")
    yield Message.RETURN_MONEY, owed, "payment__order_id"
    # The notification of a Pix may be lost. Asking the gateway finds its money.
    pix = PixCharge.objects.filter(state__in=[PixState.WAITING, PixState.RETURNING])
    yield Message.SETTLE_PIX, pix, "order_id"
    confirmations = EmailConfirmation.objects
    unconfirmed = confirmations.filter(sent_at=None, failed_at=None, confirmed_at=None)
    yield Message.SEND_CONFIRMATION, unconfirmed, "order_id"


def _waiting_rows_of(order_id: UUID) -> Iterator[tuple[Message, QuerySet[Any]]]:
    for message, rows, order_path in _waiting_rows():
        yield message, rows.filter(**{order_path: order_id})


def _follow(row: Any, path: str) -> UUID:
    for name in path.split("__"):
        row = getattr(row, name)
    found: UUID = row
    return found
