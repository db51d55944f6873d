"""Read the ledger: its sums, and whether it adds up to the payments and refunds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Sum

from orders.ledger_entry import EntryKind, LedgerEntry
from orders.models import PaymentMethod

# Each statement returns the order's code and what is wrong. The amounts are compared one by one, so
# that two mistakes cannot cancel each other out.
_CHARGES: Final = """
SELECT o.code, CASE WHEN l.id IS NULL THEN 'a charge is not entered'
  ELSE 'a charge is entered with another amount' END
FROM orders_payment p JOIN orders_order o ON o.id = p.order_id
  LEFT JOIN orders_ledgerentry l ON l.cause = p.id AND l.kind = 'charge'
WHERE p.status IN ('approved', 'refunding', 'refunded') AND p.amount > 0
  AND (l.id IS NULL OR l.amount <> p.amount OR l.currency <> p.currency)
  AND (%(event)s::uuid IS NULL OR o.event_id = %(event)s)
"""
_REFUNDS: Final = """
SELECT o.code, CASE WHEN l.id IS NULL THEN 'a refund is not entered'
  ELSE 'a refund is entered with another amount' END
FROM orders_refund r JOIN orders_payment p ON p.id = r.payment_id
  JOIN orders_order o ON o.id = p.order_id
  LEFT JOIN orders_ledgerentry l ON l.cause = r.id AND l.kind = 'refund'
WHERE r.amount > 0 AND (l.id IS NULL OR l.amount <> -r.amount OR l.currency <> p.currency)
  AND (%(event)s::uuid IS NULL OR o.event_id = %(event)s)
"""
_FEES: Final = """
SELECT o.code, CASE WHEN l.id IS NULL THEN 'a fee is not entered'
  ELSE 'a fee is entered with another amount' END
FROM orders_payment p JOIN orders_order o ON o.id = p.order_id
  LEFT JOIN orders_ledgerentry l ON l.cause = p.id AND l.kind = 'fee'
WHERE p.status IN ('approved', 'refunding', 'refunded') AND p.fee > 0
  AND (l.id IS NULL OR l.amount <> -p.fee OR l.currency <> p.currency)
  AND (%(event)s::uuid IS NULL OR o.event_id = %(event)s)
"""
_CASH: Final = """
SELECT o.code, CASE WHEN l.id IS NULL THEN 'a difference in cash is not entered'
  ELSE 'a difference in cash is entered with another amount' END
FROM orders_cashdifference d JOIN orders_order o ON o.id = d.order_id
  LEFT JOIN orders_ledgerentry l ON l.cause = d.id
WHERE (l.id IS NULL OR l.amount <> d.amount OR l.currency <> o.currency)
  AND (%(event)s::uuid IS NULL OR o.event_id = %(event)s)
"""
_ENTRIES: Final = """
SELECT o.code, 'an entry has no cause'
FROM orders_ledgerentry l JOIN orders_order o ON o.id = l.order_id
WHERE NOT EXISTS (
    SELECT FROM orders_cashdifference d WHERE d.id = l.cause AND d.order_id = l.order_id)
  AND (l.kind = 'charge' AND NOT EXISTS (
    SELECT FROM orders_payment p WHERE p.id = l.cause AND p.order_id = l.order_id
      AND p.status IN ('approved', 'refunding', 'refunded'))
  OR l.kind = 'fee' AND NOT EXISTS (
    SELECT FROM orders_payment p WHERE p.id = l.cause AND p.order_id = l.order_id AND p.fee > 0
      AND p.status IN ('approved', 'refunding', 'refunded'))
  OR l.kind = 'refund' AND NOT EXISTS (
    SELECT FROM orders_refund r JOIN orders_payment p ON p.id = r.payment_id
    WHERE r.id = l.cause AND p.order_id = l.order_id))
  AND (%(event)s::uuid IS NULL OR o.event_id = %(event)s)
"""
_TOTALS: Final = """
SELECT o.code, 'the entries do not add up to the order'
FROM orders_order o LEFT JOIN (
  SELECT order_id, sum(amount) FILTER (WHERE kind = 'charge') AS charged,
    sum(amount) FILTER (WHERE kind <> 'fee') AS rest
  FROM orders_ledgerentry GROUP BY order_id) l ON l.order_id = o.id
  LEFT JOIN (
  SELECT order_id, sum(amount) FILTER (WHERE amount > 0) AS taken
  FROM orders_cashdifference GROUP BY order_id) d ON d.order_id = o.id
WHERE (
    coalesce(l.charged, 0)
      <> CASE WHEN o.status IN ('paid', 'refunded') THEN o.total ELSE 0 END + coalesce(d.taken, 0)
    OR o.status = 'refunded' AND coalesce(l.rest, 0) <> 0)
  AND (%(event)s::uuid IS NULL OR o.event_id = %(event)s)
"""
_MOST_FOUND: Final = 100
_MOST_EVENTS: Final = 100


@dataclass(frozen=True, slots=True)
class Balance:
    """The sums of some entries in one currency. Refunds and fees are negative."""

    currency: str
    charges: Decimal
    refunds: Decimal
    fees: Decimal
    # What the organizer took at its own box office, less what it gave back. Part of the above.
    cash: Decimal

    @property
    def payout(self) -> Decimal:
        """Return what the organizer still gets: cash is in its hands already."""
        return self.charges + self.refunds + self.fees - self.cash


@dataclass(frozen=True, slots=True)
class MethodBalance:
    """The charges and refunds of one payment method in one currency."""

    method: str
    currency: str
    count: int
    charges: Decimal
    refunds: Decimal


@dataclass(frozen=True, slots=True)
class EventBalance:
    """The sums of the entries of one event in one currency."""

    event: str
    balance: Balance


def entries_between(
    entries: QuerySet[LedgerEntry], *, since: datetime | None, until: datetime | None
) -> QuerySet[LedgerEntry]:
    """Return the entries from `since` on and before `until`. None means no limit."""
    if since:
        entries = entries.filter(at__gte=since)
    return entries.filter(at__lt=until) if until else entries


def balances(entries: QuerySet[LedgerEntry]) -> list[Balance]:
    """Return the sums of these entries, one for each currency."""
    rows = entries.order_by("currency").values_list("currency").annotate(**_sums())
    return [Balance(*row) for row in rows]


def balances_by_method(entries: QuerySet[LedgerEntry]) -> list[MethodBalance]:
    """Return the sums of these entries by payment method, for each currency."""
    rows = (
        entries.exclude(kind=EntryKind.FEE)
        .order_by("currency", "method")
        .values_list("method", "currency")
        .annotate(
            count=Count("id", filter=Q(kind=EntryKind.CHARGE)),
            charges=Sum("amount", filter=Q(kind=EntryKind.CHARGE), default=Decimal(0)),
            refunds=Sum("amount", filter=Q(kind=EntryKind.REFUND), default=Decimal(0)),
        )
    )
    return [MethodBalance(*row) for row in rows]


def balances_by_event(entries: QuerySet[LedgerEntry]) -> list[EventBalance]:
    """Return the sums of these entries by event: the 100 events with the most charges."""
    rows = entries.order_by().values_list("event_id", "event__name", "currency")
    largest = rows.annotate(**_sums()).order_by(F("charge").desc(), "event__name")[:_MOST_EVENTS]
    return [EventBalance(name, Balance(*sums)) for _, name, *sums in largest]


def find_ledger_faults(*, event_id: UUID | None = None) -> Iterator[str]:
    """
    Yield a sentence for each payment, fee, refund, entry or order that contradicts the ledger.

    At most 100 of each kind. Without an event it reads all orders: it is for operators, not for
    requests.
    """
    for statement in (_CHARGES, _FEES, _REFUNDS, _CASH, _ENTRIES, _TOTALS):
        with connection.cursor() as cursor:
            cursor.execute(f"{statement}ORDER BY o.code LIMIT {_MOST_FOUND}", {"event": event_id})
            for code, fault in cursor.fetchall():
                yield f"{code}: {fault}"


def _sums() -> dict[str, Sum]:
    """Return the sums of a `Balance`, in the order of its fields."""
    sums = {
        kind.value: Sum("amount", filter=Q(kind=kind), default=Decimal(0)) for kind in EntryKind
    }
    in_cash = Q(method=PaymentMethod.CASH) & ~Q(kind=EntryKind.FEE)
    return {**sums, "cash": Sum("amount", filter=in_cash, default=Decimal(0))}
