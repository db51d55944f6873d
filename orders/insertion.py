"""A reservation, and the one statement that writes it down."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction

from events.models import Event
from orders.limits import Limits
from orders.pricing import ReservedTickets
from orders.shop_record import ShopRecord
from ticketing.tokens import NewToken

_WRITE = """
SELECT * FROM reserve_order(
  the_order => %(the_order)s, the_event => %(the_event)s, event_number => %(event_number)s,
  known_revision => %(known_revision)s, held_in => %(held_in)s, the_code => %(the_code)s,
  name => %(name)s, email => %(email)s, the_language => %(the_language)s,
  token_digest => %(token_digest)s, the_currency => %(the_currency)s, the_total => %(the_total)s,
  the_address => %(the_address)s, the_network => %(the_network)s,
  per_customer => %(per_customer)s, per_address => %(per_address)s,
  held_per_address => %(held_per_address)s, ticket_types => %(ticket_types)s::uuid[],
  quantities => %(quantities)s::int[], unit_prices => %(unit_prices)s::numeric[])
"""


@dataclass(frozen=True, slots=True)
class Customer:
    name: str
    email: str
    language: str
    # From where it is reserved, as keyed digests. Without one, no address is counted.
    address_digest: str = ""
    network_digest: str = ""


@dataclass(frozen=True, slots=True)
class Shop:
    """The API token of an organizer that reserves, and what its shop keeps with the order."""

    api_token_id: UUID
    external_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Reservation:
    """A fresh order: not its row, but what the response shows the buyer, once."""

    event: Event
    items: list[ReservedTickets]
    customer: Customer
    total: Decimal
    order_id: UUID
    code: str
    token: NewToken
    created_at: datetime
    reserved_until: datetime
    # None: no shop reserved it, but its buyer.
    shop: Shop | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """How the caller stores the response for a retry, in the transaction of the order."""

    token: NewToken
    keep: Callable[[Reservation], None]


def write_reservation(
    reservation: Reservation, *, limits: Limits, epoch: int, receipt: Receipt | None = None
) -> tuple[str, int]:
    """
    Insert the order if its tickets are of the event's current epoch and no limit is passed.

    Return what became of it, as the function `reserve_order` of the database says, and the current
    epoch. `reserved_until` is then the order's, or the moment at which a wait is worth ending.
    """
    shop = reservation.shop
    if receipt is None and shop is None:
        return _write(reservation, limits, epoch)
    with transaction.atomic(durable=True):
        outcome, current = _write(reservation, limits, epoch)
        if outcome == "written" and shop is not None:
            ShopRecord.objects.create(
                order_id=reservation.order_id,
                api_token=shop.api_token_id,
                external_id=shop.external_id,
                metadata=shop.metadata,
            )
        if outcome == "written" and receipt is not None:
            receipt.keep(reservation)
    return outcome, current


def _write(reservation: Reservation, limits: Limits, epoch: int) -> tuple[str, int]:
    event, items, customer = reservation.event, reservation.items, reservation.customer
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            {
                "the_order": reservation.order_id,
                "the_event": event.pk,
                "event_number": event.number,
                "known_revision": event.revision,
                "held_in": epoch,
                "the_code": reservation.code,
                "name": customer.name,
                "email": customer.email,
                "the_language": customer.language,
                "token_digest": reservation.token.digest,
                "the_currency": event.currency,
                "the_total": reservation.total,
                "the_address": customer.address_digest,
                "the_network": customer.network_digest,
                "per_customer": limits.per_customer,
                "per_address": limits.per_address,
                "held_per_address": limits.held_per_address,
                "ticket_types": [item.ticket_type.pk for item in items],
                "quantities": [item.quantity for item in items],
                "unit_prices": [item.ticket_type.price for item in items],
            },
        )
        outcome, current, reservation.created_at, reservation.reserved_until = cursor.fetchone()
    return outcome, current
