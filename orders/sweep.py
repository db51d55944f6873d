"""Asking again for what orders still wait for: charges, undone charges, refunds, confirmations."""

from datetime import datetime

from orders.email_confirmation import EmailConfirmation
from orders.models import Payment, PaymentStatus, Refund
from ticketing.queue.messages import Message, send_after_commit
from ticketing.queue.overdue import take_overdue


def ask_again_for_orders(*, now: datetime) -> int:
    """
    Send once more what orders asked for long ago. Return how many messages.

    It is a part of its caller's transaction.
    """
    asked = 0
    for payment in take_overdue(Payment.objects.filter(status=PaymentStatus.PENDING), now=now):
        send_after_commit(Message.SETTLE_ORDER, order_id=payment.order_id)
        asked += 1
    # A charge may have landed after the payment failed, in a worker that died before it looked.
    failed = Payment.objects.filter(undo_at__isnull=False, undone_at=None)
    for payment in take_overdue(failed, now=now):
        send_after_commit(Message.SETTLE_ORDER, order_id=payment.order_id)
        asked += 1
    owed = Refund.objects.filter(refunded_at=None).select_related("payment")
    for refund in take_overdue(owed, now=now):
        send_after_commit(Message.RETURN_MONEY, order_id=refund.payment.order_id)
        asked += 1
    unconfirmed = EmailConfirmation.objects.filter(sent_at=None, failed_at=None, confirmed_at=None)
    for confirmation in take_overdue(unconfirmed, now=now):
        send_after_commit(Message.SEND_CONFIRMATION, order_id=confirmation.order_id)
        asked += 1
    return asked
