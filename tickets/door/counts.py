"""Count what has happened at the door of events: who is inside, admitted and refused."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, DateField, F, Func, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from events.models import Reentry, TicketType
from tickets.models import (
    ENTRIES,
    LET_IN_AGAINST_RULES,
    LET_THROUGH,
    Scan,
    ScanResult,
    ScanSlot,
    Ticket,
    TicketStatus,
)
from tickets.scan_slots import ScanSummary

_ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Figures:
    """
    Figures of one gate, one ticket type, or one type at one gate.

    `admitted` are first entries of tickets, and `refused` are attempts. `conflicts` are guests whom
    a device without a network let in against the rules: they are neither admitted nor refused.
    `inside` are guests who are inside now. Each counts at the gate of their latest entry, until
    they leave by any gate. What was undone does not count.
    """

    admitted: int = 0
    refused: int = 0
    conflicts: int = 0
    inside: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.admitted + other.admitted,
            self.refused + other.refused,
            self.conflicts + other.conflicts,
            self.inside + other.inside,
        )


@dataclass(frozen=True, slots=True)
class TypeCounts:
    """One ticket type. `id` is None for codes of no ticket of the event: forged, or of another."""

    id: UUID | None
    name: str
    sold: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class GateCounts:
    """One gate. `types` are those with a figure there, with these figures."""

    gate: str
    figures: Figures
    types: list[TypeCounts]


@dataclass(frozen=True, slots=True)
class DoorCounts:
    """
    The figures of one event's door. `gates` are sorted by name, `types` as the event has them.

    `no_type` are the scans of codes of no ticket of the event. They are refused, or a conflict.
    """

    types: list[TypeCounts]
    no_type: Figures
    gates: list[GateCounts]
    counted_at: datetime = field(compare=False)

    @property
    def sold(self) -> int:
        return sum(kind.sold for kind in self.types)

    @property
    def total(self) -> Figures:
        return _sum(kind.figures for kind in self.types) + self.no_type

    @property
    def admitted(self) -> int:
        return self.total.admitted

    @property
    def inside(self) -> int:
        return self.total.inside

    @property
    def refused(self) -> int:
        return self.total.refused

    @property
    def conflicts(self) -> int:
        return self.total.conflicts


# Figures by gate and ticket type.
_Cells = dict[tuple[str, UUID | None], Figures]
# An event, a gate, a type or None, and figures to add.
_Counted = tuple[UUID, str, UUID | None, Figures]


def count_doors(event_ids: Collection[UUID], *, now: datetime) -> dict[UUID, DoorCounts]:
    """
    Return the figures of events, in a fixed number of queries.

    Scans say who was admitted and refused. Of them, which grow all night, only those are read that
    are not in slots yet. Tickets say who is inside. With the rule "once on each day" nobody scans
    an exit: those are inside who have entered today, by the clock at the venue.
    """
    cells: dict[UUID, _Cells] = {event_id: {} for event_id in event_ids}
    counted = chain(_scanned(event_ids), _conflicts(event_ids), _inside(event_ids, now))
    for event_id, gate, type_id, figures in counted:
        of_event = cells[event_id]
        of_event[gate, type_id] = of_event.get((gate, type_id), Figures()) + figures
    types: dict[UUID, list[TicketType]] = defaultdict(list)
    for kind in TicketType.objects.filter(event__in=event_ids).order_by("number"):
        types[kind.event_id].append(kind)
    return {event_id: _add_up(cells[event_id], types[event_id], now) for event_id in event_ids}


def _add_up(
    cells: Mapping[tuple[str, UUID | None], Figures], kinds: list[TicketType], now: datetime
) -> DoorCounts:
    no_type = TicketType(pk=None)

    def count(gate: str | None, kind: TicketType) -> TypeCounts:
        found = (
            figures
            for (at, type_id), figures in cells.items()
            if type_id == kind.pk and gate in (None, at)
        )
        return TypeCounts(kind.pk, kind.name, kind.sold, _sum(found))

    gates = []
    for gate in sorted({gate for gate, _ in cells}):
        found = [count(gate, kind) for kind in (*kinds, no_type)]
        types = [each for each in found if each.figures != Figures()]
        if types:
            gates.append(GateCounts(gate, _sum(each.figures for each in types), types))
    return DoorCounts(
        [count(None, kind) for kind in kinds], count(None, no_type).figures, gates, now
    )


def _sum(figures: Iterable[Figures]) -> Figures:
    return sum(figures, Figures())


def _inside(event_ids: Collection[UUID], now: datetime) -> Iterable[_Counted]:
    used = Ticket.objects.filter(event__in=event_ids, status=TicketStatus.USED).order_by()
    # Unknown, in rows of the previous release, means inside.
    not_left = Q(inside=True) | Q(inside=None)
    today = Q(entry_day=_local_day(Value(now)))
    entered = used.alias(entry_day=_local_day(Coalesce("last_entry_at", "used_at"))).filter(
        not_left & (~Q(event__reentry=Reentry.ONCE_A_DAY) | today)
    )
    # PostgreSQL looks for the scan only if the gate was not stored: by the previous release.
    entries = Scan.objects.filter(ticket=OuterRef("pk"), result__in=ENTRIES, undone_at=None)
    scanned_at = Subquery(entries.order_by("-scanned_at").values("gate")[:1])
    counted: Any = entered.annotate(entered_at=Coalesce("entry_gate", scanned_at, Value("")))
    counted = counted.values_list("event_id", "entered_at", "ticket_type_id")
    for event_id, gate, type_id, count in counted.annotate(count=Count("pk")):
        yield event_id, gate, type_id, Figures(inside=count)


def _local_day(moment: Any) -> Func:
    """Return the day of a moment by the clock of a ticket's event."""
    return Func(
        moment,
        F("event__timezone"),
        template="(%(expressions)s)::date",
        arg_joiner=" AT TIME ZONE ",
        output_field=DateField(),
    )


def _conflicts(event_ids: Collection[UUID]) -> Iterable[_Counted]:
    """Yield the conflicts that the slots have as refused."""
    scans = Scan.objects.filter(LET_IN_AGAINST_RULES, event__in=event_ids)
    counted: Any = scans.order_by().values_list("event_id", "gate", "ticket__ticket_type")
    for event_id, gate, type_id, count in counted.annotate(count=Count("pk")):
        yield event_id, gate, type_id, Figures(refused=-count, conflicts=count)


def _scanned(event_ids: Collection[UUID]) -> Iterable[_Counted]:
    """Yield the slots of each gate, then what was scanned and undone after the last of them."""
    summary = ScanSummary.objects.order_by("pk").values("written_until")[:1]
    written_until = summary.values_list("written_until", flat=True).first() or _ALWAYS
    slots: Any = ScanSlot.objects.filter(event__in=event_ids).order_by()
    # The moment is read again with the slots, in one statement: the worker adds to both.
    slots = slots.values_list("event_id", "gate", "ticket_type").annotate(
        Sum("admitted"), Sum("refused"), until=Subquery(summary)
    )
    for event_id, gate, type_id, admitted, refused, until in slots:
        written_until = until
        yield event_id, gate, type_id, Figures(admitted, refused)
    scans: Any = Scan.objects.filter(event__in=event_ids).order_by()
    scans = scans.values_list("event_id", "gate", "ticket__ticket_type")
    let_in, refusal = Q(result=ScanResult.ADMITTED), ~Q(result__in=LET_THROUGH)
    recorded = scans.filter(recorded_at__gte=written_until)
    for event_id, gate, type_id, admitted, refused in recorded.annotate(
        admitted=Count("pk", filter=let_in), refused=Count("pk", filter=refusal)
    ):
        yield event_id, gate, type_id, Figures(admitted, refused)
    undone = scans.filter(let_in, undone_at__gte=written_until)
    for event_id, gate, type_id, count in undone.annotate(count=Count("pk")):
        yield event_id, gate, type_id, Figures(admitted=-count)
