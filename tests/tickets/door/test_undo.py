"""Undoing a check-in: once, within 15 minutes, by a supervisor, and on record."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from tests.make import (
    SOMEBODY,
    as_bearer,
    as_organizer,
    make_api_token,
    make_device,
    make_event,
    make_ticket,
    make_user,
)
from tests.race import race
from ticketing import clock
from ticketing.ids import new_id
from ticketing.models import Act
from tickets.door.attendance import measure_attendance
from tickets.door.checkin import check_in_ticket
from tickets.door.counts import Figures
from tickets.door.scans import ScannedCode, Scanner
from tickets.door.undo import NotCheckedIn, UndoTooLate, undo_check_in
from tickets.models import Device, Scan, ScanResult, Ticket
from tickets.refund import refund_order
from tickets.webhooks.models import WebhookEndpoint, WebhookMessage

pytestmark = pytest.mark.django_db(transaction=True)


def scan(ticket: Ticket, *, gate: str = "North", scan_id: Any = None) -> str:
    scanned = ScannedCode(scan_id or new_id(), ticket.code, gate, clock.now())
    return check_in_ticket(scanned=scanned, scanner=Scanner("token:1"), now=clock.now()).result


def undo(ticket: Ticket) -> Scan:
    return undo_check_in(ticket_id=ticket.pk, actor=SOMEBODY, now=clock.now())


def supervisor_of(ticket: Ticket) -> APIClient:
    token = make_device(ticket.event)
    Device.objects.update(is_supervisor=True)
    return as_bearer(token)


def test_an_undone_ticket_admits_once_more_and_its_first_scan_stays():
    ticket = make_ticket()
    assert scan(ticket) == ScanResult.ADMITTED

    undo(ticket)

    assert [scan(ticket, gate="South"), scan(ticket)] == ["admitted", "already_used"]
    first, second = Scan.objects.filter(result="admitted").order_by("recorded_at")
    assert first.undone_at is not None
    assert first.undone_by == "user:1"
    assert (second.undone_at, second.gate) == (None, "South")


def test_a_retry_of_the_undone_scan_gets_its_first_result_and_admits_nobody():
    ticket, scan_id = make_ticket(), new_id()
    scan(ticket, scan_id=scan_id)
    undo(ticket)

    assert scan(ticket, scan_id=scan_id) == ScanResult.ADMITTED

    ticket.refresh_from_db()
    assert (ticket.status, ticket.used_at) == ("valid", None)
    assert Scan.objects.count() == 1


def test_an_undone_ticket_is_as_it_was_before_its_admission():
    ticket = make_ticket()
    columns = ["status", "used_at", "inside", "last_entry_at", "entry_gate"]
    before = Ticket.objects.values(*columns).get()
    scan(ticket)

    undo(ticket)

    assert Ticket.objects.values(*columns).get() == before


@pytest.mark.parametrize(("minutes", "seconds", "late"), [(15, 0, False), (15, 1, True)])
def test_a_check_in_can_be_undone_for_15_minutes(minutes: int, seconds: int, late: bool):  # noqa: FBT001
    ticket = make_ticket()
    scan(ticket)
    then = Scan.objects.get().recorded_at + timedelta(minutes=minutes, seconds=seconds)

    if late:
        with pytest.raises(UndoTooLate):
            undo_check_in(ticket_id=ticket.pk, actor=SOMEBODY, now=then)
    else:
        undo_check_in(ticket_id=ticket.pk, actor=SOMEBODY, now=then)

    ticket.refresh_from_db()
    assert ticket.status == ("used" if late else "valid")


def test_a_ticket_that_was_never_admitted_or_is_revoked_has_no_check_in_to_undo():
    fresh, refunded = make_ticket(), make_ticket()
    scan(refunded)
    refund_order(order_id=refunded.order_id, actor=SOMEBODY, now=clock.now())

    for ticket in (fresh, refunded):
        with pytest.raises(NotCheckedIn):
            undo(ticket)

    assert not Scan.objects.filter(undone_at__isnull=False).exists()


def test_three_undos_at_once_undo_one_check_in():
    ticket = make_ticket()
    scan(ticket)

    undone = race(lambda: undo(ticket), lambda: undo(ticket), lambda: undo(ticket))

    assert all(isinstance(one, Scan) for one in undone), undone
    assert Act.objects.filter(type="ticket.checkin_undone").count() == 1


def test_an_undo_and_two_scans_at_once_admit_one_guest_at_most():
    ticket = make_ticket()
    scan(ticket)

    outcomes = race(lambda: undo(ticket), lambda: scan(ticket), lambda: scan(ticket))

    admitted = outcomes[1:].count(ScanResult.ADMITTED)
    ticket.refresh_from_db()
    assert admitted <= 1
    assert ticket.status == ("used" if admitted else "valid")
    counted = Scan.objects.filter(result="admitted", undone_at=None)
    assert counted.count() == admitted


def test_attendance_does_not_count_an_undone_check_in():
    ticket = make_ticket()
    scan(ticket)
    undo(ticket)

    seen = measure_attendance(ticket.event_id, now=clock.now())

    assert seen.figures == Figures()
    assert seen.gates == []


def test_an_undo_is_among_the_tickets_modified_since():
    ticket = make_ticket()
    scan(ticket)
    before = Scan.objects.get().recorded_at
    undone = undo(ticket).undone_at
    assert undone is not None
    assert undone > before

    since = undone.isoformat().replace("+", "%2B")
    client = as_organizer(ticket.event)
    found = client.get(f"/events/{ticket.event.slug}/tickets?modified_since={since}").json()

    assert [one["id"] for one in found["results"]] == [str(ticket.pk)]
    assert (found["results"][0]["status"], found["results"][0]["gate"]) == ("valid", None)


def test_an_undo_writes_one_webhook_message_and_none_of_a_new_ticket():
    event = make_event()
    ticket = make_ticket(ticket_type=event.ticket_types.get())
    url = "https://example.com/"
    for types in ([], ["ticket.issued", "ticket.admitted"]):
        WebhookEndpoint.objects.create(organizer=event.organizer, url=url, types=types)
    scan(ticket)

    undo(ticket)

    sent = WebhookMessage.objects.order_by("position").values_list("type", flat=True)
    assert list(sent.filter(endpoint__types=[])) == ["ticket.admitted", "ticket.checkin_undone"]
    assert list(sent.exclude(endpoint__types=[])) == ["ticket.admitted"]


def test_only_a_supervisors_device_undoes_a_check_in_and_only_of_its_events():
    ticket, elsewhere = make_ticket(), make_ticket()
    for each in (ticket, elsewhere):
        scan(each)
    path = f"/tickets/{ticket.pk}/checkin/undo"
    plain = as_bearer(make_device(ticket.event))
    assert plain.post(path).status_code == 403
    supervisor = supervisor_of(ticket)

    assert supervisor.post(f"/tickets/{elsewhere.pk}/checkin/undo").status_code == 404
    response = supervisor.post(path)

    assert (response.status_code, response.json()["status"]) == (200, "valid")
    act = Act.objects.get(type="ticket.checkin_undone")
    assert (act.actor_kind, act.actor_name) == ("device", "Scanner North")
    assert act.organizer_id == ticket.event.organizer_id


def test_an_api_token_needs_tickets_write_to_undo_a_check_in():
    ticket = make_ticket()
    scan(ticket)
    path = f"/tickets/{ticket.pk}/checkin/undo"
    gate = make_api_token(organizer=ticket.event.organizer, scopes=["tickets:validate"])
    desk = make_api_token(organizer=ticket.event.organizer, scopes=["tickets:write"])

    assert as_bearer(gate).post(path).json()["code"] == "insufficient_scope"
    assert as_bearer(desk).post(path).status_code == 200


def test_staff_undo_a_check_in_on_the_tickets_page_after_a_confirmation():
    ticket = make_ticket()
    scan(ticket)
    user = make_user(organizer=ticket.event.organizer, is_staff=True)
    client = Client(raise_request_exception=True)
    client.force_login(user)
    page = reverse("admin:tickets_ticket_undo_this", args=[ticket.pk])

    question = client.get(page)
    ticket.refresh_from_db()
    assert (question.status_code, ticket.status) == (200, "used")
    assert ticket.holder_name in question.content.decode()
    client.post(page, {"confirmed": "yes"})

    ticket.refresh_from_db()
    assert ticket.status == "valid"
    act = Act.objects.get(type="ticket.checkin_undone")
    assert (act.actor_kind, act.actor_name) == ("user", user.username)


def test_the_second_admission_is_undone_even_if_its_process_has_a_slow_clock():
    ticket = make_ticket()
    scan(ticket)
    undo(ticket)
    behind = clock.now() - timedelta(seconds=5)
    scanned = ScannedCode(new_id(), ticket.code, "South", behind)
    check_in_ticket(scanned=scanned, scanner=Scanner("token:1"), now=behind)

    assert undo(ticket).gate == "South"

    ticket.refresh_from_db()
    assert ticket.status == "valid"


def test_the_refusal_says_whether_the_ticket_was_revoked_or_never_admitted():
    unused, revoked = make_ticket(), make_ticket()
    scan(revoked)
    refund_order(order_id=revoked.order_id, actor=SOMEBODY, now=clock.now())

    with pytest.raises(NotCheckedIn, match="not admitted"):
        undo(unused)
    with pytest.raises(NotCheckedIn, match="revoked"):
        undo(revoked)


def test_the_record_of_an_undo_names_the_scan_and_its_gate():
    ticket = make_ticket()
    scan(ticket, gate="South")

    undone = undo(ticket)

    act = Act.objects.get(type="ticket.checkin_undone")
    assert act.details == {"scan": str(undone.pk), "gate": "South"}


def test_a_repeated_undo_is_stored_under_its_own_key():
    ticket = make_ticket()
    scan(ticket)
    supervisor, path = supervisor_of(ticket), f"/tickets/{ticket.pk}/checkin/undo"
    first, second, again = (
        supervisor.post(path, headers={"Idempotency-Key": key})
        for key in ("first", "second", "second")
    )

    assert first.json() == second.json() == again.json()
    assert "Idempotent-Replayed" not in second.headers
    assert again.headers["Idempotent-Replayed"] == "true"
