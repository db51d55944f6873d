"""An organizer's shop sells with its API token, and finds its orders by its own ids."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from events.models import ApiToken, Event
from orders.models import Order
from orders.shop_record import ShopRecord
from tests.make import (
    as_bearer,
    as_organizer,
    as_user,
    make_api_token,
    make_event,
    make_paid_order,
    make_reserved_order,
    make_user,
    reservation_request,
)
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.models import Act

pytestmark = pytest.mark.django_db(transaction=True)

PAYMENT = {"method": "card", "token": "tok_approved"}
OWN_DATA: dict[str, Any] = {
    "external_id": "shop-1001",
    "metadata": {"channel": "box office", "seat.row": "A"},
}


def shop_of(event: Event, *scopes: str) -> APIClient:
    return as_bearer(make_api_token(organizer=event.organizer, scopes=scopes or ["orders:write"]))


def reserve(client: APIClient, event: Event, **more: Any) -> Any:
    reservation = reservation_request(event, **more)
    return client.post("/orders", reservation)


def test_a_shop_pays_for_and_reads_the_order_that_it_reserved(queue: RecordingQueue):
    event = make_event()
    shop = shop_of(event)
    order = reserve(shop, event).json()
    path = f"/orders/{order['id']}"

    paid = shop.post(f"{path}/payment", PAYMENT)
    queue.run_all()

    assert (paid.status_code, paid.json()["status"]) == (202, "processing")
    assert shop.get(path).json()["status"] == "paid"
    assert len(shop.get(f"{path}/ticket").json()["tickets"]) == 1


def test_a_shop_cancels_the_order_that_it_reserved_and_the_act_names_its_token():
    event = make_event()
    shop = shop_of(event)
    order = reserve(shop, event).json()

    answers = [shop.post(f"/orders/{order['id']}/cancel") for _ in range(2)]

    assert [answer.json()["status"] for answer in answers] == ["cancelled", "cancelled"]
    act = Act.objects.get(type="order.cancelled")
    assert (act.actor_kind, act.actor_name) == ("token", "integration")


def test_the_order_token_cancels_an_order_of_a_shop_too():
    event = make_event()
    order = reserve(shop_of(event), event).json()

    answer = as_bearer(order["access_token"]).post(f"/orders/{order['id']}/cancel")

    assert answer.json()["status"] == "cancelled"


@pytest.mark.parametrize("what", ["payment", "cancel"])
@pytest.mark.parametrize(
    ("caller", "status"),
    [
        ("another token of the organizer", 404),
        ("a token of another organizer", 404),
        ("a member", 404),
        ("the token without its scope", 403),
        ("the token, revoked", 401),
    ],
)
def test_no_other_caller_pays_for_or_cancels_an_order_of_a_shop(
    what: str, caller: str, status: int
):
    event = make_event()
    shop = shop_of(event)
    order = reserve(shop, event).json()
    client = {
        "another token of the organizer": as_organizer(event),
        "a token of another organizer": as_organizer(make_event()),
        "a member": as_user(make_user(organizer=event.organizer, is_staff=True)),
    }.get(caller, shop)
    if caller == "the token without its scope":
        ApiToken.objects.update(scopes=["orders:read"])
    if caller == "the token, revoked":
        ApiToken.objects.update(revoked_at=clock.now())

    answer = client.post(f"/orders/{order['id']}/{what}", PAYMENT if what == "payment" else {})

    assert answer.status_code == status
    assert Order.objects.get().status == "reserved"


def test_a_shop_can_not_pay_for_cancel_or_read_an_order_that_a_buyer_reserved(api: APIClient):
    event = make_event()
    order = reserve(api, event).json()

    for what, body in (("payment", PAYMENT), ("cancel", {})):
        assert shop_of(event).post(f"/orders/{order['id']}/{what}", body).status_code == 404
    assert shop_of(event).get(f"/orders/{order['id']}").status_code == 403
    assert not ShopRecord.objects.exists()


def test_a_retried_reservation_of_a_shop_is_one_order_with_its_external_id_and_metadata():
    event = make_event()
    shop = shop_of(event)

    first, again = (
        shop.post(
            "/orders",
            reservation_request(event, **OWN_DATA),
            headers={"Idempotency-Key": "one"},
        )
        for _ in range(2)
    )

    assert (first.status_code, again.json()) == (201, first.json())
    assert ShopRecord.objects.count() == 1
    assert {name: first.json()[name] for name in OWN_DATA} == OWN_DATA


def test_only_the_organizer_sees_external_id_and_metadata_of_an_order():
    event = make_event()
    shop = shop_of(event)
    order = reserve(shop, event, **OWN_DATA).json()
    path = f"/orders/{order['id']}"

    shown = [
        shop.get(path),
        as_organizer(event).get(path),
        as_user(make_user(organizer=event.organizer, is_staff=True)).get(path),
        shop.post(f"{path}/payment", PAYMENT),
    ]
    hidden = as_bearer(order["access_token"]).get(path).json()

    for answer in shown:
        assert {name: answer.json()[name] for name in OWN_DATA} == OWN_DATA
    assert (hidden["external_id"], hidden["metadata"]) == (None, {})


@pytest.mark.parametrize("own_data", [{"external_id": "1001"}, {"metadata": {"a": "b"}}])
@pytest.mark.parametrize("caller", ["anonymous caller", "another organizer", "without the scope"])
def test_only_the_organizers_shop_may_send_external_id_and_metadata(
    api: APIClient, caller: str, own_data: dict[str, Any]
):
    event = make_event()
    client = {
        "anonymous caller": api,
        "another organizer": as_organizer(make_event()),
        "without the scope": shop_of(event, "orders:read"),
    }[caller]

    answer = reserve(client, event, **own_data)

    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert not Order.objects.exists()


WRONG = [
    ({"external_id": "x" * 101}, "#/external_id"),
    ({"external_id": "a\nb"}, "#/external_id"),
    ({"external_id": 1001}, "#/external_id"),
    ({"metadata": "a"}, "#/metadata"),
    ({"metadata": ["a"]}, "#/metadata"),
    ({"metadata": None}, "#/metadata"),
    ({"metadata": {"a": 1}}, "#/metadata/a"),
    ({"metadata": {"a": None}}, "#/metadata/a"),
    ({"metadata": {"a": {"b": "c"}}}, "#/metadata/a"),
    ({"metadata": {"a": "x" * 501}}, "#/metadata/a"),
    ({"metadata": {"a": "\u0000"}}, "#/metadata/a"),
    ({"metadata": {"": "a"}}, "#/metadata"),
    ({"metadata": {"a b": "a"}}, "#/metadata"),
    ({"metadata": {"a\n": "a"}}, "#/metadata"),
    ({"metadata": {"x" * 41: "a"}}, "#/metadata"),
    ({"metadata": {f"key{number}": "a" for number in range(51)}}, "#/metadata"),
]


@pytest.mark.parametrize(("own_data", "pointer"), WRONG)
@pytest.mark.parametrize("what", ["order", "event"])
def test_invalid_external_ids_and_metadata_are_refused(
    what: str, own_data: dict[str, Any], pointer: str
):
    event = make_event()
    client = as_organizer(event)

    if what == "order":
        answer = reserve(client, event, **own_data)
    else:
        answer = client.patch(f"/events/{event.slug}", own_data)

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not Order.objects.exists()
    event.refresh_from_db()
    assert (event.external_id, event.metadata) == ("", {})


def test_external_id_and_metadata_of_the_maximum_size_are_stored():
    event = make_event()
    own_data = {
        "external_id": "é" * 100,
        "metadata": {f"{number:040}": "ã" * 500 for number in range(50)},
    }

    order = reserve(as_organizer(event), event, **own_data)
    changed = as_organizer(event).patch(f"/events/{event.slug}", own_data)

    for answer in (order, changed):
        assert {name: answer.json()[name] for name in own_data} == own_data


def test_only_the_organizer_sees_external_id_and_metadata_of_an_event(api: APIClient):
    event = make_event()
    organizer, path = as_organizer(event), f"/events/{event.slug}"
    changed = organizer.patch(path, OWN_DATA)

    own = organizer.get(path).json()
    strangers = [
        api.get(path).json(),
        as_organizer(make_event()).get(path).json(),
        APIClient(headers={"Cookie": "a=b"}).get(path).json(),
        *(row for row in api.get("/events").json()["results"] if row["id"] == str(event.pk)),
        *(row for row in organizer.get("/events").json()["results"] if row["id"] == str(event.pk)),
    ]

    for shown in (changed.json(), own):
        assert {name: shown[name] for name in OWN_DATA} == OWN_DATA
    assert len(strangers) == 5
    for shown in strangers:
        assert (shown["external_id"], shown["metadata"]) == (None, {})


def test_replacing_an_event_without_external_id_and_metadata_deletes_them():
    event = make_event()
    organizer, path = as_organizer(event), f"/events/{event.slug}"
    organizer.patch(path, OWN_DATA)
    copy = organizer.get(path).json()

    same = organizer.put(path, copy).json()
    bare = {name: value for name, value in copy.items() if name not in OWN_DATA}
    replaced = organizer.put(path, bare).json()

    assert {name: same[name] for name in OWN_DATA} == OWN_DATA
    assert (replaced["external_id"], replaced["metadata"]) == (None, {})


def test_an_organizer_finds_its_events_and_drafts_by_external_id():
    event = make_event()
    draft = make_event(organizer=event.organizer, status="draft")
    elsewhere = make_event()
    Event.objects.update(external_id="tour-7")
    make_event(organizer=event.organizer)

    page = as_organizer(event).get("/events?external_id=tour-7").json()

    assert {row["id"] for row in page["results"]} == {str(event.pk), str(draft.pk)}
    assert {row["external_id"] for row in page["results"]} == {"tour-7"}
    assert elsewhere.pk not in page["results"]


@pytest.mark.parametrize(
    ("query", "caller", "status"),
    [
        ("external_id=a", "anonymous caller", 401),
        ("external_id=a", "without the scope", 403),
        ("external_id=a&q=jazz", "organizer", 400),
        ("external_id=", "organizer", 400),
        ("external_id=a&page_size=1", "organizer", 200),
    ],
)
def test_only_the_organizer_may_search_events_by_external_id(query: str, caller: str, status: int):
    event = make_event()
    client = {
        "anonymous caller": APIClient(),
        "without the scope": shop_of(event, "orders:read"),
        "organizer": as_organizer(event),
    }[caller]

    assert client.get(f"/events?{query}").status_code == status


def ids(client: APIClient, query: str = "") -> list[str]:
    answer = client.get(f"/orders{query}")
    assert answer.status_code == 200, answer.json()
    return [row["id"] for row in answer.json()["results"]]


def test_the_list_of_orders_has_those_of_the_organizer_newest_first():
    first, elsewhere = make_event(), make_event()
    second = make_event(organizer=first.organizer)
    orders = [
        str(make_reserved_order(ticket_type=event.ticket_types.get()).pk)
        for event in (first, second, first, elsewhere)
    ]
    client = as_organizer(first)

    assert ids(client) == orders[2::-1]
    assert ids(as_organizer(elsewhere)) == orders[3:]
    assert ids(client, f"?event={second.slug}") == [orders[1]]
    assert ids(client, f"?event={elsewhere.slug}") == []


def test_an_order_is_found_by_code_external_id_and_status():
    event = make_event()
    client = as_organizer(event)
    named = reserve(client, event, **OWN_DATA).json()
    paid = make_paid_order(ticket_type=event.ticket_types.get())
    other = make_event()
    reserve(as_organizer(other), other, **OWN_DATA)

    assert ids(client, f"?code={named['code'].lower()}") == [named["id"]]
    assert ids(client, "?external_id=shop-1001") == [named["id"]]
    assert ids(client, "?status=paid&status=refunded") == [str(paid.pk)]
    assert ids(client, f"?q={paid.code}") == [str(paid.pk)]
    assert ids(client, "?code=NOSUCH") == []
    (row,) = client.get("/orders?external_id=shop-1001").json()["results"]
    assert row["metadata"] == OWN_DATA["metadata"]


@pytest.mark.parametrize(
    "query", ["page_size=2", "page_size=2&modified_since=2000-01-01T00:00:00Z"]
)
def test_the_next_page_starts_after_the_last_order_despite_new_reservations(query: str):
    event = make_event()
    kind = event.ticket_types.get()
    orders = {str(make_reserved_order(ticket_type=kind).pk) for _ in range(5)}
    Order.objects.update(created_at=clock.now())
    client, path = as_organizer(event), f"/orders?{query}"
    seen: list[str] = []

    while path:
        page = client.get(path).json()
        seen += [row["id"] for row in page["results"]]
        path = page["next"]
        if len(seen) == 2 and "modified" not in query:
            make_reserved_order(ticket_type=kind)

    assert (set(seen), len(seen)) == (orders, 5)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("page=2", "?page"),
        ("page_size=101", "?page_size"),
        ("after=x", "?after"),
        ("after=01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e", "?after"),
        ("event=nowhere", "?event"),
        ("status=lost", "?status"),
        ("modified_since=2000-01-01T00:00:00Z&status=paid", "?status"),
        ("code=", "?code"),
    ],
)
def test_the_refusal_of_a_list_names_the_parameter(query: str, parameter: str):
    answer = as_organizer(make_event()).get(f"/orders?{query}")

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [parameter]


@pytest.mark.parametrize("count", [1, 8])
def test_a_page_costs_the_same_queries_for_one_order_and_for_eight(count: int):
    event = make_event()
    client = as_organizer(event)
    for _ in range(count):
        reserve(client, event, **OWN_DATA)

    with CaptureQueriesContext(connection) as captured:
        assert len(ids(client)) == count

    # The token, the orders, the items, the types. No order is paid, so refunds are not read.
    assert len(captured) == 4
