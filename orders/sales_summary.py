"""Write the slots of sales figures, so that no page counts all orders."""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Min

from orders.models import Order
from orders.sales_slots import SalesSummary

SLOT: Final = timedelta(minutes=15)
# A sale's moment is read before the charge, and its row appears when the charge is done: at most
# `LATEST_CHARGE` later. So nothing is written into a slot that ended this long ago.
_SETTLED_AFTER: Final = timedelta(minutes=15)
# How much of the past one transaction summarizes, and one run: the first run after an upgrade has
# years to do, and it must neither hold a snapshot for long nor reach the task's time limit.
_STEP: Final = timedelta(days=1)
_MOST_STEPS: Final = 100


def summarize_sales(*, now: datetime) -> int:
    """
    Write the slots that have ended and are not written yet. Return how many steps were made.

    The next run continues where this one ends. Two runs at a time do the work once.
    """
    for step in range(_MOST_STEPS):
        if not _summarize_step(now):
            return step
    return _MOST_STEPS


def start_of_slot(moment: datetime) -> datetime:
    """Return the beginning of the quarter of an hour that `moment` is in."""
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % SLOT.seconds, tz=UTC)


@transaction.atomic(durable=True)
def _summarize_step(now: datetime) -> bool:
    """Return whether slots were written, so that there may be more to write."""
    SalesSummary.objects.get_or_create(pk=1, defaults={"written_until": _beginning(now)})
    # The lock: two runs would write the same slots twice.
    summary = SalesSummary.objects.select_for_update().get(pk=1)
    start = summary.written_until
    end = min(start + _STEP, start_of_slot(now - _SETTLED_AFTER))
    if end <= start:
        return False
    with connection.cursor() as cursor:
        for statement in (_SALES, _EXCHANGES, _ORDERS):
            cursor.execute(statement, {"start": start, "end": end})
    SalesSummary.objects.filter(pk=summary.pk).update(written_until=end)
    return True


def _beginning(now: datetime) -> datetime:
    first: datetime | None = Order.objects.aggregate(first=Min("created_at"))["first"]
    return start_of_slot(min(first or now, now))


_SALES: Final = """
INSERT INTO orders_salesslot (event_id, ticket_type_id, starts_at, currency, sold, amount, returned,
  returned_amount)
SELECT event_id, ticket_type_id, starts_at, currency, sum(sold), sum(amount), sum(returned),
  sum(returned_amount)
FROM (
  SELECT o.event_id, i.ticket_type_id,
    date_bin('15 minutes', o.paid_at, '2000-01-01Z') AS starts_at, o.currency,
    i.quantity AS sold, i.quantity * i.unit_price AS amount, 0 AS returned, 0 AS returned_amount
  FROM orders_order o JOIN orders_orderitem i ON i.order_id = o.id
  WHERE o.paid_at >= %(start)s AND o.paid_at < %(end)s
  UNION ALL
  SELECT t.event_id, t.ticket_type_id, date_bin('15 minutes', t.refunded_at, '2000-01-01Z'),
    o.currency, 0, 0, 1, coalesce(t.exchanged_price, i.unit_price)
  FROM tickets_ticket t
    JOIN orders_orderitem i ON i.id = t.order_item_id
    JOIN orders_order o ON o.id = t.order_id
  WHERE t.refunded_at >= %(start)s AND t.refunded_at < %(end)s
) AS moved
GROUP BY event_id, ticket_type_id, starts_at, currency
"""

# After the sales: an exchanged ticket counts as sold of its new type in the slot of its sale, which
# is written. `orders.figures` has the same rule for exchanges that are not in slots yet.
_EXCHANGES: Final = """
MERGE INTO orders_salesslot AS slot USING (
  SELECT event_id, ticket_type_id, starts_at, currency, sum(sold) AS sold, sum(amount) AS amount,
    sum(returned_amount) AS returned_amount
  FROM (
    SELECT o.event_id, x.ticket_type_id,
      date_bin('15 minutes', o.paid_at, '2000-01-01Z') AS starts_at, o.currency,
      x.sign AS sold, x.sign * e.price_before AS amount, 0 AS returned_amount
    FROM orders_ticketexchange e JOIN orders_order o ON o.id = e.order_id,
      LATERAL (VALUES (e.from_type_id, -1), (e.to_type_id, 1)) AS x (ticket_type_id, sign)
    WHERE e.at >= %(start)s AND e.at < %(end)s
    UNION ALL
    SELECT o.event_id, e.to_type_id, date_bin('15 minutes', e.at, '2000-01-01Z'), o.currency, 0,
      greatest(e.price_after - e.price_before, 0), greatest(e.price_before - e.price_after, 0)
    FROM orders_ticketexchange e JOIN orders_order o ON o.id = e.order_id
    WHERE e.at >= %(start)s AND e.at < %(end)s AND e.price_after <> e.price_before
  ) AS moved
  GROUP BY event_id, ticket_type_id, starts_at, currency
) AS moved ON slot.event_id = moved.event_id AND slot.starts_at = moved.starts_at
  AND slot.ticket_type_id = moved.ticket_type_id
WHEN MATCHED THEN UPDATE SET sold = slot.sold + moved.sold, amount = slot.amount + moved.amount,
  returned_amount = slot.returned_amount + moved.returned_amount
WHEN NOT MATCHED THEN INSERT (event_id, ticket_type_id, starts_at, currency, sold, amount, returned,
  returned_amount) VALUES (moved.event_id, moved.ticket_type_id, moved.starts_at, moved.currency,
  moved.sold, moved.amount, 0, moved.returned_amount)
"""

_ORDERS: Final = """
INSERT INTO orders_orderslot (event_id, starts_at, reserved, paid, expired, cancelled, declined)
SELECT event_id, starts_at, sum(reserved), sum(paid), sum(expired), sum(cancelled), sum(declined)
FROM (
  SELECT event_id, date_bin('15 minutes', created_at, '2000-01-01Z') AS starts_at, 1 AS reserved,
    0 AS paid, 0 AS expired, 0 AS cancelled, 0 AS declined
  FROM orders_order WHERE created_at >= %(start)s AND created_at < %(end)s
  UNION ALL
  SELECT event_id, date_bin('15 minutes', paid_at, '2000-01-01Z'), 0, 1, 0, 0, 0
  FROM orders_order WHERE paid_at >= %(start)s AND paid_at < %(end)s
  UNION ALL
  SELECT event_id, date_bin('15 minutes', closed_at, '2000-01-01Z'), 0, 0,
    (status = 'expired')::int, (status = 'cancelled')::int, (status = 'payment_failed')::int
  FROM orders_order
  WHERE closed_at >= %(start)s AND closed_at < %(end)s AND status <> 'refunded'
) AS moved
GROUP BY event_id, starts_at
"""
