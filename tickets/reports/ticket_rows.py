"""The tables of tickets and of attendees."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from events.models import Event
from orders.answer_rules import Place as AnswerPlace
from orders.models import Order
from orders.reports.answer_columns import AnswerColumns, answer_columns
from orders.reports.paging import Batch, Extent, Place, local, read_by_event, zone_of
from ticketing.tables.columns import Column, Kind, Row
from tickets.models import Ticket, TicketStatus
from tickets.ticket_codes import readable_codes

# A batch is read by orders, of which an index knows the age. Few orders have more tickets.
_TICKETS_OF_AN_ORDER: Final = 4


@dataclass(frozen=True, slots=True)
class TicketRows:
    """A row for each ticket ever sold, in the order of the sales. Replaced ones are left out."""

    extent: Extent

    def columns(self) -> list[Column]:
        return [
            Column(_("Event")),
            Column(_("Ticket")),
            Column(_("Order")),
            Column(_("Ticket type")),
            Column(_("Holder's name")),
            Column(_("Customer's name")),
            Column(_("Customer's email")),
            Column(_("Holder's email after a transfer")),
            Column(_("Status")),
            Column(_("Promo code")),
            Column(_("Currency")),
            Column(_("Discount"), Kind.MONEY),
            Column(_("Price"), Kind.MONEY),
            Column(_("Sold at"), Kind.MOMENT),
            Column(_("Used at"), Kind.MOMENT),
            Column(_("Revoked at"), Kind.MOMENT),
            Column(_("Refunded at"), Kind.MOMENT),
            Column(_("Time zone")),
            *self._asked().columns(),
        ]

    def count(self, at_most: int) -> int:
        return self._tickets().filter(event__in=self.extent.events())[:at_most].count()

    def read(self, place: Place, size: int) -> Batch:
        found = read_by_event(
            self.extent.events(),
            self._orders_of,
            moment="created_at",
            place=place,
            size=max(1, size // _TICKETS_OF_AN_ORDER),
        )
        return Batch([*self._rows(found.event, found.rows)] if found.event else [], found.place)

    def _rows(self, event: Event, orders: list[Order]) -> Iterator[Row]:
        of_order: dict[UUID, list[Ticket]] = defaultdict(list)
        known = {order.pk: order for order in orders}
        tickets = self._tickets().filter(order__in=known)
        tickets = tickets.select_related("ticket_type", "order_item", "transfer")
        for ticket in tickets.order_by("order_item_id", "position"):
            ticket.order = known[ticket.order_id]
            of_order[ticket.order_id].append(ticket)
        in_order = [ticket for order in orders for ticket in of_order[order.pk]]
        codes = readable_codes(in_order)
        answers = self._asked().read(list(known))
        for ticket in in_order:
            place = AnswerPlace(ticket.order_item_id, ticket.position)
            yield [
                *self._row(event, ticket, codes[ticket.pk]),
                *answers.cells(ticket.order_id, place),
            ]

    def _asked(self) -> AnswerColumns:
        return answer_columns(self.extent.event_id, per_ticket=True)

    def _row(self, event: Event, ticket: Ticket, code: str) -> Row:
        zone = zone_of(event)
        return [
            event.name,
            code,
            ticket.order.code,
            ticket.ticket_type.name,
            ticket.holder_name,
            ticket.order.customer_name,
            ticket.order.customer_email,
            ticket.transfer.email if ticket.transfer else None,
            _("refunded") if ticket.refunded_at else ticket.get_status_display(),
            ticket.order.promo_text,
            ticket.order.currency,
            ticket.order_item.discount,
            ticket.price,
            local(ticket.created_at, zone),
            local(ticket.used_at, zone),
            local(ticket.revoked_at, zone),
            local(ticket.refunded_at, zone),
            event.timezone,
        ]

    def _tickets(self) -> QuerySet[Ticket]:
        # Not limited by `taken_at`: a ticket that is replaced meanwhile must not be missing.
        return Ticket.objects.filter(replaced_by=None)

    def _orders_of(self, event: Event) -> QuerySet[Order]:
        taken_at = self.extent.taken_at
        return Order.objects.filter(event=event, paid_at__lte=taken_at, created_at__lte=taken_at)


@dataclass(frozen=True, slots=True)
class AttendeeRows(TicketRows):
    """A row for each person who may enter or has entered, with the buyer's address."""

    def columns(self) -> list[Column]:
        return [
            Column(_("Holder's name")),
            Column(_("Ticket")),
            Column(_("Ticket type")),
            Column(_("Customer's name")),
            Column(_("Customer's email")),
            Column(_("Holder's email after a transfer")),
            Column(_("Order")),
            Column(_("Entered")),
            Column(_("Entered at"), Kind.MOMENT),
            Column(_("Event")),
            Column(_("Time zone")),
            *self._asked().columns(),
        ]

    def _row(self, event: Event, ticket: Ticket, code: str) -> Row:
        return [
            ticket.holder_name,
            code,
            ticket.ticket_type.name,
            ticket.order.customer_name,
            ticket.order.customer_email,
            ticket.transfer.email if ticket.transfer else None,
            ticket.order.code,
            _("yes") if ticket.used_at else _("no"),
            local(ticket.used_at, zone_of(event)),
            event.name,
            event.timezone,
        ]

    def _tickets(self) -> QuerySet[Ticket]:
        admitted = [TicketStatus.VALID, TicketStatus.USED]
        return super(AttendeeRows, self)._tickets().filter(status__in=admitted)
