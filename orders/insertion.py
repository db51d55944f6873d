"""Write a new order with one SQL statement, and describe the possible outcomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from events.models import Event
from orders.limits import Limit, LimitPassed, Limits
from orders.pricing import ReservedTickets
from orders.promo_terms import PromoTerms
from orders.shop_record import ShopRecord
from ticketing.tokens import NewToken

_ARGUMENTS: Final = """
  the_order => %(the_order)s, the_event => %(the_event)s, event_number => %(event_number)s,
  known_revision => %(known_revision)s, held_in => %(held_in)s, the_code => %(the_code)s,
  name => %(name)s, email => %(email)s, the_language => %(the_language)s,
  token_digest => %(token_digest)s, the_currency => %(the_currency)s, the_total => %(the_total)s,
  the_address => %(the_address)s, the_network => %(the_network)s,
  per_customer => %(per_customer)s, per_address => %(per_address)s,
  held_per_address => %(held_per_address)s, ticket_types => %(ticket_types)s::uuid[],
  quantities => %(quantities)s::int[], unit_prices => %(unit_prices)s::numeric[]
"""
_WRITE: Final = f"SELECT * FROM reserve_order({_ARGUMENTS})"  # noqa: S608 - made of constants
_WRITE_WITH_PROMO: Final = f"""
SELECT * FROM reserve_with_promo(
  the_promo => %(the_promo)s, promo_revision => %(promo_revision)s,
  list_prices => %(list_prices)s::numeric[], {_ARGUMENTS})
"""  # noqa: S608 - made of constants


@dataclass(frozen=True, slots=True)
class Customer:
    name: str
    email: str
    language: str
    # Keyed digests of the caller's IP address and network. Empty: no address limit applies.
    address_digest: str = ""
    network_digest: str = ""


@dataclass(frozen=True, slots=True)
class Shop:
    """The API token that reserves for a customer, and what the shop stores with the order."""

    api_token_id: UUID
    external_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order before it is written. Its tickets are already held in Redis."""

    order_id: UUID
    code: str
    event: Event
    items: list[ReservedTickets]
    total: Decimal
    customer: Customer
    token: NewToken
    # None if the buyer reserves, without a shop.
    shop: Shop | None
    promo: PromoTerms | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation(NewOrder):
    """An order that was just written, with the data of the response, such as its token."""

    created_at: datetime
    reserved_until: datetime


@dataclass(frozen=True, slots=True)
class StaleEpoch:
    """The order was not written: its hold was taken in another epoch than the current one."""

    current: int


@dataclass(frozen=True, slots=True)
class HoldDropped:
    """The order was not written: its hold was dropped, so an order needs another id."""


@dataclass(frozen=True, slots=True)
class CodeTaken:
    """The order was not written: another order has the same code."""


@dataclass(frozen=True, slots=True)
class EventChanged:
    """The order was not written: the event is not on sale, or has changed since it was priced."""


@dataclass(frozen=True, slots=True)
class PromoChanged:
    """The order was not written: its promo code has changed since the order was priced."""


@dataclass(frozen=True, slots=True)
class NoUseLeft:
    """The order was not written: as many orders as allowed use its promo code."""


# The result of writing an order. Only `Reservation` means that it was written.
Outcome = (
    Reservation
    | StaleEpoch
    | HoldDropped
    | CodeTaken
    | EventChanged
    | LimitPassed
    | PromoChanged
    | NoUseLeft
)

# By their names in SQL, the outcomes without further data.
_NOT_WRITTEN: Final[Mapping[str, Outcome]] = {
    "dropped": HoldDropped(),
    "code_taken": CodeTaken(),
    "closed": EventChanged(),
    "changed": EventChanged(),
    "promo_changed": PromoChanged(),
    "promo_used_up": NoUseLeft(),
}


def write_reservation(
    order: NewOrder,
    *,
    limits: Limits,
    epoch: int,
    store_response: Callable[[Reservation], None] | None = None,
) -> Outcome:
    """
    Insert the order if its hold is of the event's current epoch and no limit is exceeded.

    `store_response` stores the response in the transaction of the order.
    """
    if store_response is None and order.shop is None:
        # Most orders: one statement and one round trip, without an explicit transaction.
        return _write(order, limits, epoch)
    with transaction.atomic(durable=True):
        outcome = _write(order, limits, epoch)
        if isinstance(outcome, Reservation):
            _write_shop_record(outcome)
            if store_response is not None:
                store_response(outcome)
    return outcome


def _write(order: NewOrder, limits: Limits, epoch: int) -> Outcome:
    statement, arguments = _WRITE, _arguments(order, limits, epoch)
    if order.promo is not None:
        statement = _WRITE_WITH_PROMO
        arguments |= {
            "the_promo": order.promo.promo_code_id,
            "promo_revision": order.promo.revision,
            "list_prices": [item.ticket_type.price for item in order.items],
        }
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        outcome, epoch_now, moment, until = cursor.fetchone()
    return _outcome(order, outcome, epoch_now, moment, until)


def _arguments(order: NewOrder, limits: Limits, epoch: int) -> dict[str, Any]:
    event, items, customer = order.event, order.items, order.customer
    return {
        "the_order": order.order_id,
        "the_event": event.pk,
        "event_number": event.number,
        "known_revision": event.revision,
        "held_in": epoch,
        "the_code": order.code,
        "name": customer.name,
        "email": customer.email,
        "the_language": customer.language,
        "token_digest": order.token.digest,
        "the_currency": event.currency,
        "the_total": order.total,
        "the_address": customer.address_digest,
        "the_network": customer.network_digest,
        "per_customer": limits.per_customer,
        "per_address": limits.per_address,
        "held_per_address": limits.held_per_address,
        "ticket_types": [item.ticket_type.pk for item in items],
        "quantities": [item.quantity for item in items],
        "unit_prices": [item.unit_price for item in items],
    }


def _outcome(
    order: NewOrder, outcome: str, epoch_now: int, moment: datetime, until: datetime
) -> Outcome:
    """Convert the row that `reserve_order` or `reserve_with_promo` returned."""
    match outcome:
        case "written":
            return Reservation(
                order_id=order.order_id,
                code=order.code,
                event=order.event,
                items=order.items,
                total=order.total,
                customer=order.customer,
                token=order.token,
                shop=order.shop,
                promo=order.promo,
                created_at=moment,
                reserved_until=until,
            )
        case "stale":
            return StaleEpoch(epoch_now)
        case _ if outcome in _NOT_WRITTEN:
            return _NOT_WRITTEN[outcome]
        case _:
            return LimitPassed(Limit(outcome), now=moment, until=until)


def _write_shop_record(order: Reservation) -> None:
    if order.shop is not None:
        ShopRecord.objects.create(
            order_id=order.order_id,
            api_token=order.shop.api_token_id,
            external_id=order.shop.external_id,
            metadata=order.shop.metadata,
        )
