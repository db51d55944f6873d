"""Organizers manage promo codes by the API."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Count
from rest_framework.test import APIClient

from events.models import Event
from events.ticket_types import UnknownTypeOfEvent
from orders.promo_code import PromoCode
from orders.promo_code_changes import (
    MOST_AT_ONCE,
    create_random_promo_codes,
)
from tests.make import (
    SOMEBODY,
    as_organizer,
    make_event,
    make_promo_code,
    make_reservation,
    make_ticket_type,
)
from ticketing import clock
from ticketing.models import Act

pytestmark = pytest.mark.django_db(transaction=True)


def create(event: Event, **members: Any) -> Any:
    body = {"code": "AMIGOS", "percent": "10.00"} | members
    return as_organizer(event).post(f"/events/{event.slug}/promo-codes", body)


def assert_problem(answer: Any, status: int, code: str, pointer: str | None = None) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    if pointer is not None:
        assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_a_promo_code_is_created_shown_changed_and_deleted():
    event = make_event()
    kind = event.ticket_types.get()

    made = create(event, code="amigos-10", max_uses=5, ticket_types=[str(kind.pk)], note="Rádio")

    assert made.status_code == 201
    shown = made.json()
    assert shown == {
        "id": shown["id"],
        "code": "AMIGOS-10",
        "note": "Rádio",
        "percent": "10.00",
        "amount": None,
        "max_uses": 5,
        "uses": 0,
        "revenue": "0.00",
        "valid_from": None,
        "valid_until": None,
        "ticket_types": [str(kind.pk)],
        "unlocked_types": [],
        "min_tickets": 1,
        "max_tickets": None,
        "is_active": True,
        "created_at": shown["created_at"],
    }
    caller, path = as_organizer(event), made.headers["Location"]
    assert caller.get(path).json() == shown
    changed = caller.patch(path, {"percent": None, "amount": "5.00", "is_active": False})
    assert changed.json() == shown | {"percent": None, "amount": "5.00", "is_active": False}
    # What was read can be sent again.
    assert caller.patch(path, changed.json()).json() == changed.json()
    assert caller.delete(path).status_code == 204
    assert caller.get(path).status_code == 404
    changes = [
        {"field": "amount", "of": "", "from": "", "to": "5.00"},
        {"field": "is_active", "of": "", "from": "True", "to": "False"},
        {"field": "percent", "of": "", "from": "10.00", "to": ""},
    ]
    assert list(Act.objects.filter(subject_id=shown["id"]).values_list("type", "details")) == [
        ("promo_code.created", {"event": str(event.pk)}),
        ("promo_code.changed", {"changes": changes}),
        ("promo_code.deleted", {"event": str(event.pk)}),
    ]


def test_the_list_counts_the_orders_that_have_each_code():
    event = make_event()
    first = make_promo_code(event=event, code="PRIMEIRO")
    make_promo_code(event=event, code="SEGUNDO")
    make_promo_code(event=make_event())
    make_reservation(ticket_type=event.ticket_types.get(), promo_code="PRIMEIRO")
    caller = as_organizer(event)

    listed = caller.get(f"/events/{event.slug}/promo-codes").json()
    found = caller.get(f"/events/{event.slug}/promo-codes", {"code": "primeiro"}).json()

    assert [(promo["code"], promo["uses"]) for promo in listed["results"]] == [
        ("SEGUNDO", 0),
        ("PRIMEIRO", 1),
    ]
    assert [promo["id"] for promo in found["results"]] == [str(first.pk)]


def test_an_event_has_a_code_once_in_whatever_case():
    event = make_event()
    assert create(event, code="Amigos").status_code == 201

    assert_problem(create(event, code="aMIGOS"), 409, "promo_code_taken")
    # Another event may have it too.
    assert create(make_event(), code="AMIGOS").status_code == 201


def test_a_retry_with_an_idempotency_key_gets_the_first_response():
    event = make_event()
    caller = as_organizer(event)
    path, body = f"/events/{event.slug}/promo-codes", {"code": "AMIGOS", "amount": "5.00"}
    key = {"Idempotency-Key": "a-key"}

    first, second = (caller.post(path, body, headers=key) for _ in range(2))

    assert first.json() == second.json()
    assert second.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"code": "AB"}, "#/code"),
        ({"code": "A" * 33}, "#/code"),
        ({"code": "AMIGÔS"}, "#/code"),
        ({"code": "DOIS NOMES"}, "#/code"),
        ({"percent": "100.01"}, "#/percent"),
        ({"percent": "-1"}, "#/percent"),
        ({"amount": "5.00"}, "#/amount"),
        ({"max_uses": 0}, "#/max_uses"),
        ({"max_uses": 10_001}, "#/max_uses"),
        ({"min_tickets": 3, "max_tickets": 2}, "#/max_tickets"),
        (
            {"valid_from": "2099-01-02T00:00:00Z", "valid_until": "2099-01-01T00:00:00Z"},
            "#/valid_until",
        ),
        ({"ticket_types": ["no-id"]}, "#/ticket_types/0"),
        ({"usage": 3}, "#/usage"),
    ],
)
def test_bad_terms_are_refused_at_their_member(members: dict[str, Any], pointer: str):
    assert_problem(create(make_event(), **members), 400, "invalid_request", pointer)
    assert PromoCode.objects.count() == 0


def test_a_change_is_checked_together_with_the_stored_terms():
    event = make_event()
    path = create(event, min_tickets=2, valid_from="2099-01-02T00:00:00Z").headers["Location"]
    caller = as_organizer(event)

    for change, pointer in (
        ({"amount": "5.00"}, "#/amount"),
        ({"max_tickets": 1}, "#/max_tickets"),
        ({"valid_until": "2099-01-01T00:00:00Z"}, "#/valid_until"),
    ):
        assert_problem(caller.patch(path, change), 400, "invalid_request", pointer)


def test_a_code_names_only_types_of_its_own_event():
    event = make_event()
    elsewhere = make_ticket_type()
    path = create(event).headers["Location"]

    for member in ("ticket_types", "unlocked_types"):
        types = {member: [str(elsewhere.pk)]}
        assert_problem(create(event, code="OUTRO", **types), 404, "unknown_ticket_type_of_event")
        refused = as_organizer(event).patch(path, types)
        assert_problem(refused, 404, "unknown_ticket_type_of_event")


def test_a_code_that_an_order_has_is_switched_off_and_not_deleted():
    event = make_event()
    promo = make_promo_code(event=event)
    make_reservation(ticket_type=event.ticket_types.get(), promo_code="AMIGOS")
    path, caller = f"/events/{event.pk}/promo-codes/{promo.pk}", as_organizer(event)

    assert_problem(caller.delete(path), 409, "promo_code_in_use")
    assert caller.patch(path, {"is_active": False}).json()["uses"] == 1


def test_a_promo_code_of_another_event_of_ours_is_not_found():
    event = make_event()
    other = make_event(organizer=event.organizer)
    promo = make_promo_code(event=other)

    answer = as_organizer(event).get(f"/events/{event.pk}/promo-codes/{promo.pk}")

    assert_problem(answer, 404, "not_found")


def test_buyers_do_not_see_promo_codes(api: APIClient):
    event = make_event()
    promo = make_promo_code(event=event)

    for path in ("", f"/{promo.pk}"):
        answer = api.get(f"/events/{event.pk}/promo-codes{path}")
        assert_problem(answer, 401, "not_authenticated")


def test_many_random_codes_have_the_terms_of_their_model_and_names_of_their_own():
    event = make_event()
    like = PromoCode(event=event, amount=Decimal(5), max_uses=1)
    now = clock.now() - timedelta(hours=1)

    made = create_random_promo_codes(
        like=like, prefix="IMPRENSA", count=MOST_AT_ONCE, actor=SOMEBODY, now=now
    )

    assert len({promo.code for promo in made}) == PromoCode.objects.count() == MOST_AT_ONCE
    assert all(promo.code.startswith("IMPRENSA-") for promo in made)
    assert {(promo.amount, promo.max_uses) for promo in PromoCode.objects.all()} == {
        (Decimal(5), 1)
    }
    assert {promo.created_at for promo in made} == {now}
    acts = Act.objects.filter(type="promo_code.created")
    assert list(acts.values_list("details").annotate(acts=Count("pk")).order_by()) == [
        ({"event": str(event.pk), "together": MOST_AT_ONCE}, MOST_AT_ONCE)
    ]


@pytest.mark.parametrize("field", ["ticket_types", "unlocked_types"])
def test_random_codes_for_a_type_of_another_event_are_not_made(field: str):
    foreign = make_ticket_type()
    like = PromoCode(event=make_event(), percent=Decimal(10), **{field: [foreign.pk]})

    with pytest.raises(UnknownTypeOfEvent):
        create_random_promo_codes(like=like, prefix="", count=1, actor=SOMEBODY, now=clock.now())

    assert not PromoCode.objects.exists()


@pytest.mark.parametrize("count", [0, MOST_AT_ONCE + 1])
def test_the_number_of_codes_made_at_once_is_bounded(count: int):
    with pytest.raises(ValueError, match="500"):
        create_random_promo_codes(
            like=PromoCode(event=make_event()),
            prefix="",
            count=count,
            actor=SOMEBODY,
            now=clock.now(),
        )


def test_a_random_code_that_exists_is_replaced_by_another(monkeypatch: pytest.MonkeyPatch):
    event = make_event()
    make_promo_code(event=event, code="AAAAAAAA")
    names = iter(["AAAAAAAA", "BBBBBBBB", "CCCCCCCC"])
    monkeypatch.setattr("orders.promo_code_changes.new_code", lambda _length: next(names))

    made = create_random_promo_codes(
        like=PromoCode(event=event), prefix="", count=2, actor=SOMEBODY, now=clock.now()
    )

    assert {promo.code for promo in made} == {"BBBBBBBB", "CCCCCCCC"}
