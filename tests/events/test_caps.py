"""The limits of ticket types and webhooks, at the verbs, the database and the admin."""

import pytest
from django.db import IntegrityError, OperationalError, transaction
from django.test import Client
from django.urls import reverse

from events.models import MOST_TICKET_TYPES, Event, Organizer, TicketType
from events.ticket_types import TooManyTicketTypes, add_ticket_type
from tests.make import as_organizer, make_event, make_organizer, make_ticket_type, make_user
from tests.race import locked, race
from tickets.webhooks.models import MOST_WEBHOOKS, WebhookEndpoint
from tickets.webhooks.sending import TooManyWebhooks, refuse_too_many_webhooks

pytestmark = pytest.mark.django_db(transaction=True)


def write_type(event: Event, number: int) -> TicketType:
    """Insert a ticket type without a verb, as a query by hand would."""
    return TicketType.objects.create(
        event=event, number=number, name=f"Setor {number}", price=1, capacity=1
    )


def write_webhook(organizer: Organizer) -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(organizer=organizer, url="https://shop.example.com/")


def test_the_verb_and_the_database_refuse_a_ticket_type_over_the_limit():
    event = make_event()
    for number in range(2, MOST_TICKET_TYPES + 1):
        make_ticket_type(event=event, name=f"Setor {number}")

    with pytest.raises(TooManyTicketTypes):
        add_ticket_type(kind=TicketType(event=event, name="Setor 51", price=1, capacity=1))
    with pytest.raises(IntegrityError, match="50 ticket types at most"), transaction.atomic():
        write_type(event, 51)
    event.ticket_types.update(capacity=7)
    write_type(make_event(), 51)

    assert event.ticket_types.count() == MOST_TICKET_TYPES


def test_of_two_ticket_types_inserted_at_once_only_one_fits():
    event = make_event()
    for number in range(2, MOST_TICKET_TYPES):
        write_type(event, number)

    outcomes = race(lambda: write_type(event, 50), lambda: write_type(event, 51))

    refused = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    assert (len(refused), event.ticket_types.count()) == (1, MOST_TICKET_TYPES)
    assert "50 ticket types at most" in str(refused[0])


def test_ticket_types_that_are_added_in_several_requests_end_at_the_limit():
    event = make_event()
    organizer = as_organizer(event)
    codes = []
    for call in range(8):
        kinds = [
            {"name": f"{call}-{number}", "price": "1.00", "capacity": 1} for number in range(7)
        ]
        response = organizer.patch(f"/events/{event.pk}", {"ticket_types": kinds})
        codes.append(response.status_code)

    assert codes == [200] * 7 + [409]
    assert response.json()["code"] == "too_many_ticket_types"
    assert event.ticket_types.count() == MOST_TICKET_TYPES


def test_the_check_and_the_database_refuse_a_webhook_over_the_limit():
    organizer = make_organizer()
    for _ in range(MOST_WEBHOOKS - 1):
        write_webhook(organizer)
    refuse_too_many_webhooks(organizer_id=organizer.pk)

    outcomes = race(lambda: write_webhook(organizer), lambda: write_webhook(organizer))

    refused = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    assert (len(refused), organizer.webhooks.count()) == (1, MOST_WEBHOOKS)
    with pytest.raises(TooManyWebhooks):
        refuse_too_many_webhooks(organizer_id=organizer.pk)
    write_webhook(make_organizer())


def test_a_new_webhook_waits_for_another_one_of_its_organizer():
    organizer = make_organizer()

    with locked(organizer), pytest.raises(OperationalError, match="lock timeout"):
        write_webhook(organizer)


def test_the_admin_says_why_a_webhook_over_the_limit_is_refused():
    organizer = make_organizer()
    for _ in range(MOST_WEBHOOKS):
        write_webhook(organizer)
    client = Client(headers={"Accept-Language": "pt-BR"})
    client.force_login(make_user(organizer=organizer, is_staff=True))

    page = client.post(
        reverse("admin:webhooks_webhookendpoint_add"),
        {"organizer": str(organizer.pk), "url": "https://shop.example.com/"},
    )

    assert page.status_code == 200
    assert "Um organizador tem no máximo 16 webhooks" in page.content.decode()
    assert organizer.webhooks.count() == MOST_WEBHOOKS
