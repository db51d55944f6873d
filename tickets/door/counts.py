"""Count what has happened at the door of events: who is inside, admitted and refused."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, DateField, F, Func, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from events.models import Reentry, TicketType
from tickets.models import LET_THROUGH, Scan, ScanResult, ScanSlot, Ticket, TicketStatus
from tickets.scan_slots import ScanSummary

_ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TypeCounts:
    """One ticket type. An undone admission does not count."""

    id: UUID
    number: int
    name: str
    sold: int
    admitted: int
    inside: int


@dataclass(frozen=True, slots=True)
class GateCounts:
    """
    One gate. `admitted` are first entries of tickets, `refused` are attempts.

    `conflicts` are guests whom a device without a network let in against the rules. They are
    neither admitted nor refused.
    """

    gate: str
    admitted: int
    refused: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class DoorCounts:
    """The figures of one event's door. `gates` are sorted by name."""

    types: list[TypeCounts]
    gates: list[GateCounts]

    @property
    def sold(self) -> int:
        return sum(kind.sold for kind in self.types)

    @property
    def admitted(self) -> int:
        return sum(kind.admitted for kind in self.types)

    @property
    def inside(self) -> int:
        return sum(kind.inside for kind in self.types)

    @property
    def refused(self) -> int:
        return sum(gate.refused for gate in self.gates)

    @property
    def conflicts(self) -> int:
        return sum(gate.conflicts for gate in self.gates)


def count_doors(event_ids: Collection[UUID], *, now: datetime) -> dict[UUID, DoorCounts]:
    """
    Return the figures of events, in a fixed number of queries.

    Tickets say who was admitted and is inside. With the rule "once on each day" nobody scans an
    exit: those are inside who have entered today, by the clock at the venue. Of the scans, which
    grow all night, only those are read that are not in slots yet.
    """
    types, gates = _count_types(event_ids, now), _count_gates(event_ids)
    return {event_id: DoorCounts(types[event_id], gates[event_id]) for event_id in event_ids}


def _count_types(event_ids: Collection[UUID], now: datetime) -> dict[UUID, list[TypeCounts]]:
    used = Ticket.objects.filter(event__in=event_ids, status=TicketStatus.USED).order_by()
    # Unknown, in rows of the previous release, means inside.
    not_left = Q(inside=True) | Q(inside=None)
    today = Q(entry_day=_local_day(Value(now)))
    inside = Count("pk", filter=not_left & (~Q(event__reentry=Reentry.ONCE_A_DAY) | today))
    used = used.alias(entry_day=_local_day(Coalesce("last_entry_at", "used_at")))
    counted = {
        type_id: (admitted, now_inside)
        for type_id, admitted, now_inside in used.values_list("ticket_type_id").annotate(
            admitted=Count("pk"), now_inside=inside
        )
    }
    types: dict[UUID, list[TypeCounts]] = defaultdict(list)
    for kind in TicketType.objects.filter(event__in=event_ids).order_by("number"):
        types[kind.event_id].append(
            TypeCounts(kind.pk, kind.number, kind.name, kind.sold, *counted.get(kind.pk, (0, 0)))
        )
    return types


def _local_day(moment: Any) -> Func:
    """Return the day of a moment by the clock of a ticket's event."""
    return Func(
        moment,
        F("event__timezone"),
        template="(%(expressions)s)::date",
        arg_joiner=" AT TIME ZONE ",
        output_field=DateField(),
    )


def _count_gates(event_ids: Collection[UUID]) -> dict[UUID, list[GateCounts]]:
    totals: dict[tuple[UUID, str], list[int]] = defaultdict(lambda: [0, 0])
    for event_id, gate, admitted, refused in _counted(event_ids):
        totals[event_id, gate][0] += admitted
        totals[event_id, gate][1] += refused
    clashes = _count_conflicts(event_ids)
    gates: dict[UUID, list[GateCounts]] = defaultdict(list)
    for (event_id, gate), (admitted, refused) in sorted(totals.items()):
        conflicts = clashes.get((event_id, gate), 0)
        gates[event_id].append(GateCounts(gate, admitted, refused - conflicts, conflicts))
    return gates


def _count_conflicts(event_ids: Collection[UUID]) -> dict[tuple[UUID, str], int]:
    """Count the conflicts of each gate that the slots have as refused."""
    scans = Scan.objects.filter(event__in=event_ids, conflict=True).exclude(result__in=LET_THROUGH)
    counted: Any = scans.order_by().values_list("event_id", "gate").annotate(count=Count("pk"))
    return {(event_id, gate): count for event_id, gate, count in counted}


def _counted(event_ids: Collection[UUID]) -> Iterable[tuple[UUID, str, int, int]]:
    """Yield the slots of each gate, then what was scanned and undone after the last of them."""
    summary = ScanSummary.objects.order_by("pk").values("written_until")[:1]
    written_until = summary.values_list("written_until", flat=True).first() or _ALWAYS
    slots: Any = ScanSlot.objects.filter(event__in=event_ids).order_by()
    # The moment is read again with the slots, in one statement: the worker adds to both.
    slots = slots.values_list("event_id", "gate").annotate(
        Sum("admitted"), Sum("refused"), until=Subquery(summary)
    )
    for event_id, gate, admitted, refused, until in slots:
        written_until = until
        yield event_id, gate, admitted, refused
    scans = Scan.objects.filter(event__in=event_ids).order_by()
    let_in = Q(result=ScanResult.ADMITTED)
    recorded = scans.filter(recorded_at__gte=written_until).values_list("event_id", "gate")
    yield from recorded.annotate(
        admitted=Count("pk", filter=let_in), refused=Count("pk", filter=~Q(result__in=LET_THROUGH))
    )
    undone = scans.filter(let_in, undone_at__gte=written_until).values_list("event_id", "gate")
    for event_id, gate, count in undone.annotate(count=Count("pk")):
        yield event_id, gate, -count, 0
