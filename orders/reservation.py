"""Reserve tickets: hold them in Redis, then write the order in PostgreSQL."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from events.event_cache import read_event, take_event
from events.models import Event
from events.stock.holds import InventoryUnavailable
from events.stock.record import SoldOut
from orders.holding import TRIES, Attempts, Buyer, EventHasChanged, hold_and_write
from orders.insertion import Customer, Reservation, Shop
from orders.limits import (
    MaxPerAddressExceeded,
    MaxPerCustomerExceeded,
    TooManyReservations,
    limits_of,
)
from orders.pricing import (
    EventNotFound,
    EventNotOnSale,
    MaxPerOrderExceeded,
    SalesEnded,
    SalesNotStarted,
    TicketTypeNeeded,
    UnknownTicketType,
    WantedTickets,
    check_on_sale,
    price_tickets,
)
from orders.promo_terms import REFUSALS as PROMO_REFUSALS
from orders.promo_terms import PromoTerms
from orders.promo_uses import PromoCodeUsedUp, UnknownPromoCode, find_promo
from orders.proof_of_work import ProofOfWorkInvalid, ProofOfWorkNeeded, accept_proof
from ticketing.errors import Refusal, TooMany, Unavailable
from ticketing.ids import new_id
from ticketing.tokens import NewToken

# Every refusal that `reserve_tickets` may raise.
REFUSALS = (
    EventNotFound,
    EventNotOnSale,
    InventoryUnavailable,
    MaxPerAddressExceeded,
    MaxPerCustomerExceeded,
    MaxPerOrderExceeded,
    PromoCodeUsedUp,
    ProofOfWorkInvalid,
    ProofOfWorkNeeded,
    SalesEnded,
    SalesNotStarted,
    SoldOut,
    TicketTypeNeeded,
    TooManyReservations,
    UnknownPromoCode,
    UnknownTicketType,
    *PROMO_REFUSALS,
)


# Refusals that do not depend on the cached event, which may be stale: they are raised at once.
_NOT_FROM_CACHE = (
    SoldOut,
    TooMany,
    Unavailable,
    MaxPerAddressExceeded,
    MaxPerCustomerExceeded,
    UnknownPromoCode,
    PromoCodeUsedUp,
)


def reserve_tickets(  # noqa: PLR0913 - each argument is independent of the others
    *,
    event_id: UUID,
    wanted: Sequence[WantedTickets] | int,
    customer: Customer,
    now: datetime,
    token: NewToken | None = None,
    store_response: Callable[[Reservation], None] | None = None,
    proof: str | None = None,
    shop: Shop | None = None,
    promo_code: str = "",
) -> Reservation:
    """
    Hold tickets in Redis for one buyer, and write the order in PostgreSQL.

    `wanted` names ticket types, or is a number of tickets if the event has only one type.
    The hold comes first. If the process dies before the order is written, the hold expires in
    seconds. In the other order, a crash would leave an order without tickets.

    `token` is the order's token, or None for a random one. `store_response` stores the response in
    the transaction of the order. With None the order needs no explicit transaction.
    `proof` is the caller's proof of work, for an event that requires one. None means that this
    caller needs no proof. `shop` reserves for a customer, and may pay for the order and cancel it.
    `promo_code` is what the buyer has typed; the order takes one use of it.

    :raises EventNotFound: if there is no such event, or it is a draft
    :raises UnknownTicketType: if the event has no such type
    :raises TicketTypeNeeded: if `wanted` is a number and the event has several types
    :raises EventNotOnSale, SalesNotStarted, SalesEnded: if the event or a type is not on sale now
    :raises MaxPerOrderExceeded: if one order may not have so many tickets
    :raises ProofOfWorkNeeded, ProofOfWorkInvalid: if the event requires a proof, and it is missing
        or not valid; a valid proof is used up
    :raises UnknownPromoCode, PromoCodeNotStarted, PromoCodeExpired, PromoCodeUsedUp: if the promo
        code is not valid, or has no use left
    :raises PromoCodeNotApplicable, PromoCodeNeedsOtherQuantity: if it is not for these tickets
    :raises SoldOut: if too few tickets of a type are left
    :raises TooManyReservations: if the customer or the address holds too many tickets
    :raises MaxPerCustomerExceeded, MaxPerAddressExceeded: if it owns too many; do not retry
    :raises InventoryUnavailable: if Redis is not available, or the event keeps changing; nothing is
        reserved
    """
    cached, buyer = take_event(event_id), Buyer(customer, shop, token, store_response)
    for _ in range(TRIES):
        if cached is None:
            raise EventNotFound("No event on sale has that id or slug.")
        event, types = cached.event, cached.types
        try:
            promo = _find_promo(event, promo_code, now) if promo_code else None
            items = price_tickets(event=event, types=types, wanted=wanted, now=now, promo=promo)
            if event.requires_proof_of_work and proof is not None:
                accept_proof(event_id=event.pk, proof=proof, now=now)
                # The proof is used up now, and further attempts of this request must not repeat it.
                proof = None
            attempts = Attempts(event, types, items, new_id(), event.epoch, promo=promo)
            return hold_and_write(attempts, buyer, limits_of(event, types.values()), now)
        except _NOT_FROM_CACHE:
            raise
        except (Refusal, EventHasChanged) as refusal:
            # The cached event may be stale. Refuse only if the current event has the same revision.
            known, cached = cached, read_event(event_id)
            unchanged = cached is not None and cached.event.revision == known.event.revision
            if unchanged and isinstance(refusal, Refusal):
                raise
    raise InventoryUnavailable("The event is being changed right now. Try again.")


def _find_promo(event: Event, code: str, now: datetime) -> PromoTerms:
    # First: a draft must be as unknown as an event that does not exist.
    check_on_sale(event, now)
    return find_promo(event_id=event.pk, code=code, now=now)
