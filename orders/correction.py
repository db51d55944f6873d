"""Correct the name and the email address of an order's customer."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from events.models import EventStatus
from orders.confirmation import confirm_new_address, confirm_own_new_address
from orders.limits import check_customer_may_hold
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
]


@dataclass(frozen=True, slots=True)
class Contact:
    """The name and the email address of an order's customer."""

    name: str
    email: str


class AddressNotMailable(Invalid):
    """The new address cannot receive mail."""

    code = "address_not_mailable"
    title = "No mail can reach this address"
    pointer = "#/customer/email"


class AddressNotCorrected(Conflict):
    """The customer was changed since the caller read it, or the order has ended."""

    code = "address_not_corrected"
    title = "The order's customer was not changed"


@transaction.atomic
def correct_contact(
    *, order_id: UUID, was: Contact, becomes: Contact, actor: Actor, now: datetime
) -> Contact:
    """
    Replace the customer of an order, whom the caller has read, by `becomes`. Return the new one.

    It runs in the caller's transaction, which requests the mail of the tickets too. An open
    confirmation is mailed to a new address, and the link in the earlier mail becomes invalid.

    :raises AddressNotMailable: if the new address cannot receive mail
    :raises AddressNotCorrected: if the order's customer is not `was`, or the order has ended
    :raises TooManyMails: if the new address has reached its limit of mails
    """
    new = _replace_contact(order_id, ~Q(status__in=_ENDED), was, becomes, actor, now)
    if new.email != was.email:
        confirm_new_address(order_id=order_id, now=now)
    return new


def can_correct_own_contact(order: Order, now: datetime) -> bool:
    """Return whether the buyer may correct the customer: of a reservation that no shop has made."""
    is_reserved = order.status == OrderStatus.RESERVED and order.reserved_until > now
    # The reservations of a cancelled event end a little later. A shop knows its customers itself.
    is_on_sale = order.event.status == EventStatus.PUBLISHED
    return is_reserved and is_on_sale and not hasattr(order, "shop_record")


@transaction.atomic(durable=True)
def correct_own_contact(*, order: Order, becomes: Contact, actor: Actor, now: datetime) -> None:
    """
    Replace the customer of a reservation for its buyer. A repeat changes nothing.

    The limits of the new address count as for a new reservation. An open confirmation is mailed to
    it, and the link in the earlier mail becomes invalid. A Pix that was requested stays valid.

    :raises AddressNotMailable: if the new address cannot receive mail
    :raises AddressNotCorrected: if the order is not a running reservation of the shop's pages, or
        somebody else has changed its name or address since it was read
    :raises MaxPerCustomerExceeded: if the new address would have too many tickets of the event
    :raises TooManyMails: if the order or the new address has reached its limit of mails
    """
    if not can_correct_own_contact(order, now):
        raise AddressNotCorrected("Only a reservation of the buyer can be corrected.")
    was = Contact(order.customer_name, order.customer_email)
    reserved = Q(status=OrderStatus.RESERVED, reserved_until__gt=Now())
    new = _replace_contact(order.pk, reserved, was, becomes, actor, now)
    if new.email != was.email:
        corrected = Order.objects.select_related("event").get(pk=order.pk)
        check_customer_may_hold(corrected)
        confirm_own_new_address(order=corrected, now=now)


def _replace_contact(  # noqa: PLR0913, PLR0917 - each argument is independent of the others
    order_id: UUID, only_if: Q, was: Contact, becomes: Contact, actor: Actor, now: datetime
) -> Contact:
    try:
        # The address of an old order may break today's rules. It may stay.
        address = was.email if becomes.email == was.email else tidy_address(becomes.email)
    except ValidationError as error:
        raise AddressNotMailable(" ".join(error.messages)) from error
    new = Contact(becomes.name, address)
    orders = Order.objects.filter(
        only_if, pk=order_id, customer_name=was.name, customer_email=was.email
    )
    if not orders.update(customer_name=new.name, customer_email=new.email):
        raise AddressNotCorrected(
            "Somebody else has changed the order's name or address, or the order has ended. Read"
            " the order again."
        )
    fields = ["name"] * (new.name != was.name) + ["email"] * (new.email != was.email)
    if fields:
        organizers = Order.objects.values_list("event__organizer_id", flat=True)
        record_act(
            act=ActType.ORDER_CUSTOMER_CORRECTED,
            actor=actor,
            subject_id=order_id,
            organizer_id=organizers.get(pk=order_id),
            at=now,
            details={"fields": fields},
        )
    return new
