"""Write the slots of entry figures, so that no page counts all scans of an event."""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import Min

from orders.sales_summary import start_of_slot
from tickets.models import Scan
from tickets.scan_slots import ScanSummary

# A scan is recorded at the moment at which its request began. No request takes this long.
_RECORDED_AFTER: Final = timedelta(minutes=2)
# As in `orders.sales_summary`: the first run has years to do.
_STEP: Final = timedelta(days=1)
_MOST_STEPS: Final = 100


def summarize_scans(*, now: datetime) -> int:
    """
    Count the scans that are not in slots yet. Return how many steps were made.

    The next run continues where this one ends. Two runs at a time do the work once. A scan is
    counted in the quarter of an hour in which it happened: an offline device sends it later.
    """
    for step in range(_MOST_STEPS):
        if not _summarize_step(now):
            return step
    return _MOST_STEPS


@transaction.atomic(durable=True)
def _summarize_step(now: datetime) -> bool:
    ScanSummary.objects.get_or_create(defaults={"written_until": _beginning(now)})
    # The lock: two runs would count the same scans twice.
    summary = ScanSummary.objects.select_for_update().get(pk=1)
    start = summary.written_until
    end = min(start + _STEP, start_of_slot(now - _RECORDED_AFTER))
    if end <= start:
        return False
    with connection.cursor() as cursor:
        cursor.execute(_SCANS, {"start": start, "end": end})
    ScanSummary.objects.filter(pk=summary.pk).update(written_until=end)
    return True


def _beginning(now: datetime) -> datetime:
    first: datetime | None = Scan.objects.aggregate(first=Min("recorded_at"))["first"]
    return start_of_slot(min(first or now, now))


_SCANS: Final = """
INSERT INTO tickets_scanslot AS slot
  (event_id, starts_at, gate, ticket_type_id, admitted, refused)
SELECT counted.event_id, date_bin('15 minutes', scanned_at, '2000-01-01Z') AS starts_at, gate,
  ticket.ticket_type_id, sum(admitted), sum(refused)
FROM (
  SELECT event_id, ticket_id, scanned_at, gate, (result = 'admitted')::int AS admitted,
    (result NOT IN ('admitted', 'readmitted', 'exited'))::int AS refused
  FROM tickets_scan
  WHERE recorded_at >= %(start)s AND recorded_at < %(end)s AND event_id IS NOT NULL
  UNION ALL
  SELECT event_id, ticket_id, scanned_at, gate, -1, 0 FROM tickets_scan
  WHERE undone_at >= %(start)s AND undone_at < %(end)s AND event_id IS NOT NULL
    AND result = 'admitted'
) AS counted
LEFT JOIN tickets_ticket ticket ON ticket.id = counted.ticket_id
GROUP BY counted.event_id, starts_at, gate, ticket.ticket_type_id
ON CONFLICT (event_id, starts_at, gate, ticket_type_id) DO UPDATE
SET admitted = slot.admitted + excluded.admitted, refused = slot.refused + excluded.refused
"""
