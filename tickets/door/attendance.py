"""Measure an event's attendance: its tickets sold, held and admitted, and its scans."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q

from events.models import TicketType
from events.stock.record import held_by_type
from tickets.models import LET_THROUGH, Scan, ScanResult, Ticket, TicketStatus


@dataclass(frozen=True, slots=True)
class AttendanceOfType:
    """Counts of one type's tickets. `held` tickets are reserved or being paid for."""

    id: UUID
    name: str
    capacity: int
    sold: int
    held: int
    admitted: int


@dataclass(frozen=True, slots=True)
class AttendanceOfGate:
    """Counts of one gate's scans. A later entry of a ticket, and an exit, is neither."""

    gate: str
    admitted: int
    refused: int


@dataclass(frozen=True, slots=True)
class Attendance:
    event: UUID
    capacity: int
    sold: int
    held: int
    admitted: int
    ticket_types: list[AttendanceOfType]
    gates: list[AttendanceOfGate]


def measure_attendance(event_id: UUID) -> Attendance:
    """Count an event's tickets by type and its scans by gate, in PostgreSQL."""
    held = held_by_type([event_id])
    used = Ticket.objects.filter(event_id=event_id, status=TicketStatus.USED)
    admitted = dict(used.order_by().values_list("ticket_type_id").annotate(Count("pk")))
    types = [
        AttendanceOfType(
            kind.pk,
            kind.name,
            kind.capacity,
            kind.sold,
            held.get(kind.pk, 0) + kind.promised - kind.sold,
            admitted.get(kind.pk, 0),
        )
        for kind in TicketType.objects.filter(event_id=event_id).order_by("number")
    ]
    let_in = Count("pk", filter=Q(result=ScanResult.ADMITTED))
    refused = Count("pk", filter=~Q(result__in=LET_THROUGH))
    counted = Scan.objects.filter(event_id=event_id, undone_at=None)
    scans = counted.order_by("gate").values_list("gate")
    gates = [
        AttendanceOfGate(gate, admitted_scans, refused_scans)
        for gate, admitted_scans, refused_scans in scans.annotate(let_in=let_in, refused=refused)
    ]
    return Attendance(
        event=event_id,
        capacity=sum(kind.capacity for kind in types),
        sold=sum(kind.sold for kind in types),
        held=sum(kind.held for kind in types),
        admitted=sum(kind.admitted for kind in types),
        ticket_types=types,
        gates=gates,
    )
