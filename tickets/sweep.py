"""The sweep: SQS may lose a message, so the message of each row that still waits is sent again."""

from datetime import datetime

from django.db import transaction

from events.changes_for_buyers import resend_change_messages
from events.invitations import invitations_to_send
from events.models import Event, EventStatus
from orders.sweep import resend_order_messages
from ticketing.models import PasswordResetRequest
from ticketing.queue.messages import Message, send_after_commit
from ticketing.queue.overdue import BATCH, take_overdue
from ticketing.sign_in.account_mail import account_mails_to_send
from tickets.mail_request import next_message
from tickets.models import Delivery, OrderListMail, TransferMail
from tickets.notices.member_models import MemberNotice
from tickets.notices.models import Notice
from tickets.notices.reminder_models import Reminder


@transaction.atomic(durable=True)
def retry_waiting_work(*, now: datetime) -> int:
    """Send the messages of overdue work again. Return how many were sent."""
    sent = resend_order_messages(now=now) + resend_change_messages(now=now)
    for delivery in take_overdue(Delivery.objects.filter(sent_at=None, failed_at=None), now=now):
        send_after_commit(next_message(delivery), order_id=delivery.order_id)
        sent += 1
    for notice in take_overdue(Notice.objects.filter(sent_at=None, failed_at=None), now=now):
        send_after_commit(Message.SEND_NOTICE, notice_id=notice.pk)
        sent += 1
    asking = MemberNotice.objects.filter(sent_at=None, failed_at=None)
    for to_member in take_overdue(asking, now=now):
        send_after_commit(Message.SEND_MEMBER_NOTICE, notice_id=to_member.pk)
        sent += 1
    for reminder in take_overdue(Reminder.objects.filter(sent_at=None, failed_at=None), now=now):
        send_after_commit(Message.SEND_REMINDER, order_id=reminder.pk)
        sent += 1
    transfers = TransferMail.objects.filter(sent_at=None, failed_at=None)
    for about in take_overdue(transfers, now=now):
        send_after_commit(Message.SEND_TRANSFER_MAIL, mail_id=about.pk)
        sent += 1
    for asked in take_overdue(OrderListMail.objects.filter(sent_at=None, failed_at=None), now=now):
        send_after_commit(Message.SEND_ORDER_LIST, list_id=asked.pk)
        sent += 1
    for invitation in take_overdue(invitations_to_send(now=now), now=now):
        send_after_commit(Message.SEND_INVITATION, invitation_id=invitation.pk)
        sent += 1
    for request in take_overdue(PasswordResetRequest.objects.all(), now=now):
        send_after_commit(Message.ANSWER_PASSWORD_RESET, reset_id=request.pk)
        sent += 1
    for mail in take_overdue(account_mails_to_send(), now=now):
        send_after_commit(Message.SEND_ACCOUNT_MAIL, mail_id=mail.pk)
        sent += 1
    unfinished = Event.objects.filter(status=EventStatus.CANCELLED, wound_up_at=None)
    for event_id in unfinished.order_by("cancelled_at").values_list("pk", flat=True)[:BATCH]:
        send_after_commit(Message.FINISH_EVENT_CANCELLATION, event_id=event_id)
        sent += 1
    return sent
