"""An organizer's system lists orders and tickets, refunds, replaces tickets, and counts."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from events.models import ApiToken, Scope
from orders.models import Order, Refund
from orders.refunds import return_money
from tests.make import (
    SOMEBODY,
    as_bearer,
    as_organizer,
    make_api_token,
    make_device,
    make_event,
    make_paid_order,
    make_promo_code,
    make_reservation,
    make_reserved_order,
    make_ticket,
    make_ticket_type,
)
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.api.csv import _write
from tickets.models import Delivery, Ticket
from tickets.refund import refund_tickets

pytestmark = pytest.mark.django_db(transaction=True)

ID = "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e"


def codes(client: APIClient, path: str) -> list[str]:
    return [order["code"] for order in client.get(path).json()["results"]]


def scan_result(ticket: Ticket, code: str) -> str:
    answer = as_bearer(make_device(ticket.event)).post("/tickets/validate", {"code": code}).json()
    return str(answer.get("result") or answer["code"])


def test_orders_are_found_by_code_email_name_and_status():
    event = make_event()
    kind = event.ticket_types.get()
    paid, reserved = make_paid_order(ticket_type=kind), make_reserved_order(ticket_type=kind)
    Order.objects.filter(pk=paid.pk).update(
        customer_name="Zoé", customer_email="zoe@xn--bcher-kva.de"
    )
    make_reserved_order()
    client, path = as_organizer(event), f"/events/{event.slug}/orders"

    assert codes(client, path) == [reserved.code, paid.code]
    for words in (paid.code.lower(), "ZOE@bücher.de", "zoe@xn--bcher-kva.de", "zo"):
        assert codes(client, f"{path}?q={words}") == [paid.code]
    assert codes(client, f"{path}?status=reserved") == [reserved.code]
    assert codes(client, f"{path}?q=nobody") == []


def test_modified_since_lists_rows_in_the_order_of_their_changes():
    event = make_event()
    kind = event.ticket_types.get()
    first, second = make_paid_order(ticket_type=kind), make_paid_order(ticket_type=kind)
    client, path = as_organizer(event), f"/events/{event.slug}/orders"
    newest = client.get(path).json()["results"][0]["modified_at"]

    client.post(f"/orders/{first.pk}/refund", {"full": True})
    changed = client.get(path, {"modified_since": newest})

    assert [order["code"] for order in changed.json()["results"]] == [second.code, first.code]
    assert changed.headers["Last-Modified"].endswith("GMT")


def read_pages(
    client: APIClient, path: str, query: dict[str, str | float]
) -> Iterator[dict[str, Any]]:
    """Follow a list of changes, page by page."""
    page = client.get(path, query).json()
    yield page
    while page["next"]:
        assert page["previous"] is None
        page = client.get(page["next"]).json()
        yield page


@pytest.mark.parametrize("what", ["orders", "tickets"])
def test_a_change_while_a_list_of_changes_is_read_hides_no_row(what: str):
    event = make_event()
    kind = event.ticket_types.get()
    orders = [make_paid_order(ticket_type=kind) for _ in range(5)]
    client, path = as_organizer(event), f"/events/{event.slug}/{what}"
    query: dict[str, str | float] = {"modified_since": "2000-01-01T00:00:00Z", "page_size": 2}
    seen: list[str] = []

    for number, page in enumerate(read_pages(client, path, query)):
        seen += [row["id"] for row in page["results"]]
        if number == 0:
            # With page numbers, the third row would now move to the page that was read already.
            client.post(f"/orders/{orders[0].pk}/refund", {"full": True})

    everything = {row["id"] for row in client.get(path).json()["results"]}
    assert (set(seen), len(seen)) == (everything, 6)


@pytest.mark.parametrize("what", ["orders", "orders.csv", "tickets"])
def test_after_without_modified_since_is_refused(what: str):
    event = make_event()

    answer = as_organizer(event).get(f"/events/{event.slug}/{what}", {"after": str(event.pk)})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["errors"][0]["pointer"] == "?after"


def test_rows_that_changed_at_the_same_moment_are_all_listed():
    event = make_event()
    for _ in range(5):
        make_paid_order(ticket_type=event.ticket_types.get())
    Ticket.objects.update(created_at=clock.now())
    query: dict[str, str | float] = {"modified_since": "2000-01-01T00:00:00Z", "page_size": 2}

    pages = list(read_pages(as_organizer(event), f"/events/{event.slug}/tickets", query))

    assert [len(page["results"]) for page in pages] == [2, 2, 1]
    assert [page["count"] for page in pages] == [5, 3, 1]
    assert len({row["id"] for page in pages for row in page["results"]}) == 5


def test_returning_the_money_changes_modified_at_of_the_order():
    order = make_paid_order()
    client = as_organizer(order.event)
    refunding = client.post(f"/orders/{order.pk}/refund", {"full": True}).json()

    return_money(order_id=order.pk, now=clock.now())
    found = client.get(
        f"/events/{order.event_id}/orders", {"modified_since": refunding["modified_at"]}
    ).json()["results"][0]

    assert (refunding["payment"]["status"], found["payment"]["status"]) == ("refunding", "refunded")
    assert found["modified_at"] > refunding["modified_at"]


def test_refunding_one_ticket_changes_modified_at_of_the_order():
    order = make_paid_order(quantity=2)
    client = as_organizer(order.event)
    (shown,) = client.get(f"/events/{order.event_id}/orders").json()["results"]
    before = shown["modified_at"]

    client.post(
        f"/orders/{order.pk}/refund", {"tickets": [str(Ticket.objects.of_order(order.pk)[0].pk)]}
    )
    changed = client.get(f"/events/{order.event_id}/orders", {"modified_since": before}).json()

    assert changed["results"][0]["modified_at"] > before
    assert changed["results"][0]["refunded"] == "45.00"


def test_the_export_has_a_row_for_each_order_and_no_formulas():
    event = make_event()
    paid = make_paid_order(ticket_type=event.ticket_types.get(), quantity=3)
    one = Ticket.objects.of_order(paid.pk)[0]
    refund_tickets(actor=SOMEBODY, order_id=paid.pk, ticket_ids=[one.pk], now=clock.now())
    make_promo_code(event=event, code="AMIGOS")
    make_reservation(
        ticket_type=event.ticket_types.get(), name='=HYPERLINK("evil")', promo_code="AMIGOS"
    )

    answer = as_organizer(event).get(f"/events/{event.slug}/orders.csv", HTTP_ACCEPT="text/csv")
    table = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(table)))

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert [row["status"] for row in rows] == ["reserved", "paid"]
    assert rows[0]["customer_name"] == '\'=HYPERLINK("evil")'
    assert (rows[1]["tickets"], rows[1]["items"], rows[1]["total"]) == ("2", "3 × Pista", "135.00")
    assert rows[1]["refunded"] == "45.00"
    assert [(row["promo_code"], row["discount"]) for row in rows] == [
        ("AMIGOS", "4.50"),
        ("", "0.00"),
    ]


def test_a_formula_after_a_semicolon_is_escaped():
    """Some spreadsheets split a line at semicolons."""
    assert list(_write(["a"], [["Ana;=1+1"], ["-1"], ["a=b"]])) == [
        "a\r\n",
        "Ana;'=1+1\r\n",
        "'-1\r\n",
        "a=b\r\n",
    ]


def test_a_refusal_of_the_export_is_a_problem_document():
    event = make_event()

    answer = as_organizer(event).get(
        f"/events/{event.slug}/orders.csv?status=lost", HTTP_ACCEPT="text/csv"
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_refund_of_one_ticket_revokes_it_and_returns_the_amount():
    order = make_paid_order(quantity=2)
    first, second = Ticket.objects.of_order(order.pk)
    client = as_organizer(order.event)

    answer = client.post(f"/orders/{order.pk}/refund", {"tickets": [str(first.pk)]})

    assert (answer.status_code, answer.json()["status"]) == (202, "paid")
    assert answer.json()["refunded"] == "45.00"
    assert (scan_result(first, first.code), scan_result(second, second.code)) == (
        "revoked",
        "admitted",
    )


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"full": False},
        {"full": "true"},
        {"full": None},
        {"full": True, "tickets": [ID]},
        {"full": True, "amount": "1.00"},
        {"tickets": []},
        {"tickets": ["x"]},
        {"tickets": None},
        {"ticket": "1"},
        [],
    ],
)
def test_an_invalid_refund_is_refused_and_refunds_nothing(body: object):
    order = make_paid_order()

    answer = as_organizer(order.event).post(f"/orders/{order.pk}/refund", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    order.refresh_from_db()
    assert order.status == "paid"


def test_a_resend_requests_the_mail_again_and_is_refused_for_an_unpaid_order(queue: RecordingQueue):
    paid, reserved = make_paid_order(), make_reserved_order()
    queue.run_all()
    assert Delivery.objects.get().sent_at is not None

    answer = as_organizer(paid.event).post(f"/orders/{paid.pk}/resend")
    refused = as_organizer(reserved.event).post(f"/orders/{reserved.pk}/resend")

    assert answer.status_code == 202
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_deliver")
    assert Delivery.objects.get().sent_at is None


def test_tickets_are_found_by_code_order_and_holder():
    ticket, other = make_ticket(), make_ticket()
    client, path = as_organizer(ticket.event), f"/events/{ticket.event.slug}/tickets"

    for words in (ticket.code, ticket.order.code.lower(), "ana"):
        found = client.get(path, {"q": words}).json()["results"]
        assert [row["id"] for row in found] == [str(ticket.pk)]
    assert client.get(path, {"q": other.code}).json()["results"] == []
    assert client.get(path, {"status": "used"}).json()["count"] == 0


def test_a_check_in_changes_modified_at_of_the_ticket():
    ticket = make_ticket()
    client, path = as_organizer(ticket.event), f"/events/{ticket.event.slug}/tickets"
    since = client.get(path).json()["results"][0]["modified_at"]
    later = (clock.now() + timedelta(microseconds=1)).isoformat()

    assert client.get(path, {"modified_since": later}).json()["count"] == 0
    assert scan_result(ticket, ticket.code) == "admitted"
    used = client.get(path, {"modified_since": later}).json()["results"][0]

    assert (used["status"], used["gate"]) == ("used", "North")
    assert used["modified_at"] > since


def test_a_revoked_ticket_is_refused_at_the_door_and_still_counts_as_sold():
    ticket = make_ticket()
    client = as_organizer(ticket.event)

    answers = [client.post(f"/tickets/{ticket.pk}/revoke") for _ in range(2)]

    assert [answer.json()["status"] for answer in answers] == ["revoked", "revoked"]
    assert scan_result(ticket, ticket.code) == "revoked"
    ticket.ticket_type.refresh_from_db()
    assert ticket.ticket_type.sold == 1


def test_a_reissued_ticket_has_a_new_code_and_the_old_one_is_revoked_at_once(queue: RecordingQueue):
    old = make_ticket()
    queue.run_all()
    client = as_organizer(old.event)

    answer = client.post(f"/tickets/{old.pk}/reissue")
    new = answer.json()

    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/tickets/{new['id']}"
    assert new["code"] != old.code
    again = client.post(f"/tickets/{old.pk}/reissue").json()
    assert (again["code"], again["replaced_by"]) == ("ticket_not_valid", new["id"])
    assert client.get(f"/tickets/{old.pk}").json()["replaced_by"] == new["id"]
    assert (scan_result(old, old.code), scan_result(old, new["code"])) == ("revoked", "admitted")
    queue.run_all()
    assert Delivery.objects.get().sent_at is not None
    shown = client.get(f"/orders/{old.order_id}/ticket").json()
    assert [ticket["id"] for ticket in shown["tickets"]] == [new["id"]]
    assert shown["tickets"][0]["qr_code_url"]


def test_a_ticket_is_exchanged_for_one_of_another_type_and_its_difference_is_settled():
    old = make_ticket()
    vip = make_ticket_type(event=old.event, name="VIP", price="100.00")
    client, url = as_organizer(old.event), f"/tickets/{old.pk}/exchange"

    unsaid = client.post(url, {"ticket_type": str(vip.pk)})
    wrong = client.post(url, {"ticket_type": str(vip.pk), "difference": "refund"})
    no_reason = client.post(url, {"ticket_type": str(vip.pk), "difference": "waive"})
    answer = client.post(
        url, {"ticket_type": str(vip.pk), "difference": "waive", "reason": "A broken seat"}
    )

    for refused in (unsaid, wrong):
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["code"] == "difference_not_settled"
    assert no_reason.json()["errors"][0]["code"] == "waiver_needs_reason"
    new = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/tickets/{new['id']}"
    assert (new["ticket_type"]["name"], new["status"]) == ("VIP", "valid")
    assert scan_result(old, old.code) == "revoked"
    again = client.post(url, {"ticket_type": str(vip.pk), "difference": "cash"}).json()
    assert (again["code"], again["replaced_by"]) == ("ticket_not_valid", new["id"])


def test_a_token_needs_the_scope_of_refunds_to_return_a_difference():
    old = make_ticket()
    cheap = make_ticket_type(event=old.event, name="Meia", price="20.00")
    scopes = [Scope.TICKETS_WRITE.value]
    narrow = as_bearer(make_api_token(organizer=old.event.organizer, scopes=scopes))
    url, sent = f"/tickets/{old.pk}/exchange", {"ticket_type": str(cheap.pk)}

    refused = narrow.post(url, sent | {"difference": "refund"})
    kept = narrow.post(url, sent | {"difference": "keep"})

    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert kept.status_code == 201
    assert not Refund.objects.exists()


def test_a_ticket_with_another_holder_has_another_code():
    old = make_ticket()

    new = as_organizer(old.event).patch(f"/tickets/{old.pk}", {"holder_name": "Bia Lima"}).json()

    assert (new["holder_name"], new["status"]) == ("Bia Lima", "valid")
    assert scan_result(old, old.code) == "revoked"


@pytest.mark.parametrize("end", ["used", "revoked", "reissued", "refunded"])
def test_a_ticket_that_is_not_valid_is_not_replaced(end: str):
    ticket = make_ticket()
    client = as_organizer(ticket.event)
    if end == "used":
        assert scan_result(ticket, ticket.code) == "admitted"
    elif end == "refunded":
        client.post(f"/orders/{ticket.order_id}/refund", {"full": True})
    else:
        client.post(f"/tickets/{ticket.pk}/{'revoke' if end == 'revoked' else 'reissue'}")
    count = Ticket.objects.count()

    answer = client.post(f"/tickets/{ticket.pk}/reissue")

    assert (answer.status_code, answer.json()["code"]) == (409, "ticket_not_valid")
    assert Ticket.objects.count() == count


def test_attendance_is_counted_by_ticket_type_and_by_gate():
    event = make_event()
    kind = event.ticket_types.get()
    make_reserved_order(ticket_type=kind, quantity=3)
    order = make_paid_order(ticket_type=kind, quantity=2)
    first = Ticket.objects.of_order(order.pk)[0]
    door = as_bearer(make_device(event, gate="South"))
    for _ in range(2):
        door.post("/tickets/validate", {"code": first.code})

    seen = as_organizer(event).get(f"/events/{event.slug}/attendance").json()

    assert (seen["sold"], seen["held"], seen["admitted"], seen["capacity"]) == (2, 3, 1, 100)
    assert seen["ticket_types"][0]["admitted"] == 1
    figures = {"admitted": 1, "inside": 1, "refused": 1, "conflicts": 0}
    of_type = {"id": str(kind.pk), "name": kind.name, **figures}
    assert seen["gates"] == [{"gate": "South", **figures, "ticket_types": [of_type]}]
    assert seen["no_type"] == {"refused": 0, "conflicts": 0}


def test_a_token_can_do_only_what_its_scopes_allow():
    event = make_event()
    client = as_bearer(make_api_token(organizer=event.organizer, scopes=["reports:read"]))

    refused = client.get(f"/events/{event.slug}/orders")

    assert client.get(f"/events/{event.slug}/attendance").status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert "orders:read" in refused.json()["detail"]


def test_the_last_use_of_a_token_is_stored_at_most_once_a_minute():
    event = make_event()
    client = as_organizer(event)
    client.get(f"/events/{event.slug}/attendance")
    first = ApiToken.objects.get().last_used_at
    client.get(f"/events/{event.slug}/attendance")

    assert first is not None
    assert ApiToken.objects.filter(last_used_at=first).exists()
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    client.get(f"/events/{event.slug}/attendance")
    assert ApiToken.objects.filter(last_used_at__gt=first).exists()
