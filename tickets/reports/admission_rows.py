"""The table of admissions: each attempt at a gate."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from events.models import Event
from orders.reports.paging import Batch, Extent, Place, local, read_by_event, zone_of
from ticketing.tables.columns import Column, Kind, Row
from tickets.models import Scan
from tickets.ticket_codes import readable_codes


@dataclass(frozen=True, slots=True)
class AdmissionRows:
    """
    A row for each scan, admitted or refused, in the order in which they were recorded.

    The scanned text is left out: it may be the code of another event's ticket, which admits.
    """

    extent: Extent

    def columns(self) -> list[Column]:
        return [
            Column(_("Scanned at"), Kind.MOMENT),
            Column(_("Result")),
            Column(_("Gate")),
            Column(_("Scanned by")),
            Column(_("Ticket")),
            Column(_("Ticket type")),
            Column(_("Holder's name")),
            Column(_("Order")),
            Column(_("Undone at"), Kind.MOMENT),
            Column(_("Recorded at"), Kind.MOMENT),
            Column(_("Event")),
            Column(_("Time zone")),
        ]

    def count(self, at_most: int) -> int:
        scans = Scan.objects.filter(event__in=self.extent.events())
        return self._limit(scans)[:at_most].count()

    def read(self, place: Place, size: int) -> Batch:
        found = read_by_event(
            self.extent.events(), self._scans_of, moment="recorded_at", place=place, size=size
        )
        event, scans = found.event, found.rows
        codes = readable_codes(scan.ticket for scan in scans if scan.ticket)
        return Batch([_row(event, scan, codes) for scan in scans if event], found.place)

    def _scans_of(self, event: Event) -> QuerySet[Scan]:
        scans = Scan.objects.filter(event=event)
        return self._limit(scans).select_related(
            "device", "api_token", "user", "ticket__order", "ticket__ticket_type"
        )

    def _limit(self, scans: QuerySet[Scan]) -> QuerySet[Scan]:
        scans = scans.filter(recorded_at__lte=self.extent.taken_at)
        return self.extent.limit(scans, "recorded_at")


def _row(event: Event, scan: Scan, codes: dict[UUID, str]) -> Row:
    zone, ticket = zone_of(event), scan.ticket
    scanner = scan.device or scan.api_token or scan.user
    return [
        local(scan.scanned_at, zone),
        scan.get_result_display(),
        scan.gate,
        str(scanner) if scanner else None,
        codes.get(ticket.pk) if ticket else None,
        ticket.ticket_type.name if ticket else None,
        ticket.holder_name if ticket else None,
        ticket.order.code if ticket else None,
        local(scan.undone_at, zone),
        local(scan.recorded_at, zone),
        event.name,
        event.timezone,
    ]
