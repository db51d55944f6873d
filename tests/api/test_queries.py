"""Query strings: a parameter that an endpoint does not know, or a wrong value, is refused."""

import re
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from rest_framework.test import APIClient

from orders.cancellation import cancel_order
from orders.models import Order
from tests.api.test_access_matrix import MATRIX, World, world  # noqa: F401 - a fixture
from tests.make import (
    SOMEBODY,
    as_organizer,
    make_event,
    make_paid_order,
    make_reserved_order,
    make_ticket,
)
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = ("/docs",)


def errors(answer: Any) -> list[tuple[str, str, str]]:
    document = answer.json()
    assert (answer.status_code, document["code"]) == (400, "invalid_request"), document
    return [(each["in"], each["pointer"], each["code"]) for each in document["errors"]]


@pytest.mark.parametrize(("method", "path"), [row for row in MATRIX if row[1] != "/schema"])
def test_every_endpoint_refuses_an_unknown_parameter(
    world: World,  # noqa: F811
    method: str,
    path: str,
):
    body = world.bodies.get(f"{method} {path}")
    client = world.callers["order token" if "{order}" in path else "organizer token"]
    address = f"{path.format(**world.paths)}?statuss=paid"

    answer = getattr(client, method)(address, body)

    if path.startswith(PAGES):
        assert answer.status_code == 200
    else:
        assert errors(answer) == [("query", "?statuss", "unknown_parameter")]


@pytest.mark.parametrize("what", ["orders", "orders.csv", "tickets"])
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("statuss=paid", [("query", "?statuss", "unknown_parameter")]),
        ("Status=paid", [("query", "?Status", "unknown_parameter")]),
        ("status[]=paid", [("query", "?status[]", "unknown_parameter")]),
        ("q=a&q=b", [("query", "?q", "repeated_parameter")]),
        ("status=lost", [("query", "?status", "invalid_choice")]),
        ("status=paid,lost", [("query", "?status", "invalid_choice")]),
        ("status=", [("query", "?status", "invalid_choice")]),
        ("modified_since=", [("query", "?modified_since", "invalid")]),
        ("modified_since=soon", [("query", "?modified_since", "invalid")]),
    ],
)
def test_the_refusal_of_a_query_string_names_the_parameter(
    what: str, query: str, found: list[tuple[str, str, str]]
):
    event = make_event()

    answer = as_organizer(event).get(f"/events/{event.slug}/{what}?{query}")

    assert errors(answer) == found


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("page=0", "page"),
        ("page=x", "page"),
        ("page_size=101", "page_size"),
        ("page=1&page=2", "page"),
    ],
)
def test_the_refusal_of_a_page_number_names_the_parameter(api: APIClient, query: str, name: str):
    assert errors(api.get(f"/events?{query}"))[0][:2] == ("query", f"?{name}")


def test_lists_are_filtered_by_several_statuses():
    event = make_event()
    kind = event.ticket_types.get()
    used, revoked, _valid = (make_ticket(ticket_type=kind) for _ in range(3))
    reserved = make_reserved_order(ticket_type=kind)
    cancelled = make_reserved_order(ticket_type=kind)
    cancel_order(order_id=cancelled.pk, actor=SOMEBODY, now=clock.now())
    client = as_organizer(event)
    client.post("/tickets/validate", {"code": used.code})
    client.post(f"/tickets/{revoked.pk}/revoke")

    def ids(query: str) -> set[str]:
        page = client.get(f"/events/{event.slug}/{query}").json()
        return {row["id"] for row in page["results"]}

    assert ids("orders?status=reserved&status=cancelled") == {str(reserved.pk), str(cancelled.pk)}
    assert ids("orders?status=reserved") == {str(reserved.pk)}
    assert ids("tickets?status=used&status=revoked") == {str(used.pk), str(revoked.pk)}


def test_the_next_page_keeps_the_filter_of_several_statuses():
    event = make_event()
    kind = event.ticket_types.get()
    orders = {str(make_reserved_order(ticket_type=kind).pk) for _ in range(3)}
    client = as_organizer(event)

    path = f"/events/{event.slug}/orders?status=reserved&status=paid&page_size=2"
    page = client.get(path).json()
    seen = page["results"] + client.get(page["next"]).json()["results"]

    assert {row["id"] for row in seen} == orders
    assert re.findall(r"status=(\w+)", page["next"]) == ["reserved", "paid"]


@pytest.mark.parametrize(
    ("what", "filtered"),
    [*product(["orders", "orders.csv"], ["status=paid", "q=ana"]), ("tickets", "status=valid")],
)
def test_a_filter_that_could_hide_a_change_is_refused(what: str, filtered: str):
    """A refunded order no longer matches `status=paid`, so a copy would still show it as paid."""
    order = make_paid_order()
    since = (clock.now() - timedelta(hours=1)).isoformat().replace("+", "%2B")
    client, path = as_organizer(order.event), f"/events/{order.event.slug}/{what}"
    name = filtered.split("=", maxsplit=1)[0]

    refused = client.get(f"{path}?modified_since={since}&{filtered}")

    assert errors(refused) == [("query", f"?{name}", "sent_beside_others")]
    assert "modified_since" in refused.json()["errors"][0]["detail"]
    assert client.get(f"{path}?modified_since={since}").status_code == 200
    assert Order.objects.count() == 1


def test_an_unsupported_method_is_refused_before_its_query_string_is_read(api: APIClient):
    answer = api.generic("TRACE", "/events?statuss=paid")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
