"""Events that require a proof of work for a reservation."""

import base64
import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from altcha import Challenge, Payload, solve_challenge
from django.conf import settings as project
from redis import Redis
from rest_framework.test import APIClient

from events.catalogue import left_by_type
from events.models import Event, Scope
from orders.models import Order
from orders.proof_of_work import ProofOfWorkInvalid, accept_proof, make_challenge
from tests.make import as_bearer, as_organizer, make_api_token, make_event
from tests.race import race
from ticketing import clock
from ticketing.redis import get_redis

pytestmark = pytest.mark.django_db(transaction=True)

LIFETIME = timedelta(minutes=10)
HALF_A_SECOND = timedelta(seconds=0.5)
# The shortcut serves requests without a cookie; the full view serves those with one.
HEADERS: list[dict[str, str]] = [{}, {"Cookie": "theme=dark"}]


@pytest.fixture
def event() -> Event:
    return make_event(requires_proof_of_work=True, capacity=10)


def reservation_request(event: Event, proof: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "event": event.slug,
        "quantity": 1,
        "customer": {"name": "Ana Souza", "email": "ana@example.com"},
    }
    return body if proof is None else body | {"proof_of_work": proof}


def solve(challenge_body: dict[str, Any]) -> str:
    challenge = Challenge.from_dict(challenge_body)
    solution = solve_challenge(challenge)
    assert solution
    return Payload(challenge, solution).to_base64()


def solve_for(event: Event) -> str:
    return solve(APIClient().get(f"/events/{event.slug}/challenge").json())


def outcome(response: Any) -> tuple[int, str]:
    """Return the HTTP status, and the problem's code or the order's status."""
    member = "code" if response.status_code > 201 else "status"
    return response.status_code, response.json().get(member)


RESERVED = (201, "reserved")
NEEDED = (409, "proof_of_work_needed")
INVALID = (409, "proof_of_work_invalid")


@pytest.mark.parametrize("headers", HEADERS)
def test_a_reservation_needs_a_solved_challenge(event: Event, headers: dict[str, str]):
    buyer = APIClient(headers=headers)

    without = buyer.post("/orders", reservation_request(event))
    with_proof = buyer.post("/orders", reservation_request(event, solve_for(event)))

    assert (outcome(without), outcome(with_proof)) == (NEEDED, RESERVED)
    assert sum(left_by_type([event.pk]).values()) == 9


@pytest.mark.parametrize("headers", HEADERS)
def test_a_solution_is_accepted_once(event: Event, headers: dict[str, str]):
    buyer, proof = APIClient(headers=headers), solve_for(event)

    responses = [buyer.post("/orders", reservation_request(event, proof)) for _ in range(2)]

    assert [outcome(response) for response in responses] == [RESERVED, INVALID]


def test_of_concurrent_requests_with_one_solution_one_is_accepted(event: Event):
    proof = solve_for(event)

    responses = race(*[partial(APIClient().post, "/orders", reservation_request(event, proof))] * 6)

    assert Counter(map(outcome, responses)) == {RESERVED: 1, INVALID: 5}


def test_a_used_solution_is_refused_also_in_another_encoding(event: Event, api: APIClient):
    proof = solve_for(event)
    document = json.loads(base64.b64decode(proof))
    spelled = base64.b64encode(json.dumps(document, indent=1).encode()).decode()
    api.post("/orders", reservation_request(event, proof))

    assert outcome(api.post("/orders", reservation_request(event, spelled))) == INVALID


def changed(proof: str, change: Callable[[dict[str, Any]], None]) -> str:
    document = json.loads(base64.b64decode(proof))
    change(document)
    return base64.b64encode(json.dumps(document).encode()).decode()


@pytest.mark.parametrize(
    "change",
    [
        lambda proof: proof["challenge"]["parameters"].update(cost=2),
        lambda proof: proof["challenge"]["parameters"].update(keyPrefix=""),
        lambda proof: proof["challenge"]["parameters"].update(expiresAt=9_999_999_999),
        lambda proof: proof["challenge"]["parameters"].pop("expiresAt"),
        lambda proof: proof["challenge"]["parameters"].pop("nonce"),
        lambda proof: proof["challenge"].update(signature="0" * 64),
        lambda proof: proof["challenge"].update(signature=None),
        lambda proof: proof["challenge"].pop("signature"),
        lambda proof: proof["challenge"].update(parameters=[]),
        lambda proof: proof["solution"].update(counter=-1),
        lambda proof: proof["solution"].update(counter="1"),
        lambda proof: proof["solution"].update(counter=2**40),
        lambda proof: proof["solution"].update(counter=proof["solution"]["counter"] + 1),
        lambda proof: proof["solution"].update(derivedKey="00" * 32),
        lambda proof: proof["solution"].update(derivedKey=5),
        lambda proof: proof.pop("solution"),
        lambda proof: proof.clear(),
    ],
)
def test_a_changed_proof_is_refused(
    event: Event, api: APIClient, change: Callable[[dict[str, Any]], None]
):
    proof = changed(solve_for(event), change)

    assert outcome(api.post("/orders", reservation_request(event, proof))) == INVALID
    assert not Order.objects.exists()


@pytest.mark.parametrize("proof", ["x", "é", "e30=", "bnVsbA==", "W10=", "/" * 1_999, "W1tb" * 9])
def test_a_text_that_is_no_proof_is_refused(event: Event, api: APIClient, proof: str):
    assert outcome(api.post("/orders", reservation_request(event, proof))) == INVALID


@pytest.mark.parametrize("proof", [5, None, "x" * 2_001, "a\nb", {}])
def test_a_proof_of_the_wrong_type_or_form_is_an_invalid_member(
    event: Event, api: APIClient, proof: Any
):
    response = api.post("/orders", reservation_request(event) | {"proof_of_work": proof})

    assert outcome(response) == (400, "invalid_request")
    assert [error["pointer"] for error in response.json()["errors"]] == ["#/proof_of_work"]


def test_a_solution_for_another_event_is_refused(event: Event, api: APIClient):
    other = make_event(requires_proof_of_work=True)

    assert outcome(api.post("/orders", reservation_request(event, solve_for(other)))) == INVALID


def test_a_challenge_expires(event: Event, api: APIClient):
    old = solve(make_challenge(event_id=event.pk, now=clock.now() - timedelta(minutes=11)))
    fresh = solve_for(event)

    assert outcome(api.post("/orders", reservation_request(event, old))) == INVALID
    with pytest.raises(Exception, match="expired"):
        accept_proof(event_id=event.pk, proof=fresh, now=clock.now() + timedelta(minutes=11))


def test_a_solution_is_accepted_until_its_challenge_expires_and_not_a_second_longer(event: Event):
    made = clock.now().replace(microsecond=0)
    proofs = [solve(make_challenge(event_id=event.pk, now=made)) for _ in range(2)]

    accept_proof(event_id=event.pk, proof=proofs[0], now=made + LIFETIME - HALF_A_SECOND)
    with pytest.raises(ProofOfWorkInvalid, match="expired"):
        accept_proof(event_id=event.pk, proof=proofs[1], now=made + LIFETIME + 3 * HALF_A_SECOND)


def test_a_used_solution_is_stored_a_minute_longer_than_its_challenge_is_valid(
    event: Event, redis: Redis
):
    now = clock.now()
    accept_proof(event_id=event.pk, proof=solve_for(event), now=now)

    (name,) = redis.keys("proof:*")
    rest = redis.ttl(name) - LIFETIME.total_seconds()
    assert 60 - 10 <= rest <= 60 + 2


def test_a_challenge_stays_valid_while_secret_key_is_rotated(
    event: Event, api: APIClient, settings: Any
):
    proof, second = solve_for(event), solve_for(event)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-another-secret-another-secret-another"

    assert outcome(api.post("/orders", reservation_request(event, proof))) == RESERVED
    settings.SECRET_KEY_FALLBACKS = []
    assert outcome(api.post("/orders", reservation_request(event, second))) == INVALID


def test_a_retry_with_an_idempotency_key_needs_no_new_proof(event: Event, api: APIClient):
    key = {"Idempotency-Key": str(uuid4())}
    body = reservation_request(event, solve_for(event))

    responses = [api.post("/orders", body, headers=key) for _ in range(2)]

    assert [outcome(response) for response in responses] == [RESERVED, RESERVED]
    assert responses[0].json() == responses[1].json()


def test_an_idempotency_key_can_be_reused_after_a_refusal_for_a_missing_proof(
    event: Event, api: APIClient
):
    key = {"Idempotency-Key": str(uuid4())}
    assert outcome(api.post("/orders", reservation_request(event), headers=key)) == NEEDED

    proved = api.post("/orders", reservation_request(event, solve_for(event)), headers=key)

    assert outcome(proved) == RESERVED


def test_only_a_shop_of_the_events_organizer_needs_no_proof(event: Event):
    shop = as_organizer(event)
    reader = as_bearer(make_api_token(organizer=event.organizer, scopes=[Scope.ORDERS_READ]))
    stranger = as_organizer(make_event())

    responses = [
        outcome(each.post("/orders", reservation_request(event)))
        for each in (shop, reader, stranger)
    ]

    assert responses == [RESERVED, NEEDED, NEEDED]


def test_the_requirement_of_a_proof_takes_effect_at_once(api: APIClient):
    event = make_event()
    assert outcome(api.post("/orders", reservation_request(event))) == RESERVED

    shown = as_organizer(event).patch(f"/events/{event.slug}", {"requires_proof_of_work": True})

    assert shown.json()["requires_proof_of_work"] is True
    assert outcome(api.post("/orders", reservation_request(event))) == NEEDED


def test_an_event_that_requires_no_proof_ignores_it(api: APIClient):
    assert outcome(api.post("/orders", reservation_request(make_event(), "x"))) == RESERVED


def test_nothing_is_reserved_without_redis(event: Event, api: APIClient, settings: Any):
    proof = solve_for(event)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    get_redis.cache_clear()
    try:
        response = api.post("/orders", reservation_request(event, proof))
    finally:
        get_redis.cache_clear()

    assert outcome(response) == (503, "inventory_unavailable")
    assert not Order.objects.exists()


def test_a_challenge_is_not_cached_and_is_new_each_time(event: Event, api: APIClient):
    responses = [api.get(f"/events/{event.pk}/challenge") for _ in range(2)]

    assert {response.status_code for response in responses} == {200}
    assert "no-store" in responses[0].headers["Cache-Control"]
    assert responses[0].json()["signature"] != responses[1].json()["signature"]
    parameters = responses[0].json()["parameters"]
    assert parameters["algorithm"] == "PBKDF2/SHA-256"
    assert 0 < parameters["expiresAt"] - clock.now().timestamp() <= 600


@pytest.mark.parametrize("reference", ["nowhere", "00000000-0000-7000-8000-000000000000"])
def test_there_is_no_challenge_for_an_unknown_event(api: APIClient, reference: str):
    assert outcome(api.get(f"/events/{reference}/challenge")) == (404, "not_found")


def test_the_solver_in_the_python_quick_start_works(event: Event, api: APIClient):
    """The document shows a solver that needs no package of ALTCHA."""
    document = (Path(project.BASE_DIR) / "docs/quickstart-python.md").read_text()
    (code,) = re.findall(
        r"^import base64\n.*?(?=^challenge = )", document, re.DOTALL | re.MULTILINE
    )
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the code is in this repository

    proof = names["solve"](api.get(f"/events/{event.slug}/challenge").json())

    assert outcome(api.post("/orders", reservation_request(event, proof))) == RESERVED
