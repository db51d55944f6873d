"""The table of the ledger."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from orders.ledger_entry import LedgerEntry
from orders.models import PaymentMethod
from orders.reports.paging import Batch, Extent, Place, local, place_of, rows_after, zone_of
from ticketing.tables.columns import Column, Kind, Row


@dataclass(frozen=True, slots=True)
class LedgerRows:
    """A row for each entry of the ledger, in the order in which the amounts moved."""

    extent: Extent

    def columns(self) -> list[Column]:
        return [
            Column(_("At"), Kind.MOMENT),
            Column(_("Time zone")),
            Column(_("Event")),
            Column(_("Order")),
            Column(_("Kind")),
            Column(_("Payment method")),
            Column(_("Currency")),
            Column(_("Amount"), Kind.MONEY),
            Column(_("Recorded at"), Kind.MOMENT),
            Column(_("Entry")),
        ]

    def count(self, at_most: int) -> int:
        return self._entries()[:at_most].count()

    def read(self, place: Place, size: int) -> Batch:
        entries = self._entries().select_related("event", "order")
        found = rows_after(entries, moment="at", place=place, size=size)
        more = len(found) == size
        return Batch([_row(entry) for entry in found], place_of(found[-1], "at") if more else None)

    def _entries(self) -> QuerySet[LedgerEntry]:
        extent = self.extent
        # Each filter alone has an index that ends with the moment.
        if extent.event_id is None:
            entries = LedgerEntry.objects.filter(organizer_id=extent.organizer_id)
        else:
            entries = LedgerEntry.objects.filter(event_id=extent.event_id)
        entries = entries.filter(recorded_at__lte=extent.taken_at)
        return extent.limit(entries, "at")


def method_name(method: str) -> str:
    """Return the name of a payment method in the active language, or its code if it is unknown."""
    return str(dict(PaymentMethod.choices).get(method, method))


def _row(entry: LedgerEntry) -> Row:
    zone = zone_of(entry.event)
    return [
        local(entry.at, zone),
        entry.event.timezone,
        entry.event.name,
        entry.order.code,
        entry.get_kind_display(),
        method_name(entry.method),
        entry.currency,
        entry.amount,
        local(entry.recorded_at, zone),
        str(entry.pk),
    ]
