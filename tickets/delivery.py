"""Delivering: the tickets reach the buyer."""

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
from tickets.asking import asked_afresh
from tickets.mail import compose_ticket_mail
from tickets.models import Delivery, Ticket

logger = logging.getLogger(__name__)

# Longer than any task may run.
_LEASE = timedelta(seconds=90)
# A mail that fails is given up when it was tried so often, and for so long: an outage of the queue
# leaves few attempts, and one of SES many.
_FEWEST_ATTEMPTS = 20
_PATIENCE = timedelta(days=3)
_LONGEST_REASON = 300


class NothingToDeliver(Conflict):
    """Only a paid order has tickets to send."""

    code = "nothing_to_deliver"
    title = "This order has no tickets to send"


def deliver_tickets(*, order_id: UUID, now: datetime) -> None:
    """
    Mail one order's tickets, and note that they went.

    No transaction is open while SES is asked; a lease keeps a repeated message from sending too.
    If we die after the mail and before the note, the buyer gets it twice, which is the better half.

    Over the recipient's limit it is put off. What SES refuses for good is given up at once, and
    what fails for another reason after days of attempts: staff see it in the admin.
    """
    delivery = _lease(order_id, now)
    if delivery is None:
        return
    deliveries = Delivery.objects.filter(pk=delivery.pk)
    if delivery.order.status != OrderStatus.PAID:
        # Refunded meanwhile: there is nothing to carry any more.
        deliveries.update(sent_at=now, leased_until=None)
        return
    tickets = list(Ticket.objects.of_order(order_id).select_related("ticket_type"))
    try:
        send_mail(compose_ticket_mail(order=delivery.order, tickets=tickets))
    except MailRefused as refused:
        _give_up(delivery, str(refused), now)
        return
    except Exception as error:
        # The message comes back, and its retry must not wait for our lease.
        if _note_failure(delivery, error, now):
            return
        raise
    # Requested again since, the mail may lack a ticket: the next one has it.
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
    Send one order's tickets once more. `store_response` writes down what whoever asked is told.

    :raises NothingToDeliver: if the order is not paid
    """
    asked = Delivery.objects.filter(order_id=order_id, order__status=OrderStatus.PAID).update(
        **asked_afresh(now=now)
    )
    if not asked:
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
        return delivery if _may_go(delivery, now) else None


def _may_go(delivery: Delivery, now: datetime) -> bool:
    """Book the mail, unless it was booked before, and put it off if that is for later."""
    goes_at = delivery.goes_at
    # An old booking does not count against newer mails any more.
    if goes_at is None or goes_at <= now - WINDOW:
        goes_at = book_mail(address=delivery.order.customer_email, now=now)
    deliveries = Delivery.objects.filter(pk=delivery.pk)
    if goes_at <= now:
        deliveries.update(goes_at=goes_at)
        return True
    # The sweep sends its message then.
    deliveries.update(goes_at=goes_at, ask_again_at=goes_at, leased_until=None)
    return False


def _note_failure(delivery: Delivery, error: Exception, now: datetime) -> bool:
    """Count an attempt that failed. Return whether it was the last."""
    if delivery.attempts + 1 >= _FEWEST_ATTEMPTS and now - delivery.asked_at >= _PATIENCE:
        _give_up(delivery, describe_failure(error), now)
        return True
    Delivery.objects.filter(pk=delivery.pk).update(
        leased_until=None, attempts=F("attempts") + 1, failure=_tidy(describe_failure(error))
    )
    return False


def _give_up(delivery: Delivery, why: str, now: datetime) -> None:
    deliveries = Delivery.objects.filter(pk=delivery.pk)
    # Requested again since, or to another address: that mail is not given up.
    asked_since = ~Q(asked_at=delivery.asked_at)
    deliveries.filter(asked_since).update(leased_until=None)
    given_up = deliveries.exclude(asked_since).update(
        leased_until=None,
        goes_at=None,
        failed_at=now,
        attempts=F("attempts") + 1,
        failure=_tidy(why),
    )
    if given_up:
        logger.error("The tickets of order %s are not mailed any more.", delivery.order_id)


def _tidy(why: str) -> str:
    return why.replace("\0", "")[:_LONGEST_REASON]
