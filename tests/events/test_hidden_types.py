"""Hidden ticket types: only their organizer sees them, in each answer about the event."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from events.models import Event, TicketType
from tests.make import (
    as_organizer,
    as_user,
    make_event,
    make_organizer,
    make_ticket_type,
    make_user,
    reservation_request,
)

pytestmark = pytest.mark.django_db(transaction=True)


def make_event_with_a_hidden_type() -> tuple[Event, TicketType]:
    event = make_event(capacity=10)
    hidden = make_ticket_type(event=event, name="Camarim", capacity=5)
    hide(event, hidden)
    return event, hidden


def hide(event: Event, kind: TicketType, *, is_hidden: bool = True) -> None:
    change = {"ticket_types": [{"id": str(kind.pk), "is_hidden": is_hidden}]}
    assert as_organizer(event).patch(f"/events/{event.pk}", change).status_code == 200


def names(shown: dict[str, Any]) -> list[str]:
    return [kind["name"] for kind in shown["ticket_types"]]


def test_the_view_and_the_shortcut_show_the_public_no_hidden_type(api: APIClient):
    event, _ = make_event_with_a_hidden_type()
    stranger = as_user(make_user(organizer=make_organizer(), is_staff=True))

    # The shortcut serves the first three; a token sends the others to the view.
    answers = [
        api.get(f"/events/{event.slug}").json(),
        api.get(f"/events/{event.pk}").json(),
        api.get("/events").json()["results"][0],
        stranger.get(f"/events/{event.slug}", headers={"Authorization": ""}).json(),
        as_organizer(make_event()).get(f"/events/{event.slug}").json(),
    ]

    for shown in answers:
        assert names(shown) == ["Pista"]
        assert (shown["available"], shown["sold_out"]) == (10, False)


def test_the_organizer_sees_and_counts_a_hidden_type():
    event, hidden = make_event_with_a_hidden_type()

    shown = as_organizer(event).get(f"/events/{event.slug}").json()

    assert [(kind["name"], kind["is_hidden"]) for kind in shown["ticket_types"]] == [
        ("Pista", False),
        ("Camarim", True),
    ]
    assert shown["available"] == 15
    assert shown["ticket_types"][1]["id"] == str(hidden.pk)


def test_an_event_is_sold_out_when_no_visible_ticket_is_left(api: APIClient):
    event, _ = make_event_with_a_hidden_type()

    assert api.post("/orders", reservation_request(event, 10)).status_code == 201

    shown = api.get(f"/events/{event.slug}").json()
    assert (shown["available"], shown["sold_out"]) == (0, True)


def test_a_type_is_shown_as_soon_as_it_is_not_hidden_any_more(api: APIClient):
    event, hidden = make_event_with_a_hidden_type()
    assert names(api.get(f"/events/{event.slug}").json()) == ["Pista"]

    hide(event, hidden, is_hidden=False)

    assert names(api.get(f"/events/{event.slug}").json()) == ["Pista", "Camarim"]


def test_a_new_event_can_have_a_hidden_type():
    caller = as_organizer(make_event())
    kinds = [
        {"name": "Pista", "price": "45.00", "capacity": 10},
        {"name": "Camarim", "price": "0.00", "capacity": 5, "is_hidden": True},
    ]
    event = {
        "name": "Show",
        "venue": "Teatro",
        "city": "Recife",
        "starts_at": "2099-01-10T21:00:00-03:00",
        "ends_at": "2099-01-11T02:00:00-03:00",
        "ticket_types": kinds,
    }

    answer = caller.post("/events", event)

    assert [kind["is_hidden"] for kind in answer.json()["ticket_types"]] == [False, True]
    # What was read can be sent again.
    again = caller.put(f"/events/{answer.json()['id']}", answer.json())
    assert [kind["is_hidden"] for kind in again.json()["ticket_types"]] == [False, True]


def test_a_hidden_type_is_as_unknown_to_a_buyer_as_any_other_id(api: APIClient):
    event, hidden = make_event_with_a_hidden_type()
    items = [{"ticket_type": str(hidden.pk), "quantity": 1}]
    request = reservation_request(event)
    del request["quantity"]

    refused = api.post("/orders", request | {"items": items})

    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_ticket_type")
    # Without items the number means the only type that is not hidden.
    assert api.post("/orders", reservation_request(event, 2)).json()["items"][0]["name"] == "Pista"
