"""The offline bundle: no change is missed, and nothing of a guest is in it."""

import gzip
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from threading import Event as Signal
from threading import Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from events.models import Event, Gate, Reentry
from tests.make import (
    SOMEBODY,
    as_bearer,
    make_device,
    make_event,
    make_paid_order,
    make_ticket_type,
)
from tests.moments import NOON
from ticketing import clock
from ticketing.ids import new_id
from tickets.codes import read_code
from tickets.door import bundle
from tickets.door.bundle import TicketChanges, read_ticket_changes
from tickets.door.cursor import Cursor, digest_events
from tickets.door.undo import undo_check_in
from tickets.models import Device, DoorMark, Ticket, TicketStatus

pytestmark = pytest.mark.django_db(transaction=True)


def tickets_of(event: Event, quantity: int = 1) -> list[Ticket]:
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=quantity)
    return list(Ticket.objects.of_order(order.pk))


def use(ticket: Ticket) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(status=TicketStatus.USED, used_at=clock.now())


def changes(*events: Event, since: str | None = None) -> TicketChanges:
    return read_ticket_changes(events=events, since=since, now=clock.now())


def spell(ticket: Ticket) -> str:
    return urlsafe_b64encode(ticket.pk.bytes).rstrip(b"=").decode()


def read(client: APIClient, **query: str) -> dict[str, Any]:
    response = client.get("/door/bundle", query)
    assert response.status_code == 200, response.json()
    shown: dict[str, Any] = response.json()
    return shown


def read_on(client: APIClient, cursor: str) -> dict[str, Any]:
    """
    Read the changes until there are none. Fail after ten seconds.

    While a transaction of another test is open on this server, changes since its start come again.
    """
    deadline = time.monotonic() + 10
    shown = read(client, since=cursor)
    while shown["used"] or shown["revoked"] or shown["freed"]:
        assert time.monotonic() < deadline, shown
        shown = read(client, since=shown["cursor"])
    return shown


def test_the_bundle_has_used_and_revoked_tickets_and_then_only_what_has_changed():
    event = make_event()
    used, revoked, _valid = tickets_of(event, 3)
    device = as_bearer(make_device(event))
    assert device.post("/tickets/validate", {"code": used.code}).status_code == 200
    Ticket.objects.filter(pk=revoked.pk).update(status=TicketStatus.REVOKED)

    first = read(device)
    nothing = read_on(device, first["cursor"])
    undo_check_in(ticket_id=used.pk, actor=SOMEBODY, now=clock.now())
    after = read(device, since=nothing["cursor"])

    assert (first["reset"], first["complete"]) == (True, True)
    assert (first["used"], first["revoked"], first["freed"]) == (
        [spell(used)],
        [spell(revoked)],
        [],
    )
    assert (after["used"], after["freed"], after["reset"]) == ([], [spell(used)], False)


def test_its_keys_verify_the_codes_of_its_events():
    event = make_event()
    (ticket,) = tickets_of(event)
    shown = read(as_bearer(make_device(event)))

    key, code = shown["keys"][0], read_code(ticket.code)

    public = Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(key["public_key"] + "="))
    public.verify(code.signature, code.signed)
    assert (key["event"], key["key_id"]) == (event.number, code.claims.key_id)
    assert shown["events"][0]["types"] == [{"number": code.claims.type_number, "name": "Pista"}]


def test_a_change_that_commits_late_is_in_the_next_bundle():
    event = make_event()
    slow, quick = tickets_of(event, 2)
    written, commit = Signal(), Signal()

    def use_slowly() -> None:
        try:
            with transaction.atomic():
                use(slow)
                written.set()
                commit.wait(timeout=10)
        finally:
            connections.close_all()

    writer = Thread(target=use_slowly)
    writer.start()
    written.wait(timeout=10)
    use(quick)

    meanwhile = changes(event)
    commit.set()
    writer.join()
    after = changes(event, since=meanwhile.cursor)

    assert (
        DoorMark.objects.get(pk=slow.pk).changed_in < DoorMark.objects.get(pk=quick.pk).changed_in
    )
    assert meanwhile.used == [quick.pk]
    assert slow.pk in after.used


def test_pages_together_have_each_ticket_and_what_changes_meanwhile(monkeypatch: Any):
    monkeypatch.setattr(bundle, "PAGE_SIZE", 2)
    event = make_event()
    tickets = tickets_of(event, 6)
    for ticket in tickets[:3]:
        use(ticket)
    # In one transaction: the page ends between two marks with the same number.
    Ticket.objects.filter(pk__in=[ticket.pk for ticket in tickets[3:5]]).update(
        status=TicketStatus.REVOKED
    )

    page = changes(event)
    seen, pages = {*page.used, *page.revoked}, 1
    use(tickets[5])
    while not page.is_complete:
        page = changes(event, since=page.cursor)
        seen |= {*page.used, *page.revoked}
        pages += 1
    last = changes(event, since=page.cursor)

    assert pages == 3
    assert seen | {*last.used} == {ticket.pk for ticket in tickets}


@pytest.mark.parametrize("since", ["", "x", "ção", "AAAA", "A" * 200])
def test_a_cursor_that_is_not_ours_starts_again(since: str):
    event = make_event()
    use(tickets_of(event)[0])
    device = as_bearer(make_device(event))

    shown = device.get("/door/bundle", {"since": since}).json()

    # An empty one is no cursor: `since` was sent by mistake.
    assert shown.get("reset", shown.get("code")) == (True if since else "invalid_request")


def test_a_cursor_of_other_events_of_an_old_bundle_or_of_a_later_database_starts_again(
    settings: Any,
):
    event = make_event()
    other = make_event(organizer=event.organizer)
    cursor = changes(event).cursor
    known = Cursor.read(cursor)
    assert known is not None

    later = str(Cursor(known.floor + 1_000_000, known.begun_at, known.events))
    long_ago = clock.now() - timedelta(hours=settings.DOOR_BUNDLE_HOURS, minutes=1)
    old = str(Cursor(known.floor, long_ago, known.events))

    assert not changes(event, since=cursor).is_reset
    assert [
        changes(event, other, since=cursor).is_reset,
        changes(event, since=later).is_reset,
        changes(event, since=old).is_reset,
    ] == [True, True, True]


def test_each_round_of_changes_prolongs_the_bundle(settings: Any):
    event, lasts = make_event(), timedelta(hours=settings.DOOR_BUNDLE_HOURS)
    cursor: str | None = None

    for now in (NOON, NOON + lasts, NOON + 2 * lasts):
        page = read_ticket_changes(events=[event], since=cursor, now=now)
        assert (page.is_reset, page.made_at) == (cursor is None, now)
        cursor = page.cursor

    late = NOON + 3 * lasts + timedelta(seconds=1)
    assert read_ticket_changes(events=[event], since=cursor, now=late).is_reset


def test_a_cursor_from_before_all_changes_starts_again():
    event = make_event()
    nowhere = Cursor(0, clock.now(), digest_events([event.pk]))

    assert changes(event, since=str(nowhere)).is_reset


def test_a_guest_who_leaves_and_returns_changes_the_bundle():
    event = make_event(reentry=Reentry.ALWAYS)
    (ticket,) = tickets_of(event)
    device = as_bearer(make_device(event))
    seen = [read(device)]

    for direction in ("entry", "exit", "entry"):
        device.post("/tickets/validate", {"code": ticket.code, "direction": direction})
        seen.append(read(device, since=seen[-1]["cursor"]))

    assert [(page["used"], page["outside"]) for page in seen] == [
        ([], []),
        ([spell(ticket)], []),
        ([spell(ticket)], [spell(ticket)]),
        ([spell(ticket)], []),
    ]


def test_a_ticket_for_several_days_has_the_moment_of_its_latest_entry():
    event = make_event(reentry=Reentry.ONCE_A_DAY)
    (ticket,) = tickets_of(event)
    other = make_event(organizer=event.organizer)
    (once,) = tickets_of(other)
    use(once)
    Ticket.objects.filter(pk=ticket.pk).update(
        status=TicketStatus.USED, used_at=NOON - timedelta(days=1), last_entry_at=NOON
    )

    shown = read(as_bearer(make_device(event, other)))

    assert sorted(shown["used"]) == sorted([spell(ticket), spell(once)])
    assert shown["entered"] == {spell(ticket): int(NOON.timestamp())}


def test_the_bundle_expires_after_the_hours_of_the_setting(settings: Any):
    settings.DOOR_BUNDLE_HOURS = 3
    shown = read(as_bearer(make_device(make_event())))

    lasts = datetime.fromisoformat(shown["expires_at"]) - datetime.fromisoformat(shown["made_at"])

    assert lasts == timedelta(hours=3)


def test_a_phone_alone_has_the_rules_of_the_event_and_of_its_gate():
    opens = clock.now().replace(microsecond=0) + timedelta(hours=1)
    closes = opens + timedelta(hours=5)
    event = make_event(
        reentry=Reentry.ONCE_A_DAY,
        confirm_first=True,
        checkin_starts_at=opens,
        checkin_ends_at=closes,
    )
    camarote = make_ticket_type(event=event, name="Camarote")
    gate = Gate.objects.create(event=event, name="Camarote")
    gate.ticket_types.set([camarote])

    def rules_at(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        device = as_bearer(make_device(event, gate=name))
        state: dict[str, Any] = device.get("/door/state").json()
        return read(device)["events"][0], state["events"][0]

    limited, open_to_all = rules_at("camarote"), rules_at("North")

    for shown in (*limited, *open_to_all):
        assert (shown["reentry"], shown["confirm_first"]) == ("once_a_day", True)
        assert datetime.fromisoformat(shown["checkin_starts_at"]) == opens
        assert datetime.fromisoformat(shown["checkin_ends_at"]) == closes
        assert shown["cancelled"] is False
    assert [shown["gate_types"] for shown in limited] == [[camarote.number]] * 2
    assert [shown["gate_types"] for shown in open_to_all] == [None, None]
    names = {kind["number"]: kind["name"] for kind in limited[0]["types"]}
    assert names[camarote.number] == "Camarote"
    assert len(names) == 2


def test_a_revoked_device_is_refused_at_once():
    device = as_bearer(make_device(make_event()))
    assert device.get("/door/bundle").status_code == 200

    Device.objects.update(revoked_at=NOON)

    assert [device.get(path).status_code for path in ("/door/bundle", "/door/state")] == [401, 401]


def test_nothing_of_a_guest_is_in_the_bundle():
    event = make_event()
    (ticket,) = tickets_of(event)
    use(ticket)

    text = json.dumps(read(as_bearer(make_device(event))))

    order = ticket.order
    private = [order.code, order.customer_name, order.customer_email, ticket.holder_name]
    assert [word for word in private if word in text] == []


def fill(event: Event, *, used: int, revoked: int) -> None:
    """Mark tickets that need not exist but for their status, as fast as PostgreSQL can."""
    (ticket,) = tickets_of(event)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "INSERT INTO tickets_ticket SELECT (r).* FROM (SELECT jsonb_populate_record(t,"
            " jsonb_build_object('id', gen_random_uuid(), 'number', NULL, 'position', 0,"
            " 'order_item_id', 1000000 + i, 'code', 'T1:' || i, 'used_at', now(),"
            " 'status', CASE WHEN i <= %s THEN 'used' ELSE 'revoked' END)) AS r"
            " FROM tickets_ticket t, generate_series(1, %s) i WHERE t.id = %s) made",
            [used, used + revoked, ticket.pk],
        )
        cursor.execute(
            "INSERT INTO tickets_doormark (ticket_id, event_id, changed_in)"
            " SELECT id, event_id, 1 + (hashtext(id::text) & 1023) FROM tickets_ticket"
            " WHERE status <> 'valid'"
        )
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ANALYZE tickets_ticket, tickets_doormark")


def test_twenty_thousand_used_and_two_thousand_revoked_tickets_are_under_five_megabytes():
    event = make_event()
    fill(event, used=20_000, revoked=2_000)
    device = as_bearer(make_device(event))
    size, ids, queries = 0, set[str](), []
    query: dict[str, str] = {}
    while True:
        with CaptureQueriesContext(connection) as captured:
            response = device.get("/door/bundle", query, headers={"Accept-Encoding": "gzip"})
        queries.append(len(captured))
        size += len(response.content)
        page = json.loads(gzip.decompress(response.content))
        ids |= {*page["used"], *page["revoked"]}
        if page["complete"]:
            break
        query = {"since": page["cursor"]}

    assert len(ids) == 22_000
    assert size < 500_000
    # The device, its events, their types, the gates, open transactions, the marks.
    assert queries == [6, 6]


def test_a_round_of_changes_reads_the_index_and_not_the_tickets_of_the_event():
    event = make_event()
    fill(event, used=5_000, revoked=0)

    with CaptureQueriesContext(connection) as captured:
        changes(event, since=changes(event).cursor)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {captured[-1]['sql']}")
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "door_marks_by_change" in plan
    assert "Seq Scan" not in plan


def test_a_cursor_survives_its_text():
    cursor = Cursor(2**40, NOON, b"12345678")
    assert Cursor.read(str(cursor)) == cursor
    assert Cursor.read(str(new_id())) is None
