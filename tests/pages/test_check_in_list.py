"""The check-in list in the admin: check-in by hand, its undoing, and who may do that."""

import html
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from events.models import Event, Membership, Role
from tests.make import make_event, make_organizer, make_paid_order, make_user
from ticketing import clock
from tickets.models import Scan, Ticket, TicketStatus

pytestmark = pytest.mark.django_db(transaction=True)


def sign_in(event: Event, role: Role = Role.DOOR, language: str = "en") -> Client:
    user = make_user(organizer=event.organizer, is_staff=True)
    Membership.objects.filter(user=user).update(role=role)
    client = Client(headers={"Accept-Language": language})
    client.force_login(user)
    return client


def address(event: Event) -> str:
    return reverse("admin:tickets_device_check_in", args=[event.pk])


def order_of(quantity: int = 2) -> Any:
    event = make_event(max_per_order=100)
    return event, make_paid_order(ticket_type=event.ticket_types.get(), quantity=quantity)


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


def test_a_guest_is_checked_in_by_hand_and_the_page_says_so():
    event, order = order_of()
    ticket = Ticket.objects.of_order(order.pk)[0]
    client = sign_in(event)
    assert "0 of 2 have entered" in text_of(client.get(address(event)))

    sent = {"ticket": ticket.pk, "act": "check_in", "reason": "phone_is_out"}
    page = text_of(client.post(address(event), sent, follow=True))

    ticket.refresh_from_db()
    assert ticket.status == TicketStatus.USED
    assert "Ana Souza is checked in." in page
    assert "1 of 2 have entered" in page
    assert f"{order.code}-1" in page


def test_a_second_check_in_says_when_the_guest_entered():
    event, order = order_of()
    ticket = Ticket.objects.of_order(order.pk)[0]
    client = sign_in(event)
    sent = {"ticket": ticket.pk, "act": "check_in", "reason": "phone_is_out"}

    client.post(address(event), sent)
    page = text_of(client.post(address(event), sent, follow=True))

    assert "Ana Souza has entered already, at" in page


def test_a_check_in_is_undone_within_fifteen_minutes():
    event, order = order_of()
    ticket = Ticket.objects.of_order(order.pk)[0]
    client = sign_in(event)
    client.post(
        address(event), {"ticket": ticket.pk, "act": "check_in", "reason": "scanner_is_out"}
    )

    page = client.post(address(event), {"ticket": ticket.pk, "act": "undo"}, follow=True)

    assert "is undone" in text_of(page)
    ticket.refresh_from_db()
    assert ticket.status == TicketStatus.VALID


def test_an_old_check_in_has_no_button_to_undo_it():
    event, order = order_of()
    ticket = Ticket.objects.of_order(order.pk)[0]
    client = sign_in(event)
    client.post(
        address(event), {"ticket": ticket.pk, "act": "check_in", "reason": "scanner_is_out"}
    )
    Scan.objects.update(recorded_at=clock.now() - timedelta(minutes=16))

    page = text_of(client.get(address(event)))
    undone = text_of(client.post(address(event), {"ticket": ticket.pk, "act": "undo"}, follow=True))

    assert 'value="undo"' not in page
    assert "older than 15 minutes" in undone


@pytest.mark.parametrize(
    "sent",
    [
        {"act": "check_in", "reason": "phone_is_out"},
        {"ticket": "x", "act": "check_in", "reason": "phone_is_out"},
        {"ticket": "TICKET", "act": "check_in"},
        {"ticket": "TICKET", "act": "check_in", "reason": "because"},
    ],
)
def test_an_odd_form_changes_nothing(sent: dict[str, str]):
    event, order = order_of()
    ticket = Ticket.objects.of_order(order.pk)[0]
    body = {name: value.replace("TICKET", str(ticket.pk)) for name, value in sent.items()}

    page = sign_in(event).post(address(event), body, follow=True)

    assert page.status_code == 200
    assert not Scan.objects.exists()


def test_a_ticket_of_another_event_is_not_checked_in_here():
    event, _ = order_of()
    _, other = order_of()
    foreign = Ticket.objects.of_order(other.pk)[0]
    sent = {"ticket": foreign.pk, "act": "check_in", "reason": "phone_is_out"}

    sign_in(event).post(address(event), sent)

    assert not Scan.objects.exists()


def test_a_viewer_sees_the_list_and_may_not_act():
    event, order = order_of()
    ticket = Ticket.objects.of_order(order.pk)[0]
    client = sign_in(event, Role.VIEWER)
    sent = {"ticket": ticket.pk, "act": "check_in", "reason": "phone_is_out"}

    page = text_of(client.get(address(event)))
    refused = client.post(address(event), sent)

    assert "Ana Souza" in page
    assert "Check in by hand" not in page
    assert refused.status_code == 404
    assert not Scan.objects.exists()


def test_only_roles_that_see_orders_see_and_search_addresses():
    event, _ = order_of()

    door = text_of(sign_in(event, Role.DOOR).get(address(event)))
    searched = text_of(sign_in(event, Role.DOOR).get(address(event), {"q": "ana@example.com"}))
    manager = text_of(sign_in(event, Role.MANAGER).get(address(event)))

    assert "ana@example.com" not in door
    assert "No guest matches" in searched
    assert "ana@example.com" in manager


def test_staff_of_another_organizer_find_nothing():
    event, _ = order_of()
    stranger = make_user(organizer=make_organizer(), is_staff=True)
    client = Client()
    client.force_login(stranger)

    assert client.get(address(event)).status_code == 404


def test_the_list_is_shown_in_pages_and_odd_addresses_show_it_too():
    event, _ = order_of(quantity=100)
    client = sign_in(event)

    first = text_of(client.get(address(event)))
    odd = client.get(address(event), {"page": "x", "show": "nobody", "q": "a" * 1000})

    assert first.count("Check in by hand") == 50
    assert "1 / 2" in first
    assert odd.status_code == 200


def test_the_list_costs_the_same_for_few_and_many_guests():
    def queries(quantity: int) -> int:
        event, _ = order_of(quantity=quantity)
        client = sign_in(event, Role.MANAGER)
        client.get(address(event))
        with CaptureQueriesContext(connection) as captured:
            client.get(address(event))
        return len(captured)

    assert queries(1) == queries(60)
