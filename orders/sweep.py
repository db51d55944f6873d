"""Send the messages of orders again whose charge, undo, refund or confirmation is overdue."""

from datetime import datetime

from orders.email_confirmation import EmailConfirmation
from orders.guest_list_record import GuestList, GuestListState
from orders.models import Payment, PaymentStatus, Refund
from ticketing.queue.messages import Message, send_after_commit
from ticketing.queue.overdue import take_overdue


def resend_order_messages(*, now: datetime) -> int:
    """
    Send the message again for each row that still waits. Return the number of messages.

    The sweep calls it, and it runs in the caller's transaction.
    """
    sent = 0
    for payment in take_overdue(Payment.objects.filter(status=PaymentStatus.PENDING), now=now):
        send_after_commit(Message.SETTLE_ORDER, order_id=payment.order_id)
        sent += 1
    # A worker may have charged after the payment failed, and died before it noticed. Settling the
    # order again undoes the charge.
    failed = Payment.objects.filter(undo_at__isnull=False, undone_at=None)
    for payment in take_overdue(failed, now=now):
        send_after_commit(Message.SETTLE_ORDER, order_id=payment.order_id)
        sent += 1
    owed = Refund.objects.filter(refunded_at=None).select_related("payment")
    for refund in take_overdue(owed, now=now):
        send_after_commit(Message.RETURN_MONEY, order_id=refund.payment.order_id)
        sent += 1
    unconfirmed = EmailConfirmation.objects.filter(sent_at=None, failed_at=None, confirmed_at=None)
    for confirmation in take_overdue(unconfirmed, now=now):
        send_after_commit(Message.SEND_CONFIRMATION, order_id=confirmation.order_id)
        sent += 1
    selling = GuestList.objects.filter(state=GuestListState.SELLING)
    for guests in take_overdue(selling, now=now):
        send_after_commit(Message.SELL_GUEST_LIST, guest_list_id=guests.pk)
        sent += 1
    return sent
