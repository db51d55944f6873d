"""Figures of entries, for pages and reports: how many people each gate admitted, and when."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.db.models import Count, DateTimeField, Func, Q, Subquery, Value

from events.models import Event
from orders.sales_summary import SLOT
from tickets.models import LET_IN_AGAINST_RULES, LET_THROUGH, Scan, ScanResult
from tickets.scan_slots import ScanSlot, ScanSummary

_ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SLOT: Final = Func(
    Value(SLOT),
    "scanned_at",
    Value(datetime(2000, 1, 1, tzinfo=UTC)),
    function="date_bin",
    output_field=DateTimeField(),
)
# A day. Entries that are further apart are shown around the busiest time.
_MOST_SLOTS: Final = 96


@dataclass(frozen=True, slots=True)
class GateEntries:
    """
    The people that one gate admitted and refused. An undone admission does not count.

    Those whom a device without a network let in against the rules are neither.
    """

    gate: str
    admitted: int
    refused: int


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of one event: by gate, and admissions by quarter of an hour and gate."""

    gates: list[GateEntries]
    starts: list[datetime]
    # The admissions of each gate, one number for each of `starts`.
    series: dict[str, list[int]]

    @property
    def admitted(self) -> int:
        return sum(gate.admitted for gate in self.gates)

    @property
    def refused(self) -> int:
        return sum(gate.refused for gate in self.gates)


def read_entries(event: Event) -> Entries:
    """Return the entries of an event until now, without reading each of its scans."""
    admitted: dict[tuple[str, datetime], int] = defaultdict(int)
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for start, gate, let_in, refused in _counted(event):
        admitted[gate, start] += let_in
        totals[gate][0] += let_in
        totals[gate][1] += refused
    for gate, conflicts in _count_conflicts(event):
        totals[gate][1] -= conflicts
    gates = [GateEntries(gate, *totals[gate]) for gate in sorted(totals)]
    moments = sorted(start for (_, start), count in admitted.items() if count > 0)
    starts: list[datetime] = []
    if moments:
        last = max(moments, key=lambda moment: sum(admitted[gate, moment] for gate in totals))
        first = max(moments[0], last - SLOT * (_MOST_SLOTS // 2))
        count = min(_MOST_SLOTS, (moments[-1] - first) // SLOT + 1)
        starts = [first + SLOT * place for place in range(count)]
    series = {
        gate.gate: [admitted.get((gate.gate, start), 0) for start in starts]
        for gate in gates
        if gate.admitted
    }
    return Entries(gates, starts, series)


def _count_conflicts(event: Event) -> Iterable[tuple[str, int]]:
    """Return the conflicts of each gate that the slots have as refused."""
    conflicts = Scan.objects.filter(LET_IN_AGAINST_RULES, event=event)
    return conflicts.order_by().values_list("gate").annotate(count=Count("pk"))


def _counted(event: Event) -> Iterator[tuple[datetime, str, int, int]]:
    """Yield the slots of an event, then what was scanned and undone after the last of them."""
    summary = ScanSummary.objects.order_by("pk").values("written_until")[:1]
    written_until = summary.values_list("written_until", flat=True).first() or _ALWAYS
    slots = ScanSlot.objects.filter(event=event).annotate(until=Subquery(summary))
    # The moment is read again with the slots, in one statement: the worker adds to both.
    for slot in slots:
        written_until = slot.until
        yield slot.starts_at, slot.gate, slot.admitted, slot.refused
    scans = Scan.objects.filter(event=event).order_by().annotate(slot=_SLOT)
    let_in = Q(result=ScanResult.ADMITTED)
    counts = {
        "admitted": Count("pk", filter=let_in),
        "refused": Count("pk", filter=~Q(result__in=LET_THROUGH)),
    }
    recorded = scans.filter(recorded_at__gte=written_until)
    yield from recorded.values_list("slot", "gate").annotate(**counts)
    undone = scans.filter(let_in, undone_at__gte=written_until)
    for start, gate, count in undone.values_list("slot", "gate").annotate(count=Count("pk")):
        yield start, gate, -count, 0
