"""The fast path returns what the full path returns, and accepts nothing that it would refuse."""

from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.db import close_old_connections, connection
from django.test import RequestFactory
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis
from rest_framework.test import APIClient

from orders.serializers import ReservationSent
from orders.usual import UsualReservation
from tests.make import (
    CUSTOMER,
    as_bearer,
    make_device,
    make_event,
    make_ticket,
    reservation_request,
)
from ticketing.api.quick import read_body
from ticketing.redis import get_redis
from tickets.door.serializers import ScanSent, UsualScan

TEXT = st.one_of(
    st.sampled_from(
        ["", " ", "Ana", " Ana", "Ana ", "A\u202eb", "foo.com", "a\nb", "a\x00b", "é", "x" * 300]
    ),
    st.text(max_size=20),
)
EMAIL = st.one_of(
    st.sampled_from(
        [
            "a@b.co",
            "a@b",
            "a@b.co ",
            "é@b.co",
            "a@bé.co",
            "A@B.Co",
            "a@xn--zz.co",
            '"a b"@b.co',
            "a@[1.2.3.4]",
        ]
    ),
    st.emails(),
    TEXT,
)
NUMBER: st.SearchStrategy[Any] = st.sampled_from(
    [1, 2, 0, -1, 10_000, 10_001, 2.0, 1.5, "1", True, None, 1e3, 10**30]
)
ID = st.one_of(st.uuids().map(str), st.uuids().map(lambda u: u.hex), TEXT, st.integers(0, 9))


def some(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({}, optional=fields | {"more": st.just(1)})


RESERVATION = some(
    {
        "event": st.one_of(st.just("show"), TEXT),
        "quantity": NUMBER,
        "items": st.lists(some({"ticket_type": ID, "quantity": NUMBER}), max_size=3),
        "customer": st.one_of(some({"name": TEXT, "email": EMAIL}), st.just(CUSTOMER), st.just([])),
    }
)
LIKELY = st.fixed_dictionaries(
    {"event": st.just("show"), "customer": st.fixed_dictionaries({"name": TEXT, "email": EMAIL})},
    optional={
        "quantity": NUMBER,
        "items": st.lists(
            st.fixed_dictionaries({"ticket_type": st.uuids().map(str), "quantity": NUMBER}),
            max_size=3,
        ),
    },
)
SCAN = some({"code": TEXT, "event": ID, "gate": TEXT, "scan_id": ID})


def read(sent: Any, kind: type) -> Any:
    body = msgspec.json.encode(sent)
    request = RequestFactory().post("/", body, content_type="application/json")
    return read_body(request, kind)


@settings(max_examples=300, deadline=None)
@given(st.one_of(RESERVATION, LIKELY))
def test_a_reservation_that_the_quick_reader_accepts_is_read_the_same_by_the_serializer(sent: Any):
    quick = read(sent, UsualReservation)
    if quick is None:
        return
    slow = ReservationSent(data=sent)

    assert slow.is_valid(), slow.errors
    assert msgspec.to_builtins(quick) == msgspec.to_builtins(dict(slow.validated_data))


@settings(max_examples=300, deadline=None)
@given(SCAN)
def test_a_scan_that_the_quick_reader_accepts_is_read_the_same_by_the_serializer(sent: Any):
    quick = read(sent, UsualScan)
    if quick is None:
        return
    slow = ScanSent(data=sent)

    assert slow.is_valid(), slow.errors
    expected = msgspec.to_builtins(dict(slow.validated_data))
    assert {**expected, **msgspec.to_builtins(quick)} == {"gate": "", **expected}


def test_the_quick_reader_accepts_the_usual_requests():
    by_quantity = {"event": "show", "quantity": 2, "customer": CUSTOMER}
    items = [{"ticket_type": str(uuid4()), "quantity": 2}]
    by_type = {"event": str(uuid4()), "items": items, "customer": CUSTOMER}

    assert read(by_quantity, UsualReservation)
    assert read(by_type, UsualReservation)
    assert read({"code": "T1:ABC"}, UsualScan)
    assert read({"code": "T1:ABC", "event": str(uuid4()), "scan_id": str(uuid4())}, UsualScan)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("capacity", [10, 1])
def test_both_paths_return_the_same_response(capacity: int):
    """Any cookie sends a request to the full path."""
    reservation = reservation_request(make_event(capacity=capacity), 2)
    quick, slow = APIClient(), APIClient(headers={"Cookie": "theme=dark"})

    answers = [client.post("/orders", reservation) for client in (quick, slow)]
    events = [client.get(f"/events/{reservation['event']}") for client in (quick, slow)]

    # Only the full path sets `Allow`.
    assert ["Allow" in answer.headers for answer in answers] == [False, True]
    assert events[0].json() == events[1].json()
    assert {answer.status_code for answer in answers} == {201 if capacity > 1 else 409}
    assert answers[0].json().keys() == answers[1].json().keys()
    for header in ("Content-Type", "X-Content-Type-Options", "Content-Length"):
        kinds = {answer.headers[header].split(";")[0] for answer in events}
        assert len(kinds) == 1


@pytest.mark.django_db(transaction=True)
def test_a_door_gets_the_same_response_on_both_paths():
    ticket = make_ticket()
    token = make_device(ticket.event)
    quick, slow = as_bearer(token), as_bearer(token)
    slow.defaults["HTTP_COOKIE"] = "theme=dark"
    scan = {"code": ticket.code, "scan_id": str(uuid4())}

    answers = [door.post("/tickets/validate", scan) for door in (quick, slow)]

    assert [hasattr(answer, "data") for answer in answers] == [False, True]
    assert answers[0].json() == answers[1].json()


@pytest.mark.django_db(transaction=True)
def test_the_api_responds_in_english_after_the_thread_has_shown_a_portuguese_page(api: APIClient):
    page = APIClient(headers={"Accept-Language": "pt-br"}).get("/admin/login/")
    assert "Entrar" in page.content.decode() or "Acessar" in page.content.decode()

    answer = api.post("/orders", reservation_request(""))

    assert answer.json()["errors"][0]["detail"] == "This field may not be blank."


@pytest.mark.django_db(transaction=True)
def test_a_request_after_the_database_closed_the_connection_succeeds(api: APIClient):
    event = make_event()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        old = cursor.fetchone()[0]
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 2000)", [old])
    other.close()

    close_old_connections()  # Django does this at each request, but the test client does not.
    answer = api.post("/orders", reservation_request(event))

    assert answer.status_code == 201


@pytest.mark.django_db(transaction=True)
def test_a_request_after_redis_closed_the_connection_succeeds(api: APIClient, redis: Redis):
    event = make_event()
    api.get(f"/events/{event.slug}")
    get_redis().execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")  # type: ignore[no-untyped-call]

    answer = api.post("/orders", reservation_request(event))

    assert answer.status_code == 201
