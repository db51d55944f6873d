"""Invalid requests get the documented problem and change nothing."""

import json
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import OperationalError, connections
from django.test import RequestFactory
from rest_framework.test import APIClient

from orders.models import Order
from tests.make import (
    CUSTOMER,
    as_bearer,
    as_organizer,
    make_device,
    make_event,
    make_reservation,
    make_ticket,
    make_ticket_type,
    reservation_request,
)
from ticketing.api.parsing import with_readable_headers
from ticketing.ids import new_id
from tickets.base45 import encode_base45
from tickets.models import Scan, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

EVENT = {
    "name": "Show",
    "venue": "Teatro",
    "city": "Recife",
    "starts_at": "2099-01-10T21:00:00-03:00",
    "ends_at": "2099-01-11T02:00:00-03:00",
    "capacity": 10,
    "price": "20.00",
}


def assert_problem(answer: Any, status: int, code: str) -> None:
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = json.loads(answer.content)
    assert (answer.status_code, document["status"], document["code"]) == (status, status, code), (
        document
    )
    assert document["type"] == f"/problems/{code}"
    assert document["title"]
    assert document["request_id"] == answer.headers["X-Request-Id"]


def send(client: APIClient, path: str, body: dict[str, Any]) -> Any:
    """Post JSON in ASCII, because half a surrogate pair has no UTF-8."""
    return client.generic("POST", path, json.dumps(body), content_type="application/json")


def pointers(answer: Any) -> set[str]:
    return {error["pointer"] for error in json.loads(answer.content)["errors"]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{", "malformed_json"),
        ("", "invalid_request"),
        ("\xff\xfe", "malformed_json"),
        ('{"event": NaN}', "malformed_json"),
        ("[" * 100_000, "malformed_json"),
        ('{"method": ' + "[" * 40 + "]" * 40 + "}", "malformed_json"),
        ('{"\\ud800": 1}', "malformed_json"),
        ('{"event": {"\\udfff": 1}}', "malformed_json"),
        ('{"customer": {"name": "\\uD83d"}}', "malformed_json"),
        ('{"status": "\\ud800", "method": "\\ud800"}', "malformed_json"),
        ('{"half": "\\ud83c\\udfb7"}', "invalid_request"),
        ('{"quantity": ' + "9" * 5_000 + "}", "malformed_json"),
        ("[]", "invalid_request"),
        ("null", "invalid_request"),
        ('"text"', "invalid_request"),
    ],
)
@pytest.mark.parametrize("path", ["/orders", "/events", "/tickets/validate", "payment"])
def test_a_body_that_is_not_a_json_object_is_refused(path: str, body: str, code: str):
    reservation = make_reservation()
    event = reservation.event
    if path == "payment":
        path = f"/orders/{reservation.order_id}/payment"
        client = as_bearer(reservation.token.text)
    else:
        client = as_organizer(event)

    answer = client.generic(
        "POST",
        path,
        body.encode("latin-1"),  # type: ignore[arg-type]
        content_type="application/json",
    )

    assert_problem(answer, 400, code)
    assert Order.objects.get().status == "reserved"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"event": 5}, "#/event"),
        ({"event": None}, "#/event"),
        ({"event": "no\u0000ite"}, "#/event"),
        ({"quantity": 0}, "#/quantity"),
        ({"quantity": -1}, "#/quantity"),
        ({"quantity": "2"}, "#/quantity"),
        ({"quantity": 1.5}, "#/quantity"),
        ({"quantity": True}, "#/quantity"),
        ({"quantity": 10**30}, "#/quantity"),
        ({"customer": {"name": "Ana"}}, "#/customer/email"),
        ({"customer": {"name": "Ana", "email": "not an address"}}, "#/customer/email"),
        ({"customer": {"name": "Ana", "email": '"x\u0001y"@example.com'}}, "#/customer/email"),
        ({"customer": {"name": "Ana", "email": "josé@example.com"}}, "#/customer/email"),
        ({"customer": {"name": "Ana", "email": "ana@localhost"}}, "#/customer/email"),
        ({"customer": {"name": "Ana", "email": "ana@example.com."}}, "#/customer/email"),
        ({"customer": {"name": "Ana", "email": 5}}, "#/customer/email"),
        ({"customer": {"name": "Ana\r\nBcc: all", "email": "a@example.com"}}, "#/customer/name"),
        ({"customer": {"name": "A\u0000", "email": "a@example.com"}}, "#/customer/name"),
        ({"customer": {"name": "Ganhe em foo.com", "email": "a@example.com"}}, "#/customer/name"),
        ({"customer": {"name": "x" * 201, "email": "a@example.com"}}, "#/customer/name"),
        ({"customer": {"name": "  ", "email": "a@example.com"}}, "#/customer/name"),
        ({"customer": {"name": 5, "email": "a@example.com"}}, "#/customer/name"),
        ({"customer": "Ana"}, "#/customer"),
        ({"customer": CUSTOMER | {"admin": True}}, "#/customer/admin"),
        ({"status": "paid"}, "#/status"),
        ({"items": []}, "#/items"),
        ({"items": {}}, "#/items"),
        ({"items": [{"ticket_type": "x", "quantity": 1}]}, "#/items/0/ticket_type"),
    ],
)
def test_a_reservation_with_a_wrong_value_is_refused(
    api: APIClient, change: dict[str, Any], pointer: str
):
    event = make_event()

    reservation = reservation_request(event) | change
    answer = send(api, "/orders", reservation)

    assert_problem(answer, 400, "invalid_request")
    assert pointer in pointers(answer)
    assert not Order.objects.exists()


def test_a_valid_reservation_that_cannot_be_sold_is_refused(api: APIClient):
    kind = make_ticket_type(capacity=2)
    other = make_ticket_type(event=make_event(), name="Camarote")
    event = str(kind.event_id)

    def reserve(**fields: Any) -> Any:
        return api.post("/orders", {"event": event, "customer": CUSTOMER} | fields)

    assert_problem(reserve(quantity=3), 409, "sold_out")
    assert_problem(reserve(quantity=11), 409, "max_per_order_exceeded")
    assert_problem(reserve(event=str(new_id()), quantity=1), 404, "not_found")
    assert_problem(reserve(event="nowhere", quantity=1), 404, "not_found")
    assert_problem(reserve(event=other.event.slug, quantity=1), 400, "invalid_request")
    foreign = [{"ticket_type": str(other.pk), "quantity": 1}]
    assert_problem(reserve(items=foreign), 404, "unknown_ticket_type")
    draft = make_event(status="draft")
    assert_problem(reserve(event=draft.slug, quantity=1), 404, "not_found")
    assert not Order.objects.exists()
    assert api.get(f"/events/{event}").json()["available"] == 2


@pytest.mark.parametrize(
    "change",
    [
        {"method": "cash"},
        {"method": "card", "token": "tok_other"},
        {"method": "card"},
        {"method": "free"},
        {"method": "card", "token": 5},
        {"method": "card", "token": "tok_approved", "amount": "0.01"},
    ],
)
def test_a_payment_with_a_wrong_value_is_refused(change: dict[str, Any]):
    reservation = make_reservation()
    buyer = as_bearer(reservation.token.text)

    answer = buyer.post(f"/orders/{reservation.order_id}/payment", change)

    assert_problem(answer, 400, "invalid_request")
    assert pointers(answer) <= {"#/method", "#/token", "#/amount"}
    assert Order.objects.get().status == "reserved"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"name": "a\nb"}, "#/name"),
        ({"capacity": 0}, "#/capacity"),
        ({"capacity": -5}, "#/capacity"),
        ({"capacity": "10"}, "#/capacity"),
        ({"capacity": 10**12}, "#/capacity"),
        ({"price": "-1.00"}, "#/price"),
        ({"price": "1.001"}, "#/price"),
        ({"price": "NaN"}, "#/price"),
        ({"price": "1" * 40}, "#/price"),
        ({"price": 1e26}, "#/price"),
        ({"price": -1e308}, "#/price"),
        ({"starts_at": "2099-01-10T21:00:00"}, "#/starts_at"),
        ({"starts_at": "tomorrow"}, "#/starts_at"),
        ({"starts_at": "0001-01-01T00:00:00Z"}, "#/starts_at"),
        ({"ends_at": "2107-01-01T00:00:00Z"}, "#/ends_at"),
        ({"slug": "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e"}, "#/slug"),
        ({"sales_end_at": "9999-12-31T23:59:59-12:00"}, "#/sales_end_at"),
        ({"ends_at": "2099-01-10T20:00:00-03:00"}, "#/ends_at"),
        ({"timezone": "Mars/Olympus"}, "#/timezone"),
        ({"currency": "reais"}, "#/currency"),
        ({"slug": "Not A Slug"}, "#/slug"),
        ({"image_url": "javascript:alert(1)"}, "#/image_url"),
        ({"image_url": "ftp://example.com/a.png"}, "#/image_url"),
        ({"status": "cancelled"}, "#/status"),
        ({"max_per_order": 0}, "#/max_per_order"),
        ({"max_per_customer": -1}, "#/max_per_customer"),
        ({"max_per_address": "100"}, "#/max_per_address"),
        ({"requires_proof_of_work": "true"}, "#/requires_proof_of_work"),
        ({"requires_proof_of_work": None}, "#/requires_proof_of_work"),
        ({"sold": 5}, "#/sold"),
        ({"ticket_types": []}, "#/ticket_types"),
    ],
)
def test_an_event_with_a_wrong_value_is_refused(change: dict[str, Any], pointer: str):
    event = make_event()

    answer = as_organizer(event).post("/events", EVENT | change)

    assert_problem(answer, 400, "invalid_request")
    assert pointer in pointers(answer)
    assert type(event).objects.count() == 1


def test_a_refused_change_leaves_the_event_as_it_was():
    event = make_event(capacity=10)
    make_reservation(ticket_type=event.ticket_types.get(), quantity=4)
    organizer, path = as_organizer(event), f"/events/{event.slug}"
    other = make_ticket_type()

    below = organizer.patch(path, {"name": "Novo", "capacity": 3})
    assert_problem(below, 409, "capacity_below_committed")
    assert_problem(organizer.patch(path, {"currency": "USD"}), 409, "currency_in_use")
    assert_problem(organizer.patch(path, {"status": "draft"}), 409, "illegal_status")
    assert_problem(organizer.patch(path, {"slug": other.event.slug}), 409, "slug_taken")
    foreign = {"ticket_types": [{"id": str(other.pk), "capacity": 1}]}
    assert_problem(organizer.patch(path, foreign), 404, "unknown_ticket_type_of_event")
    half = {"ticket_types": [{"name": "Camarote"}]}
    assert_problem(organizer.patch(path, half), 400, "invalid_request")
    dropped = {name: value for name, value in EVENT.items() if name not in ("capacity", "price")}
    dropped["ticket_types"] = [{"name": "Camarote", "price": "1.00", "capacity": 1}]
    assert_problem(organizer.put(path, dropped), 409, "ticket_type_in_use")

    shown = organizer.get(path).json()
    assert (shown["name"], shown["status"], shown["available"]) == (event.name, "published", 6)
    assert [kind["name"] for kind in shown["ticket_types"]] == ["Pista"]


def forge(code: str) -> dict[str, str]:
    """Return invalid codes made from a valid one, by the name of the change."""
    return {
        "truncated": code[:-1],
        "longer": code + "0",
        "empty alphabet": "T1:" + "é" * 144,
        "another version": "T2:" + code[3:],
        "flipped": code[:20] + ("A" if code[20] != "A" else "B") + code[21:],
        "unsigned": "T1:" + encode_base45(bytes([1, 1]) + bytes(94)),
        "another key": "T1:" + encode_base45(bytes([1, 9]) + bytes(94)),
        "text": "hello",
        "lowercase": code.lower(),
        "control": "\x00\x01",
        "surrogate": "\ud800",
    }


@pytest.mark.parametrize("change", list(forge("x" * 147)))
def test_a_forged_or_damaged_code_is_refused_and_recorded(change: str):
    ticket = make_ticket()
    door = as_bearer(make_device(ticket.event))

    forged = forge(ticket.code)[change]
    answer = send(door, "/tickets/validate", {"code": forged})
    party = send(door, "/door/parties", {"code": forged, "scan_ids": [str(new_id())]})

    if change in ("control", "surrogate"):
        code = "invalid_request" if change == "control" else "malformed_json"
        assert_problem(answer, 400, code)
        assert_problem(party, 400, code)
    else:
        assert_problem(answer, 422, "invalid_code")
        assert_problem(party, 422, "invalid_code")
        # A refused party records nothing.
        assert Scan.objects.get().result == "invalid_code"
    assert Ticket.objects.get().status == "valid"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"code": ""}, "#/code"),
        ({"code": None}, "#/code"),
        ({"code": 5}, "#/code"),
        ({"code": "x" * 301}, "#/code"),
        ({"event": "x"}, "#/event"),
        ({"scan_id": "x"}, "#/scan_id"),
        ({"gate": "a\nb"}, "#/gate"),
        ({"gate": "x" * 51}, "#/gate"),
        ({"scanned_at": "2020-01-01T00:00:00"}, "#/scanned_at"),
        ({"scanned_at": "2999-01-01T00:00:00Z"}, "#/scanned_at"),
        ({"scanned_at": "2020-01-01T00:00:00Z"}, "#/scanned_at"),
        ({"device": "x"}, "#/device"),
    ],
)
def test_a_scan_with_a_wrong_value_is_refused(change: dict[str, Any], pointer: str):
    ticket = make_ticket()
    door = as_bearer(make_device(ticket.event))

    answer = door.post("/tickets/validate", {"code": ticket.code} | change)

    assert_problem(answer, 400, "invalid_request")
    assert pointers(answer) == {pointer}
    assert not Scan.objects.exists()


def test_a_scan_id_that_is_reused_with_another_code_is_refused():
    first, second = make_ticket(), make_ticket()
    door = as_bearer(make_device(first.event, second.event))
    scan_id = str(new_id())
    door.post("/tickets/validate", {"code": first.code, "scan_id": scan_id})

    answer = door.post("/tickets/validate", {"code": second.code, "scan_id": scan_id})

    assert_problem(answer, 409, "scan_id_reused")
    assert Ticket.objects.get(pk=second.pk).status == "valid"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/nowhere", 404, "not_found"),
        ("get", "/events/%00", 404, "not_found"),
        ("get", "/events/a%2F..%2Fb", 404, "not_found"),
        ("get", "/orders/not-an-id", 404, "not_found"),
        ("delete", "/events", 405, "method_not_allowed"),
        ("get", "/orders", 401, "not_authenticated"),
        ("put", "/orders", 405, "method_not_allowed"),
        ("options", "/orders", 405, "method_not_allowed"),
        ("get", "/events?page=0", 400, "invalid_request"),
        ("get", "/events?page=x", 400, "invalid_request"),
        ("get", "/events?page_size=101", 400, "invalid_request"),
        ("get", "/events?page_size=000100000", 400, "invalid_request"),
        ("get", "/events?page_size=000100" + "0" * 4400, 400, "invalid_request"),
        ("get", "/events?page=0001" + "0" * 4400, 400, "invalid_request"),
        ("post", "/schema", 405, "method_not_allowed"),
        ("delete", "/docs", 405, "method_not_allowed"),
        ("options", "/metrics", 405, "method_not_allowed"),
        ("get", "/events?page_size=%C2%B2", 400, "invalid_request"),
        ("get", "/events?ordering=password", 400, "invalid_request"),
        ("get", "/events?starts_after=soon", 400, "invalid_request"),
        ("get", "/events?q=%00", 400, "invalid_request"),
        ("get", "/events?page=999", 404, "not_found"),
    ],
)
def test_unknown_paths_methods_and_query_values_get_problems(
    api: APIClient, method: str, path: str, status: int, code: str
):
    assert_problem(getattr(api, method)(path), status, code)


def test_other_media_types_and_large_bodies_are_refused(api: APIClient):
    form = api.generic("POST", "/orders", "a=b", content_type="text/plain")
    assert_problem(form, 415, "unsupported_media_type")
    huge = '{"event": "' + "x" * 300_000 + '"}'
    answer = api.generic("POST", "/orders", huge, content_type="application/json")
    assert_problem(answer, 413, "request_too_large")
    html = api.get("/events", HTTP_ACCEPT="text/html")
    assert_problem(html, 406, "not_acceptable")
    assert_problem(api.get("/schema", HTTP_ACCEPT="text/html"), 406, "not_acceptable")
    assert_problem(api.get("/events?format=xml"), 400, "invalid_request")


def test_a_problem_lists_at_most_fifty_errors(api: APIClient):
    answer = api.post("/orders", dict.fromkeys(map(str, range(1000)), 1))

    assert_problem(answer, 400, "invalid_request")
    assert len(answer.json()["errors"]) == 50
    assert "more." in answer.json()["detail"]


def test_without_the_database_the_response_is_503_and_shows_no_secrets(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
):
    def away(*_: object, **__: object) -> None:
        raise OperationalError("connection to 10.0.0.1 with password hunter2 failed")

    with monkeypatch.context() as cut:
        cut.setattr(connections["default"], "cursor", away)
        answer = api.get("/events")

    assert_problem(answer, 503, "service_unavailable")
    assert b"hunter2" not in answer.content
    assert answer.headers["Retry-After"]


def test_an_internal_error_shows_no_secrets(api: APIClient, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr("events.views.find_event", broken)

    answer = api.get("/events/anything")

    assert_problem(answer, 500, "internal_error")
    assert b"42" not in answer.content.replace(answer.headers["X-Request-Id"].encode(), b"")


def test_a_holder_name_with_a_web_address_is_refused():
    ticket = make_ticket()

    answer = as_organizer(ticket.event).patch(
        f"/tickets/{ticket.pk}", {"holder_name": "Ganhe em www.foo.example"}
    )

    assert_problem(answer, 400, "invalid_request")
    assert pointers(answer) == {"#/holder_name"}
    assert Ticket.objects.get().status == "valid"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONTENT_TYPE", "text/plain; charset=rot13"),
        ("CONTENT_TYPE", "text/plain; charset=undefined"),
        ("CONTENT_TYPE", "text/plain; charset=unicode_escape"),
        ("CONTENT_TYPE", "text/plain; a*=nowhere''x"),
        ("CONTENT_TYPE", "text/plain; a*=undefined''%ff"),
        ("HTTP_ACCEPT", "application/json; a*=nowhere''x"),
        ("HTTP_ACCEPT", "text/html, application/json; a*=idna''%ff"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/events", "/orders/01890000-0000-7000-8000-000000000000/confirmation"]
)
def test_a_header_with_an_unusual_charset_does_not_fail_the_request(
    path: str, name: str, value: str
):
    statuses: list[str] = []
    parameter = "token" if "orders" in path else "q"
    environ = dict(RequestFactory().get(path, {parameter: "a\\ud800"}).META)
    environ[name] = value

    answer = with_readable_headers(WSGIHandler())(
        environ, lambda status, _headers: statuses.append(status)
    )

    assert [status[:3] for status in statuses] == ["303" if "orders" in path else "200"]
    assert answer
