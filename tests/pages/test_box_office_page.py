"""The box office in the admin: the form, what it says after a sale, and who may sell."""

import html
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from events.models import Event, EventStatus, Membership, Role
from events.terms import Texts, save_terms
from orders.box_office_record import BoxOfficeSale
from orders.models import Consent, Order
from tests.make import SOMEBODY, make_event, make_organizer, make_ticket_type, make_user
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)


def sign_in(event: Event, role: Role = Role.MANAGER, language: str = "en") -> Client:
    user = make_user(organizer=event.organizer, is_staff=True)
    Membership.objects.filter(user=user).update(role=role)
    client = Client(headers={"Accept-Language": language})
    client.force_login(user)
    return client


def address(event: Event) -> str:
    return reverse("admin:orders_boxofficesale_event", args=[event.pk])


def a_form(event: Event, **fields: Any) -> dict[str, Any]:
    kind = event.ticket_types.order_by("number")[0]
    return {
        "key": str(new_id()),
        "method": "cash",
        "name": "Bia Lima",
        "email": "bia@example.com",
        "language": "pt-br",
        f"tickets_{kind.number}": "2",
        **fields,
    }


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


def test_a_sale_is_made_and_the_page_says_what_was_sold():
    event = make_event(price="45.00")
    client = sign_in(event)

    page = text_of(client.post(address(event), a_form(event), follow=True))

    order = Order.objects.get()
    assert f"Sold: 2 tickets, BRL\u00a090.00. Order {order.code}." in page
    assert "bia@example.com" in page
    assert BoxOfficeSale.objects.get().user_id is not None


def test_complimentary_tickets_are_given_and_not_sold():
    event = make_event()
    client = sign_in(event)
    form = a_form(event, method="gift", reason="Press")

    page = text_of(client.post(address(event), form, follow=True))

    code = Order.objects.get().code
    assert f"Given: 2 complimentary tickets. Order {code}." in page
    assert "Sold:" not in page


def test_the_page_shows_price_and_tickets_left_of_each_type():
    event = make_event(price="45.00", capacity=7)
    make_ticket_type(event=event, name="Mesa", price="0.00", capacity=3)

    page = text_of(sign_in(event).get(address(event)))

    assert "BRL\u00a045.00 · 7 left" in page
    assert "BRL\u00a00.00 · 3 left" in page


def put_terms_into_force(event: Event, text: str = "Sem devolução.") -> int:
    version = save_terms(
        organizer_id=event.organizer_id,
        texts=Texts(sale_pt=text),
        is_required=True,
        actor=SOMEBODY,
        now=clock.now(),
    )
    return version.number


def test_the_box_office_records_the_version_of_the_terms_that_the_guest_accepts():
    event = make_event()
    number = put_terms_into_force(event)
    client = sign_in(event)
    shown = text_of(client.get(address(event)))

    form = a_form(event, terms=str(number), accepts_terms="on")
    client.post(address(event), form)
    client.post(address(event), form)

    assert "Terms of sale, version 1" in shown
    consent = Consent.objects.get()
    assert (consent.way, consent.terms and consent.terms.number) == ("desk", number)
    page = client.get(reverse("admin:orders_order_change", args=[consent.order_id]))
    assert "terms of sale, version 1" in text_of(page)


@pytest.mark.parametrize("terms", ["1", "3", ""])
def test_terms_that_are_not_in_force_are_shown_again(terms: str):
    event = make_event()
    for text in ("Sem devolução.", "Sem troca."):
        put_terms_into_force(event, text)
    client = sign_in(event)

    response = client.post(address(event), a_form(event, terms=terms, accepts_terms="on"))

    page, form = text_of(response), response.context["form"]
    assert "The terms of sale have changed." in page
    assert "Terms of sale, version 2" in page
    assert (form["terms"].value(), form["accepts_terms"].value()) == ("2", False)
    assert not Order.objects.exists()


def test_a_sale_at_the_box_office_needs_no_acceptance():
    event = make_event()
    put_terms_into_force(event)

    sign_in(event).post(address(event), a_form(event, terms="1"))

    assert Order.objects.count() == 1
    assert not Consent.objects.exists()


def test_without_terms_nobody_is_asked():
    event = make_event()

    assert "accepts_terms" not in text_of(sign_in(event).get(address(event)))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"method": "gift"}, "Say why the tickets are free."),
        ({"tickets_1": ""}, "Choose at least one ticket."),
        ({"tickets_1": "101"}, "less than or equal to 100"),
        ({"tickets_1": "-1"}, "greater than or equal to 0"),
        ({"tickets_1": "8"}, "Not enough tickets are left"),
        ({"email": "bia@"}, "email"),
        ({"name": ""}, "This field is required."),
        ({"method": "card"}, "Select a valid choice"),
    ],
)
def test_a_wrong_form_says_what_is_wrong_and_sells_nothing(fields: dict[str, str], said: str):
    event = make_event(capacity=7)

    page = text_of(sign_in(event).post(address(event), a_form(event, **fields)))

    assert said in page
    assert not Order.objects.exists()


def test_sending_the_form_again_sells_once():
    event = make_event()
    client, form = sign_in(event), a_form(event)

    client.post(address(event), form)
    client.post(address(event), form)

    assert Order.objects.count() == 1


def test_an_event_that_is_no_longer_on_sale_has_no_form():
    event = make_event(status=EventStatus.DRAFT)

    page = text_of(sign_in(event).get(address(event)))
    refused = sign_in(event).post(address(event), a_form(event))

    assert "Publish the event first" in page
    assert refused.status_code == 200
    assert not Order.objects.exists()


@pytest.mark.parametrize("role", [Role.FINANCE, Role.DOOR, Role.VIEWER])
def test_roles_that_may_not_change_orders_find_no_box_office(role: Role):
    event = make_event()
    client = sign_in(event, role)

    assert client.get(address(event)).status_code == 404
    assert client.post(address(event), a_form(event)).status_code == 404
    assert not Order.objects.exists()


def test_staff_of_another_organizer_find_nothing():
    event = make_event()
    stranger = make_user(organizer=make_organizer(), is_staff=True)
    client = Client()
    client.force_login(stranger)

    assert client.get(address(event)).status_code == 404


def test_the_tickets_of_a_sale_are_shown_to_be_printed(queue: RecordingQueue):
    event = make_event()
    client = sign_in(event)
    client.post(address(event), a_form(event, email=""))
    order = Order.objects.get()
    page = reverse("admin:tickets_delivery_print", args=[order.pk])
    before = text_of(client.get(page))
    queue.run_all()

    after = text_of(client.get(page))

    assert "The tickets are being made" in before
    assert after.count("<svg") >= 2
    assert f"{order.code}-1" in after
    assert f"{order.code}-2" in after


def test_only_those_who_may_change_orders_print_tickets(queue: RecordingQueue):
    event = make_event()
    sign_in(event).post(address(event), a_form(event))
    queue.run_all()
    page = reverse("admin:tickets_delivery_print", args=[Order.objects.get().pk])

    assert sign_in(event, Role.VIEWER).get(page).status_code == 404


def test_the_list_of_sales_names_the_reason():
    event = make_event()
    client = sign_in(event)
    client.post(address(event), a_form(event, method="gift", reason="Imprensa"))

    page = text_of(client.get(reverse("admin:orders_boxofficesale_changelist")))

    assert "Imprensa" in page
    assert Order.objects.get().code in page
