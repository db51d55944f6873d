"""Find a promo code, and count the orders that use it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db.models import Count, F, Q, Sum

from events.stock.holds import try_to_apply_decisions
from events.stock.record import DatabaseNow
from orders.expiry import BATCH, decide_holds
from orders.models import OPEN_STATUSES, Order, OrderItem, OrderStatus
from orders.promo_code import PromoCode, terms_of
from orders.promo_terms import PromoTerms
from ticketing.errors import Conflict, NotFound

# An order in one of these holds a use of its promo code. The SQL function `reserve_with_promo` has
# the same list.
_USING: Final = OPEN_STATUSES


@dataclass(frozen=True, slots=True)
class PromoUses:
    """The orders that hold a use of a promo code, and what the paid ones have brought."""

    orders: int = 0
    paid: int = 0
    # Of paid orders, after the discount and without refunded tickets.
    revenue: Decimal = Decimal(0)


class UnknownPromoCode(NotFound):
    """The event has no such promo code, or the code is not active."""

    code = "unknown_promo_code"
    title = "This event does not have that promo code"


class PromoCodeUsedUp(Conflict):
    """As many orders as allowed have the promo code. One of them may still expire."""

    code = "promo_code_used_up"
    title = "The promo code was used up"

    def __init__(self) -> None:
        super().__init__(
            "As many orders as allowed use this promo code. Leave it out, or retry later: an order"
            " that is not paid expires."
        )


def find_promo(*, event_id: UUID, code: str, now: datetime) -> PromoTerms:
    """
    Return what an event's promo code gives. Its case makes no difference.

    It takes no use: only writing the order does, and only that decides. This check keeps a code
    that is used up from holding tickets for a moment.

    :raises UnknownPromoCode: if the event has no such code, or it is not active
    :raises PromoCodeUsedUp: if no use is left
    """
    wanted = normalize_promo_code(code)
    promo = PromoCode.objects.filter(event_id=event_id, code=wanted, is_active=True).first()
    if promo is None:
        raise UnknownPromoCode(
            "The event has no such promo code, or it is not active. Check its spelling."
        )
    if promo.max_uses is not None and not _has_use_left(promo, now):
        raise PromoCodeUsedUp
    return terms_of(promo)


def count_uses(promo_code_ids: Collection[UUID]) -> dict[UUID, PromoUses]:
    """Return the uses of some promo codes, in two queries. A code without any has no entry."""
    using = Order.objects.filter(promo_code__in=promo_code_ids, status__in=_USING)
    paid = Q(status=OrderStatus.PAID)
    counted = (
        using.order_by()
        .values("promo_code")
        .annotate(orders=Count("pk"), paid=Count("pk", filter=paid))
    )
    kept = (F("quantity") - F("returned")) * F("unit_price")
    items = OrderItem.objects.filter(
        order__promo_code__in=promo_code_ids, order__status=OrderStatus.PAID
    )
    revenue = dict(items.order_by().values_list("order__promo_code").annotate(revenue=Sum(kept)))
    return {
        row["promo_code"]: PromoUses(
            row["orders"], row["paid"], revenue.get(row["promo_code"], Decimal(0))
        )
        for row in counted
    }


def normalize_promo_code(text: str) -> str:
    """Return a promo code as it is stored: in capitals, without surrounding blanks."""
    return text.strip().upper()


def _has_use_left(promo: PromoCode, now: datetime) -> bool:
    assert promo.max_uses is not None  # noqa: S101 - the caller has checked it
    if _count_using(promo) < promo.max_uses:
        return True
    # Overdue reservations may hold the last uses: expire those before refusing the buyer.
    return _expire_overdue(promo, now) and _count_using(promo) < promo.max_uses


def _count_using(promo: PromoCode) -> int:
    using = Order.objects.filter(promo_code=promo, status__in=_USING)
    return using.order_by()[: promo.max_uses].count()


def _expire_overdue(promo: PromoCode, now: datetime) -> bool:
    overdue = Order.objects.filter(
        promo_code=promo, status=OrderStatus.RESERVED, reserved_until__lte=DatabaseNow()
    )
    order_ids = list(overdue.order_by("reserved_until").values_list("pk", flat=True)[:BATCH])
    if order_ids:
        decisions = decide_holds(event_id=promo.event_id, order_ids=order_ids, now=now)
        try_to_apply_decisions(event_id=promo.event_id, decisions=decisions)
    return bool(order_ids)
