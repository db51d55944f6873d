"""Retry the unfinished work of one order at once, as the sweep would do later."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum, auto
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from orders.models import Order, OrderStatus
from orders.sweep import resend_messages_of, waiting_messages_of
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.models import ActType
from ticketing.queue.messages import Message, send_after_commit
from tickets.mail_request import new_mail_request, next_message
from tickets.models import Delivery, RefundRequest, TransferMail
from tickets.notices.models import Notice, NoticeKind
from tickets.outgoing import OutgoingMail


class Work(StrEnum):
    """What an order still waits for."""

    PAYMENT = auto()
    PIX = auto()
    MONEY = auto()
    CONFIRMATION = auto()
    CODES = auto()
    MAIL = auto()
    MAIL_GIVEN_UP = auto()
    OTHER_MAILS = auto()


class NothingToRetry(Conflict):
    """No work of the order is unfinished."""

    code = "nothing_to_retry"
    title = "This order waits for nothing"


_WORK_OF: Final = {
    Message.SETTLE_ORDER: Work.PAYMENT,
    Message.SETTLE_PIX: Work.PIX,
    Message.RETURN_MONEY: Work.MONEY,
    Message.SEND_CONFIRMATION: Work.CONFIRMATION,
    Message.ISSUE_CODES: Work.CODES,
    Message.DELIVER_TICKETS: Work.MAIL,
}


def unfinished_work(order_id: UUID) -> set[Work]:
    """Return what an order still waits for, overdue or not."""
    work = {_WORK_OF[message] for message in waiting_messages_of(order_id)}
    delivery = _open_deliveries(order_id).order_by("pk").first()
    if delivery is not None:
        given_up = delivery.failed_at is not None
        work.add(Work.MAIL_GIVEN_UP if given_up else _WORK_OF[next_message(delivery)])
    if any(mails.exists() for _message, _name, mails in _other_mails(order_id)):
        work.add(Work.OTHER_MAILS)
    return work


@transaction.atomic(durable=True)
def retry_order(*, order_id: UUID, actor: Actor, now: datetime) -> None:
    """
    Send the messages of all unfinished work of an order now. A mail that was given up is requested
    anew.

    A worker then does what is left: it charges, returns money, stores codes, or sends a mail. Each
    step takes effect once, also if its message was not lost.

    :raises NothingToRetry: if no work of the order is unfinished
    """
    sent = resend_messages_of(order_id=order_id, now=now)
    for delivery in _open_deliveries(order_id).select_for_update(of=("self",)):
        _request_anew(delivery, now)
        send_after_commit(next_message(delivery), order_id=order_id)
        sent += 1
    for message, name, mails in _other_mails(order_id):
        for row in mails.select_for_update(of=("self",)):
            _request_anew(row, now)
            send_after_commit(message, **{name: row.pk})
            sent += 1
    if not sent:
        raise NothingToRetry("No work of the order is unfinished.")
    record_act(
        act=ActType.ORDER_RETRIED,
        actor=actor,
        subject_id=order_id,
        organizer_id=Order.objects.values_list("event__organizer_id", flat=True).get(pk=order_id),
        at=now,
    )


def _request_anew(row: OutgoingMail, now: datetime) -> None:
    request = new_mail_request(now=now)
    if row.failed_at is None:
        # A changed `asked_at` would make a worker that is at it begin again.
        request = {name: request[name] for name in ("asks", "ask_again_at")}
    type(row)._default_manager.filter(pk=row.pk).update(**request)  # noqa: SLF001 - as Django does


def _other_mails(order_id: UUID) -> Iterator[tuple[Message, str, QuerySet[Any]]]:
    """Yield the unsent mails of an order beside its tickets: message, name of its id, and rows."""
    # A notice of a refund waits for the money first.
    notices = Notice.objects.exclude(kind=NoticeKind.REFUND, attempts=0)
    yield Message.SEND_NOTICE, "notice_id", notices.filter(order_id=order_id, sent_at=None)
    transfers = TransferMail.objects.filter(transfer__ticket__order_id=order_id, sent_at=None)
    yield Message.SEND_TRANSFER_MAIL, "mail_id", transfers
    requests = RefundRequest.objects.filter(order_id=order_id, sent_at=None)
    yield Message.SEND_REFUND_REQUEST, "refund_request_id", requests


def _open_deliveries(order_id: UUID) -> QuerySet[Delivery]:
    return Delivery.objects.filter(order_id=order_id, order__status=OrderStatus.PAID, sent_at=None)
