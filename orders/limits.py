"""Limits on the tickets of one event that one customer and one network address may have."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Exists, Func, OuterRef, Q, Sum, Value
from django.db.models.functions import Now

from events.models import Event, TicketType
from orders.models import Order, OrderItem, OrderStatus
from ticketing.errors import Conflict, TooMany

# A run clears at most 50 batches, so that other tasks get their turn. The next hourly run goes on.
_BATCH: Final = 1_000
_MOST_BATCHES: Final = 50
_EVENTS_AT_ONCE: Final = 100
_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """
    The limits of one event, in tickets. 0 means no limit.

    `per_customer` and `per_address` count held and owned tickets, `held_per_address` only held
    ones. An address counts with its whole network. `orders/sql/reserve_order.sql` enforces them.
    """

    per_customer: int
    per_address: int
    held_per_address: int

    @property
    def are_set(self) -> bool:
        return bool(self.per_customer or self.per_address or self.held_per_address)


class Limit(StrEnum):
    """
    The limit that an order would exceed. The values come from the SQL function `reserve_order`.

    With `..._HAS_ALL` waiting does not help, because the tickets are owned and not only held.
    """

    CUSTOMER_HAS_ALL = "customer_has_all"
    CUSTOMER_MUST_WAIT = "customer_must_wait"
    ADDRESS_HAS_ALL = "address_has_all"
    ADDRESS_MUST_WAIT = "address_must_wait"


@dataclass(frozen=True, slots=True)
class LimitPassed:
    """The order was not written: with it, a customer or an address would exceed a limit."""

    limit: Limit
    # PostgreSQL's time, and the time at which the first of the counted reservations ends.
    now: datetime
    until: datetime


class TooManyReservations(TooMany):
    """The customer or the address must pay, cancel or wait before it may reserve more."""

    code = "too_many_reservations"
    title = "Too many tickets are reserved"

    def __init__(self, whose: str, *, seconds: int) -> None:
        super().__init__(
            f"{whose} has as many tickets of this event as allowed. Pay or cancel a reservation, or"
            " wait."
        )
        self.retry_after = seconds


class MaxPerCustomerExceeded(Conflict):
    """With this order the customer would own more tickets than allowed. Waiting does not help."""

    code = "max_per_customer_exceeded"
    title = "Too many tickets for one customer"


class MaxPerAddressExceeded(Conflict):
    """With this order the address would own more tickets than allowed. Waiting does not help."""

    code = "max_per_address_exceeded"
    title = "Too many tickets for one network address"


def check_customer_may_own(order: Order) -> None:
    """
    Check that the customer may own the order's tickets. It runs in the payment's transaction.

    A reservation counts the customer's other reservations only if the caller's address has tickets
    of the event. So one email can hold more than the limit from several addresses. This check
    ensures that it cannot pay for more.

    :raises MaxPerCustomerExceeded: if with the order the customer would own too many tickets
    """
    limit = _per_customer(order.event)
    if not limit:
        return
    owned = _owned_by_customer_of(order)
    wanted = _quantity_in([order.pk])
    # A customer's only order passed the limit when it was reserved: a limit that was lowered since
    # must not refuse its payment.
    if owned and owned + wanted > limit:
        raise MaxPerCustomerExceeded(
            f"One customer may have {limit} tickets of this event; {owned} are paid for already."
        )


def check_customer_may_hold(order: Order) -> None:
    """
    Check that the customer of a reservation may hold it, as `reserve_order` does for a new one.

    It runs in the transaction that has corrected the customer's address and has locked the order's
    row. As there, the other reservations of that address count only if the network that reserved
    has other tickets of the event.

    :raises MaxPerCustomerExceeded: if with the order the customer would have too many tickets
    """
    limit = _per_customer(order.event)
    if not limit:
        return
    # First: it takes the customer's lock.
    counted = _owned_by_customer_of(order)
    others = Order.objects.filter(event=order.event_id).exclude(pk=order.pk)
    held = Q(status=OrderStatus.RESERVED, reserved_until__gt=Now())
    owned = Q(status__in=[OrderStatus.PROCESSING, OrderStatus.PAID])
    if not order.address_digest or others.filter(held | owned, _is_of_network(order)).exists():
        email = Func(Value(order.customer_email), function="counted_email")
        same = others.alias(email=Func("customer_email", function="counted_email"))
        counted += _quantity_in(same.filter(held, email=email).values("pk"))
    # As at the payment, a limit that was lowered since must not refuse a customer's only order.
    if counted and counted + _quantity_in([order.pk]) > limit:
        # Not more: what other people do with an address must stay unknown.
        raise MaxPerCustomerExceeded(f"One customer may have {limit} tickets of this event.")


def limits_of(event: Event, types: Iterable[TicketType]) -> Limits:
    """Return an event's limits: its own, or else the defaults of the settings."""
    share = settings.HELD_PERCENT_PER_ADDRESS
    capacity = sum(kind.capacity for kind in types)
    return Limits(
        per_customer=_per_customer(event),
        per_address=_first(event.max_per_address, settings.TICKETS_PER_ADDRESS),
        # At least one full order: the percentage of a small event may be less than one order.
        held_per_address=share and max(event.max_per_order, capacity * share // _PERCENT),
    )


def refuse_more(
    passed: LimitPassed, limits: Limits
) -> TooManyReservations | MaxPerCustomerExceeded | MaxPerAddressExceeded:
    """Return the refusal for an order that would exceed a limit."""
    if passed.limit == Limit.CUSTOMER_HAS_ALL:
        return MaxPerCustomerExceeded(
            f"One customer may have {limits.per_customer} tickets of this event, including paid"
            " ones."
        )
    if passed.limit == Limit.ADDRESS_HAS_ALL:
        return MaxPerAddressExceeded(
            f"One network address may have {limits.per_address} tickets of this event, including"
            " paid ones."
        )
    whose = "This customer" if passed.limit == Limit.CUSTOMER_MUST_WAIT else "Your address"
    seconds = math.ceil((passed.until - passed.now).total_seconds())
    return TooManyReservations(whose, seconds=max(1, seconds))


def forget_addresses(*, now: datetime) -> int:
    """
    Clear the address digests of orders of past events. Return the number of orders.

    The digests count towards the limits while an event sells. After its end nothing needs them.
    """
    forgotten = 0
    for event_id in _events_to_forget(now):
        while forgotten < _BATCH * _MOST_BATCHES:
            orders = Order.objects.filter(event_id=event_id).exclude(address_digest="")
            batch = orders.order_by("address_digest").values("pk")[:_BATCH]
            done = Order.objects.filter(pk__in=batch).update(address_digest="", network_digest="")
            forgotten += done
            if done < _BATCH:
                break
    return forgotten


def _owned_by_customer_of(order: Order) -> int:
    """Return how many tickets the order's customer owns by other orders. Lock the customer."""
    with connection.cursor() as cursor:
        # The address is read here, because it may have been corrected since the order was read.
        cursor.execute(
            "SELECT owned_by_customer(the_event => o.event_id, the_order => o.id,"
            " email => o.customer_email) FROM orders_order o WHERE o.id = %s",
            [order.pk],
        )
        owned: int = cursor.fetchone()[0]
    return owned


def _is_of_network(order: Order) -> Q:
    same = Q(address_digest=order.address_digest)
    return same | Q(network_digest=order.network_digest) if order.network_digest else same


def _quantity_in(order_ids: Any) -> int:
    found = OrderItem.objects.filter(order__in=order_ids).aggregate(n=Sum("quantity"))
    return found["n"] or 0


def _events_to_forget(now: datetime) -> list[UUID]:
    with_digests = Order.objects.filter(event_id=OuterRef("pk")).exclude(address_digest="")
    past = Event.objects.filter(Exists(with_digests), ends_at__lt=now).order_by("ends_at", "pk")
    return list(past.values_list("pk", flat=True)[:_EVENTS_AT_ONCE])


def _per_customer(event: Event) -> int:
    return _first(event.max_per_customer, settings.TICKETS_PER_CUSTOMER)


def _first(own: int | None, general: int) -> int:
    return general if own is None else own
