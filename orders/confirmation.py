"""Confirm the email address of a free order before its tickets are promised."""

from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from events.models import EventStatus
from events.stock.record import DatabaseNow
from orders.consents import NOTHING_AGREED, Agreed, find_accepted, record_consent
from orders.email_confirmation import EmailConfirmation
from orders.mail import compose_confirmation_mail
from orders.models import Order, OrderStatus, PaymentMethod
from orders.payment import OrderNotPayable, confirm_payment, refuse_payment
from orders.required_details import refuse_without_details
from ticketing.errors import NotFound
from ticketing.mail_lease import lease_row, send_and_note
from ticketing.mail_limit import TooManyMails, book_mail_now
from ticketing.mailed_tokens import MailedToken
from ticketing.queue.messages import Message, next_retry_at, send_after_commit

# A repeat within this time sends no mail: it is a client's retry, or an impatient buyer.
_PAUSE: Final = timedelta(minutes=1)
_MOST_MAILS: Final = 3
_TOKEN: Final = MailedToken("cnf_", "orders.confirmation")


class ConfirmationNotValid(NotFound):
    """The token does not belong to this order and its current email address."""

    code = "confirmation_not_valid"
    title = "This confirmation is not valid"


def accept_payment(  # noqa: PLR0913 - each argument is independent of the others
    *,
    order: Order,
    method: str,
    token: str,
    now: datetime,
    store_response: Callable[[], None] = lambda: None,
    agreed: Agreed = NOTHING_AGREED,
) -> None:
    """
    Confirm the payment. For a free order, mail the buyer a link to confirm the address first.

    A free order stays reserved until the buyer confirms, or until it expires. A repeated call sends
    the mail again: at most once a minute, and three mails in all. `store_response` stores the
    response in the transaction that moves the order or requests the mail. There the consent of the
    buyer is stored too.

    :raises TermsNotAccepted, OtherTerms: if the organizer's terms must be accepted, and were not
    :raises DetailsMissing: if a required answer or name is missing
    :raises PaymentNotAccepted, ReservationExpired, OrderNotPayable, SoldOut: as `confirm_payment`
    :raises TooManyMails: if this order or this address has reached its limit of mails
    """
    version = None
    if order.status == OrderStatus.RESERVED:
        version = find_accepted(order, agreed)
        refuse_without_details(order, now)

    def store() -> None:
        record_consent(order.pk, agreed, version, now=now)
        store_response()

    free = method == PaymentMethod.FREE and order.total == 0
    if not (free and order.event.confirms_free_orders):
        confirm_payment(order=order, method=method, token=token, now=now, store_response=store)
        return
    if not _request_confirmation(order, now, store):
        raise refuse_payment(order, now)


def send_confirmation(*, order_id: UUID, now: datetime) -> None:
    """
    Mail the link that confirms an order's address. A lease stops a repeated message from mailing.

    :raises Exception: if the mail was not sent and a retry may succeed
    """
    confirmations = EmailConfirmation.objects.filter(order_id=order_id)
    if not lease_row(confirmations.filter(confirmed_at=None), now=now):
        return
    confirmation = confirmations.select_related("order__event__organizer").get()
    order = confirmation.order
    if order.status != OrderStatus.RESERVED or order.reserved_until <= now:
        # The order has ended: record the mail as done, so that the sweep does not find it.
        confirmations.update(sent_at=now, leased_until=None)
        return
    send_and_note(
        confirmation,
        lambda: compose_confirmation_mail(order=order, token=confirmation_token(order)),
        now=now,
    )


def confirm_email(
    *,
    order_id: UUID,
    token: str,
    now: datetime,
    store_response: Callable[[Order], None] = lambda _order: None,
) -> Order:
    """
    Confirm an order's address, and so the order, by the token of its mail. A repeat is harmless.

    `store_response` stores the response in the transaction that moves the order. If the address was
    already confirmed, it is called outside of a transaction.

    :raises ConfirmationNotValid: if the token does not belong to this order and its current address
    :raises ReservationExpired: if the reservation has expired
    :raises OrderNotPayable: if the order was cancelled, or its event is not on sale any more
    :raises SoldOut: if too few tickets are left; the order does not change
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
        # A concurrent click may have confirmed the order first: that is a success too.
        if not EmailConfirmation.objects.filter(order=order, confirmed_at__isnull=False).exists():
            raise
        store_response(order)
    return order


def order_to_confirm(*, order_id: UUID, token: str) -> Order:
    """
    Return the order of a mailed link, in whatever status it is.

    :raises ConfirmationNotValid: if the token does not belong to this order and its current address
    """
    orders = Order.objects.select_related("event__organizer", "confirmation")
    order = orders.filter(pk=order_id, confirmation__isnull=False).first()
    if order is None or not _TOKEN.is_valid(token, order.pk, order.customer_email):
        raise ConfirmationNotValid(
            "The token does not belong to this order and its email address. Use the link of the"
            " newest mail."
        )
    return order


def confirmation_token(order: Order) -> str:
    """Return the token of the mail's link. It is derived from order and address, never stored."""
    return _TOKEN.derive(order.pk, order.customer_email)


def confirm_new_address(*, order_id: UUID, now: datetime) -> None:
    """
    Mail an order's open confirmation to its new address. It runs in the caller's transaction.

    :raises TooManyMails: if the new address has reached its limit of mails
    """
    # A confirmation moves the order in the same transaction, so a reserved order has an open one.
    waiting = EmailConfirmation.objects.filter(order_id=order_id)
    order = Order.objects.filter(pk=order_id, status=OrderStatus.RESERVED).first()
    if order is not None and waiting.exists():
        _request_mail(order, now)


def confirm_own_new_address(*, order: Order, now: datetime) -> None:
    """
    Mail an order's open confirmation to the address that its buyer has corrected.

    It runs in the transaction of the correction, which has locked the order's row. The mails of an
    order are limited, so that a buyer cannot have it mailed to one address after the other.

    :raises TooManyMails: if this order or the new address has reached its limit of mails
    """
    waiting = EmailConfirmation.objects.filter(order=order)
    # Lock the row: a concurrent request for the mail may not count the same mails.
    confirmation = waiting.select_for_update().first()
    if confirmation is not None:
        _refuse_a_fourth_mail(confirmation, order, now)
        _request_mail(order, now)


def _request_confirmation(order: Order, now: datetime, store_response: Callable[[], None]) -> bool:
    with transaction.atomic(durable=True):
        payable = Order.objects.filter(
            pk=order.pk,
            status=OrderStatus.RESERVED,
            reserved_until__gt=DatabaseNow(),
            event__status=EventStatus.PUBLISHED,
        )
        # Not locked: if the order ends right now, the mail's link shows that it is too late.
        if not payable.exists():
            return False
        first = EmailConfirmation(order=order, asked_at=now, ask_again_at=next_retry_at(0, now=now))
        EmailConfirmation.objects.bulk_create([first], ignore_conflicts=True)
        # Lock the row: of two concurrent requests, only one may find that a mail is allowed.
        confirmation = EmailConfirmation.objects.select_for_update().get(order=order)
        if not confirmation.mails or confirmation.asked_at <= now - _PAUSE:
            _refuse_a_fourth_mail(confirmation, order, now)
            _request_mail(order, now)
        store_response()
    return True


def _refuse_a_fourth_mail(confirmation: EmailConfirmation, order: Order, now: datetime) -> None:
    if confirmation.mails < _MOST_MAILS:
        return
    refusal = TooManyMails(
        "All mails of this order were sent. Use the link of the newest one, or make a new"
        " reservation."
    )
    refusal.retry_after = max(1, ceil((order.reserved_until - now).total_seconds()))
    raise refusal


def _request_mail(order: Order, now: datetime) -> None:
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


def _write_confirmed(order: Order, now: datetime) -> None:
    # This transaction has locked the order's row, but somebody may have corrected the address
    # between the check of the token and the lock.
    unchanged = Order.objects.filter(pk=order.pk, customer_email=order.customer_email)
    if not unchanged.exists():
        raise ConfirmationNotValid(
            "The order's email address was changed. Use the link of the newest mail."
        )
    EmailConfirmation.objects.filter(order=order).update(confirmed_at=now)
