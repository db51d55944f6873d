"""Which changes of events write webhook messages: each change once for each transaction."""

from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import F

from events.models import Event, TicketType
from tests.make import make_event, make_organizer, make_ticket_type
from ticketing.database.locks import Lock
from tickets.webhooks.models import WebhookEndpoint, WebhookMessage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def events() -> list[Event]:
    """Return two events of an organizer that has a webhook."""
    organizer = make_organizer()
    made = [make_event(organizer=organizer) for _ in range(2)]
    WebhookEndpoint.objects.create(organizer=organizer, url="https://shop.test/")
    return made


def rename(event: Event, name: str) -> None:
    Event.objects.filter(pk=event.pk).update(name=name)


def sell_all(kind: TicketType) -> None:
    """Count all tickets of a type as sold, as the sale of its last ticket does."""
    TicketType.objects.filter(pk=kind.pk).update(promised=F("capacity"), sold=F("capacity"))


def messages() -> list[tuple[str, UUID]]:
    return list(WebhookMessage.objects.order_by("position").values_list("type", "subject"))


def test_each_of_two_events_that_change_together_has_one_message(events: list[Event]):
    with transaction.atomic():
        for name in ("Tarde", "Noite"):
            for event in events:
                rename(event, name)

    assert messages() == [("event.updated", event.pk) for event in events]


def test_a_later_change_has_a_message_of_its_own_while_the_first_one_waits(events: list[Event]):
    for name in ("Tarde", "Noite"):
        rename(events[0], name)

    assert messages() == [("event.updated", events[0].pk)] * 2


def test_an_event_that_changes_and_sells_out_together_has_both_messages(events: list[Event]):
    with transaction.atomic():
        rename(events[0], "Noite")
        sell_all(events[0].ticket_types.get())

    assert messages() == [("event.updated", events[0].pk), ("event.sold_out", events[0].pk)]


def test_an_event_is_sold_out_with_its_last_type_whatever_is_left_of_others(events: list[Event]):
    first = events[0].ticket_types.get()
    last = make_ticket_type(event=events[0], name="Mesa")
    WebhookMessage.objects.all().delete()

    sell_all(first)
    assert messages() == []
    sell_all(last)

    assert messages() == [("event.sold_out", events[0].pk)]


def test_the_sales_of_the_last_tickets_of_two_types_end_one_after_the_other(events: list[Event]):
    other = connection.copy()
    try:
        with other.cursor() as theirs, connection.cursor() as ours:
            theirs.execute("SELECT pg_advisory_lock(%s, %s)", [Lock.SOLD_OUT, events[0].number])
            ours.execute("SET lock_timeout = '50ms'")
            with pytest.raises(OperationalError, match="lock timeout"):
                sell_all(events[0].ticket_types.get())
    finally:
        other.close()
        connection.close()
