"""The table of each kind of export, and the name of its file."""

from collections.abc import Callable, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import translation
from django.utils.text import slugify

from orders.reports.ledger_rows import LedgerRows
from orders.reports.order_rows import OrderRows
from orders.reports.paging import Extent, TableSource
from ticketing.clock import zone_named
from tickets.reports.admission_rows import AdmissionRows
from tickets.reports.models import OF_A_PERIOD, Export, ExportKind, ScheduledReport
from tickets.reports.ticket_rows import AttendeeRows, TicketRows

_SOURCES: Final[Mapping[str, Callable[[Extent], TableSource]]] = {
    ExportKind.ATTENDEES: AttendeeRows,
    ExportKind.TICKETS: TicketRows,
    ExportKind.ORDERS: OrderRows,
    ExportKind.ADMISSIONS: AdmissionRows,
    ExportKind.LEDGER: LedgerRows,
}


def source_of(export: Export) -> TableSource:
    """Return the table of an export, which need not be stored."""
    has_period = export.kind in OF_A_PERIOD
    extent = Extent(
        organizer_id=export.organizer_id,
        event_id=export.event_id,
        taken_at=export.asked_at,
        since=export.since if has_period else None,
        until=export.until if has_period else None,
    )
    return _SOURCES[export.kind](extent)


def zone_of_export(export: Export | ScheduledReport) -> ZoneInfo:
    """Return the event's time zone, or that of the admin's pages for all events."""
    return zone_named(export.event.timezone if export.event else settings.PAGES_TIME_ZONE)


def file_name(export: Export) -> str:
    """Return the name under which a browser saves the file, in the export's language."""
    with translation.override(export.language):
        kind = export.get_kind_display()
    about = export.event.slug if export.event else slugify(export.organizer.name)
    day = export.asked_at.astimezone(zone_of_export(export)).date().isoformat()
    return f"{slugify(kind)}-{about}-{day}.{export.file_format}"
