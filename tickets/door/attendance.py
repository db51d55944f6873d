"""Measure an event's attendance: its tickets sold and held, and what happened at its door."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.models import TicketType
from events.stock.record import held_by_type
from tickets.door.counts import Figures, GateCounts, count_doors


@dataclass(frozen=True, slots=True)
class AttendanceOfType:
    """Counts of one type's tickets. `held` tickets are reserved or being paid for."""

    id: UUID
    name: str
    capacity: int
    sold: int
    held: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class Attendance:
    """
    An event's tickets, and the figures of its door, which are those of its live view.

    `no_type` are scans of codes that are of no ticket of the event.
    """

    event: UUID
    capacity: int
    sold: int
    held: int
    figures: Figures
    ticket_types: list[AttendanceOfType]
    no_type: Figures
    gates: list[GateCounts]


def measure_attendance(event_id: UUID, *, now: datetime) -> Attendance:
    """Count an event's tickets and scans by type and by gate, in PostgreSQL."""
    held, door = held_by_type([event_id]), count_doors([event_id], now=now)[event_id]
    figures = {kind.id: kind.figures for kind in door.types}
    types = [
        AttendanceOfType(
            kind.pk,
            kind.name,
            kind.capacity,
            kind.sold,
            held.get(kind.pk, 0) + kind.promised - kind.sold,
            figures.get(kind.pk, Figures()),
        )
        for kind in TicketType.objects.filter(event_id=event_id).order_by("number")
    ]
    return Attendance(
        event=event_id,
        capacity=sum(kind.capacity for kind in types),
        sold=sum(kind.sold for kind in types),
        held=sum(kind.held for kind in types),
        figures=door.total,
        ticket_types=types,
        no_type=door.no_type,
        gates=door.gates,
    )
