"""Retry the unfinished work of one order at once, as the sweep would do later."""

from datetime import datetime
from enum import StrEnum, auto
from typing import Final
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
from tickets.models import Delivery


class Work(StrEnum):
    """What an order still waits for."""

    PAYMENT = auto()
    PIX = auto()
    MONEY = auto()
    CONFIRMATION = auto()
    CODES = auto()
    MAIL = auto()
    MAIL_GIVEN_UP = auto()


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
        request = new_mail_request(now=now)
        if delivery.failed_at is None:
            # A changed `asked_at` would make a worker that is at it begin again.
            request = {name: request[name] for name in ("asks", "ask_again_at")}
        Delivery.objects.filter(pk=delivery.pk).update(**request)
        send_after_commit(next_message(delivery), order_id=order_id)
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


def _open_deliveries(order_id: UUID) -> QuerySet[Delivery]:
    return Delivery.objects.filter(order_id=order_id, order__status=OrderStatus.PAID, sent_at=None)
