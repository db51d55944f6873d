"""Correcting the email address of an order."""

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

# After these no mail follows.
_OVER = [
    OrderStatus.EXPIRED,
    OrderStatus.CANCELLED,
    OrderStatus.PAYMENT_FAILED,
    OrderStatus.REFUNDED,
]


class AddressNotMailable(Invalid):
    """No mail can reach it."""

    code = "address_not_mailable"
    title = "No mail can reach this address"
    pointer = "#/customer/email"


class AddressNotCorrected(Conflict):
    """The address was corrected meanwhile, or the order gets no mail any more."""

    code = "address_not_corrected"
    title = "The order's email address was not changed"


@transaction.atomic
def correct_customer_email(
    *, order_id: UUID, was: str, becomes: str, actor: Actor, now: datetime
) -> None:
    """
    Put another email address in the place of the one that the caller saw.

    It is a part of its caller's transaction, which asks for the tickets' mail too. A confirmation
    that waits is asked for at the new address; the link to the old one is dead.

    :raises AddressNotMailable: if no mail can reach the new one
    :raises AddressNotCorrected: if the order has another address by now, or is over
    :raises TooManyMails: if the new address has had as many mails as it may
    """
    try:
        address = tidy_address(becomes)
    except ValidationError as error:
        raise AddressNotMailable(" ".join(error.messages)) from error
    orders = Order.objects.filter(pk=order_id, customer_email=was)
    if not orders.exclude(status__in=_OVER).update(customer_email=address):
        raise AddressNotCorrected(
            "Look at the order again: its address has changed, or no mail follows any more."
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
