"""The Celery tasks. Each unpacks its message, reads the clock, and calls one verb."""

from uuid import UUID

from celery import shared_task

from events.invitations import forget_invitations, send_invitation
from events.stock.audit import audit_stock
from orders.confirmation import send_confirmation
from orders.expiry import BATCH as EXPIRY_BATCH
from orders.expiry import (
    expire_reservations,
    forget_dropped_holds,
    settle_overdue_holds_everywhere,
)
from orders.guest_lists import forget_guest_lists, sell_guest_list
from orders.limits import forget_addresses
from orders.pix import settle_pix
from orders.refunds import return_money
from orders.sales_summary import summarize_sales
from ticketing import clock
from ticketing.api.idempotency import delete_old_responses
from ticketing.mail_limit import forget_booked_mails
from ticketing.pages.lockout import forget_failed_sign_ins, forget_sessions
from ticketing.queue.dead_letters import collect_dead_letters, forget_failures
from ticketing.queue.messages import Message, handles
from ticketing.sign_in.account_mail import forget_account_mails, send_account_mail
from ticketing.sign_in.passwords import answer_password_reset
from tickets.delivery import deliver_tickets
from tickets.event_cancellation import finish_event_cancellation
from tickets.issue import issue_codes
from tickets.notices.member_sending import send_member_notice
from tickets.notices.news import (
    forget_member_notices,
    look_for_news,
    write_daily_summaries,
)
from tickets.notices.reminders import send_reminder, write_due_reminders
from tickets.notices.requests import (
    request_change_notices,
    request_pix_notice,
    send_refund_notices,
)
from tickets.notices.sending import send_notice
from tickets.order_list import forget_order_lists, send_order_list
from tickets.refund import refund_order_of_cancelled_event
from tickets.refund_requests import send_refund_request
from tickets.reports.schedule import make_due_reports
from tickets.reports.writing import resend_export_messages, write_export
from tickets.retention import erase_old_data
from tickets.scan_summary import summarize_scans
from tickets.settlement import settle_order
from tickets.sweep import retry_waiting_work
from tickets.transfers.sending import send_transfer_mail
from tickets.webhooks.sending import forget_webhooks, send_webhooks
from tickets.webhooks.turns import find_due_webhooks


@handles(Message.SETTLE_ORDER)
def settle_order_task(*, order_id: str) -> None:
    settle_order(order_id=UUID(order_id), now=clock.now())


@handles(Message.SETTLE_PIX)
def settle_pix_task(*, order_id: str) -> None:
    # First, because nothing asks for it any more once the money was returned.
    request_pix_notice(order_id=UUID(order_id), now=clock.now())
    settle_pix(order_id=UUID(order_id), now=clock.now())


@handles(Message.ISSUE_CODES)
def issue_codes_task(*, order_id: str) -> None:
    issue_codes(order_id=UUID(order_id), now=clock.now())


@handles(Message.DELIVER_TICKETS)
def deliver_tickets_task(*, order_id: str) -> None:
    deliver_tickets(order_id=UUID(order_id), now=clock.now())


@handles(Message.SEND_CONFIRMATION)
def send_confirmation_task(*, order_id: str) -> None:
    send_confirmation(order_id=UUID(order_id), now=clock.now())


@handles(Message.SEND_INVITATION)
def send_invitation_task(*, invitation_id: str) -> None:
    send_invitation(invitation_id=UUID(invitation_id), now=clock.now())


@handles(Message.ANSWER_PASSWORD_RESET)
def answer_password_reset_task(*, reset_id: str) -> None:
    answer_password_reset(reset_id=UUID(reset_id), now=clock.now())


@handles(Message.SEND_ACCOUNT_MAIL)
def send_account_mail_task(*, mail_id: str) -> None:
    send_account_mail(mail_id=UUID(mail_id), now=clock.now())


@handles(Message.REFUND_ORDER)
def refund_order_task(*, order_id: str) -> None:
    refund_order_of_cancelled_event(order_id=UUID(order_id), now=clock.now())


@handles(Message.RETURN_MONEY)
def return_money_task(*, order_id: str) -> None:
    return_money(order_id=UUID(order_id), now=clock.now())
    send_refund_notices(order_id=UUID(order_id))


@handles(Message.FINISH_EVENT_CANCELLATION)
def finish_event_cancellation_task(*, event_id: str) -> None:
    finish_event_cancellation(event_id=UUID(event_id), now=clock.now())


@handles(Message.TELL_BUYERS_OF_CHANGE)
def tell_buyers_of_change_task(*, change_id: str) -> None:
    request_change_notices(change_id=UUID(change_id), now=clock.now())


@handles(Message.SEND_NOTICE)
def send_notice_task(*, notice_id: str) -> None:
    send_notice(notice_id=UUID(notice_id), now=clock.now())


@handles(Message.WRITE_EXPORT)
def write_export_task(*, export_id: str) -> None:
    write_export(export_id=UUID(export_id), now=clock.now())


@handles(Message.SEND_MEMBER_NOTICE)
def send_member_notice_task(*, notice_id: str) -> None:
    send_member_notice(notice_id=UUID(notice_id), now=clock.now())


@handles(Message.SEND_REMINDER)
def send_reminder_task(*, order_id: str) -> None:
    send_reminder(order_id=UUID(order_id), now=clock.now())


@handles(Message.SEND_TRANSFER_MAIL)
def send_transfer_mail_task(*, mail_id: str) -> None:
    send_transfer_mail(mail_id=UUID(mail_id), now=clock.now())


@handles(Message.SEND_REFUND_REQUEST)
def send_refund_request_task(*, refund_request_id: str) -> None:
    send_refund_request(refund_request_id=UUID(refund_request_id), now=clock.now())


@handles(Message.SEND_ORDER_LIST)
def send_order_list_task(*, list_id: str) -> None:
    send_order_list(list_id=UUID(list_id), now=clock.now())


@handles(Message.SELL_GUEST_LIST)
def sell_guest_list_task(*, guest_list_id: str) -> None:
    sell_guest_list(guest_list_id=UUID(guest_list_id), now=clock.now())


@handles(Message.SEND_WEBHOOKS)
def send_webhooks_task(*, endpoint_id: str) -> None:
    send_webhooks(endpoint_id=UUID(endpoint_id), now=clock.now())


@shared_task(name="tickets.find_webhooks", ignore_result=True)
def find_webhooks_task() -> None:
    find_due_webhooks(now=clock.now())


@shared_task(name="tickets.make_reports", ignore_result=True)
def make_due_reports_task() -> None:
    make_due_reports(now=clock.now())


@shared_task(name="tickets.expire", ignore_result=True)
def expire_task() -> None:
    """Expire reservations in PostgreSQL, which needs no Redis; then settle overdue holds."""
    while expire_reservations(now=clock.now()) == EXPIRY_BATCH:
        pass
    settle_overdue_holds_everywhere(now=clock.now())


@shared_task(name="tickets.ask_again", ignore_result=True)
def retry_waiting_work_task() -> None:
    now = clock.now()
    retry_waiting_work(now=now)
    resend_export_messages(now=now)


@shared_task(name="tickets.audit", ignore_result=True)
def audit_task() -> None:
    audit_stock(now=clock.now())


@shared_task(name="tickets.summarize", ignore_result=True)
def summarize_task() -> None:
    """Write the figures of the quarters of an hour that have ended."""
    summarize_sales(now=clock.now())
    summarize_scans(now=clock.now())


@shared_task(name="tickets.tell_members", ignore_result=True)
def tell_members_task() -> None:
    look_for_news(now=clock.now())
    write_daily_summaries(now=clock.now())


@shared_task(name="tickets.remind", ignore_result=True)
def remind_task() -> None:
    write_due_reminders(now=clock.now())


@shared_task(name="tickets.forget", ignore_result=True)
def forget_task() -> None:
    now = clock.now()
    forget_dropped_holds(now=now)
    forget_addresses(now=now)
    forget_guest_lists(now=now)
    forget_failures(now=now)
    delete_old_responses()
    forget_webhooks(now=now)
    forget_failed_sign_ins(now=now)
    forget_booked_mails(now=now)
    forget_member_notices(now=now)
    forget_invitations(now=now)
    forget_order_lists(now=now)
    forget_account_mails(now=now)
    forget_sessions(now=now)


@shared_task(name="tickets.erase_old_data", ignore_result=True)
def erase_old_data_task() -> None:
    erase_old_data(now=clock.now())


@shared_task(name="tickets.collect_dead_letters", ignore_result=True)
def collect_dead_letters_task() -> None:
    collect_dead_letters(now=clock.now())
