"""Find my tickets: mail a link to all orders of an address, and open what it leads to."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils.crypto import salted_hmac

from orders.access import buyer_of
from orders.models import OPEN_STATUSES, Order, OrderStatus
from ticketing.addresses import counted_address
from ticketing.mailed_tokens import MailedToken
from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from tickets.delivery import resend_tickets
from tickets.models import Delivery, OrderListMail, TicketStatus
from tickets.order_list_mail import compose_order_list_mail
from tickets.outgoing import close_mail, lease_mail, send_leased_mail

VALID: Final = timedelta(hours=24)
# Fewer than the hourly limit of mails to a recipient: strangers who ask for an address must not use
# up the mails that carry its tickets.
PAUSE: Final = timedelta(minutes=15)
# Who looks for tickets looks for an event to come, or for one of the last year.
_PAST: Final = timedelta(days=365)
MOST_ORDERS: Final = 100
_SHOWN: Final = (*OPEN_STATUSES, OrderStatus.REFUNDED)
_TOKEN: Final = MailedToken("fnd_", "tickets.order_list")
_DIGEST_LENGTH: Final = 32


@transaction.atomic(durable=True)
def ask_for_orders(*, email: str, language: str, now: datetime) -> None:
    """
    Ask for the mail with the link, whether the address has orders or not: a worker finds out.

    A repeat within a quarter of an hour sends nothing more.
    """
    recipient = _digest(email)
    recent = OrderListMail.objects.filter(recipient=recipient, asked_at__gt=now - PAUSE)
    if recent.exists():
        return
    asked = OrderListMail.objects.create(
        email=email,
        recipient=recipient,
        language=language,
        expires_at=now + VALID,
        asked_at=now,
        ask_again_at=next_retry_at(0, now=now),
    )
    send_after_commit(Message.SEND_ORDER_LIST, list_id=asked.pk)


def send_order_list(*, list_id: UUID, now: datetime) -> None:
    """
    Mail the link to an address that has orders. An address without orders gets no mail.

    :raises Exception: if the mail was not sent and a retry may succeed
    """
    rows = OrderListMail.objects.filter(pk=list_id)
    known = rows.first()
    if known is None:
        # It has expired before SES or its recipient's limit took the mail.
        return
    if not orders_of_address(known.email, now=now).exists():
        close_mail(known, now=now)
        return
    asked = lease_mail(rows, address=lambda row: row.email, now=now)
    if asked is not None:
        token = list_token(asked)
        send_leased_mail(asked, lambda: compose_order_list_mail(asked, token), now=now)


def find_order_list(*, list_id: UUID, token: str, now: datetime) -> OrderListMail | None:
    """Return the row that a link is about, or None if the link is wrong or has expired."""
    asked = OrderListMail.objects.filter(pk=list_id, expires_at__gt=now).first()
    if asked is None or not _TOKEN.is_valid(token, asked.pk, asked.email):
        return None
    return asked


def orders_of_address(email: str, *, now: datetime) -> QuerySet[Order]:
    """
    Return the orders of an address at all organizers, of events to come and of the last year.

    What expired or was cancelled unpaid is left out.
    """
    # Addresses are stored as they were typed, and keyboards of phones begin with a capital.
    spellings = {email, email.lower(), email[:1].upper() + email[1:]}
    return Order.objects.filter(
        customer_email__in=spellings - {""},
        status__in=_SHOWN,
        event__ends_at__gt=now - _PAST,
    )


def list_orders(asked: OrderListMail, *, now: datetime) -> list[Order]:
    """Return the orders that a link shows: events to come first, the soonest first."""
    found = orders_of_address(asked.email, now=now).select_related("event", "delivery")
    admitting = Count("tickets", filter=~Q(tickets__status=TicketStatus.REVOKED))
    newest = found.annotate(count=admitting).order_by("-event__starts_at", "-created_at")
    orders = list(newest[:MOST_ORDERS])
    to_come = [order for order in orders if order.event.ends_at > now]
    return [*reversed(to_come), *orders[len(to_come) :]]


def find_listed_order(asked: OrderListMail, order_id: UUID, *, now: datetime) -> Order | None:
    """Return an order that a link shows, or None."""
    orders = orders_of_address(asked.email, now=now).select_related("event", "delivery")
    return orders.filter(pk=order_id).first()


def can_resend(order: Order, *, now: datetime) -> bool:
    """Return whether the buyer may have the mail with the tickets sent again now."""
    delivery: Delivery | None = getattr(order, "delivery", None)
    if delivery is None or order.status != OrderStatus.PAID or order.event.ends_at <= now:
        return False
    return delivery.asked_at <= now - PAUSE


def resend_to_buyer(*, order: Order, now: datetime) -> bool:
    """
    Send an order's tickets again, for its buyer. Return False if they were sent a moment ago.

    :raises NothingToDeliver: if the order is not paid any more
    """
    if not can_resend(order, now=now):
        return False
    resend_tickets(order_id=order.pk, actor=buyer_of(order), now=now)
    return True


def forget_order_lists(*, now: datetime) -> None:
    """Delete rows whose links have expired, because they hold addresses."""
    OrderListMail.objects.filter(expires_at__lte=now).delete()


def list_token(asked: OrderListMail) -> str:
    """Return the token of the mail's link. It is derived from the row, never stored."""
    return _TOKEN.derive(asked.pk, asked.email)


def _digest(email: str) -> str:
    keyed = salted_hmac("tickets.order_list.recipient", counted_address(email), algorithm="sha256")
    return keyed.hexdigest()[:_DIGEST_LENGTH]
