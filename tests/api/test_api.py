"""The successful responses of the API, field by field."""

from datetime import datetime, timedelta
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils.translation import override
from drf_spectacular.renderers import OpenApiYamlRenderer
from rest_framework.test import APIClient

from events.models import Event
from orders.models import Order
from tests.api.test_document import DOCUMENT
from tests.make import (
    CUSTOMER,
    as_bearer,
    as_organizer,
    make_device,
    make_event,
    make_paid_order,
    make_processing_order,
    make_reservation,
    make_ticket,
    make_ticket_type,
    reservation_request,
)
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.api.openapi.finishing import EnglishGenerator
from ticketing.aws import aws_client
from ticketing.ids import new_id
from ticketing.redis import get_redis
from tickets.models import Device, Scan
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA = Path(settings.BASE_DIR) / "docs/openapi.yaml"
EVENT_FIELDS = {
    "id", "slug", "name", "description", "status", "venue", "address", "city", "timezone",
    "starts_at", "ends_at", "sales_start_at", "sales_end_at", "max_per_order",
    "checkin_starts_at", "checkin_ends_at", "reentry", "confirm_first",
    "max_per_customer", "max_per_address", "requires_proof_of_work",
    "confirms_free_orders", "image_url", "currency",
    "available", "sold_out", "ticket_types", "external_id", "metadata", "cancellation_note",
}  # fmt: skip
TYPE_FIELDS = {
    "id", "name", "price", "capacity", "available", "sales_start_at", "sales_end_at",
    "max_per_order", "is_hidden",
}  # fmt: skip
ORDER_FIELDS = {
    "id", "code", "status", "event", "customer", "currency", "total", "items", "reserved_until",
    "created_at", "paid_at", "payment", "email_confirmation", "tickets_ready",
    "accepted_terms", "marketing_consent",
    "external_id", "metadata", "promo_code", "discount",
}  # fmt: skip


def test_an_event_has_the_documented_fields_and_times_in_its_own_zone(api: APIClient):
    event = make_event(timezone="America/Manaus")

    shown = api.get(f"/events/{event.slug}").json()

    assert set(shown) == EVENT_FIELDS
    assert set(shown["ticket_types"][0]) == TYPE_FIELDS
    assert shown["starts_at"].endswith("-04:00")
    assert (shown["image_url"], shown["sold_out"]) == (None, False)
    assert shown["ticket_types"][0]["price"] == "45.00"
    assert api.get(f"/events/{event.pk}").json() == shown


def test_the_catalogue_shows_only_published_events(api: APIClient):
    published = make_event(name="Ópera", city="São Paulo")
    make_event(status="draft")
    Event.objects.filter(pk=make_event().pk).update(status="cancelled")

    page = api.get("/events").json()

    assert set(page) == {"count", "next", "previous", "results"}
    assert [event["id"] for event in page["results"]] == [str(published.pk)]
    assert (page["count"], page["next"], page["previous"]) == (1, None, None)


def test_the_catalogue_is_filtered_sorted_and_paginated(api: APIClient):
    now = clock.now()
    for number, city in enumerate(["Recife", "Olinda", "Recife"]):
        starts_at = now + timedelta(days=10 * (number + 1))
        make_event(
            name=f"Baile {number}",
            city=city,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=2),
        )

    def names(**query: str) -> list[str]:
        return [event["name"] for event in api.get("/events", query).json()["results"]]

    assert names() == ["Baile 0", "Baile 1", "Baile 2"]
    assert names(city="recife") == ["Baile 0", "Baile 2"]
    assert names(q="baile 1") == ["Baile 1"]
    assert names(q="olinda") == ["Baile 1"]
    assert names(starts_after=(now + timedelta(days=15)).isoformat()) == ["Baile 1", "Baile 2"]
    assert names(starts_before=(now + timedelta(days=15)).isoformat()) == ["Baile 0"]
    assert names(ordering="-starts_at") == ["Baile 2", "Baile 1", "Baile 0"]
    assert names(page_size="2", page="2") == ["Baile 2"]
    assert "page=2" in api.get("/events", {"page_size": 2}).json()["next"]


def test_a_path_with_a_trailing_slash_returns_the_same_without_a_redirect(api: APIClient):
    event = make_event()

    for path in ("/events", f"/events/{event.slug}", "/healthz"):
        assert api.get(f"{path}/").content == api.get(path).content


def test_an_event_is_created_with_ticket_types_or_with_capacity_and_price(api: APIClient):
    organizer = as_organizer(make_event())
    fields = {
        "name": "Festa Junina",
        "venue": "Arraial",
        "city": "Campina Grande",
        "starts_at": "2099-06-24T18:00:00-03:00",
        "ends_at": "2099-06-25T02:00:00-03:00",
    }
    kinds = [
        {"name": "Pista", "price": "40.00", "capacity": 100},
        {"name": "Camarote", "price": "90.00", "capacity": 10, "max_per_order": 4},
    ]

    full = organizer.post("/events", fields | {"ticket_types": kinds, "status": "published"})
    short = organizer.post("/events", fields | {"capacity": 5, "price": "0"})

    assert (full.status_code, short.status_code) == (201, 201)
    assert full.headers["Location"] == f"/events/{full.json()['id']}"
    assert (full.json()["slug"], full.json()["status"]) == ("festa-junina", "published")
    assert full.json()["available"] == 110
    assert [kind["max_per_order"] for kind in full.json()["ticket_types"]] == [None, 4]
    assert (short.json()["status"], short.json()["ticket_types"][0]["price"]) == ("draft", "0.00")
    assert short.json()["slug"].startswith("festa-junina-")


def test_a_response_can_be_changed_and_sent_back(api: APIClient):
    event = make_event(capacity=10)
    organizer, path = as_organizer(event), f"/events/{event.pk}"
    shown = organizer.get(path).json()

    shown["name"], shown["ticket_types"][0]["capacity"] = "Outro nome", 12
    changed = organizer.put(path, shown)

    assert changed.status_code == 200, changed.content
    assert (changed.json()["name"], changed.json()["available"]) == ("Outro nome", 12)


def test_a_draft_is_published_and_cancelled_by_its_status(api: APIClient, queue: RecordingQueue):
    event = make_event(status="draft")
    organizer, path = as_organizer(event), f"/events/{event.slug}"
    assert api.get(path).status_code == 404

    assert organizer.patch(path, {"status": "published"}).json()["status"] == "published"
    assert api.get(path).status_code == 200
    assert organizer.patch(path, {"status": "cancelled"}).json()["status"] == "cancelled"

    reservation = reservation_request(event)
    assert api.post("/orders", reservation).json()["code"] == "event_not_on_sale"
    assert organizer.patch(path, {"name": "x"}).json()["code"] == "event_not_editable"


def test_an_order_has_the_documented_fields_and_its_token_only_in_the_first_response(
    api: APIClient,
):
    kind = make_ticket_type(price="120.00")
    items = [{"ticket_type": str(kind.pk), "quantity": 2}]

    made = api.post("/orders", {"event": str(kind.event_id), "items": items, "customer": CUSTOMER})

    assert set(made.json()) == ORDER_FIELDS | {"access_token"}
    assert made.headers["Location"] == f"/orders/{made.json()['id']}"
    assert (made.json()["status"], made.json()["total"], made.json()["currency"]) == (
        "reserved",
        "240.00",
        "BRL",
    )
    assert made.json()["customer"] == CUSTOMER
    assert made.json()["items"] == [
        {
            "ticket_type": str(kind.pk),
            "name": "Pista",
            "quantity": 2,
            "unit_price": "120.00",
            "list_price": "120.00",
        }
    ]
    reserved_until, created_at = (
        datetime.fromisoformat(made.json()[name]) for name in ("reserved_until", "created_at")
    )
    assert reserved_until - created_at == timedelta(minutes=15)
    reserved = made.json()
    read = as_bearer(reserved.pop("access_token")).get(f"/orders/{reserved['id']}").json()
    assert read == reserved


def test_the_language_of_mails_is_that_of_the_browser(api: APIClient):
    event = make_event()
    reservation = reservation_request(event)

    api.post("/orders", reservation)
    api.post("/orders", reservation, HTTP_ACCEPT_LANGUAGE="en-GB,en;q=0.8")
    api.post("/orders", reservation, HTTP_ACCEPT_LANGUAGE="pt-PT")

    languages = Order.objects.order_by("created_at").values_list("language", flat=True)
    assert list(languages) == ["pt-br", "en", "pt-br"]


def test_sales_start_and_end_at_the_times_of_the_event_and_the_ticket_type(api: APIClient):
    now = clock.now()
    early = make_event(sales_start_at=now + timedelta(days=1))
    late = make_event(sales_end_at=now - timedelta(days=1))
    over = make_event()
    Event.objects.filter(pk=over.pk).update(
        starts_at=now - timedelta(days=2), ends_at=now - timedelta(days=1)
    )
    typed = make_event()
    typed.ticket_types.update(sales_start_at=now + timedelta(days=1))

    codes = [
        api.post("/orders", reservation_request(event)).json()["code"]
        for event in (early, late, over, typed)
    ]

    assert codes == [
        "sales_not_started",
        "sales_ended",
        "event_not_on_sale",
        "sales_not_started",
    ]


def test_a_free_order_is_paid_with_the_method_free(queue: RecordingQueue):
    event = make_event(price="0.00", confirms_free_orders=False)
    reservation = make_reservation(ticket_type=event.ticket_types.get())
    buyer, path = as_bearer(reservation.token.text), f"/orders/{reservation.order_id}"

    assert (
        buyer.post(f"{path}/payment", {"method": "card", "token": "tok_approved"}).status_code
        == 400
    )
    assert buyer.post(f"{path}/payment", {"method": "free"}).status_code == 202
    queue.run_all()

    assert buyer.get(path).json()["status"] == "paid"


def test_a_declined_payment_shows_its_decline_code(queue: RecordingQueue):
    reservation = make_reservation()
    buyer, path = as_bearer(reservation.token.text), f"/orders/{reservation.order_id}"

    buyer.post(f"{path}/payment", {"method": "card", "token": "tok_declined"})
    queue.run_all()

    shown = buyer.get(path).json()
    assert (shown["status"], shown["payment"]["decline_code"]) == (
        "payment_failed",
        "card_declined",
    )
    again = buyer.post(f"{path}/payment", {"method": "card", "token": "tok_approved"})
    assert (again.status_code, again.json()["code"]) == (409, "order_not_payable")


def test_tickets_are_shown_before_their_codes_are_stored(queue: RecordingQueue):
    reservation = make_reservation(quantity=2)
    buyer, path = as_bearer(reservation.token.text), f"/orders/{reservation.order_id}"
    buyer.post(f"{path}/payment", {"method": "pix", "token": "tok_approved"})
    queue.sent.clear()
    # Not by its task, which also stores the codes.
    settle_order(order_id=reservation.order_id, now=clock.now())

    before = buyer.get(f"{path}/ticket").json()
    queue.run_next()
    after = buyer.get(f"{path}/ticket").json()

    assert (before["tickets_ready"], before["tickets"][0]["qr_code_url"]) == (False, None)
    assert after["tickets_ready"] is True
    assert set(after["tickets"][0]) == {
        "id", "code", "ticket_type", "holder_name", "status", "qr_code_url", "used_at",
    }  # fmt: skip
    assert after["tickets"][0]["code"].startswith("T1:")
    assert len({ticket["code"] for ticket in after["tickets"]}) == 2


def test_an_admission_has_the_documented_fields_and_a_repeat_of_its_scan_id_gets_the_same():
    ticket = make_ticket()
    door = as_bearer(make_device(ticket.event, gate="North"))
    scan = {"code": ticket.code, "scan_id": str(new_id())}

    first, again = (door.post("/tickets/validate", scan) for _ in range(2))
    other = door.post("/tickets/validate", {"code": ticket.code})

    assert set(first.json()) == {
        "result", "scan_id", "ticket", "used_at", "again", "inside", "conflict", "party",
    }  # fmt: skip
    assert set(first.json()["ticket"]) == {
        "id", "ticket_type", "holder_name", "order_code", "event",
    }  # fmt: skip
    assert first.json()["scan_id"] == scan["scan_id"]
    assert (again.status_code, again.json()) == (200, first.json())
    assert (other.status_code, other.json()["code"]) == (409, "already_used")
    first_scan = other.json()["first_scan"]
    assert (first_scan["gate"], first_scan["device"]) == ("North", "Scanner North")
    assert first_scan["at"] == first.json()["used_at"]


def test_the_door_returns_the_reason_of_a_refusal_and_records_it():
    ticket, elsewhere = make_ticket(), make_ticket()
    door = as_bearer(make_device(ticket.event))

    def code_of(code: str, **more: str) -> str:
        return door.post("/tickets/validate", {"code": code} | more).json()["code"]

    assert code_of(elsewhere.code) == "wrong_event"
    assert code_of(ticket.code, event=str(elsewhere.event_id)) == "not_found"
    ticket.scans.model.objects.all().delete()
    type(ticket).objects.filter(pk=ticket.pk).update(status="revoked")
    assert code_of(ticket.code) == "revoked"
    Event.objects.filter(pk=ticket.event_id).update(status="cancelled")
    assert code_of(ticket.code) == "event_cancelled"
    Scan.objects.all().delete()
    type(ticket).objects.filter(pk=ticket.pk).delete()
    assert code_of(ticket.code) == "unknown_ticket"
    assert Scan.objects.get().result == "unknown_ticket"


def test_a_device_for_all_events_admits_to_later_events_of_its_organizer_only():
    ticket, elsewhere = make_ticket(), make_ticket()
    door = as_bearer(make_device(make_event(organizer=ticket.event.organizer)))
    assert door.post("/tickets/validate", {"code": ticket.code}).json()["code"] == "wrong_event"
    Device.objects.update(all_events=True)

    results = [
        door.post("/tickets/validate", {"code": each.code}).json() for each in (ticket, elsewhere)
    ]

    assert results[0]["result"] == "admitted"
    assert results[1]["code"] == "wrong_event"


def test_an_offline_scan_keeps_its_own_time():
    ticket = make_ticket()
    door = as_bearer(make_device(ticket.event))
    earlier = clock.now() - timedelta(hours=1)

    answer = door.post(
        "/tickets/validate", {"code": ticket.code, "scanned_at": earlier.isoformat()}
    )

    assert datetime.fromisoformat(answer.json()["used_at"]) == earlier


def test_without_redis_only_reservations_are_refused(
    api: APIClient, settings, queue: RecordingQueue
):
    kind = make_ticket_type(capacity=10)
    paid = make_paid_order(ticket_type=kind, quantity=2)
    order = make_processing_order(ticket_type=kind)
    reservation = make_reservation(ticket_type=kind)
    queue.sent.clear()
    working = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    get_redis.cache_clear()
    try:
        body = reservation_request(str(kind.event_id))
        refused = api.post("/orders", body)
        shown = api.get(f"/events/{kind.event_id}")
        buyer = as_bearer(reservation.token.text)
        payment = buyer.post(
            f"/orders/{reservation.order_id}/payment", {"method": "pix", "token": "tok_approved"}
        )
        queue.run_all()
        ticket = paid.tickets.order_by("position")[0]
        door = as_bearer(make_device(ticket.event))
        admitted = door.post("/tickets/validate", {"code": ticket.code})
    finally:
        settings.REDIS_URL = working
        get_redis.cache_clear()

    assert (refused.status_code, refused.json()["code"]) == (503, "inventory_unavailable")
    assert refused.headers["Retry-After"]
    assert (shown.status_code, shown.json()["available"]) == (200, 10 - 2 - 1 - 1)
    assert (payment.status_code, admitted.status_code) == (202, 200)
    assert Order.objects.get(pk=reservation.order_id).status == "paid"
    assert order.pk != paid.pk


def test_the_document_has_summaries_and_examples_of_amounts(
    api: APIClient,
):
    schema = api.get("/schema", HTTP_ACCEPT="application/vnd.oai.openapi+json").json()
    order = schema["components"]["schemas"]["OrderShown"]["properties"]

    described = schema["paths"]["/orders/{order_id}"]["get"]
    assert described["summary"] == "Return the current state of an order."
    assert order["total"]["examples"] == ["120.00"]
    assert order["payment"]["oneOf"][0] == {"$ref": "#/components/schemas/PaymentShown"}


def test_the_document_has_exactly_these_paths_and_methods(api: APIClient):
    schema = api.get("/schema", HTTP_ACCEPT="application/vnd.oai.openapi+json").json()

    assert schema["openapi"] == "3.1.0"
    named = {
        f"{method.upper()} {path}"
        for path, methods in schema["paths"].items()
        for method in methods
    }
    assert named == {
        "GET /events",
        "POST /events",
        "GET /events/{reference}",
        "GET /events/{reference}/challenge",
        "GET /events/{reference}/terms",
        "GET /events/{reference}/questions",
        "POST /events/{reference}/promo-code",
        "GET /events/{reference}/promo-codes",
        "POST /events/{reference}/promo-codes",
        "GET /events/{reference}/promo-codes/{promo_code_id}",
        "PATCH /events/{reference}/promo-codes/{promo_code_id}",
        "DELETE /events/{reference}/promo-codes/{promo_code_id}",
        "PUT /events/{reference}",
        "PATCH /events/{reference}",
        "GET /orders",
        "POST /orders",
        "GET /orders/{order_id}",
        "GET /orders/{order_id}/answers",
        "PUT /orders/{order_id}/answers",
        "GET /events/{reference}/gates",
        "PUT /events/{reference}/gates",
        "GET /orders/{order_id}/holders",
        "PATCH /orders/{order_id}/holders",
        "POST /orders/{order_id}/payment",
        "GET /orders/{order_id}/pix",
        "POST /orders/{order_id}/pix",
        "POST /orders/{order_id}/confirmation",
        "POST /orders/{order_id}/cancel",
        "GET /orders/{order_id}/ticket",
        "POST /orders/{order_id}/refund",
        "POST /orders/{order_id}/resend",
        "GET /events/{reference}/orders",
        "GET /events/{reference}/orders.csv",
        "GET /events/{reference}/tickets",
        "GET /events/{reference}/attendance",
        "GET /tickets/{ticket_id}",
        "PATCH /tickets/{ticket_id}",
        "POST /tickets/{ticket_id}/checkin/undo",
        "POST /tickets/{ticket_id}/revoke",
        "POST /tickets/{ticket_id}/reissue",
        "POST /tickets/{ticket_id}/exchange",
        "POST /tickets/validate",
        "GET /door/state",
        "GET /door/bundle",
        "POST /door/scans",
        "POST /door/parties",
        "POST /door/guests",
        "POST /door/guests/{ticket_id}/admit",
        "GET /webhooks",
        "POST /webhooks",
        "GET /devices",
        "POST /devices",
        "POST /devices/{device_id}/revoke",
        "POST /devices/{device_id}/pairing",
        "POST /devices/pair",
        "GET /problems",
        "GET /problems/{code}",
        "GET /healthz",
        "GET /readyz",
    }


def test_the_committed_document_is_the_one_that_is_served(api: APIClient):
    assert api.get("/schema").content == SCHEMA.read_bytes()


@pytest.mark.parametrize("language", ["en", "pt-br"])
def test_the_committed_document_is_the_one_that_the_code_makes(language: str):
    with override(language):
        made = EnglishGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    written = OpenApiYamlRenderer().render(made).decode()  # type: ignore[no-untyped-call]

    difference = "\n".join(
        unified_diff(SCHEMA.read_text().splitlines(), written.splitlines(), lineterm="", n=1)
    )
    assert not difference, f"Run `make schema`:\n{difference}"


def test_the_document_requires_all_members_of_responses_and_types_ids_in_paths(api: APIClient):
    document = api.get("/schema", HTTP_ACCEPT="application/vnd.oai.openapi+json").json()

    shown = document["components"]["schemas"]
    for name in ("EventShown", "TicketTypeShown", "OrderShown", "PaymentShown", "TicketShown"):
        assert set(shown[name]["required"]) == set(shown[name]["properties"]), name
    (order_id,) = document["paths"]["/orders/{order_id}"]["get"]["parameters"]
    assert order_id["schema"] == {"type": "string", "format": "uuid"}


def test_the_page_of_the_document_loads_nothing_from_other_servers(api: APIClient):
    page = api.get("/docs").content.decode()

    assert "/static/drf_spectacular_sidecar/" in page
    assert "https://" not in page.replace("https://www.w3.org", "")


@pytest.mark.parametrize("has_token", [True, False])
def test_readiness_lists_what_is_away_only_to_a_caller_with_the_metrics_token(
    api: APIClient, monkeypatch: pytest.MonkeyPatch, settings: Any, *, has_token: bool
):
    settings.METRICS_TOKEN = "a-token-of-prometheus"
    headers = {"authorization": "Bearer a-token-of-prometheus"} if has_token else {}
    with monkeypatch.context() as cut:
        cut.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        aws_client.cache_clear()
        answer = api.get("/readyz", headers=headers)
    aws_client.cache_clear()

    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    assert answer.json().get("checks") == (
        {"database": "ok", "redis": "ok", "queue": "away", "storage": "away"} if has_token else None
    )
    assert ("queue" in answer.content.decode()) == has_token


def test_each_path_with_an_id_documents_404():
    silent = [
        (method, path)
        for path, operations in DOCUMENT["paths"].items()
        for method, described in operations.items()
        if "{" in path and "404" not in described["responses"]
    ]

    assert silent == []
