"""With `If-Match` the later of two concurrent changes is refused, so no update gets lost."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from events import organizing
from events.models import Event
from tests.make import (
    as_bearer,
    as_organizer,
    make_device,
    make_event,
    make_reservation,
    make_ticket,
)
from tests.race import race
from ticketing import clock
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = '"1-000000000000000000000000"'


def if_match(etag: str) -> dict[str, str]:
    return {"If-Match": etag}


def assert_stale(answer: Any) -> None:
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")


@pytest.mark.parametrize("method", ["patch", "put"])
def test_a_change_of_a_stale_copy_is_refused_and_changes_nothing(method: str):
    event = make_event()
    organizer, path = as_organizer(event), f"/events/{event.slug}"
    first = organizer.get(path)
    organizer.patch(path, {"name": "Novo"})
    body = {"city": "Recife"} if method == "patch" else first.json()

    answer = getattr(organizer, method)(path, body, headers=if_match(first.headers["ETag"]))

    assert_stale(answer)
    shown = organizer.get(path).json()
    assert (shown["name"], shown["city"]) == ("Novo", event.city)


@pytest.mark.parametrize("method", ["patch", "put"])
def test_a_change_of_the_current_copy_is_made(method: str):
    event = make_event()
    organizer, path = as_organizer(event), f"/events/{event.slug}"
    shown = organizer.get(path)
    body = {"name": "Novo"} if method == "patch" else {**shown.json(), "name": "Novo"}

    answer = getattr(organizer, method)(path, body, headers=if_match(shown.headers["ETag"]))

    assert (answer.status_code, answer.json()["name"]) == (200, "Novo")


def test_the_response_to_a_change_has_the_etag_for_the_next_one():
    event = make_event()
    organizer, path = as_organizer(event), f"/events/{event.slug}"
    etag = organizer.get(path).headers["ETag"]

    for name in ("Um", "Dois", "Três"):
        answer = organizer.patch(path, {"name": name}, headers=if_match(etag))
        assert (answer.status_code, answer.json()["name"]) == (200, name)
        etag = answer.headers["ETag"]


def test_the_response_to_a_new_event_has_its_etag(api: APIClient):
    event = make_event()
    organizer = as_organizer(event)
    copy = {**organizer.get(f"/events/{event.pk}").json(), "slug": "outro"}
    copy["ticket_types"] = [{"name": "Pista", "price": "1.00", "capacity": 1}]

    made = organizer.post("/events", copy)
    answer = organizer.patch(
        made.headers["Location"], {"name": "Novo"}, headers=if_match(made.headers["ETag"])
    )

    assert (made.status_code, answer.status_code) == (201, 200)


@pytest.mark.parametrize("reader", ["organizer", "anonymous caller"])
def test_a_sale_changes_the_etag_and_refuses_no_change(api: APIClient, reader: str):
    """Only an organizer's changes count. Else an event could not be changed while it sells."""
    event = make_event()
    organizer, path = as_organizer(event), f"/events/{event.slug}"
    caller = organizer if reader == "organizer" else api
    etag = caller.get(path).headers["ETag"]
    make_reservation(ticket_type=event.ticket_types.get())

    assert caller.get(path).headers["ETag"] != etag
    assert organizer.patch(path, {"name": "x"}, headers=if_match(etag)).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.ticket_types.update(capacity=7),
        lambda event: Event.objects.filter(pk=event.pk).update(description="Outra"),
        lambda event: Event.objects.filter(pk=event.pk).update(
            checkin_starts_at=clock.now() + timedelta(days=29)
        ),
        lambda event: as_organizer(event).patch(f"/events/{event.pk}", {"status": "published"}),
    ],
    ids=["ticket type", "in the database", "check-in", "status"],
)
def test_every_change_of_an_event_makes_older_copies_stale(change: Any):
    event = make_event(status="draft")
    organizer, path = as_organizer(event), f"/events/{event.slug}"
    etag = organizer.get(path).headers["ETag"]

    change(event)

    assert_stale(organizer.patch(path, {"name": "x"}, headers=if_match(etag)))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("*", 200),
        (" * ", 200),
        ("{etag}", 200),
        (OTHER + ", {etag}", 200),
        (OTHER + ",{etag}", 200),
        (OTHER, 412),
        ('"x"', 412),
        ('""', 412),
        # By RFC 9110 a weak tag never fits.
        ("W/{etag}", 412),
        ("W/" + OTHER + ", {etag}", 200),
        ("", 400),
        ("x", 400),
        ('"x', 400),
        ("*, {etag}", 400),
        ('"x" "y"', 400),
    ],
)
def test_the_values_of_if_match_and_their_statuses(sent: str, status: int):
    event = make_event()
    organizer, path = as_organizer(event), f"/events/{event.slug}"
    etag = organizer.get(path).headers["ETag"]

    answer = organizer.patch(path, {"name": "Novo"}, headers=if_match(sent.replace("{etag}", etag)))

    assert answer.status_code == status
    if status == 400:
        (error,) = answer.json()["errors"]
        assert (error["pointer"], error["in"]) == ("If-Match", "header")


def test_of_six_concurrent_changes_of_one_copy_one_succeeds():
    event = make_event()
    organizers = [as_organizer(event) for _ in range(6)]
    etag = organizers[0].get(f"/events/{event.slug}").headers["ETag"]

    def change(number: int) -> Any:
        return organizers[number].patch(
            f"/events/{event.slug}", {"name": f"Show {number}"}, headers=if_match(etag)
        )

    answers: list[Any] = race(*[lambda number=number: change(number) for number in range(6)])

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412, 412]
    (winner,) = [answer for answer in answers if answer.status_code == 200]
    assert Event.objects.get().name == winner.json()["name"]


def test_without_the_check_all_six_concurrent_changes_succeed(monkeypatch: pytest.MonkeyPatch):
    """Show that the race above is a race: without the check, every change is made."""
    event = make_event()
    organizers = [as_organizer(event) for _ in range(6)]
    etag = organizers[0].get(f"/events/{event.slug}").headers["ETag"]
    change_event = organizing.change_event
    monkeypatch.setattr(
        "events.views.change_event",
        lambda **named: change_event(**{**named, "check": lambda _event: None}),
    )

    answers: list[Any] = race(
        *[
            lambda organizer=organizer: organizer.patch(
                f"/events/{event.slug}", {"name": "x"}, headers=if_match(etag)
            )
            for organizer in organizers
        ]
    )

    assert [answer.status_code for answer in answers] == [200] * 6


def test_a_ticket_has_an_etag_and_a_304():
    ticket = make_ticket()
    client, path = as_organizer(ticket.event), f"/tickets/{ticket.pk}"

    etag = client.get(path).headers["ETag"]
    again = client.get(path, headers={"If-None-Match": etag})

    assert (again.status_code, again.content) == (304, b"")


def test_a_ticket_that_has_changed_gets_no_new_holder():
    ticket = make_ticket()
    client, path = as_organizer(ticket.event), f"/tickets/{ticket.pk}"
    etag = client.get(path).headers["ETag"]
    holder = {"holder_name": "Bia Lima"}
    door = as_bearer(make_device(ticket.event))
    door.post("/tickets/validate", {"code": ticket.code})
    client.post(f"{path}/checkin/undo")

    refused = client.patch(path, holder, headers=if_match(etag))
    done = client.patch(path, holder, headers=if_match(client.get(path).headers["ETag"]))

    assert_stale(refused)
    assert (done.status_code, Ticket.objects.count()) == (200, 2)
    renamed = client.get(done.headers["Location"])
    assert renamed.headers["ETag"] == done.headers["ETag"]


def test_a_412_is_not_stored_so_a_retry_with_the_same_key_succeeds():
    ticket = make_ticket()
    client, path = as_organizer(ticket.event), f"/tickets/{ticket.pk}"
    holder, key = {"holder_name": "Bia Lima"}, {"Idempotency-Key": "one"}

    assert_stale(client.patch(path, holder, headers={**key, **if_match('"x"')}))
    etag = client.get(path).headers["ETag"]

    assert client.patch(path, holder, headers={**key, **if_match(etag)}).status_code == 200
