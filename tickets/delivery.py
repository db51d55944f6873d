"""Deliver tickets: mail an order's tickets to its buyer."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Q, Value, When

from orders.models import Order, OrderStatus
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.mail_limit import WINDOW, book_mail
from ticketing.mailing import MailRefused, describe_failure, send_mail
from ticketing.models import ActType
from ticketing.queue.messages import Message, send_after_commit
from tickets.mail import compose_ticket_mail
from tickets.mail_request import new_mail_request
from tickets.models import Delivery, Ticket

logger = logging.getLogger(__name__)

# Longer than the time limit of a task, so that no other worker sends while the task runs.
_LEASE = timedelta(seconds=90)
# A failing mail is given up after both so many attempts and so much time. Attempts alone end too
# early while SES is away for an hour; time alone ends too early while the queue stands still.
_MIN_ATTEMPTS = 20
_MIN_TRYING = timedelta(days=3)
_LONGEST_REASON = 300


class NothingToDeliver(Conflict):
    """Only a paid order has tickets to send."""

    code = "nothing_to_deliver"
    title = "This order has no tickets to send"


def deliver_tickets(*, order_id: UUID, now: datetime) -> None:
    """
    Mail one order's tickets, and note that they were sent.

    No transaction is open during the call to SES; a lease keeps a repeated message from sending
    the mail too. If the worker crashes after the mail and before the note, the buyer gets the mail
    twice, which is better than never.

    A mail over the recipient's limit is put off. A mail that SES refuses for good is given up at
    once; a mail that fails otherwise, after days of attempts. Staff see both in the admin.
    """
    delivery = _lease(order_id, now)
    if delivery is None:
        return
    deliveries = Delivery.objects.filter(pk=delivery.pk)
    if delivery.order.status != OrderStatus.PAID:
        # The order was refunded meanwhile: there are no tickets to mail.
        deliveries.update(sent_at=now, leased_until=None)
        return
    tickets = list(Ticket.objects.of_order(order_id).select_related("ticket_type"))
    try:
        send_mail(compose_ticket_mail(order=delivery.order, tickets=tickets))
    except MailRefused as refused:
        _give_up(delivery, str(refused), now)
        return
    except Exception as error:
        # All errors: the lease must end, so that the retry by SQS need not wait for it.
        if _note_failure(delivery, error, now):
            return
        raise
    # If `asked_at` changed meanwhile, this mail may lack a ticket. Then `sent_at` stays NULL, so
    # that the message of the newer request sends another mail.
    same = When(asked_at=delivery.asked_at, then=Value(now))
    deliveries.update(leased_until=None, goes_at=None, sent_at=Case(same, default=None))


@transaction.atomic(durable=True)
def resend_tickets(
    *,
    order_id: UUID,
    actor: Actor,
    now: datetime,
    store_response: Callable[[], None] = lambda: None,
) -> None:
    """
    Send one order's tickets again. `store_response` stores the response in the same transaction.

    :raises NothingToDeliver: if the order is not paid
    """
    requested = Delivery.objects.filter(order_id=order_id, order__status=OrderStatus.PAID).update(
        **new_mail_request(now=now)
    )
    if not requested:
        raise NothingToDeliver("Only a paid order's tickets can be sent.")
    record_act(
        act=ActType.ORDER_RESENT,
        actor=actor,
        subject_id=order_id,
        organizer_id=Order.objects.values_list("event__organizer_id", flat=True).get(pk=order_id),
        at=now,
    )
    send_after_commit(Message.DELIVER_TICKETS, order_id=order_id)
    store_response()


def _lease(order_id: UUID, now: datetime) -> Delivery | None:
    with transaction.atomic(durable=True):
        free = Q(leased_until=None) | Q(leased_until__lte=now)
        waiting = Delivery.objects.filter(
            free,
            order_id=order_id,
            sent_at=None,
            failed_at=None,
            codes_stored_at__isnull=False,
        )
        if not waiting.update(leased_until=now + _LEASE):
            return None
        delivery = Delivery.objects.select_related("order__event__organizer").get(order_id=order_id)
        return delivery if _may_send_now(delivery, now) else None


def _may_send_now(delivery: Delivery, now: datetime) -> bool:
    """Book the mail under its recipient's limit, unless it is booked. Return whether to send it."""
    goes_at = delivery.goes_at
    # A booking older than the window does not count any more: book the mail again.
    if goes_at is None or goes_at <= now - WINDOW:
        goes_at = book_mail(address=delivery.order.customer_email, now=now)
    deliveries = Delivery.objects.filter(pk=delivery.pk)
    if goes_at <= now:
        deliveries.update(goes_at=goes_at)
        return True
    # The sweep sends the message at that time.
    deliveries.update(goes_at=goes_at, ask_again_at=goes_at, leased_until=None)
    return False


def _note_failure(delivery: Delivery, error: Exception, now: datetime) -> bool:
    """Count an attempt that failed. Return whether it was the last one."""
    if delivery.attempts + 1 >= _MIN_ATTEMPTS and now - delivery.asked_at >= _MIN_TRYING:
        _give_up(delivery, describe_failure(error), now)
        return True
    Delivery.objects.filter(pk=delivery.pk).update(
        leased_until=None, attempts=F("attempts") + 1, failure=_tidy(describe_failure(error))
    )
    return False


def _give_up(delivery: Delivery, why: str, now: datetime) -> None:
    deliveries = Delivery.objects.filter(pk=delivery.pk)
    # A newer request may have another address or ticket: only the mail that failed is given up.
    requested_since = ~Q(asked_at=delivery.asked_at)
    deliveries.filter(requested_since).update(leased_until=None)
    given_up = deliveries.exclude(requested_since).update(
        leased_until=None,
        goes_at=None,
        failed_at=now,
        attempts=F("attempts") + 1,
        failure=_tidy(why),
    )
    if given_up:
        logger.error("The ticket mail was given up: order %s.", delivery.order_id)


def _tidy(why: str) -> str:
    return why.replace("\0", "")[:_LONGEST_REASON]
