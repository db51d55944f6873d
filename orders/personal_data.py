"""One person's orders at an organizer, and erasing the person from them (LGPD, article 18)."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from events.models import EventStatus
from orders.email_confirmation import EmailConfirmation
from orders.models import Answer, HolderName, Order, OrderStatus, Refund
from orders.shop_record import ShopRecord
from ticketing.addresses import can_be_mailed, tidy_address

# The name in an order whose buyer was erased. The email address is then empty.
ERASED_NAME = "—"
_ENDED = [
    OrderStatus.EXPIRED,
    OrderStatus.CANCELLED,
    OrderStatus.PAYMENT_FAILED,
    OrderStatus.REFUNDED,
]


def orders_of_person(*, organizer_id: UUID, email: str) -> QuerySet[Order]:
    """Return all orders with that email address at the organizer's events, the newest first."""
    address = tidy_address(email) if can_be_mailed(email) else email
    orders = Order.objects.filter(
        event__organizer_id=organizer_id, customer_email__in={address, address.lower()}
    ).exclude(customer_email="")
    return orders.order_by("-created_at", "-pk")


def no_longer_needed(orders: QuerySet[Order], *, now: datetime) -> QuerySet[Order]:
    """
    Return those orders that nobody must be able to reach a buyer about any more.

    They have ended, or their event is over or was cancelled, and no money is owed to the buyer.
    """
    owed = Refund.objects.filter(payment__order=OuterRef("pk"), refunded_at=None)
    over = Q(status=OrderStatus.PAID, event__ends_at__lt=now) & ~Q(
        event__status=EventStatus.CANCELLED
    )
    return orders.filter(Q(status__in=_ENDED) | over, ~Exists(owed))


def not_erased(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Return those orders that still name a buyer or an address."""
    return orders.exclude(customer_name=ERASED_NAME, customer_email="")


def erase_buyers(order_ids: Collection[UUID]) -> None:
    """
    Remove what identifies the buyers of these orders, their answers, and the names they gave.

    Amounts, dates and codes stay.
    The shop's own id goes too: it may be a customer's number, or lead to the customer in the shop.
    It runs in the caller's transaction, which holds locks on the orders.
    """
    Order.objects.filter(pk__in=order_ids).update(
        customer_name=ERASED_NAME, customer_email="", address_digest="", network_digest=""
    )
    Answer.objects.filter(order_id__in=order_ids).delete()
    HolderName.objects.filter(item__order_id__in=order_ids).delete()
    # SES may have named the address in its refusal.
    EmailConfirmation.objects.filter(order_id__in=order_ids).update(failure="")
    ShopRecord.objects.filter(order_id__in=order_ids).update(external_id="", metadata={})
