"""An event that takes no order without a proof of work."""

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
# What its own view answers, and what the shortcut does not.
WAYS: list[dict[str, str]] = [{}, {"Cookie": "theme=dark"}]


@pytest.fixture
def event() -> Event:
    return make_event(requires_proof_of_work=True, capacity=10)


def wish_for(event: Event, proof: str | None = None) -> dict[str, Any]:
    wish: dict[str, Any] = {
        "event": event.slug,
        "quantity": 1,
        "customer": {"name": "Ana Souza", "email": "ana@example.com"},
    }
    return wish if proof is None else wish | {"proof_of_work": proof}


def solve(challenge: dict[str, Any]) -> str:
    puzzle = Challenge.from_dict(challenge)
    solution = solve_challenge(puzzle)
    assert solution
    return Payload(puzzle, solution).to_base64()


def solve_for(event: Event) -> str:
    return solve(APIClient().get(f"/events/{event.slug}/challenge").json())


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code" if answer.status_code > 201 else "status")


RESERVED = (201, "reserved")
NEEDED = (409, "proof_of_work_needed")
INVALID = (409, "proof_of_work_invalid")


@pytest.mark.parametrize("headers", WAYS)
def test_an_order_needs_a_solved_challenge(event: Event, headers: dict[str, str]):
    buyer = APIClient(headers=headers)

    without = buyer.post("/orders", wish_for(event))
    with_proof = buyer.post("/orders", wish_for(event, solve_for(event)))

    assert (told(without), told(with_proof)) == (NEEDED, RESERVED)
    assert sum(left_by_type([event.pk]).values()) == 9


@pytest.mark.parametrize("headers", WAYS)
def test_a_solution_works_once(event: Event, headers: dict[str, str]):
    buyer, proof = APIClient(headers=headers), solve_for(event)

    answers = [buyer.post("/orders", wish_for(event, proof)) for _ in range(2)]

    assert [told(answer) for answer in answers] == [RESERVED, INVALID]


def test_one_solution_sent_many_times_at_once_works_once(event: Event):
    proof = solve_for(event)

    answers = race(*[partial(APIClient().post, "/orders", wish_for(event, proof))] * 6)

    assert Counter(map(told, answers)) == {RESERVED: 1, INVALID: 5}


def test_the_same_solution_spelled_in_another_way_is_the_same(event: Event, api: APIClient):
    proof = solve_for(event)
    document = json.loads(base64.b64decode(proof))
    spelled = base64.b64encode(json.dumps(document, indent=1).encode()).decode()
    api.post("/orders", wish_for(event, proof))

    assert told(api.post("/orders", wish_for(event, spelled))) == INVALID


def changed(proof: str, change: Callable[[dict[str, Any]], None]) -> str:
    document = json.loads(base64.b64decode(proof))
    change(document)
    return base64.b64encode(json.dumps(document).encode()).decode()


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told["challenge"]["parameters"].update(cost=2),
        lambda told: told["challenge"]["parameters"].update(keyPrefix=""),
        lambda told: told["challenge"]["parameters"].update(expiresAt=9_999_999_999),
        lambda told: told["challenge"]["parameters"].pop("expiresAt"),
        lambda told: told["challenge"]["parameters"].pop("nonce"),
        lambda told: told["challenge"].update(signature="0" * 64),
        lambda told: told["challenge"].update(signature=None),
        lambda told: told["challenge"].pop("signature"),
        lambda told: told["challenge"].update(parameters=[]),
        lambda told: told["solution"].update(counter=-1),
        lambda told: told["solution"].update(counter="1"),
        lambda told: told["solution"].update(counter=2**40),
        lambda told: told["solution"].update(counter=told["solution"]["counter"] + 1),
        lambda told: told["solution"].update(derivedKey="00" * 32),
        lambda told: told["solution"].update(derivedKey=5),
        lambda told: told.pop("solution"),
        lambda told: told.clear(),
    ],
)
def test_a_proof_that_was_tampered_with_does_not_count(
    event: Event, api: APIClient, change: Callable[[dict[str, Any]], None]
):
    proof = changed(solve_for(event), change)

    assert told(api.post("/orders", wish_for(event, proof))) == INVALID
    assert not Order.objects.exists()


@pytest.mark.parametrize("proof", ["x", "é", "e30=", "bnVsbA==", "W10=", "/" * 1_999, "W1tb" * 9])
def test_what_is_no_proof_does_not_count(event: Event, api: APIClient, proof: str):
    assert told(api.post("/orders", wish_for(event, proof))) == INVALID


@pytest.mark.parametrize("proof", [5, None, "x" * 2_001, "a\nb", {}])
def test_what_cannot_be_a_proof_is_named(event: Event, api: APIClient, proof: Any):
    answer = api.post("/orders", wish_for(event) | {"proof_of_work": proof})

    assert told(answer) == (400, "invalid_request")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/proof_of_work"]


def test_a_solution_is_of_one_event(event: Event, api: APIClient):
    other = make_event(requires_proof_of_work=True)

    assert told(api.post("/orders", wish_for(event, solve_for(other)))) == INVALID


def test_a_challenge_expires(event: Event, api: APIClient):
    old = solve(make_challenge(event_id=event.pk, now=clock.now() - timedelta(minutes=11)))
    fresh = solve_for(event)

    assert told(api.post("/orders", wish_for(event, old))) == INVALID
    with pytest.raises(Exception, match="expired"):
        accept_proof(event_id=event.pk, proof=fresh, now=clock.now() + timedelta(minutes=11))


def test_a_solution_counts_until_its_challenge_expires_and_not_a_second_longer(event: Event):
    made = clock.now().replace(microsecond=0)
    proofs = [solve(make_challenge(event_id=event.pk, now=made)) for _ in range(2)]

    accept_proof(event_id=event.pk, proof=proofs[0], now=made + LIFETIME - HALF_A_SECOND)
    with pytest.raises(ProofOfWorkInvalid, match="expired"):
        accept_proof(event_id=event.pk, proof=proofs[1], now=made + LIFETIME + 3 * HALF_A_SECOND)


def test_a_solution_that_was_used_is_remembered_a_minute_longer_than_it_counts(
    event: Event, redis: Redis
):
    now = clock.now()
    accept_proof(event_id=event.pk, proof=solve_for(event), now=now)

    (name,) = redis.keys("proof:*")
    rest = redis.ttl(name) - LIFETIME.total_seconds()
    assert 60 - 10 <= rest <= 60 + 2


def test_a_challenge_outlives_a_change_of_the_secret(event: Event, api: APIClient, settings: Any):
    proof, forged = solve_for(event), solve_for(event)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-another-secret-another-secret-another"

    assert told(api.post("/orders", wish_for(event, proof))) == RESERVED
    settings.SECRET_KEY_FALLBACKS = []
    assert told(api.post("/orders", wish_for(event, forged))) == INVALID


def test_a_replay_of_an_idempotency_key_needs_no_new_proof(event: Event, api: APIClient):
    key = {"Idempotency-Key": str(uuid4())}
    wish = wish_for(event, solve_for(event))

    answers = [api.post("/orders", wish, headers=key) for _ in range(2)]

    assert [told(answer) for answer in answers] == [RESERVED, RESERVED]
    assert answers[0].json() == answers[1].json()


def test_a_key_that_was_refused_for_want_of_a_proof_may_be_sent_with_one(
    event: Event, api: APIClient
):
    key = {"Idempotency-Key": str(uuid4())}
    assert told(api.post("/orders", wish_for(event), headers=key)) == NEEDED

    proved = api.post("/orders", wish_for(event, solve_for(event)), headers=key)

    assert told(proved) == RESERVED


def test_only_a_shop_of_the_events_organizer_needs_no_proof(event: Event):
    shop = as_organizer(event)
    reader = as_bearer(make_api_token(organizer=event.organizer, scopes=[Scope.ORDERS_READ]))
    stranger = as_organizer(make_event())

    answers = [told(each.post("/orders", wish_for(event))) for each in (shop, reader, stranger)]

    assert answers == [RESERVED, NEEDED, NEEDED]


def test_an_event_begins_to_require_one_at_once(api: APIClient):
    event = make_event()
    assert told(api.post("/orders", wish_for(event))) == RESERVED

    shown = as_organizer(event).patch(f"/events/{event.slug}", {"requires_proof_of_work": True})

    assert shown.json()["requires_proof_of_work"] is True
    assert told(api.post("/orders", wish_for(event))) == NEEDED


def test_an_event_that_requires_none_takes_any(api: APIClient):
    assert told(api.post("/orders", wish_for(make_event(), "x"))) == RESERVED


def test_with_redis_away_nothing_is_taken(event: Event, api: APIClient, settings: Any):
    proof = solve_for(event)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    get_redis.cache_clear()
    try:
        answer = api.post("/orders", wish_for(event, proof))
    finally:
        get_redis.cache_clear()

    assert told(answer) == (503, "inventory_unavailable")
    assert not Order.objects.exists()


def test_a_challenge_is_kept_by_no_cache_and_is_new_each_time(event: Event, api: APIClient):
    answers = [api.get(f"/events/{event.pk}/challenge") for _ in range(2)]

    assert {answer.status_code for answer in answers} == {200}
    assert "no-store" in answers[0].headers["Cache-Control"]
    assert answers[0].json()["signature"] != answers[1].json()["signature"]
    parameters = answers[0].json()["parameters"]
    assert parameters["algorithm"] == "PBKDF2/SHA-256"
    assert 0 < parameters["expiresAt"] - clock.now().timestamp() <= 600


@pytest.mark.parametrize("reference", ["nowhere", "00000000-0000-7000-8000-000000000000"])
def test_there_is_no_challenge_of_no_event(api: APIClient, reference: str):
    assert told(api.get(f"/events/{reference}/challenge")) == (404, "not_found")


def test_the_solver_of_the_quick_start_solves(event: Event, api: APIClient):
    """Without ALTCHA's package, in any language."""
    document = (Path(project.BASE_DIR) / "docs/quickstart-python.md").read_text()
    (code,) = re.findall(
        r"^import base64\n.*?(?=^challenge = )", document, re.DOTALL | re.MULTILINE
    )
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - it is ours

    proof = names["solve"](api.get(f"/events/{event.slug}/challenge").json())

    assert told(api.post("/orders", wish_for(event, proof))) == RESERVED
