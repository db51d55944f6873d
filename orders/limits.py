"""How many tickets of one event a customer and a network address may have."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Sum

from events.models import Event, TicketType
from orders.models import Order, OrderItem
from ticketing.errors import Conflict, TooMany

# Orders of one run: bounded, as it is one task among others. The next hour goes on.
_BATCH: Final = 1_000
_MOST_BATCHES: Final = 50
_EVENTS_AT_ONCE: Final = 100
_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """
    Tickets of one event: held and owned by a customer, by an address, and only held by an address.

    0 is no limit. An address counts its whole network. `orders/sql/reserve_order.sql` decides.
    """

    per_customer: int
    per_address: int
    held_per_address: int

    @property
    def are_set(self) -> bool:
        return bool(self.per_customer or self.per_address or self.held_per_address)


class Limit(StrEnum):
    """
    Which limit an order would pass. The values are words of the function `reserve_order`.

    With `..._HAS_ALL` waiting does not help: what counts is owned, not held.
    """

    CUSTOMER_HAS_ALL = "customer_has_all"
    CUSTOMER_MUST_WAIT = "customer_must_wait"
    ADDRESS_HAS_ALL = "address_has_all"
    ADDRESS_MUST_WAIT = "address_must_wait"


@dataclass(frozen=True, slots=True)
class LimitPassed:
    """An order was not written: with it, a customer or an address would have too many tickets."""

    limit: Limit
    # The database's clock, and the end of the first reservation that counts.
    now: datetime
    until: datetime


class TooManyReservations(TooMany):
    """One customer or one address holds as many tickets as it may."""

    code = "too_many_reservations"
    title = "Too many tickets are reserved"

    def __init__(self, whose: str, *, seconds: int) -> None:
        super().__init__(
            f"{whose} has as many tickets of this event as it may. Pay or cancel a reservation, or"
            " wait."
        )
        self.retry_after = seconds


class MaxPerCustomerExceeded(Conflict):
    """With these the customer would own more tickets than one may."""

    code = "max_per_customer_exceeded"
    title = "Too many tickets for one customer"


class MaxPerAddressExceeded(Conflict):
    """With these one network address would own more tickets than it may."""

    code = "max_per_address_exceeded"
    title = "Too many tickets for one network address"


def check_customer_may_own(order: Order) -> None:
    """
    Check that an order being paid for stays within what its customer may own, in its transaction.

    Reserving counts a customer's reservations only at an address that has tickets of the event. So
    one email may hold more than the limit, from several addresses; it may not pay for more.

    :raises MaxPerCustomerExceeded: if with it the customer would own too many tickets
    """
    limit = _per_customer(order.event)
    if not limit:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT owned_by_customer(the_event => %(the_event)s, the_order => %(the_order)s,"
            " email => %(email)s)",
            {"the_event": order.event_id, "the_order": order.pk, "email": order.customer_email},
        )
        owned = cursor.fetchone()[0]
    wanted = OrderItem.objects.filter(order_id=order.pk).aggregate(n=Sum("quantity"))["n"]
    # The first order was within the limit when it was reserved.
    if owned and owned + wanted > limit:
        raise MaxPerCustomerExceeded(
            f"One customer may have {limit} tickets of this event; {owned} are paid for already."
        )


def limits_of(event: Event, types: Iterable[TicketType]) -> Limits:
    """Return an event's limits: its own, else those of the settings."""
    share = settings.HELD_PERCENT_PER_ADDRESS
    capacity = sum(kind.capacity for kind in types)
    return Limits(
        per_customer=_per_customer(event),
        per_address=_first(event.max_per_address, settings.TICKETS_PER_ADDRESS),
        # Never less than one full order: else a small event could not be sold.
        held_per_address=share and max(event.max_per_order, capacity * share // _PERCENT),
    )


def refuse_more(
    passed: LimitPassed, limits: Limits
) -> TooManyReservations | MaxPerCustomerExceeded | MaxPerAddressExceeded:
    """Return the refusal of an order that would pass a limit."""
    if passed.limit == Limit.CUSTOMER_HAS_ALL:
        return MaxPerCustomerExceeded(
            f"One customer may have {limits.per_customer} tickets of this event, paid ones"
            " included."
        )
    if passed.limit == Limit.ADDRESS_HAS_ALL:
        return MaxPerAddressExceeded(
            f"One network address may have {limits.per_address} tickets of this event, paid ones"
            " included."
        )
    whose = "This customer" if passed.limit == Limit.CUSTOMER_MUST_WAIT else "Your address"
    seconds = math.ceil((passed.until - passed.now).total_seconds())
    return TooManyReservations(whose, seconds=max(1, seconds))


def forget_addresses(*, now: datetime) -> int:
    """
    Forget from where the orders of past events came. Return how many orders that were.

    While an event sells, the digests count towards its limits. Past its end nothing needs them.
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


def _events_to_forget(now: datetime) -> list[UUID]:
    with_digests = Order.objects.filter(event_id=OuterRef("pk")).exclude(address_digest="")
    past = Event.objects.filter(Exists(with_digests), ends_at__lt=now).order_by("ends_at", "pk")
    return list(past.values_list("pk", flat=True)[:_EVENTS_AT_ONCE])


def _per_customer(event: Event) -> int:
    return _first(event.max_per_customer, settings.TICKETS_PER_CUSTOMER)


def _first(own: int | None, general: int) -> int:
    return general if own is None else own
