"""How many open reservations one customer and one address may have."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from events.catalogue import left_by_type
from events.inventory import share_event
from events.models import Event, Scope
from orders.models import DroppedHold, Order, OrderStatus
from orders.reservation import Customer, Reservation, TooManyReservations, reserve_tickets
from tests.make import as_bearer, make_api_token, make_event, make_organizer
from tests.race import race
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)

PER_CUSTOMER, PER_ADDRESS = 2, 3


@pytest.fixture(autouse=True)
def _shares(settings: Any) -> None:
    settings.OPEN_RESERVATIONS_PER_CUSTOMER = PER_CUSTOMER
    settings.OPEN_RESERVATIONS_PER_ADDRESS = PER_ADDRESS


def wish_for(event: Event, *, email: str = "ana@example.com") -> dict[str, Any]:
    return {
        "event": event.slug,
        "quantity": 2,
        "customer": {"name": "Ana Souza", "email": email},
    }


def somebody(number: int) -> str:
    return f"somebody-{number}@example.com"


def left(event: Event) -> int:
    return sum(left_by_type([event.pk]).values())


def reserve_all_that_ana_may(api: APIClient, event: Event) -> list[dict[str, Any]]:
    made = [api.post("/orders", wish_for(event)) for _ in range(PER_CUSTOMER)]
    assert [answer.status_code for answer in made] == [201] * PER_CUSTOMER
    return [answer.json() for answer in made]


def test_a_customer_with_his_share_takes_nothing_more_and_is_told_when_to_come_back(
    api: APIClient,
):
    event = make_event(capacity=10)
    reserve_all_that_ana_may(api, event)

    refused = api.post("/orders", wish_for(event, email="Ana@Example.COM"))

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_reservations")
    assert refused.json()["detail"].startswith("This customer has as many")
    assert 0 < int(refused.headers["Retry-After"]) <= event.hold_seconds
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert left(event) == 10 - 2 * PER_CUSTOMER
    assert Order.objects.count() == PER_CUSTOMER


def test_the_wait_is_for_the_reservation_that_ends_first(api: APIClient):
    event = make_event()
    first, _ = reserve_all_that_ana_may(api, event)
    soon = clock.now() + timedelta(seconds=30)
    Order.objects.filter(pk=first["id"]).update(reserved_until=soon)

    refused = api.post("/orders", wish_for(event))

    assert 0 < int(refused.headers["Retry-After"]) <= 31


def test_a_customers_share_spans_addresses_and_is_of_one_event(api: APIClient):
    event = make_event()
    reserve_all_that_ana_may(api, event)
    elsewhere = APIClient(REMOTE_ADDR="192.0.2.7")

    assert elsewhere.post("/orders", wish_for(event)).json()["code"] == "too_many_reservations"
    assert elsewhere.post("/orders", wish_for(make_event())).status_code == 201


def test_who_is_refused_for_his_share_leaves_no_mark_and_waits_for_nobody(api: APIClient):
    """To refuse costs less than to sell: no lock of the whole event, and no row."""
    event = make_event(capacity=10)
    reserve_all_that_ana_may(api, event)

    with transaction.atomic():
        share_event(event.number)
        refused = race(lambda: APIClient().post("/orders", wish_for(event)).json()["code"])

    assert refused == ["too_many_reservations"]
    assert not DroppedHold.objects.exists()
    assert left(event) == 10 - 2 * PER_CUSTOMER


def pay(buyer: APIClient, path: str) -> None:
    assert (
        buyer.post(f"{path}/payment", {"method": "pix", "token": "tok_approved"}).status_code == 202
    )


def cancel(buyer: APIClient, path: str) -> None:
    assert buyer.post(f"{path}/cancel").status_code == 200


def let_run_out(_buyer: APIClient, path: str) -> None:
    Order.objects.filter(pk=path.rpartition("/")[2]).update(reserved_until=clock.now())


@pytest.mark.parametrize("end", [pay, cancel, let_run_out])
def test_who_pays_or_cancels_or_waits_may_reserve_again(
    api: APIClient, end: Callable[[APIClient, str], None]
):
    event = make_event()
    first, _ = reserve_all_that_ana_may(api, event)

    end(as_bearer(first["access_token"]), f"/orders/{first['id']}")

    assert api.post("/orders", wish_for(event)).status_code == 201
    assert api.post("/orders", wish_for(event)).status_code == 429


def test_an_address_with_its_share_takes_nothing_more_and_others_do(api: APIClient):
    event = make_event(capacity=10)
    for number in range(PER_ADDRESS):
        assert api.post("/orders", wish_for(event, email=somebody(number))).status_code == 201

    refused = api.post("/orders", wish_for(event, email=somebody(9)))
    elsewhere = APIClient(REMOTE_ADDR="192.0.2.7").post(
        "/orders", wish_for(event, email=somebody(9))
    )

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_reservations")
    assert refused.json()["detail"].startswith("Your address has as many")
    assert elsewhere.status_code == 201
    assert left(event) == 10 - 2 * (PER_ADDRESS + 1)


def test_an_idempotency_key_repeats_the_reservation_of_who_has_his_share(api: APIClient):
    event = make_event()
    keys = [str(uuid4()) for _ in range(PER_CUSTOMER + 1)]
    answers = [
        api.post("/orders", wish_for(event), headers={"Idempotency-Key": key}) for key in keys
    ]

    again = api.post("/orders", wish_for(event), headers={"Idempotency-Key": keys[0]})

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert (again.status_code, again.json()["id"]) == (201, answers[0].json()["id"])


def test_a_refused_key_can_be_used_again_once_there_is_a_share(api: APIClient):
    event = make_event()
    first, _ = reserve_all_that_ana_may(api, event)
    key = {"Idempotency-Key": str(uuid4())}
    assert api.post("/orders", wish_for(event), headers=key).status_code == 429

    cancel(as_bearer(first["access_token"]), f"/orders/{first['id']}")

    assert api.post("/orders", wish_for(event), headers=key).status_code == 201


@pytest.mark.parametrize(
    ("scopes", "whose", "statuses"),
    [
        ([Scope.ORDERS_WRITE], "own", [201, 201]),
        ([Scope.ORDERS_READ, Scope.EVENTS_WRITE], "own", [201, 429]),
        ([Scope.ORDERS_WRITE], "another", [201, 429]),
    ],
)
def test_only_a_shop_of_the_events_organizer_reserves_for_many_from_one_address(
    settings: Any, scopes: list[str], whose: str, statuses: list[int]
):
    settings.OPEN_RESERVATIONS_PER_ADDRESS = 1
    event = make_event()
    organizer = event.organizer if whose == "own" else make_organizer(name="Outra Casa")
    shop = as_bearer(make_api_token(organizer=organizer, scopes=scopes))

    answers = [shop.post("/orders", wish_for(event, email=somebody(number))) for number in range(2)]

    assert [answer.status_code for answer in answers] == statuses


def test_an_unknown_token_neither_helps_nor_harms_who_reserves(settings: Any):
    settings.OPEN_RESERVATIONS_PER_ADDRESS = 1
    event = make_event()
    stranger = as_bearer("api_" + "x" * 43)

    answers = [
        stranger.post("/orders", wish_for(event, email=somebody(number))) for number in range(2)
    ]

    assert [answer.status_code for answer in answers] == [201, 429]


def test_an_address_is_written_as_a_digest_and_forgotten_with_the_reservation(api: APIClient):
    made = api.post("/orders", wish_for(make_event())).json()
    digest = Order.objects.get(pk=made["id"]).address_digest

    cancel(as_bearer(made["access_token"]), f"/orders/{made['id']}")

    assert len(digest) == 16
    assert "127.0.0.1" not in digest
    assert Order.objects.get(pk=made["id"]).address_digest == ""


def test_without_limits_nobody_is_refused_and_no_address_is_written(api: APIClient, settings: Any):
    settings.OPEN_RESERVATIONS_PER_CUSTOMER = settings.OPEN_RESERVATIONS_PER_ADDRESS = 0
    event = make_event()

    answers = [api.post("/orders", wish_for(event)) for _ in range(PER_ADDRESS + 1)]

    assert {answer.status_code for answer in answers} == {201}
    assert set(Order.objects.values_list("address_digest", flat=True)) == {""}


def _reserve(event: Event, email: str, address: str) -> Reservation:
    return reserve_tickets(
        event_id=event.pk,
        wanted=1,
        customer=Customer("Ana", email, "en", address),
        now=clock.now(),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("emails", "addresses", "share"),
    [
        (["ana@example.com", "ANA@example.com"], ["", "other"], PER_CUSTOMER),
        ([somebody(number) for number in range(8)], ["home"], PER_ADDRESS),
    ],
    ids=["customer", "address"],
)
def test_many_reservations_at_once_leave_no_more_than_the_share(
    emails: list[str], addresses: list[str], share: int
):
    event = make_event(capacity=100)

    outcomes = race(
        *[
            partial(
                _reserve,
                event,
                emails[lane % len(emails)],
                addresses[lane % len(addresses)],
            )
            for lane in range(8)
        ]
    )

    assert Counter(type(outcome) for outcome in outcomes) == {
        Reservation: share,
        TooManyReservations: 8 - share,
    }
    assert Order.objects.filter(status=OrderStatus.RESERVED).count() == share
    assert left(event) == 100 - share
