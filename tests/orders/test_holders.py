"""Until when buyers name the holders of tickets, and the names that are kept until the payment."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from events.models import Event, EventStatus, HolderNames
from orders.answer_rules import Place
from orders.holders import (
    NamesClosed,
    UnknownPlace,
    can_name,
    keep_changed_names,
    keep_names,
    names_close_at,
    names_kept,
    needs_names,
    places_in,
    refuse_names_when_closed,
    take_names,
)
from orders.models import HolderName, Order, OrderStatus
from tests.make import SOMEBODY, make_event, make_reserved_order, make_ticket_type
from tests.moments import NOON
from ticketing import clock
from ticketing.models import Act, ActType

HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)


def an_event(**fields: Any) -> Event:
    """Return an event that is not stored. It starts at noon, and asks for names."""
    known: dict[str, Any] = {
        "status": EventStatus.PUBLISHED,
        "starts_at": NOON,
        "ends_at": NOON + HOUR,
        "holder_names": HolderNames.OPTIONAL,
        "allows_transfers": True,
    }
    return Event(**(known | fields))


def may_name(event: Event, now: datetime, status: str = OrderStatus.PAID) -> bool:
    order = Order(status=status, event=event)
    answer = can_name(order, event, now)
    if answer:
        refuse_names_when_closed(order, now)
    else:
        with pytest.raises(NamesClosed):
            refuse_names_when_closed(order, now)
    return answer


def test_names_close_at_their_own_deadline_or_else_with_the_answers():
    assert names_close_at(an_event()) == NOON
    assert names_close_at(an_event(answers_until=NOON - HOUR)) == NOON - HOUR
    both = an_event(answers_until=NOON - 2 * HOUR, names_until=NOON - HOUR)
    assert names_close_at(both) == NOON - HOUR
    assert (may_name(both, NOON - HOUR - INSTANT), may_name(both, NOON - HOUR)) == (True, False)


def test_an_event_that_asks_for_names_takes_them_of_open_orders_until_it_is_cancelled():
    before = NOON - HOUR
    open_ones = {status for status in OrderStatus if may_name(an_event(), before, status)}

    assert open_ones == {OrderStatus.RESERVED, OrderStatus.PROCESSING, OrderStatus.PAID}
    assert not may_name(an_event(status=EventStatus.CANCELLED), before)
    # It asks for them itself: giving a name is not a transfer.
    assert may_name(an_event(allows_transfers=False), before)


def test_where_no_names_are_asked_only_those_of_paid_tickets_that_may_go_on_are_corrected():
    def event(**fields: Any) -> Event:
        return an_event(holder_names=HolderNames.NOT_ASKED, **fields)

    paid_ones = {status for status in OrderStatus if may_name(event(), NOON - HOUR, status)}

    assert paid_ones == {OrderStatus.PAID}
    assert not may_name(event(allows_transfers=False), NOON - HOUR)
    # Transfers end with the event, also if its organizer takes names for longer.
    late = event(names_until=NOON + 2 * HOUR)
    assert (may_name(late, NOON + HOUR - INSTANT), may_name(late, NOON + HOUR)) == (True, False)


def test_a_refusal_of_a_place_points_to_it():
    refusal = UnknownPlace("No such ticket.", pointer="#/holders/1")

    assert (str(refusal), refusal.pointer) == ("No such ticket.", "#/holders/1")


@pytest.mark.django_db(transaction=True)
def test_names_are_kept_and_taken_by_place_and_those_of_other_places_and_orders_stay():
    event = make_event(holder_names=HolderNames.OPTIONAL)
    kind = event.ticket_types.get()
    order, other = (make_reserved_order(ticket_type=kind, quantity=2) for _ in range(2))
    first, second = places_in(order)
    foreign = next(iter(places_in(other)))
    assert [first, second] == [Place(order.items.get().pk, position) for position in (1, 2)]
    keep_names({first: "Bia", second: "Caio", foreign: "Davi"})

    keep_names({first: "Eva", second: ""})
    assert (names_kept(order), names_kept(other)) == ({first: "Eva"}, {foreign: "Davi"})
    keep_names({second: "Gil"})
    assert names_kept(order) == {first: "Eva", second: "Gil"}
    taken = take_names(order)

    assert taken == {first: "Eva", second: "Gil"}
    assert (names_kept(order), names_kept(other)) == ({}, {foreign: "Davi"})
    event.holder_names = HolderNames.NOT_ASKED
    other.event = event
    assert take_names(other) == {}
    assert HolderName.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_only_names_that_differ_are_kept_and_recorded():
    order = make_reserved_order(quantity=2)
    first, second = places_in(order)
    now = clock.now()

    for names in ({first: "Bia", second: ""}, {first: "Bia"}, {first: "Bia", second: "Caio"}):
        with transaction.atomic():
            keep_changed_names(order, names, actor=SOMEBODY, now=now)

    assert names_kept(order) == {first: "Bia", second: "Caio"}
    acts = Act.objects.filter(type=ActType.ORDER_HOLDERS_NAMED)
    recorded = set(acts.values_list("subject_id", "organizer_id", "actor_id", "at"))
    assert recorded == {(order.pk, order.event.organizer_id, SOMEBODY.id, now)}
    assert [act.details for act in acts] == [{"tickets": 1}] * 2


@pytest.mark.django_db(transaction=True)
def test_required_names_are_missing_until_each_ticket_has_one_and_they_may_be_given():
    event = make_event(holder_names=HolderNames.REQUIRED)
    balcony = make_ticket_type(event=event, name="Balcony")
    order = make_reserved_order(ticket_type=balcony, quantity=2)
    keep_names(dict.fromkeys(places_in(make_reserved_order(ticket_type=balcony)), "Bia"))
    first, second = places_in(order)
    now = clock.now()

    keep_names({first: "Bia"})
    assert needs_names(order, now)
    assert not needs_names(order, order.event.starts_at)
    order.event.holder_names = HolderNames.OPTIONAL
    assert not needs_names(order, now)
    order.event.holder_names = HolderNames.REQUIRED
    keep_names({second: "Caio"})
    assert not needs_names(order, now)
