"""Buyers name the holders of their tickets: before the payment, and until the deadline."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from events.models import Event, HolderNames
from orders.answer_rules import Place
from orders.holders import NamesClosed, UnknownPlace, needs_names
from orders.models import HolderName, Order, OrderStatus
from orders.page_link import order_path
from orders.payment import confirm_payment
from orders.personal_data import erase_buyers
from tests.make import (
    SOMEBODY,
    as_bearer,
    make_event,
    make_paid_order,
    make_reservation,
    make_reserved_order,
    make_transfer,
)
from ticketing import clock
from ticketing.models import Act, ActType
from tickets import holders
from tickets.holders import TooManyNames, name_holders, named_places
from tickets.models import Delivery, Ticket, TicketStatus
from tickets.personal_data import copy_of_person
from tickets.refund import refund_order
from tickets.replacement import TicketNotValid
from tickets.settlement import settle_order
from tickets.transfers.offering import NewHolder, offer_ticket

pytestmark = pytest.mark.django_db(transaction=True)


def an_event(holder_names: str = HolderNames.OPTIONAL) -> Event:
    return make_event(holder_names=holder_names)


def name(order: Order, names: Mapping[int, str]) -> None:
    """Name the tickets of an order with one item, by their positions."""
    item = order.items.get()
    places = {Place(item.pk, position): each for position, each in names.items()}
    name_holders(order=order, names=places, actor=SOMEBODY, now=clock.now())


def names_of(order: Order) -> list[str]:
    return [each.name for each in named_places(order, now=clock.now())]


def pay(order: Order) -> None:
    confirm_payment(order=order, method="card", token="tok_approved", now=clock.now())
    settle_order(order_id=order.pk, now=clock.now())
    order.refresh_from_db()


def test_names_given_before_the_payment_go_to_the_tickets():
    order = make_reserved_order(ticket_type=an_event().ticket_types.get(), quantity=3)

    name(order, {1: "Bia Lima", 2: "Caio Reis"})
    name(order, {2: "", 3: "Davi Melo"})
    assert names_of(order) == ["Bia Lima", "", "Davi Melo"]
    pay(order)

    tickets = Ticket.objects.of_order(order.pk)
    assert [each.holder_name for each in tickets] == ["Bia Lima", "Ana Souza", "Davi Melo"]
    assert names_of(order) == ["Bia Lima", "Ana Souza", "Davi Melo"]
    assert not HolderName.objects.exists()
    assert Act.objects.filter(type=ActType.ORDER_HOLDERS_NAMED, subject_id=order.pk).count() == 2


def test_a_name_changed_after_the_payment_gets_a_new_code_and_the_others_keep_theirs():
    order = make_paid_order(ticket_type=an_event().ticket_types.get(), quantity=2)
    first, second = Ticket.objects.of_order(order.pk)
    Delivery.objects.update(sent_at=clock.now())

    for _repeat in range(2):
        name(order, {1: "Ana Souza", 2: "Bia Lima"})

    kept, new = Ticket.objects.of_order(order.pk)
    assert (kept.pk, kept.holder_name) == (first.pk, "Ana Souza")
    assert (new.holder_name, new.number) == ("Bia Lima", second.number)
    assert new.code != second.code
    second.refresh_from_db()
    assert (second.status, second.replaced_by_id) == (TicketStatus.REVOKED, new.pk)
    assert Delivery.objects.get().sent_at is None
    assert Act.objects.filter(type=ActType.TICKET_RENAMED).count() == 1
    act = Act.objects.get(type=ActType.TICKET_RENAMED)
    assert (act.subject_id, act.details) == (second.pk, {"replaced_by": str(new.pk)})
    name(order, {2: ""})
    assert names_of(order) == ["Ana Souza", "Ana Souza"]


def test_a_used_an_offered_and_a_foreign_ticket_keep_their_names():
    order = make_paid_order(ticket_type=an_event().ticket_types.get(), quantity=3)
    used, offered, _free = Ticket.objects.of_order(order.pk)
    Ticket.objects.filter(pk=used.pk).update(status=TicketStatus.USED, used_at=clock.now())
    to = NewHolder("Caio Reis", "caio@example.com", "en")
    offer_ticket(order_id=order.pk, ticket_id=offered.pk, to=to, actor=SOMEBODY, now=clock.now())

    for position in (1, 2):
        with pytest.raises(TicketNotValid):
            name(order, {3: "Davi Melo", position: "Bia Lima"})
    with pytest.raises(UnknownPlace):
        name(order, {3: "Davi Melo", 4: "Bia Lima"})

    assert names_of(order) == ["Ana Souza"] * 3
    places = named_places(order, now=clock.now())
    assert [each.can_name for each in places] == [False, False, True]


def test_names_close_with_the_deadline_and_the_event():
    order = make_paid_order(ticket_type=an_event().ticket_types.get())
    now = clock.now()
    past = now - timedelta(seconds=1)
    for fields in ({"names_until": past}, {"answers_until": past}, {"status": "cancelled"}):
        refuse_name_while(order, fields)

    Event.objects.update(answers_until=past, names_until=now + timedelta(hours=1))
    # The organizer asks for names: a new one is not a transfer.
    Event.objects.update(allows_transfers=False)
    name(order, {1: "Bia Lima"})
    assert names_of(order) == ["Bia Lima"]


def refuse_name_while(order: Order, fields: Mapping[str, Any]) -> None:
    """Check that names are closed while the order's event has the fields."""
    events = Event.objects.filter(pk=order.event_id)
    before = events.values(*fields).get()
    events.update(**fields)
    with pytest.raises(NamesClosed):
        name(order, {1: "Bia Lima"})
    events.update(**before)


def test_where_no_names_are_asked_those_on_paid_tickets_can_be_corrected():
    kind = an_event(HolderNames.NOT_ASKED).ticket_types.get()
    order = make_reserved_order(ticket_type=kind, quantity=3)
    with pytest.raises(NamesClosed):
        name(order, {3: "Ana Sousa"})
    assert not HolderName.objects.exists()
    pay(order)
    used, offered, wrong = Ticket.objects.of_order(order.pk)
    Ticket.objects.filter(pk=used.pk).update(status=TicketStatus.USED, used_at=clock.now())
    make_transfer(ticket=offered, email="caio@example.com", accepted=False)

    for position in (1, 2):
        with pytest.raises(TicketNotValid):
            name(order, {position: "Ana Sousa"})
    name(order, {3: "Ana Sousa"})

    assert names_of(order) == ["Ana Souza", "Ana Souza", "Ana Sousa"]
    wrong.refresh_from_db()
    assert wrong.status == TicketStatus.REVOKED
    assert [each.can_name for each in named_places(order, now=clock.now())] == [False, False, True]


def test_where_no_names_are_asked_they_close_with_the_deadline_the_event_and_its_transfers():
    kind = an_event(HolderNames.NOT_ASKED).ticket_types.get()
    order = make_paid_order(ticket_type=kind)
    now = clock.now()
    past, later = now - timedelta(seconds=1), now + timedelta(hours=1)

    for fields in (
        {"names_until": past},
        {"answers_until": past},
        {"status": "cancelled"},
        {"allows_transfers": False},
        {"starts_at": past - timedelta(hours=1), "ends_at": past, "names_until": later},
    ):
        refuse_name_while(order, fields)

    assert names_of(order) == ["Ana Souza"]
    name(order, {1: "Ana Sousa"})
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    with pytest.raises(NamesClosed):
        name(order, {1: "Bia Lima"})


def test_the_names_of_one_order_change_only_so_often_for_each_of_its_tickets(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(holders, "MOST_CHANGES", 1)
    kind = an_event().ticket_types.get()
    other, order = (make_paid_order(ticket_type=kind, quantity=2) for _ in range(2))
    name(other, {1: "Eva Reis", 2: "Eva Reis"})
    for number in range(2):
        name(order, {1: f"Bia Lima {number}"})

    with pytest.raises(TooManyNames):
        name(order, {1: "Caio Reis"})


def test_a_ticket_that_was_handed_on_keeps_the_name_of_its_new_holder():
    order = make_paid_order(ticket_type=an_event().ticket_types.get(), quantity=2)
    make_transfer(ticket=Ticket.objects.of_order(order.pk)[0], email="bia@example.com")

    with pytest.raises(TicketNotValid):
        name(order, {1: "Caio Reis"})

    assert names_of(order) == ["Bia Lima", "Ana Souza"]
    assert [each.can_name for each in named_places(order, now=clock.now())] == [False, True]


def test_the_copy_of_a_person_has_the_names_and_erasing_removes_them():
    event = an_event()
    order = make_reserved_order(ticket_type=event.ticket_types.get(), quantity=2)
    name(order, {2: "Bia Lima"})

    copied = copy_of_person(
        organizer_id=event.organizer_id,
        email="ana@example.com",
        actor=SOMEBODY,
        now=clock.now(),
    )
    assert copied["orders"][0]["holders"] == ["Bia Lima"]
    erase_buyers([order.pk])

    assert not HolderName.objects.exists()


def test_a_buyer_names_holders_through_the_api():
    event = an_event()
    kind = event.ticket_types.get()
    reservation = make_reservation(ticket_type=kind, quantity=2)
    buyer, path = as_bearer(reservation.token.text), f"/orders/{reservation.order_id}/holders"
    one = {"ticket_type": str(kind.pk), "position": 2}

    named = buyer.patch(path, {"holders": [one | {"name": "Bia Lima"}]})

    assert named.status_code == 200
    assert named.json() == buyer.get(path).json()
    assert named.json()["holder_names"] == "optional"
    assert [each["name"] for each in named.json()["holders"]] == [None, "Bia Lima"]
    for wrong in (
        [one | {"name": "see example.com"}],
        [one | {"position": 3, "name": "Bia"}],
        [one | {"ticket_type": str(event.pk), "name": "Bia"}],
        [one | {"name": "Bia"}, one | {"name": "Caio"}],
    ):
        assert buyer.patch(path, {"holders": wrong}).status_code == 400
    cleared = buyer.patch(path, {"holders": [one | {"name": None}]}).json()
    assert [each["name"] for each in cleared["holders"]] == [None, None]


def test_the_api_corrects_names_that_the_event_did_not_ask_for_once_the_order_is_paid():
    kind = an_event(HolderNames.NOT_ASKED).ticket_types.get()
    reservation = make_reservation(ticket_type=kind)
    buyer, path = as_bearer(reservation.token.text), f"/orders/{reservation.order_id}/holders"
    wanted = {"holders": [{"ticket_type": str(kind.pk), "position": 1, "name": "Ana Sousa"}]}

    early = buyer.patch(path, wanted)
    pay(Order.objects.get())
    shown = buyer.get(path).json()
    named = buyer.patch(path, wanted)

    assert (early.status_code, early.json()["code"]) == (409, "names_closed")
    assert (shown["holder_names"], shown["can_name"]) == ("no", True)
    assert [each["name"] for each in shown["holders"]] == ["Ana Souza"]
    assert [each["name"] for each in named.json()["holders"]] == ["Ana Sousa"]
    Event.objects.update(allows_transfers=False)
    assert buyer.patch(path, wanted).json()["code"] == "names_closed"
    assert not buyer.get(path).json()["can_name"]


def test_the_shop_asks_required_names_before_the_payment_and_shows_them():
    reservation = make_reservation(
        ticket_type=an_event(HolderNames.REQUIRED).ticket_types.get(), quantity=2
    )
    browser, home = Client(headers={"accept-language": "en"}), order_path(reservation.order_id)
    browser.cookies["order"] = reservation.token.text
    page = browser.get(home).content.decode()
    assert "The organizer needs the name of each person" in page
    assert 'name="method"' not in page
    assert browser.post(f"{home}pix/", {"act": "request"}).headers["Location"] == home

    # The buyer's own name is suggested for the first ticket, and saved by nobody else.
    assert browser.get(f"{home}names/").content.decode().count('value="Ana Souza"') == 1
    assert needs_names(Order.objects.select_related("event").get(), clock.now())

    missing = browser.post(f"{home}names/", {"name-0": "Bia Lima", "name-1": " "})
    assert (missing.status_code, missing.content.decode().count('class="wrong"')) == (400, 1)
    assert "Your tickets are kept until" in missing.content.decode()
    saved = browser.post(f"{home}names/", {"name-0": "Bia Lima", "name-1": "Caio Reis"})

    assert (saved.status_code, saved.headers["Location"]) == (303, home)
    page = browser.get(home).content.decode()
    assert "Bia Lima, Caio Reis" in page
    assert 'name="method"' in page
    order = Order.objects.select_related("event").get()
    assert not needs_names(order, clock.now())
    pay(order)
    sold = browser.get(f"{home}names/").content.decode()
    assert "gets a new code" in sold
    assert "Ana Souza" not in sold
    assert "are kept until" not in sold
    assert 'value="Caio Reis"' in sold


def test_names_sent_too_late_stay_and_go_with_the_tickets_reserved_again():
    reservation = make_reservation(ticket_type=an_event().ticket_types.get(), quantity=2)
    browser, home = Client(headers={"accept-language": "en"}), order_path(reservation.order_id)
    browser.cookies["order"] = reservation.token.text
    Order.objects.update(status=OrderStatus.EXPIRED)
    typed = {"form_key": "k", "name-0": "Bia Lima", "name-1": ""}

    opened = browser.get(f"{home}names/")
    late = browser.post(f"{home}names/", typed)
    again = browser.post(f"{home}names/", typed | {"act": "again"})

    assert (opened.status_code, opened.headers["Location"]) == (303, home)
    assert late.status_code == 409
    assert "Reserve the same tickets again, with what I typed" in late.content.decode()
    assert 'value="Bia Lima"' in late.content.decode()
    new = Order.objects.exclude(pk=reservation.order_id).get()
    assert (again.status_code, again.headers["Location"]) == (303, order_path(new.pk))
    assert names_of(new) == ["Bia Lima", ""]
    assert HolderName.objects.count() == 1


def test_the_page_of_names_locks_what_cannot_change():
    reservation = make_reservation(ticket_type=an_event().ticket_types.get(), quantity=2)
    browser, home = Client(headers={"accept-language": "en"}), order_path(reservation.order_id)
    browser.cookies["order"] = reservation.token.text
    order = Order.objects.get()
    pay(order)
    used = Ticket.objects.of_order(order.pk)[0]
    Ticket.objects.filter(pk=used.pk).update(status=TicketStatus.USED, used_at=clock.now())

    page = browser.get(f"{home}names/").content.decode()
    assert "This name stays" in page
    # A field that cannot be filled in is not optional.
    assert page.count("(optional)") == page.count('name="name-') - page.count(" disabled")
    browser.post(f"{home}names/", {"name-0": "Bia Lima", "name-1": "Caio Reis"})
    assert names_of(order) == ["Ana Souza", "Caio Reis"]

    Event.objects.update(names_until=clock.now())
    late = browser.post(f"{home}names/", {"name-0": "x", "name-1": "y"})
    assert late.status_code == 409
    assert "The names cannot be changed here" in late.content.decode()
    assert "Names on the tickets" not in browser.get(home).content.decode()
    assert Client().get(f"{home}names/").status_code == 404


def test_a_buyer_corrects_a_name_that_was_not_asked_on_the_page_of_names():
    kind = an_event(HolderNames.NOT_ASKED).ticket_types.get()
    reservation = make_reservation(ticket_type=kind, quantity=2)
    browser, home = Client(headers={"accept-language": "en"}), order_path(reservation.order_id)
    browser.cookies["order"] = reservation.token.text
    typed = {"name-0": "", "name-1": "Ana Sousa"}

    assert browser.get(f"{home}names/").headers["Location"] == home
    assert browser.post(f"{home}names/", typed).headers["Location"] == home
    assert "Names on the tickets" not in browser.get(home).content.decode()
    order = Order.objects.get()
    pay(order)
    assert "Correct a name" in browser.get(home).content.decode()
    assert browser.get(f"{home}tickets").content.decode().count("Correct the name") == 2
    page = browser.get(f"{home}names/").content.decode()
    assert "Is a name wrong, or does another person come?" in page
    assert "gets a new code" in page
    saved = browser.post(f"{home}names/", typed)

    assert (saved.status_code, saved.headers["Location"]) == (303, f"{home}?named=1")
    assert "The names are saved." in browser.get(saved.headers["Location"]).content.decode()
    assert "The names are saved." not in browser.get(home).content.decode()
    assert names_of(order) == ["Ana Souza", "Ana Sousa"]
    make_transfer(ticket=Ticket.objects.of_order(order.pk)[0], email="c@a.example", accepted=False)
    assert browser.get(f"{home}tickets").content.decode().count("Correct the name") == 1
    Event.objects.update(allows_transfers=False)
    refused = browser.post(f"{home}names/", {"name-0": "x", "name-1": "y"})
    assert refused.status_code == 409
    assert "the organizer does not allow it" in refused.content.decode()
    assert "The names cannot be changed here" in refused.content.decode()
    assert "Correct a name" not in browser.get(home).content.decode()
    assert "Correct the name" not in browser.get(f"{home}tickets").content.decode()
