"""The code of a ticket that people read aloud."""

import pytest

from orders.models import Order
from tests.make import SOMEBODY, make_paid_order, make_ticket_type
from ticketing import clock
from tickets.mail import compose_ticket_mail
from tickets.models import Ticket, TicketStatus
from tickets.replacement import replace_ticket, revoke_ticket
from tickets.ticket_codes import (
    find_ticket_id,
    number_tickets,
    parse_readable_code,
    readable_code,
    readable_codes,
)

pytestmark = pytest.mark.django_db(transaction=True)


def tickets_of(order: Order) -> list[Ticket]:
    return list(Ticket.objects.of_order(order.pk).select_related("order", "ticket_type"))


def test_the_code_is_the_orders_code_and_a_number():
    assert readable_code("YD8X2B", 1) == "YD8X2B-1"


@pytest.mark.parametrize(
    "text",
    [
        "YD8X2B-12",
        "yd8x2b-12",
        " YD8X2B 12 ",
        "#YD8X2B-12",
        "YD8X2B–12",
        "YD8X2B - 012",
        "YD8X2B/12",
        "YD8X2B.12",
    ],
)
def test_a_code_is_read_as_people_type_it(text: str):
    assert parse_readable_code(text) == ("YD8X2B", 12)


@pytest.mark.parametrize("text", ["", "YD8X2B", "YD8X2B-0", "-1", "Ana 2", "YD8X2B-1-2", "A\0-1"])
def test_a_text_that_is_no_code_is_not_read(text: str):
    assert parse_readable_code(text) is None


def test_the_tickets_of_an_order_are_numbered_from_one():
    order = make_paid_order(quantity=3)

    assert [ticket.number for ticket in tickets_of(order)] == [1, 2, 3]
    codes = readable_codes(tickets_of(order))
    assert list(codes.values()) == [f"{order.code}-{number}" for number in (1, 2, 3)]


def test_a_replacement_keeps_the_number_and_the_replaced_ticket_is_not_found_any_more():
    order = make_paid_order(quantity=3)
    old = tickets_of(order)[1]

    new = replace_ticket(ticket_id=old.pk, actor=SOMEBODY, now=clock.now())

    assert new.number == 2
    assert find_ticket_id(f"{order.code}-2", Ticket.objects.all()) == new.pk
    assert readable_codes(Ticket.objects.filter(pk=old.pk).select_related("order")) == {}


def test_a_revoked_ticket_keeps_its_number():
    order = make_paid_order(quantity=3)
    first, _second, third = tickets_of(order)

    revoke_ticket(ticket_id=first.pk, actor=SOMEBODY, now=clock.now())

    assert find_ticket_id(f"{order.code}-1", Ticket.objects.all()) == first.pk
    assert find_ticket_id(f"{order.code}-3", Ticket.objects.all()) == third.pk


def test_tickets_of_the_previous_release_are_numbered_in_their_order():
    order = make_paid_order(quantity=3)
    Ticket.objects.update(number=None)
    first, second, third = tickets_of(order)

    assert number_tickets([first, second, third]) == {first.pk: 1, second.pk: 2, third.pk: 3}
    assert readable_codes([third]) == {third.pk: f"{order.code}-3"}
    assert find_ticket_id(f"{order.code}-2", Ticket.objects.all()) == second.pk


def test_a_replacement_of_a_ticket_of_the_previous_release_stores_the_number_of_its_place():
    order = make_paid_order(quantity=3)
    Ticket.objects.update(number=None)

    new = replace_ticket(ticket_id=tickets_of(order)[1].pk, actor=SOMEBODY, now=clock.now())

    assert new.number == 2
    assert list(number_tickets(tickets_of(order)).values()) == [1, 2, 3]


def test_a_replacement_by_the_previous_release_keeps_the_number_of_its_place():
    order = make_paid_order(quantity=3)
    new = replace_ticket(ticket_id=tickets_of(order)[0].pk, actor=SOMEBODY, now=clock.now())
    Ticket.objects.filter(pk=new.pk).update(number=None)

    assert list(number_tickets(tickets_of(order)).values()) == [1, 2, 3]


def test_a_place_whose_ticket_the_previous_release_has_replaced_has_one_number():
    order, other = make_paid_order(quantity=2), make_paid_order()
    replace_ticket(ticket_id=tickets_of(order)[0].pk, actor=SOMEBODY, now=clock.now())
    Ticket.objects.update(number=None)
    first, second = tickets_of(order)
    (elsewhere,) = tickets_of(other)

    assert readable_codes([second, elsewhere]) == {
        second.pk: f"{order.code}-2",
        elsewhere.pk: f"{other.code}-1",
    }
    assert find_ticket_id(f"{order.code}-1", Ticket.objects.all()) == first.pk
    assert find_ticket_id(f"{order.code}-2", Ticket.objects.all()) == second.pk
    assert find_ticket_id(f"{order.code}-3", Ticket.objects.all()) is None


def test_only_the_given_tickets_are_found():
    order, other = make_paid_order(), make_ticket_type()
    assert find_ticket_id(f"{make_paid_order().code}-1", order.tickets.all()) is None
    elsewhere = Ticket.objects.filter(event=other.event)

    assert find_ticket_id(f"{order.code}-1", elsewhere) is None
    assert find_ticket_id(f"{order.code}-2", Ticket.objects.all()) is None
    assert find_ticket_id("nobody", Ticket.objects.all()) is None


def test_the_mail_shows_the_same_numbers():
    order = make_paid_order(quantity=3)
    tickets = tickets_of(order)
    Ticket.objects.filter(pk=tickets[0].pk).update(status=TicketStatus.REVOKED)
    loaded = Order.objects.select_related("event__organizer").get(pk=order.pk)

    mail = compose_ticket_mail(order=loaded, tickets=tickets_of(order), now=clock.now())

    assert [picture.file_name for picture in mail.pictures] == [
        f"ticket-{order.code}-2.png",
        f"ticket-{order.code}-3.png",
    ]
