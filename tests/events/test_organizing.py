"""Creating, publishing, changing and cancelling events, also while they are on sale."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from events import organizing
from events.catalogue import left_by_type
from events.changes import assign, claim_to_change
from events.models import Event, EventStatus, TicketType
from events.organizing import (
    SlugTaken,
    cancel_event,
    change_event,
    create_event,
    note_cancellation_finished,
)
from events.publishing import EventIsOver, EventNotPublishable, publish_event
from events.stock.holds import read_stock
from events.stock.record import claim_event, current_epoch
from events.ticket_types import (
    CapacityBelowCommitted,
    LastTicketType,
    TooManyTicketTypes,
    add_ticket_type,
    change_capacity,
    change_ticket_types,
)
from orders.models import Order, OrderStatus
from orders.payment import OrderNotPayable, confirm_payment
from orders.pricing import EventNotOnSale
from tests.make import (
    SOMEBODY,
    as_organizer,
    make_event,
    make_organizer,
    make_paid_order,
    make_processing_order,
    make_reserved_order,
    make_ticket_type,
)
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.database.locks import Lock
from ticketing.field_changes import FieldChange
from ticketing.models import Act, ActType

pytestmark = pytest.mark.django_db(transaction=True)


def test_more_capacity_is_on_sale_at_once():
    kind = make_ticket_type(capacity=2)
    make_reserved_order(ticket_type=kind, quantity=2)

    change_capacity(ticket_type_id=kind.pk, capacity=5)

    assert left_by_type([kind.event_id]) == {kind.pk: 3}


def test_repeated_raises_of_the_capacity_add_up():
    kind = make_ticket_type(capacity=2)
    make_reserved_order(ticket_type=kind, quantity=2)

    for capacity in (5, 6, 9):
        change_capacity(ticket_type_id=kind.pk, capacity=capacity)

    stock = read_stock(kind.event_id)
    assert stock is not None
    assert stock.left == {kind.pk: 7}
    assert stock.revision == Event.objects.get(pk=kind.event_id).revision


def test_a_capacity_is_changed_from_what_it_is_once_the_event_is_locked(
    monkeypatch: pytest.MonkeyPatch,
):
    kind = make_ticket_type(capacity=5)

    def lock_after_another(number: int) -> None:
        claim_event(number)
        TicketType.objects.filter(pk=kind.pk).update(capacity=8, capacity_version=4)

    monkeypatch.setattr("events.ticket_types.claim_event", lock_after_another)
    change_capacity(ticket_type_id=kind.pk, capacity=9)

    kind.refresh_from_db()
    assert (kind.capacity, kind.capacity_version) == (9, 5)


def test_dropping_a_ticket_type_begins_a_new_epoch_even_if_redis_is_not_rebuilt(
    monkeypatch: pytest.MonkeyPatch,
):
    event = make_event()
    to_drop = make_ticket_type(event=event, name="Camarote")
    before = current_epoch(event.pk)
    monkeypatch.setattr("events.ticket_types.try_to_rebuild_stock", lambda **_: None)

    with transaction.atomic():
        change_ticket_types(event, [], dropped=[to_drop.pk], now=clock.now())

    assert current_epoch(event.pk) == before + 1


def test_only_an_event_on_sale_needs_its_last_ticket_type():
    draft, on_sale = make_event(status=EventStatus.DRAFT), make_event()

    for event in (draft, on_sale):
        kind = event.ticket_types.get()
        if event == on_sale:
            with pytest.raises(LastTicketType), transaction.atomic():
                change_ticket_types(event, [], dropped=[kind.pk], now=clock.now())
        else:
            with transaction.atomic():
                change_ticket_types(event, [], dropped=[kind.pk], now=clock.now())

    assert (draft.ticket_types.count(), on_sale.ticket_types.count()) == (0, 1)


def test_a_capacity_below_the_tickets_sold_or_held_is_refused():
    kind = make_ticket_type(capacity=10)
    make_paid_order(ticket_type=kind, quantity=2)
    make_processing_order(ticket_type=kind)
    make_reserved_order(ticket_type=kind)

    with pytest.raises(
        CapacityBelowCommitted, match="4 tickets of Pista are sold or held, more than 3"
    ):
        change_capacity(ticket_type_id=kind.pk, capacity=3)
    change_capacity(ticket_type_id=kind.pk, capacity=4)

    assert left_by_type([kind.event_id]) == {kind.pk: 0}


def test_cancelling_an_event_ends_reservations_and_refunds_paid_orders(queue: RecordingQueue):
    kind = make_ticket_type(capacity=10)
    reserved = make_reserved_order(ticket_type=kind)
    processing = make_processing_order(ticket_type=kind)
    paid = make_paid_order(ticket_type=kind)

    cancel_event(actor=SOMEBODY, event_id=kind.event_id, now=clock.now())
    queue.run_all()

    statuses = dict(Order.objects.values_list("pk", "status"))
    assert statuses == {
        reserved.pk: OrderStatus.CANCELLED,
        processing.pk: OrderStatus.PAYMENT_FAILED,
        paid.pk: OrderStatus.REFUNDED,
    }
    kind.refresh_from_db()
    assert (kind.promised, kind.sold) == (0, 0)
    assert set(paid.tickets.values_list("status", flat=True)) == {"revoked"}


def test_no_buyer_can_reserve_or_pay_at_a_cancelled_event():
    kind = make_ticket_type()
    order = make_reserved_order(ticket_type=kind)
    cancel_event(actor=SOMEBODY, event_id=kind.event_id, now=clock.now())

    with pytest.raises(EventNotOnSale):
        make_reserved_order(ticket_type=kind)
    with pytest.raises(OrderNotPayable):
        confirm_payment(order=order, method="card", token="tok_approved", now=clock.now())


def test_an_event_without_ticket_types_is_not_published():
    other = make_event()
    empty = create_event(
        actor=SOMEBODY,
        event=Event(
            organizer=make_organizer(),
            name="Vazio",
            venue="Lugar",
            city="Recife",
            starts_at=other.starts_at,
            ends_at=other.ends_at,
        ),
        ticket_types=[],
        now=clock.now(),
    )

    with pytest.raises(EventNotPublishable):
        publish_event(actor=SOMEBODY, event_id=empty.pk, now=clock.now())

    empty.refresh_from_db()
    assert empty.status == EventStatus.DRAFT


def test_an_event_that_is_over_is_not_published():
    event = make_event(status=EventStatus.DRAFT)

    with pytest.raises(EventIsOver, match="Correct `starts_at` and `ends_at` first"):
        publish_event(actor=SOMEBODY, event_id=event.pk, now=event.ends_at)
    publish_event(actor=SOMEBODY, event_id=event.pk, now=event.ends_at - timedelta(seconds=1))

    event.refresh_from_db()
    assert event.status == EventStatus.PUBLISHED


def test_publishing_an_event_again_after_its_end_changes_nothing():
    event = make_event()

    publish_event(actor=SOMEBODY, event_id=event.pk, now=event.ends_at + timedelta(days=1))

    event.refresh_from_db()
    assert event.status == EventStatus.PUBLISHED


def test_the_api_refuses_to_publish_an_event_that_is_over_and_writes_nothing():
    draft = make_event(status=EventStatus.DRAFT)
    now = clock.now()
    over = {
        "starts_at": (now - timedelta(days=2)).isoformat(),
        "ends_at": (now - timedelta(days=1)).isoformat(),
        "status": "published",
    }
    required = {
        "name": "Ontem",
        "venue": "Lugar",
        "city": "Recife",
        "capacity": 5,
        "price": "10.00",
    }
    organizer = as_organizer(draft)

    changed = organizer.patch(f"/events/{draft.pk}", over)
    made = organizer.post("/events", required | over)

    assert [response.status_code for response in (changed, made)] == [409, 409]
    assert changed.json()["code"] == made.json()["code"] == "event_is_over"
    unchanged = Event.objects.get()
    assert (unchanged.status, unchanged.starts_at) == (EventStatus.DRAFT, draft.starts_at)


@pytest.mark.parametrize("short", [{"capacity": 5}, {"price": "5.00"}])
def test_capacity_and_price_alone_are_refused_for_an_event_with_several_ticket_types(
    short: dict[str, Any],
):
    kind = make_ticket_type()
    make_ticket_type(event=kind.event, name="Camarote")

    response = as_organizer(kind.event).patch(f"/events/{kind.event_id}", short)

    assert (response.status_code, response.json()["code"]) == (409, "several_ticket_types")


def test_an_event_cannot_be_created_for_an_organizer_of_another_caller():
    event, other = make_event(), make_event()
    fields = {
        "name": "Festa",
        "venue": "Arraial",
        "city": "Recife",
        "starts_at": "2099-06-24T18:00:00-03:00",
        "ends_at": "2099-06-25T02:00:00-03:00",
        "capacity": 5,
        "price": "0",
    }

    response = as_organizer(event).post("/events", fields | {"organizer": str(other.organizer_id)})

    assert (response.status_code, response.json()["code"]) == (404, "organizer_not_found")


def new_event(**fields: Any) -> Event:
    starts_at = clock.now() + timedelta(days=30)
    return Event(
        organizer=make_organizer(),
        name="Concerto",
        venue="Sala",
        city="Rio",
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=3),
        **fields,
    )


def kinds(*names: str) -> list[TicketType]:
    return [TicketType(name=name, price=10, capacity=5) for name in names]


def create(event: Event, *names: str) -> Event:
    types = kinds(*(names or ("Pista",)))
    return create_event(event=event, ticket_types=types, actor=SOMEBODY, now=clock.now())


def test_the_ticket_types_of_a_new_event_are_numbered_from_one_in_their_order():
    created = create(new_event(), "Pista", "Camarote")

    numbers = created.ticket_types.order_by("number").values_list("number", "name")
    assert list(numbers) == [(1, "Pista"), (2, "Camarote")]


def test_a_new_event_is_returned_with_what_the_database_has_set():
    created = create(new_event(status=EventStatus.PUBLISHED))

    row = Event.objects.get(pk=created.pk)
    assert (created.status, created.revision) == (EventStatus.PUBLISHED, row.revision)
    assert created.number == row.number


def test_an_event_is_not_created_with_more_types_than_it_may_have():
    event = new_event()

    with pytest.raises(TooManyTicketTypes):
        create(event, *(f"Type {number}" for number in range(51)))

    assert not Event.objects.filter(pk=event.pk).exists()


def test_a_slug_that_is_taken_while_an_event_is_made_is_replaced(monkeypatch: pytest.MonkeyPatch):
    taken = create(new_event(slug="concerto"))
    monkeypatch.setattr(organizing, "free_slug", lambda _name: "concerto")

    created = create(new_event())

    assert created.slug.startswith("concerto-")
    assert Event.objects.get(pk=created.pk).slug == created.slug
    assert Event.objects.get(pk=taken.pk).slug == "concerto"


def test_a_chosen_slug_of_another_event_is_refused():
    create(new_event(slug="concerto"))

    with pytest.raises(SlugTaken, match="concerto belongs to another event"):
        create(new_event(slug="concerto"))

    assert Event.objects.count() == 1


@pytest.mark.parametrize("slug", ["", "another"])
def test_a_new_event_never_overwrites_one_with_its_id(slug: str):
    existing = create(new_event())

    with pytest.raises((IntegrityError, SlugTaken)):
        create(new_event(pk=existing.pk, slug=slug))

    assert Event.objects.get(pk=existing.pk).organizer_id == existing.organizer_id


def test_a_changed_event_is_returned_as_it_is_stored_and_its_act_names_what_changed():
    event = make_event(status=EventStatus.DRAFT)

    changed = change_event(
        event_id=event.pk,
        fields={"name": "Renamed", "status": EventStatus.PUBLISHED},
        ticket_types=[{"name": "Camarote", "price": 10, "capacity": 5}],
        actor=SOMEBODY,
        now=clock.now(),
    )

    assert changed.status == EventStatus.PUBLISHED
    act = Act.objects.get(subject_id=event.pk, type=ActType.EVENT_CHANGED)
    assert act.details["changes"] == [
        {"field": "name", "of": "", "from": event.name, "to": "Renamed"},
        {"field": "ticket_type", "of": "", "from": "", "to": "Camarote"},
    ]


def test_a_change_of_a_ticket_type_names_the_type():
    kind = TicketType(name="Pista", price=10)

    changed = assign(kind, {"name": "Pista", "price": 20})

    assert changed == [FieldChange("price", 10, 20, of="Pista")]
    assert kind.price == 20


def test_a_cancelled_event_has_the_time_and_a_new_epoch():
    event, now = make_event(), clock.now()
    before = Event.objects.get(pk=event.pk)

    cancel_event(event_id=event.pk, actor=SOMEBODY, now=now)

    after = Event.objects.get(pk=event.pk)
    assert (after.cancelled_at, after.epoch) == (now, before.epoch + 1)


def test_the_end_of_a_cancellation_is_noted_once_for_its_event_alone():
    first, other, on_sale = make_event(), make_event(), make_event()
    for event in (first, other):
        cancel_event(event_id=event.pk, actor=SOMEBODY, now=clock.now())
    now = clock.now()

    for later in range(2):
        for event in (first, on_sale):
            note_cancellation_finished(event_id=event.pk, now=now + timedelta(hours=later))

    finished = Event.objects.filter(pk__in=[first.pk, other.pk, on_sale.pk])
    assert dict(finished.values_list("pk", "wound_up_at")) == {
        first.pk: now,
        other.pk: None,
        on_sale.pk: None,
    }


def add_another_type(event: Event) -> None:
    add_ticket_type(kind=TicketType(event=event, name="Camarote", price=1, capacity=1))


def halve_capacity(event: Event) -> None:
    change_capacity(ticket_type_id=event.ticket_types.get().pk, capacity=50)


@pytest.mark.parametrize(
    "change", [lambda event: claim_to_change(event.pk), add_another_type, halve_capacity]
)
def test_a_change_holds_the_events_lock_until_it_is_committed(change: Callable[[Event], Any]):
    event = make_event()
    held = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        " AND classid = %s AND objid = %s AND granted"
    )

    with transaction.atomic(), connection.cursor() as cursor:
        change(event)
        cursor.execute(held, [Lock.EVENT, Event.objects.get(pk=event.pk).number])
        assert cursor.fetchone() == (1,)
