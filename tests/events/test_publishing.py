"""Publishing an event, taking it off sale, and the list of what it needs."""

from datetime import timedelta
from typing import Any

import pytest

from events.models import Event, EventStatus
from events.organizing import cancel_event
from events.publishing import (
    EventIsOver,
    IllegalStatus,
    Need,
    check_needs,
    publish_event,
    unpublish_event,
)
from events.stock.record import current_epoch
from orders.cancellation import cancel_order
from orders.models import OrderStatus
from orders.pricing import EventNotFound
from tests.make import (
    SOMEBODY,
    as_bearer,
    as_organizer,
    make_event,
    make_paid_order,
    make_processing_order,
    make_reservation,
    make_reserved_order,
)
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.models import Act, ActType
from tickets.refund import refund_order
from tickets.webhooks.models import WebhookEndpoint, WebhookMessage

pytestmark = pytest.mark.django_db(transaction=True)


def unpublish(event: Event) -> None:
    unpublish_event(event_id=event.pk, actor=SOMEBODY, now=clock.now())


def test_an_event_without_buyers_leaves_the_catalogue_and_can_be_published_again():
    event = make_event()
    anyone = as_bearer("")
    anyone.logout()
    assert anyone.get("/events").json()["count"] == 1

    unpublish(event)
    unpublish(event)

    event.refresh_from_db()
    assert event.status == EventStatus.DRAFT
    assert anyone.get("/events").json()["count"] == 0
    assert anyone.get(f"/events/{event.slug}").status_code == 404
    with pytest.raises(EventNotFound):
        make_reservation(ticket_type=event.ticket_types.get())
    assert Act.objects.filter(type=ActType.EVENT_UNPUBLISHED).count() == 1

    publish_event(event_id=event.pk, actor=SOMEBODY, now=clock.now())
    make_reservation(ticket_type=event.ticket_types.get())
    assert anyone.get("/events").json()["count"] == 1


def test_a_hold_that_was_taken_before_begins_no_order_after_the_event_left_the_sale():
    event = make_event()
    before = current_epoch(event.pk)

    unpublish(event)

    assert current_epoch(event.pk) == before + 1


@pytest.mark.parametrize("make", [make_reserved_order, make_processing_order, make_paid_order])
def test_an_event_with_buyers_stays_published(make: Any):
    event = make_event()
    make(ticket_type=event.ticket_types.get())

    with pytest.raises(IllegalStatus):
        unpublish(event)

    event.refresh_from_db()
    assert event.status == EventStatus.PUBLISHED


def test_orders_that_have_ended_do_not_keep_an_event_published(queue: RecordingQueue):
    event = make_event()
    kind = event.ticket_types.get()
    cancel_order(order_id=make_reserved_order(ticket_type=kind).pk, actor=SOMEBODY, now=clock.now())
    refund_order(order_id=make_paid_order(ticket_type=kind).pk, actor=SOMEBODY, now=clock.now())
    statuses = {order.status for order in event.orders.all()}
    assert statuses == {OrderStatus.CANCELLED, OrderStatus.REFUNDED}

    unpublish(event)

    event.refresh_from_db()
    assert event.status == EventStatus.DRAFT


def test_a_cancelled_event_does_not_become_a_draft():
    event = make_event()
    cancel_event(event_id=event.pk, actor=SOMEBODY, now=clock.now())

    with pytest.raises(IllegalStatus):
        unpublish(event)


def test_an_event_is_put_on_sale_until_it_ends_and_not_at_that_moment():
    event = make_event(status=EventStatus.DRAFT)

    with pytest.raises(EventIsOver):
        publish_event(event_id=event.pk, actor=SOMEBODY, now=event.ends_at)
    last = event.ends_at - timedelta(microseconds=1)
    publish_event(event_id=event.pk, actor=SOMEBODY, now=last)

    event.refresh_from_db()
    assert event.status == EventStatus.PUBLISHED


def test_the_api_makes_a_published_event_a_draft_and_receivers_are_told():
    event = make_event()
    WebhookEndpoint.objects.create(organizer=event.organizer, url="https://example.com/")

    response = as_organizer(event).patch(f"/events/{event.slug}", {"status": "draft"})

    assert (response.status_code, response.json()["status"]) == (200, "draft")
    message = WebhookMessage.objects.get()
    assert (message.type, message.data["status"]) == ("event.updated", "draft")


def test_the_api_stores_the_sentence_with_which_an_event_is_cancelled():
    event = make_event()
    organizer, path = as_organizer(event), f"/events/{event.slug}"
    assert organizer.get(path).json()["cancellation_note"] is None

    response = organizer.patch(
        path, {"status": "cancelled", "cancellation_note": "O artista adoeceu."}
    )

    assert response.json()["cancellation_note"] == "O artista adoeceu."
    event.refresh_from_db()
    assert event.cancellation_note == "O artista adoeceu."
    too_long = organizer.patch(path, {"status": "cancelled", "cancellation_note": "x" * 501})
    assert too_long.status_code == 400


def test_needs_say_what_an_event_lacks_and_what_the_verb_would_refuse():
    now = clock.now()
    event = make_event(status=EventStatus.DRAFT)
    kinds = list(event.ticket_types.all())

    assert {each.need for each in check_needs(event, kinds, now=now) if not each.is_met} == {
        Need.DESCRIPTION,
        Need.ADDRESS,
        Need.PICTURE,
        Need.DOOR_HOURS,
    }
    event.ends_at = now
    lacking = [each for each in check_needs(event, [], now=now) if not each.is_met]
    assert {each.need for each in lacking if each.is_required} == {
        Need.TICKET_TYPES,
        Need.ENDS_LATER,
    }


def test_a_sale_that_is_over_for_every_type_is_lacking():
    now = clock.now()
    event = make_event(sales_end_at=now - timedelta(hours=1))
    kind = event.ticket_types.get()

    def is_met() -> bool:
        found = {each.need: each.is_met for each in check_needs(event, [kind], now=now)}
        return found[Need.SALE_ENDS_LATER]

    assert not is_met()
    kind.sales_end_at = now
    assert not is_met()
    kind.sales_end_at = now + timedelta(hours=1)
    assert is_met()
