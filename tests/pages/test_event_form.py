"""The admin's form of an event: what an organizer writes, and the sentences about mistakes."""

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from events.models import Event, EventStatus, Role, TicketType
from tests.make import make_event, make_organizer, make_paid_order
from tests.pages.test_admin import change_page, event_form, organizer_of, sign_in
from tests.queue import RecordingQueue

pytestmark = pytest.mark.django_db(transaction=True)

NEW = {
    "name": "Roda de Samba",
    "venue": "Pedra do Sal",
    "city": "Rio de Janeiro",
    "starts_at_0": "2099-02-01",
    "starts_at_1": "18:00",
    "ends_at_0": "2099-02-01",
    "ends_at_1": "23:00",
    "ticket_types-TOTAL_FORMS": "1",
    "ticket_types-0-name": "Pista",
    "ticket_types-0-price": "80,00",
    "ticket_types-0-capacity": "50",
}
PORTUGUESE = {"accept-language": "pt-BR"}


def new_event(**changes: Any) -> Any:
    """Send the form of a new event as a member with one organizer."""
    client = sign_in(organizer=make_organizer(), is_staff=True)
    form = event_form(client, **(NEW | changes))
    return client.post(reverse("admin:events_event_add"), form, headers=PORTUGUESE)


def problems(response: Any) -> str:
    page = response.content.decode()
    assert response.status_code == 200
    return page[page.index("Nada foi salvo. Corrija:") :].partition("</div>")[0]


def test_a_member_of_one_organizer_makes_an_event_without_choosing_one_or_an_address():
    response = new_event()

    event = Event.objects.get()
    assert response.headers["Location"] == change_page(event)
    assert (event.slug, event.status) == ("roda-de-samba", "draft")
    assert event.ticket_types.get().price == Decimal(80)
    assert event.organizer.name == "Casa Azul"


def test_a_taken_address_gives_a_new_event_another_one():
    make_event(slug="roda-de-samba")

    new_event()

    assert Event.objects.get(name="Roda de Samba").slug.startswith("roda-de-samba-")


def test_the_address_of_a_picture_is_encoded_as_a_browser_sends_it():
    new_event(image_url="https://example.com/são-joão.jpg")

    assert Event.objects.get().image_url == "https://example.com/s%C3%A3o-jo%C3%A3o.jpg"


def test_an_address_of_a_picture_that_no_browser_sends_is_an_error_unless_it_is_an_old_one():
    address = "https://example.com/[a].jpg"
    assert 'href="#id_image_url"' in problems(new_event(image_url=address))
    assert not Event.objects.exists()

    event = make_event(image_url=address)
    client = sign_in(organizer=event.organizer, is_staff=True)
    form = event_form(client, event, name="Outra roda")
    client.post(change_page(event), form)

    event.refresh_from_db()
    assert event.name == "Outra roda"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "Etc/../../etc/passwd", "America"])
def test_an_unknown_time_zone_is_an_error_at_its_field(zone: str):
    assert 'href="#id_timezone"' in problems(new_event(timezone=zone))
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"ends_at_1": "17:00"}, "ends_at_0", "O evento precisa terminar depois de começar."),
        (
            {
                "checkin_starts_at_0": "2099-02-01",
                "checkin_starts_at_1": "20:00",
                "checkin_ends_at_0": "2099-02-01",
                "checkin_ends_at_1": "19:00",
            },
            "checkin_ends_at_0",
            "A entrada deve terminar depois de começar.",
        ),
        ({"name": ""}, "name", "Este campo é obrigatório."),
        (
            {"ticket_types-0-price": "oitenta"},
            "ticket_types-0-price",
            "Escreva um valor como 80,00 ou 1.234,50.",
        ),
        ({"ticket_types-0-price": "-1"}, "ticket_types-0-price", "Escreva um valor como"),
    ],
)
def test_a_mistake_is_a_sentence_with_a_link_to_its_field(
    changes: dict[str, str], field: str, sentence: str
):
    response = new_event(**changes)

    assert f'href="#id_{field}"' in problems(response)
    assert f'id="id_{field}"' in response.content.decode()
    assert sentence in problems(response)
    assert "_after_it_" not in response.content.decode()


def test_two_types_of_one_name_are_an_error_at_the_second_name():
    second = {
        "ticket_types-TOTAL_FORMS": "2",
        "ticket_types-1-name": "Pista",
        "ticket_types-1-price": "90",
        "ticket_types-1-capacity": "5",
    }

    shown = problems(new_event(**second))

    assert 'href="#id_ticket_types-1-name"' in shown
    assert "já tem um tipo de ingresso com esse nome" in shown


def test_the_time_to_pay_is_in_minutes_and_stays_exact_if_it_does_not_change():
    event = make_event(hold_seconds=90)
    client = organizer_of(event)
    form = event_form(client, event)
    assert form["hold_seconds"] == 2

    client.post(change_page(event), form)
    event.refresh_from_db()
    assert event.hold_seconds == 90

    client.post(change_page(event), form | {"hold_seconds": "20"})
    event.refresh_from_db()
    assert event.hold_seconds == 1200


def sold_type(price: str) -> TicketType:
    kind = make_event(price=price).ticket_types.get()
    make_paid_order(ticket_type=kind)
    return kind


def test_a_large_change_of_a_sold_price_is_saved_only_after_its_confirmation(
    queue: RecordingQueue,
):
    kind = sold_type("80.00")
    client = organizer_of(kind.event)
    form = event_form(client, kind.event, **{"ticket_types-0-price": "8000"})

    asked = client.post(change_page(kind.event), form, headers=PORTUGUESE)
    kind.refresh_from_db()
    assert kind.price == Decimal(80)
    assert "Pista: de R$ 80,00 para R$ 8.000,00." in asked.content.decode().replace("\xa0", " ")

    other = form | {"ticket_types-0-price": "9000", "confirmed_price": f"{kind.pk}:8000"}
    client.post(change_page(kind.event), other)
    kind.refresh_from_db()
    assert kind.price == Decimal(80)

    client.post(change_page(kind.event), form | {"confirmed_price": f"{kind.pk}:8000"})
    kind.refresh_from_db()
    assert kind.price == Decimal(8000)


@pytest.mark.parametrize(("price", "status"), [("95,99", 302), ("96", 200), ("64", 200)])
def test_a_fifth_of_the_price_is_a_large_change(price: str, status: int, queue: RecordingQueue):
    kind = sold_type("80.00")
    client = organizer_of(kind.event)
    form = event_form(client, kind.event, **{"ticket_types-0-price": price})

    assert client.post(change_page(kind.event), form).status_code == status


def test_a_price_without_sales_or_of_a_draft_changes_without_a_question():
    for event in (make_event(), make_event(status=EventStatus.DRAFT)):
        client = organizer_of(event)
        form = event_form(client, event, **{"ticket_types-0-price": "8000"})
        assert client.post(change_page(event), form).status_code == 302


def test_no_event_is_made_for_an_organizer_whose_events_the_member_may_only_see():
    own, other = make_organizer(), make_organizer(name="Casa Verde")
    client = sign_in(organizer=own, is_staff=True)
    user = own.memberships.get().user
    user.memberships.create(organizer=other, role=Role.VIEWER)

    client.post(
        reverse("admin:events_event_add"), event_form(client, organizer=str(other.pk), **NEW)
    )

    assert [event.organizer for event in Event.objects.all()] == [own]
