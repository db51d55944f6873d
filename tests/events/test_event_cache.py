"""A stale event cache never decides a sale, and is refreshed within seconds."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from events import changes, event_cache
from events.models import Event, EventStatus, TicketType
from events.organizing import cancel_event, change_event
from events.stock.holds import InventoryUnavailable
from orders.models import Order
from tests.make import SOMEBODY, make_event, make_ticket_type, reservation_request
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)


def change(event: Event, **fields: object) -> None:
    change_event(
        actor=SOMEBODY,
        event_id=event.pk,
        fields=fields,
        ticket_types=None,
        drop_others=False,
        now=clock.now(),
    )


def change_price(event: Event, price: str) -> None:
    kinds = [{"name": "Pista", "price": Decimal(price)}]
    change_event(
        actor=SOMEBODY,
        event_id=event.pk,
        fields={},
        ticket_types=kinds,
        drop_others=False,
        now=clock.now(),
    )


def look_at(api: APIClient, event: Event) -> Any:
    return api.get(f"/events/{event.slug}").json()


def buy(api: APIClient, event: Event, quantity: int = 1) -> Any:
    body = reservation_request(str(event.pk), quantity)
    return api.post("/orders", body).json()


@pytest.fixture
def unannounced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make Redis unavailable while a change of an event is announced."""

    def raise_unavailable(**_: object) -> None:
        raise InventoryUnavailable("Redis is unavailable.")

    monkeypatch.setattr(changes, "announce_revision", raise_unavailable)


def test_a_change_of_a_cached_event_is_in_the_next_response(api: APIClient):
    event = make_event()
    assert look_at(api, event)["name"] == event.name

    change(event, name="Outro nome")

    assert look_at(api, event)["name"] == "Outro nome"


def test_an_event_is_found_by_its_new_slug_only(api: APIClient):
    event = make_event()
    look_at(api, event)

    change(event, slug="outro-endereco")

    assert api.get("/events/outro-endereco").json()["id"] == str(event.pk)
    assert api.get(f"/events/{event.slug}").status_code == 404


def test_the_next_buyer_pays_a_new_price(api: APIClient):
    event = make_event(price="45.00")
    buy(api, event)

    change_price(event, "60.00")

    assert buy(api, event)["total"] == "60.00"


def test_the_next_buyer_pays_a_new_price_even_if_it_was_not_announced(
    api: APIClient, unannounced: None
):
    event = make_event(price="45.00")
    buy(api, event)

    change_price(event, "60.00")
    bought = buy(api, event)

    assert bought["total"] == "60.00"
    # The first hold, at the old price, was released.
    assert look_at(api, event)["available"] == 98
    assert list(Order.objects.order_by("created_at").values_list("total", flat=True)) == [45, 60]


@pytest.mark.parametrize(("limit", "status"), [(2, "max_per_order_exceeded"), (8, "reserved")])
def test_a_new_limit_applies_to_the_next_buyer_even_if_it_was_not_announced(
    api: APIClient, unannounced: None, limit: int, status: str
):
    event = make_event(max_per_order=4)
    buy(api, event)

    change(event, max_per_order=limit)
    bought = buy(api, event, 4 if limit < 4 else 8)

    assert bought.get("code") == status or bought["status"] == status


def test_a_cancelled_event_in_the_cache_cannot_be_bought(api: APIClient, unannounced: None):
    event = make_event()
    buy(api, event)

    cancel_event(actor=SOMEBODY, event_id=event.pk, now=clock.now())

    assert buy(api, event)["code"] == "event_not_on_sale"


def test_a_cached_start_of_sales_does_not_refuse_a_buyer(api: APIClient):
    event = make_event(sales_start_at=clock.now() + timedelta(hours=1))
    assert buy(api, event)["code"] == "sales_not_started"

    change(event, sales_start_at=None)

    assert buy(api, event)["status"] == "reserved"


def test_a_change_that_could_not_be_announced_is_seen_within_seconds(
    api: APIClient, unannounced: None, monkeypatch: pytest.MonkeyPatch
):
    event = make_event()
    look_at(api, event)
    change(event, name="Outro nome")

    monkeypatch.setattr(event_cache, "_EXPIRY_SECONDS", 0.0)

    assert look_at(api, event)["name"] == "Outro nome"


def test_the_tickets_left_are_never_cached(api: APIClient):
    event = make_event(capacity=10)
    look_at(api, event)

    buy(api, event, 3)

    shown = look_at(api, event)
    assert (shown["available"], shown["ticket_types"][0]["available"]) == (7, 7)


def test_a_draft_in_the_event_cache_stays_hidden(api: APIClient):
    event = make_event(status=EventStatus.DRAFT)

    assert api.get(f"/events/{event.pk}").status_code == 404
    assert buy(api, event)["code"] == "not_found"


def test_the_database_counts_every_change_that_a_buyer_could_notice():
    kind = make_ticket_type()
    events, kinds = Event.objects.filter(pk=kind.event_id), TicketType.objects.filter(pk=kind.pk)

    def revision() -> int:
        return events.get().revision

    noticed: Callable[[], object]
    for noticed in (
        lambda: events.update(name="Outro nome"),
        lambda: kinds.update(price=1),
        lambda: kinds.update(capacity=7),
        lambda: make_ticket_type(event=events.get(), name="Camarote"),
        lambda: TicketType.objects.filter(name="Camarote").delete(),
    ):
        before = revision()
        noticed()
        assert revision() > before
    unnoticed: Callable[[], object]
    for unnoticed in (
        lambda: events.update(epoch=100),
        lambda: kinds.update(promised=1),
        lambda: events.update(name="Outro nome"),
    ):
        before = revision()
        unnoticed()
        assert revision() == before


def test_saving_an_older_copy_of_an_event_does_not_lower_its_revision():
    event = make_event()
    old = Event.objects.get(pk=event.pk)
    Event.objects.filter(pk=event.pk).update(name="Outro nome")
    now = Event.objects.get(pk=event.pk).revision

    old.save(update_fields=["revision", "venue"])

    assert Event.objects.get(pk=event.pk).revision >= now


def test_a_change_that_is_rolled_back_is_not_announced(api: APIClient):
    event = make_event()
    look_at(api, event)

    def change_and_roll_back() -> None:
        with transaction.atomic():
            change(event, name="Outro nome")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        change_and_roll_back()

    assert look_at(api, event)["name"] == event.name


def test_the_cache_does_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_cache, "_MOST_EVENTS", 2)

    for event in [make_event() for _ in range(5)]:
        assert event_cache.take_event(event.pk)

    assert len(event_cache._cached) <= 2


def test_a_current_copy_is_not_read_again(django_assert_num_queries: Any):
    cached = event_cache.take_event(make_event().pk)
    assert cached is not None

    with django_assert_num_queries(0):
        again = event_cache.take_event(cached.event.pk, revision=cached.event.revision)

    assert again is cached


def test_all_types_of_a_cached_event_share_its_copy():
    event = make_event()
    make_ticket_type(event=event, name="Camarote")

    cached = event_cache.read_event(event.pk)

    assert cached is not None
    assert len(cached.types) == 2
    assert all(kind.event is cached.event for kind in cached.types.values())


def test_an_event_without_types_leaves_the_cache():
    event = make_event()
    assert event_cache.read_event(event.pk) is not None
    TicketType.objects.filter(event=event).delete()

    assert event_cache.read_event(event.pk) is None

    assert event_cache.take_event(event.pk) is None


def test_a_full_cache_is_emptied_before_the_next_event_and_not_earlier(
    monkeypatch: pytest.MonkeyPatch,
):
    event_cache.clear_event_cache()
    monkeypatch.setattr(event_cache, "_MOST_EVENTS", 2)
    sizes = []
    for _ in range(3):
        event_cache.read_event(make_event().pk)
        sizes.append((len(event_cache._cached), len(event_cache._id_by_slug)))

    assert sizes == [(1, 1), (2, 2), (1, 1)]
