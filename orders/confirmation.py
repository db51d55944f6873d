"""Confirming the email address of a free order, before its tickets are promised."""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.utils.crypto import salted_hmac

from events.models import EventStatus
from events.stock.record import DatabaseNow
from orders.email_confirmation import EmailConfirmation
from orders.mail import compose_confirmation_mail
from orders.models import Order, OrderStatus, PaymentMethod
from orders.payment import OrderNotPayable, confirm_payment, refuse_payment
from ticketing.api.callers import secrets_in_use
from ticketing.errors import NotFound
from ticketing.mail_limit import TooManyMails, book_mail_now
from ticketing.mailing import MailRefused, send_mail
from ticketing.queue.messages import Message, next_retry_at, send_after_commit

# Longer than any task may run.
_LEASE: Final = timedelta(seconds=90)
# Asking again so soon sends nothing: it is a client's retry, or an impatient buyer.
_PAUSE: Final = timedelta(minutes=1)
_MOST_MAILS: Final = 3
# As redaction knows it.
_PREFIX: Final = "cnf_"


class ConfirmationNotValid(NotFound):
    """No link of ours to this order and its address, or the address was changed since."""

    code = "confirmation_not_valid"
    title = "This confirmation is not valid"


def accept_payment(
    *,
    order: Order,
    method: str,
    token: str,
    now: datetime,
    store_response: Callable[[], None] = lambda: None,
) -> None:
    """
    Confirm the payment; of a free order, ask its buyer to confirm the email address first.

    The order stays reserved until the buyer does, or until its time is up. Asking again sends the
    mail again, three times at most and once a minute. `store_response` stores the response in the
    transaction that moves the order or asks for the mail.

    :raises PaymentNotAccepted, ReservationExpired, OrderNotPayable, SoldOut: as `confirm_payment`
    :raises TooManyMails: if the address has had as many mails as it may
    """
    free = method == PaymentMethod.FREE and order.total == 0
    if not (free and order.event.confirms_free_orders):
        confirm_payment(
            order=order, method=method, token=token, now=now, store_response=store_response
        )
        return
    if not _ask(order, now, store_response):
        raise refuse_payment(order, now)


def send_confirmation(*, order_id: UUID, now: datetime) -> None:
    """
    Mail the link that confirms an order's address. A lease keeps a repeated message from mailing.

    If we die between the mail and the note, the buyer gets the same link twice.
    """
    confirmation = _lease(order_id, now)
    if confirmation is None:
        return
    order = confirmation.order
    confirmations = EmailConfirmation.objects.filter(pk=confirmation.pk)
    if order.status != OrderStatus.RESERVED or order.reserved_until <= now:
        # There is nothing to confirm any more.
        confirmations.update(sent_at=now, leased_until=None)
        return
    try:
        send_mail(compose_confirmation_mail(order=order, token=confirmation_token(order)))
    except MailRefused as refused:
        confirmations.update(leased_until=None)
        confirmations.filter(asked_at=confirmation.asked_at).update(
            failed_at=now, failure=str(refused)[:300]
        )
        return
    except Exception:
        # The message comes back, and its retry must not wait for our lease.
        confirmations.update(leased_until=None)
        raise
    # Requested again since, perhaps for another address: that mail is still to be sent.
    same = When(asked_at=confirmation.asked_at, then=Value(now))
    confirmations.update(leased_until=None, sent_at=Case(same, default=None))


def confirm_email(
    *,
    order_id: UUID,
    token: str,
    now: datetime,
    store_response: Callable[[Order], None] = lambda _order: None,
) -> Order:
    """
    Confirm an order's address by the token of its mail, and with it the order. Twice is once.

    `store_response` stores the response in the transaction that moves the order, if there is one.

    :raises ConfirmationNotValid: if the token is not of this order and its present address
    :raises ReservationExpired: if its time is up
    :raises OrderNotPayable: if it was cancelled, or its event is not on sale any more
    :raises SoldOut: if the tickets are not there after all; the order stays as it was
    """
    order = order_to_confirm(order_id=order_id, token=token)
    if order.confirmation.confirmed_at is not None:
        store_response(order)
        return order

    def write_confirmed() -> None:
        _write_confirmed(order, now)
        store_response(order)

    try:
        confirm_payment(
            order=order,
            method=PaymentMethod.FREE,
            token="",
            now=now,
            store_response=write_confirmed,
        )
    except OrderNotPayable:
        # Two clicks at once: the other one confirmed it.
        if not EmailConfirmation.objects.filter(order=order, confirmed_at__isnull=False).exists():
            raise
        store_response(order)
    return order


def order_to_confirm(*, order_id: UUID, token: str) -> Order:
    """
    Return the order of a link, whatever has become of it.

    :raises ConfirmationNotValid: if the token is not of this order and its present address
    """
    orders = Order.objects.select_related("event__organizer", "confirmation")
    order = orders.filter(pk=order_id, confirmation__isnull=False).first()
    if order is None or not _fits(order, token):
        raise ConfirmationNotValid("Use the link of the newest mail.")
    return order


def confirmation_token(order: Order) -> str:
    """Return what the mail's link carries: of this order and this address, and never stored."""
    return _derive(order, settings.SECRET_KEY)


def confirm_new_address(*, order_id: UUID, now: datetime) -> None:
    """
    Ask for a confirmation that still waits at the order's new address, in the open transaction.

    :raises TooManyMails: if that address has had as many mails as it may
    """
    waiting = EmailConfirmation.objects.filter(order_id=order_id, confirmed_at=None)
    order = Order.objects.filter(pk=order_id, status=OrderStatus.RESERVED).first()
    if order is not None and waiting.exists():
        _ask_for_mail(order, now)


def _ask(order: Order, now: datetime, store_response: Callable[[], None]) -> bool:
    with transaction.atomic(durable=True):
        payable = Order.objects.filter(
            pk=order.pk,
            status=OrderStatus.RESERVED,
            reserved_until__gt=DatabaseNow(),
            event__status=EventStatus.PUBLISHED,
        )
        # An order that ends at this moment gets a mail for nothing: its link says so.
        if not payable.exists():
            return False
        first = EmailConfirmation(order=order, asked_at=now, ask_again_at=next_retry_at(0, now=now))
        EmailConfirmation.objects.bulk_create([first], ignore_conflicts=True)
        # Two requests at once must not both find that a mail is allowed.
        confirmation = EmailConfirmation.objects.select_for_update().get(order=order)
        if not confirmation.mails or confirmation.asked_at <= now - _PAUSE:
            if confirmation.mails >= _MOST_MAILS:
                refusal = TooManyMails("Use the link of the newest mail, or reserve again.")
                left = order.reserved_until - now
                refusal.retry_after = max(1, ceil(left.total_seconds()))
                raise refusal
            _ask_for_mail(order, now)
        store_response()
    return True


def _ask_for_mail(order: Order, now: datetime) -> None:
    book_mail_now(address=order.customer_email, now=now)
    EmailConfirmation.objects.filter(order=order).update(
        asked_at=now,
        mails=F("mails") + 1,
        sent_at=None,
        failed_at=None,
        failure="",
        asks=0,
        ask_again_at=next_retry_at(0, now=now),
    )
    send_after_commit(Message.SEND_CONFIRMATION, order_id=order.pk)


def _lease(order_id: UUID, now: datetime) -> EmailConfirmation | None:
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    waiting = EmailConfirmation.objects.filter(
        free, order_id=order_id, sent_at=None, failed_at=None, confirmed_at=None
    )
    if not waiting.update(leased_until=now + _LEASE):
        return None
    confirmations = EmailConfirmation.objects.select_related("order__event__organizer")
    return confirmations.get(order_id=order_id)


def _write_confirmed(order: Order, now: datetime) -> None:
    # We have the order's row. Its address may have been corrected since we looked at the token.
    same = Order.objects.filter(pk=order.pk, customer_email=order.customer_email)
    if not same.exists():
        raise ConfirmationNotValid("The address was changed: use the link of the newest mail.")
    EmailConfirmation.objects.filter(order=order).update(confirmed_at=now)


def _fits(order: Order, token: str) -> bool:
    sent = token.encode()
    return any(
        hmac.compare_digest(sent, _derive(order, secret).encode()) for secret in secrets_in_use()
    )


def _derive(order: Order, secret: str) -> str:
    what = f"{order.pk}:{order.customer_email}"
    keyed = salted_hmac("orders.confirmation", what, secret, algorithm="sha256")
    return _PREFIX + keyed.hexdigest()
