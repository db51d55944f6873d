"""
The season of the demo's organizer: events past, running and to come, with orders and entries.

Its days are counted from the day on which it is made, and its numbers are the same each time.
"""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Final
from uuid import UUID

from django.db import transaction

from events.models import Event, EventStatus, Organizer, TicketType
from events.organizing import create_event
from events.stock.rebuild import try_to_rebuild_stock
from events.stock.record import promise_tickets, sell_tickets
from orders.models import Order, OrderItem, OrderStatus, PaymentMethod
from orders.past_orders import PastOrder, write_past_orders
from ticketing.actors import system_actor
from ticketing.ids import new_id
from tickets.codes import CodeSubject, sign_code
from tickets.demo_shows import FIRST_NAMES, LAST_NAMES, SHOWS, Show
from tickets.models import Delivery, Device, Scan, ScanResult, Ticket, TicketStatus
from tickets.object_names import new_object_name
from tickets.settlement import ticket_id

_SEED: Final = 7
# The sales of an event begin so many days before it.
_ON_SALE: Final = 45
_ASCII: Final = str.maketrans("áãéíóõúç", "aaeioouc")
# How orders end, and how many of a hundred do so.
_ENDINGS: Final = {
    OrderStatus.PAID: 82,
    OrderStatus.EXPIRED: 9,
    OrderStatus.PAYMENT_FAILED: 4,
    OrderStatus.CANCELLED: 2,
    OrderStatus.REFUNDED: 3,
}
# The hours at which people buy, more of them in the evening.
_HOURS: Final = [9, 10, 11, 12, 12, 13, 14, 16, 18, 19, 20, 20, 21, 21, 21, 22, 22, 23]
_SHOWN_TWICE: Final = 4
# A buyer of this event has mistyped the address.
_COMES_BACK: Final = "forro-do-galpao"


def make_season(*, organizer: Organizer, now: datetime) -> None:
    """
    Make the events of the season that are missing, with their orders, tickets and scans.

    Each event is one transaction, with the same figures in the record as sales would have left.
    Redis learns of them afterwards.
    """
    chance = Random(_SEED)  # noqa: S311 - the numbers are for show
    for show in SHOWS:
        if not Event.objects.filter(slug=show.slug).exists():
            event = _make_show(show, organizer, chance, now)
            if event.status == EventStatus.PUBLISHED and event.ends_at > now:
                try_to_rebuild_stock(event_id=event.pk)


@transaction.atomic(durable=True)
def _make_show(show: Show, organizer: Organizer, chance: Random, now: datetime) -> Event:
    # Midnight in UTC is 21:00 in São Paulo.
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    starts_at = midnight + timedelta(days=show.days)
    event = create_event(
        event=Event(
            organizer=organizer,
            status=EventStatus.DRAFT if show.is_draft else EventStatus.PUBLISHED,
            slug=show.slug,
            name=show.name,
            description=show.description,
            venue=show.venue,
            city=show.city,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=show.hours),
        ),
        ticket_types=[
            TicketType(name=name, price=Decimal(price), capacity=capacity)
            for name, price, capacity in show.types
        ],
        actor=system_actor("demo season"),
        # When its sale began: an event that is over could not be published.
        now=min(now, starts_at - timedelta(days=_ON_SALE)),
    )
    past = _imagine_orders(event, show, chance, now)
    orders = write_past_orders(past)
    tickets = _write_tickets(event, list(zip(orders, past, strict=True)))
    _count_in_record(past)
    if show.entered:
        _write_entries(event, show, tickets, chance, now)
    return event


def _imagine_orders(event: Event, show: Show, chance: Random, now: datetime) -> list[PastOrder]:
    """Return orders that fit into the capacities, the oldest first."""
    kinds = list(event.ticket_types.order_by("number"))
    free = {kind: kind.capacity for kind in kinds}
    last = min(now, event.starts_at) - timedelta(minutes=30)
    first = event.starts_at - timedelta(days=_ON_SALE)
    past = []
    for moment in sorted(_moment(first, last, chance) for _ in range(show.orders)):
        kind = chance.choices(kinds, weights=range(len(kinds) + 1, 1, -1))[0]
        quantity = min(chance.choice([1, 1, 2, 2, 2, 3, 4]), free[kind])
        if not quantity:
            continue
        order = _imagine_order(event, {kind: quantity}, moment, last, chance)
        free[kind] -= (quantity - order.returned.get(kind, 0)) if order.was_paid else 0
        past.append(order)
    return past


def _moment(first: datetime, last: datetime, chance: Random) -> datetime:
    """Return a moment between the two: more sales near the end, few at night."""
    days = (last - first).days
    day = last - timedelta(days=int(days * (1 - chance.random() ** 0.6)))
    # The hours are those of São Paulo.
    hour = day.replace(hour=chance.choice(_HOURS), minute=0, second=0, microsecond=0)
    moment = hour + timedelta(hours=3, seconds=chance.randrange(3600))
    if moment > last:
        moment = last - timedelta(seconds=chance.randrange(6 * 3600))
    return max(first, moment)


def _imagine_order(
    event: Event,
    quantities: dict[TicketType, int],
    moment: datetime,
    last: datetime,
    chance: Random,
) -> PastOrder:
    name = f"{chance.choice(FIRST_NAMES)} {chance.choice(LAST_NAMES)}"
    address = name.lower().translate(_ASCII).replace(" ", ".")
    status = chance.choices(list(_ENDINGS), weights=list(_ENDINGS.values()))[0]
    took = timedelta(minutes=15) if status == OrderStatus.EXPIRED else timedelta(minutes=1)
    took += timedelta(seconds=chance.randrange(120))
    returned: dict[TicketType, int] = {}
    if status == OrderStatus.REFUNDED:
        returned = dict(quantities)
    elif status == OrderStatus.PAID and chance.random() < 0.03:  # noqa: PLR2004 - three of a hundred
        returned = {kind: 1 for kind, quantity in quantities.items() if quantity > 1}
    return PastOrder(
        event=event,
        quantities=quantities,
        customer_name=name,
        customer_email=f"{address}@example.com",
        language=chance.choice(["pt-br"] * 9 + ["en"]),
        status=status,
        method=chance.choice([PaymentMethod.PIX, PaymentMethod.PIX, PaymentMethod.CARD]),
        created_at=moment,
        ended_at=moment + took,
        returned=returned,
        returned_at=moment + took + (last - moment) * chance.random() / 2,
    )


def _count_in_record(past: list[PastOrder]) -> None:
    """Bring the record to where these sales and refunds have brought it."""
    kept: Counter[UUID] = Counter()
    for order in past:
        if order.was_paid:
            for kind, quantity in order.quantities.items():
                kept[kind.pk] += quantity - order.returned.get(kind, 0)
    promise_tickets(+kept)
    sell_tickets(+kept)


def _write_tickets(event: Event, sold: list[tuple[Order, PastOrder]]) -> list[Ticket]:
    """Write the tickets of paid orders, and the mails that carried them. One mail came back."""
    items = OrderItem.objects.filter(order__event=event).select_related("ticket_type")
    item_of = {item.order_id: item for item in items}
    paid = [(order, past) for order, past in sold if past.was_paid]
    deliveries = [
        Delivery(
            order=order,
            asked_at=past.ended_at,
            sent_at=past.ended_at + timedelta(seconds=4),
            ask_again_at=past.ended_at,
        )
        for order, past in paid
    ]
    if event.slug == _COMES_BACK:
        last = deliveries[-1]
        last.sent_at, last.failed_at = None, last.sent_at
        last.failure, last.attempts = "550 5.1.1 Mailbox does not exist", 1
    Delivery.objects.bulk_create(deliveries)
    return Ticket.objects.bulk_create(
        _make_ticket(event, item_of[order.pk], order, past, place)
        for order, past in paid
        for place in range(1, item_of[order.pk].quantity + 1)
    )


def _make_ticket(
    event: Event, item: OrderItem, order: Order, past: PastOrder, place: int
) -> Ticket:
    identity = ticket_id(order.pk, item.ticket_type_id, place)
    subject = CodeSubject(
        event_id=event.pk,
        event_number=event.number,
        type_number=item.ticket_type.number,
        valid_from=order.created_at,
        event_ends_at=event.ends_at,
    )
    refunded_at = past.returned_at if place <= item.returned else None
    return Ticket(
        pk=identity,
        order=order,
        order_item=item,
        event=event,
        ticket_type_id=item.ticket_type_id,
        position=place,
        number=place,
        code=sign_code(subject, identity),
        object_name=new_object_name(event_id=event.pk, ticket_id=identity),
        holder_name=order.customer_name,
        status=TicketStatus.REVOKED if refunded_at else TicketStatus.VALID,
        created_at=past.ended_at,
        revoked_at=refunded_at,
        refunded_at=refunded_at,
    )


def _write_entries(
    event: Event, show: Show, tickets: list[Ticket], chance: Random, now: datetime
) -> None:
    """Let most people in around the beginning, at two gates. Some show their ticket twice."""
    devices = list(event.organizer.devices.filter(all_events=True).order_by("created_at", "pk"))
    scans = []
    for ticket in tickets:
        if ticket.status != TicketStatus.VALID or chance.randrange(100) >= show.entered:
            continue
        minutes = chance.triangular(-75, 150, -10)
        seen = min(now, event.starts_at + timedelta(minutes=minutes))
        device = chance.choices(devices, weights=range(len(devices) + 1, 1, -1))[0]
        ticket.status, ticket.used_at = TicketStatus.USED, seen
        scans.append(_make_scan(ticket, device, ScanResult.ADMITTED, seen))
        if chance.randrange(100) < _SHOWN_TWICE:
            again = min(now, seen + timedelta(minutes=2))
            scans.append(_make_scan(ticket, device, ScanResult.ALREADY_USED, again))
    Ticket.objects.bulk_update(tickets, ["status", "used_at"], batch_size=500)
    Scan.objects.bulk_create(scans)


def _make_scan(ticket: Ticket, device: Device, result: ScanResult, seen: datetime) -> Scan:
    return Scan(
        scan_id=new_id(),
        scanned_by=f"device:{device.pk}",
        device=device,
        event_id=ticket.event_id,
        ticket=ticket,
        result=result,
        gate=device.gate,
        code=ticket.code,
        scanned_at=seen,
        recorded_at=seen,
    )
