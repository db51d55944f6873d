"""Correct the email address of an order."""

from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from orders.confirmation import confirm_new_address
from orders.models import Order, OrderStatus
from ticketing.actors import Actor, record_act
from ticketing.addresses import tidy_address
from ticketing.errors import Conflict, Invalid
from ticketing.models import ActType

# Orders of these statuses get no more mail, so a correction would have no effect.
_ENDED = [
    OrderStatus.EXPIRED,
    OrderStatus.CANCELLED,
    OrderStatus.PAYMENT_FAILED,
    OrderStatus.REFUNDED,
]


class AddressNotMailable(Invalid):
    """The new address cannot receive mail."""

    code = "address_not_mailable"
    title = "No mail can reach this address"
    pointer = "#/customer/email"


class AddressNotCorrected(Conflict):
    """The address was changed since the caller read it, or the order has ended."""

    code = "address_not_corrected"
    title = "The order's email address was not changed"


@transaction.atomic
def correct_customer_email(
    *, order_id: UUID, was: str, becomes: str, actor: Actor, now: datetime
) -> None:
    """
    Replace an order's email address `was`, which the caller has read, by `becomes`.

    It runs in the caller's transaction, which requests the mail of the tickets too. An open
    confirmation is mailed to the new address, and the link in the earlier mail becomes invalid.

    :raises AddressNotMailable: if the new address cannot receive mail
    :raises AddressNotCorrected: if the order has another address than `was`, or has ended
    :raises TooManyMails: if the new address has reached its limit of mails
    """
    try:
        address = tidy_address(becomes)
    except ValidationError as error:
        raise AddressNotMailable(" ".join(error.messages)) from error
    orders = Order.objects.filter(pk=order_id, customer_email=was)
    if not orders.exclude(status__in=_ENDED).update(customer_email=address):
        raise AddressNotCorrected(
            "The order's address was changed by somebody else, or the order has ended. Read the"
            " order again."
        )
    organizers = Order.objects.values_list("event__organizer_id", flat=True)
    record_act(
        act=ActType.ORDER_CUSTOMER_CORRECTED,
        actor=actor,
        subject_id=order_id,
        organizer_id=organizers.get(pk=order_id),
        at=now,
        details={"fields": ["email"]},
    )
    confirm_new_address(order_id=order_id, now=now)
