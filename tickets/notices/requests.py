"""Request notices: write the row that asks for the mail, in the transaction of its cause."""

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from events.changes_for_buyers import note_buyers_told
from events.models import ChangeForBuyers, Event, EventStatus
from orders.models import Order, OrderStatus, PixCharge, PixState, Refund
from ticketing.actors import Actor, record_act
from ticketing.models import ActType
from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from tickets.mail_request import mail_new_holders, new_mail_request
from tickets.models import Ticket, TicketStatus, TransferMailKind
from tickets.notices.models import Notice, NoticeKind

# Rows in one transaction: their messages leave one by one after its commit, within the time limit
# of a task.
BATCH = 500
# A buyer who tries again at once needs no mail about the first attempt.
_UNTIL_DECLINE_IS_TOLD = timedelta(minutes=5)


def request_refund_notice(
    *, order: Order, refund: Refund, cash: Decimal, ticket_ids: Collection[UUID], now: datetime
) -> None:
    """
    Ask for the mail about a refund, in the transaction that refunds, with the event locked.

    If the event was cancelled, the mail is about that, and leaves at once. Otherwise it leaves when
    the money was returned: `send_refund_notices`. `cash` is what staff give back by hand besides.
    """
    cancelled = Event.objects.filter(pk=order.event_id, status=EventStatus.CANCELLED).exists()
    notice = Notice.objects.create(
        kind=NoticeKind.EVENT_CANCELLED if cancelled else NoticeKind.REFUND,
        order=order,
        cause=refund.pk,
        details={
            "amount": str(refund.amount),
            "tickets": [str(pk) for pk in ticket_ids],
            **({"cash": str(cash)} if cash else {}),
        },
        asked_at=now,
        ask_again_at=next_retry_at(0, now=now),
    )
    if cancelled:
        send_after_commit(Message.SEND_NOTICE, notice_id=notice.pk)
    refunded = Ticket.objects.filter(pk__in=ticket_ids)
    mail_new_holders(refunded, TransferMailKind.ENDED, now=now)


@transaction.atomic(durable=True)
def send_refund_notices(*, order_id: UUID) -> None:
    """Send the messages of an order's notices about money that was returned since."""
    waiting = Notice.objects.filter(
        order_id=order_id, kind=NoticeKind.REFUND, sent_at=None, failed_at=None
    )
    returned = Refund.objects.filter(pk=OuterRef("cause"), refunded_at__isnull=False)
    for notice_id in waiting.filter(Exists(returned)).values_list("pk", flat=True):
        send_after_commit(Message.SEND_NOTICE, notice_id=notice_id)


def request_decline_notice(*, order_id: UUID, now: datetime) -> None:
    """
    Ask for the mail about a declined payment, in the transaction that records it.

    The mail leaves a few minutes later, by the sweep, unless the buyer has come back by then.
    """
    later = now + _UNTIL_DECLINE_IS_TOLD
    Notice.objects.create(
        kind=NoticeKind.PAYMENT_DECLINED,
        order_id=order_id,
        cause=order_id,
        asked_at=later,
        ask_again_at=later,
    )


def request_pix_notice(*, order_id: UUID, now: datetime) -> None:
    """Ask for the mail about a Pix that is owed back, if it is. A repeat asks for nothing."""
    if not PixCharge.objects.filter(pk=order_id, state=PixState.RETURNING).exists():
        return
    new = Notice(
        kind=NoticeKind.PIX_RETURNED,
        order_id=order_id,
        cause=order_id,
        asked_at=now,
        ask_again_at=next_retry_at(0, now=now),
    )
    Notice.objects.bulk_create([new], ignore_conflicts=True)


def request_change_notices(*, change_id: UUID, now: datetime) -> None:
    """
    Ask for the mails about a change of an event: one for each order that was paid before it.

    One call writes a batch. The message is sent again until each order has its row; the sweep sends
    it too. A repeat writes nothing twice.
    """
    with transaction.atomic(durable=True):
        # The lock makes a repeated message wait, so that no two write the same batch.
        change = ChangeForBuyers.objects.select_for_update().get(pk=change_id)
        if change.told_at is None:
            _write_change_notices(change, now)


@transaction.atomic(durable=True)
def resend_notice(*, notice_id: UUID, actor: Actor, now: datetime) -> None:
    """Send a notice to its buyer again, whether it was sent or given up before."""
    notices = Notice.objects.filter(pk=notice_id)
    notices.update(**new_mail_request(now=now))
    order = Order.objects.select_related("event").get(notices=notice_id)
    record_act(
        act=ActType.ORDER_NOTICE_RESENT,
        actor=actor,
        subject_id=order.pk,
        organizer_id=order.event.organizer_id,
        at=now,
    )
    send_after_commit(Message.SEND_NOTICE, notice_id=notice_id)


def request_unsent_notices_anew(*, order_id: UUID, now: datetime) -> None:
    """Ask for an order's unsent notices again, for a new address, in the caller's transaction."""
    unsent = Notice.objects.filter(order_id=order_id, sent_at=None)
    # `goes_at` comes from the mail limit of the old address. The new address has its own limit.
    unsent.update(**new_mail_request(now=now), goes_at=None)
    for notice_id in unsent.values_list("pk", flat=True):
        send_after_commit(Message.SEND_NOTICE, notice_id=notice_id)


def _write_change_notices(change: ChangeForBuyers, now: datetime) -> None:
    told = Notice.objects.filter(
        order=OuterRef("pk"), kind=NoticeKind.EVENT_CHANGED, cause=change.pk
    )
    untold = Order.objects.filter(
        ~Exists(told),
        event_id=change.event_id,
        status=OrderStatus.PAID,
        paid_at__lte=change.changed_at,
    )
    batch = [
        Notice(
            kind=NoticeKind.EVENT_CHANGED,
            order_id=order_id,
            cause=change.pk,
            asked_at=now,
            ask_again_at=next_retry_at(0, now=now),
        )
        for order_id in untold.order_by("created_at", "pk").values_list("pk", flat=True)[:BATCH]
    ]
    Notice.objects.bulk_create(batch)
    for notice in batch:
        send_after_commit(Message.SEND_NOTICE, notice_id=notice.pk)
    tickets = Ticket.objects.filter(
        order__in=[notice.order_id for notice in batch], status=TicketStatus.VALID
    )
    mail_new_holders(tickets, TransferMailKind.CHANGED, now=now)
    if len(batch) < BATCH:
        note_buyers_told(change_id=change.pk, now=now)
    else:
        send_after_commit(Message.TELL_BUYERS_OF_CHANGE, change_id=change.pk)
