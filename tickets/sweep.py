"""The sweep: SQS may lose a message, so the message of each row that still waits is sent again."""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from events.changes_for_buyers import resend_change_messages
from events.invitations import invitations_to_send
from events.models import Event, EventStatus
from orders.sweep import resend_order_messages
from ticketing.models import PasswordResetRequest
from ticketing.queue.messages import Message, send_after_commit
from ticketing.queue.overdue import BATCH, Asking, take_overdue
from ticketing.sign_in.account_mail import account_mails_to_send
from tickets.mail_request import next_message
from tickets.models import Delivery, OrderListMail, RefundRequest, TransferMail
from tickets.notices.member_models import MemberNotice
from tickets.notices.models import Notice
from tickets.notices.reminder_models import Reminder
from tickets.outgoing import OutgoingMail

# Rows that ask for one mail each: the message that sends it, and the name of its id.
_MAILS: Final[tuple[tuple[type[OutgoingMail], Message, str], ...]] = (
    (Notice, Message.SEND_NOTICE, "notice_id"),
    (MemberNotice, Message.SEND_MEMBER_NOTICE, "notice_id"),
    (Reminder, Message.SEND_REMINDER, "order_id"),
    (TransferMail, Message.SEND_TRANSFER_MAIL, "mail_id"),
    (RefundRequest, Message.SEND_REFUND_REQUEST, "refund_request_id"),
    (OrderListMail, Message.SEND_ORDER_LIST, "list_id"),
)


@transaction.atomic(durable=True)
def retry_waiting_work(*, now: datetime) -> int:
    """Send the messages of overdue work again. Return how many were sent."""
    sent = resend_order_messages(now=now) + resend_change_messages(now=now)
    for delivery in take_overdue(Delivery.objects.filter(sent_at=None, failed_at=None), now=now):
        send_after_commit(next_message(delivery), order_id=delivery.order_id)
        sent += 1
    for rows, message, name in _MAILS:
        asking = rows._default_manager.filter(sent_at=None, failed_at=None)  # noqa: SLF001 - as Django does
        sent += _resend(asking, message, name, now)
    sent += _resend(invitations_to_send(now=now), Message.SEND_INVITATION, "invitation_id", now)
    asked = PasswordResetRequest.objects.all()
    sent += _resend(asked, Message.ANSWER_PASSWORD_RESET, "reset_id", now)
    sent += _resend(account_mails_to_send(), Message.SEND_ACCOUNT_MAIL, "mail_id", now)
    unfinished = Event.objects.filter(status=EventStatus.CANCELLED, wound_up_at=None)
    for event_id in unfinished.order_by("cancelled_at").values_list("pk", flat=True)[:BATCH]:
        send_after_commit(Message.FINISH_EVENT_CANCELLATION, event_id=event_id)
        sent += 1
    return sent


def _resend(rows: QuerySet[Asking], message: Message, name: str, now: datetime) -> int:
    overdue = take_overdue(rows, now=now)
    for row in overdue:
        send_after_commit(message, **{name: row.pk})
    return len(overdue)
