"""Rate limits: a caller over its limit gets 429 with the time to wait. Other callers do not."""

import re
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from redis import Redis
from rest_framework.test import APIClient

from orders.models import Order
from tests.make import (
    as_bearer,
    make_device,
    make_event,
    make_reservation,
    make_ticket,
    reservation_request,
)
from tests.race import race
from ticketing import rates
from ticketing.api import limits
from ticketing.rates import Policy, Rate, Turn, read_policy, take_turn
from ticketing.redis import get_redis

pytestmark = pytest.mark.django_db(transaction=True)

# So slow that no request comes back while a test runs.
TWO, THREE = Rate(2, 7200), Rate(3, 7200)


def about(seconds: int) -> Any:
    """Return a value that equals this many seconds, give or take a minute for a slow machine."""
    return pytest.approx(seconds, abs=60)


def rewind(redis: Redis, seconds: int) -> None:
    """Move every limit this many seconds into the past."""
    for key in redis.keys("{rate}:*"):
        redis.decrby(key, seconds * 1_000_000)


def read_headers(answer: Any) -> tuple[str, int, int, int, int]:
    """Return the policy, quota, window, requests left and seconds in the headers of a response."""
    policy = re.fullmatch(r'"(\w+)";q=(\d+);w=(\d+)', answer.headers["RateLimit-Policy"])
    state = re.fullmatch(r'"(\w+)";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert policy, answer.headers
    assert state, answer.headers
    assert policy[1] == state[1]
    return policy[1], int(policy[2]), int(policy[3]), int(state[2]), int(state[3])


def test_a_burst_is_granted_and_requests_come_back_one_by_one(redis: Redis):
    turns = [take_turn({"a": TWO}) for _ in range(3)]

    assert turns == [
        Turn(granted=True, rate=TWO, left=1, seconds=about(3600)),
        Turn(granted=True, rate=TWO, left=0, seconds=about(7200)),
        Turn(granted=False, rate=TWO, left=0, seconds=about(3600)),
    ]
    rewind(redis, 3600)
    assert [take_turn({"a": TWO}).granted for _ in range(2)] == [True, False]  # type: ignore[union-attr]


def test_a_request_that_one_limit_refuses_is_counted_by_none():
    take_turn({"a": TWO})
    take_turn({"a": TWO})

    refused = take_turn({"a": TWO, "b": THREE})

    assert refused == Turn(granted=False, rate=TWO, left=0, seconds=about(3600))
    assert take_turn({"b": THREE}) == Turn(granted=True, rate=THREE, left=2, seconds=about(2400))


def test_of_two_equally_tight_limits_the_first_is_shown():
    turn = take_turn({"a": TWO, "b": Rate(2, 3600)})

    assert turn is not None
    assert turn.rate == TWO


def test_the_tightest_limit_is_shown():
    take_turn({"b": THREE})
    take_turn({"b": THREE})

    assert take_turn({"a": TWO, "b": THREE}) == Turn(
        granted=True, rate=THREE, left=0, seconds=about(7200)
    )
    # Both refuse. The headers show the longer wait, after which both would grant.
    take_turn({"a": TWO})
    assert take_turn({"b": THREE, "a": TWO}) == Turn(
        granted=False, rate=TWO, left=0, seconds=about(3600)
    )


def test_the_key_of_a_limit_expires_when_the_limit_is_full_again(redis: Redis):
    take_turn({"a": THREE})

    assert redis.ttl("{rate}:a") == about(2400)


def test_concurrent_requests_get_no_more_turns_than_the_limit_has():
    outcomes = race(*[partial(take_turn, {"a": Rate(5, 7200)})] * 12)

    assert sorted(turn.granted for turn in outcomes) == [False] * 7 + [True] * 5  # type: ignore[union-attr]


def test_the_script_is_loaded_again_after_redis_has_lost_it():
    get_redis().script_flush()

    assert take_turn({"a": TWO}) == Turn(granted=True, rate=TWO, left=1, seconds=about(3600))


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("600/60:3000/60", Policy("read", Rate(600, 60), Rate(3000, 60))),
        (":30/300", Policy("read", None, Rate(30, 300))),
        ("5/1:", Policy("read", Rate(5, 1), None)),
        ("", Policy("read")),
        (" ", Policy("read")),
    ],
)
def test_a_setting_is_parsed_as_a_policy(text: str, policy: Policy):
    assert read_policy("read", text) == policy


@pytest.mark.parametrize(
    "text", ["600/60", "0/60:1/60", "1/0:1/1", "-1/5:", "many:", "1/1:1/1:1/1", "1.5/60:", "60:600"]
)
def test_a_setting_that_is_not_a_policy_is_named_in_the_error(text: str):
    with pytest.raises(ImproperlyConfigured, match="RATE_LIMIT_READ"):
        read_policy("read", text)


def test_a_caller_over_the_limit_gets_429_with_the_time_to_wait(
    api: APIClient, settings, redis: Redis
):
    settings.RATE_LIMITS = {"reserve": ":2/7200"}
    reservation = reservation_request(make_event())

    answers = [api.post("/orders", reservation) for _ in range(3)]
    refused = answers[-1]

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert [read_headers(answer)[3] for answer in answers] == [1, 0, 0]
    assert refused.headers["Content-Type"] == "application/problem+json"
    problem = refused.json()
    assert (problem["code"], problem["status"]) == ("too_many_requests", 429)
    assert problem["instance"] == "/orders"
    assert problem["request_id"] == refused.headers["X-Request-Id"]
    assert int(refused.headers["Retry-After"]) == read_headers(refused)[4]
    assert int(refused.headers["Retry-After"]) == about(3600)
    assert problem["detail"] == (
        f"You are over the rate limit. Retry in {refused.headers['Retry-After']} seconds."
    )
    assert Order.objects.count() == 2

    rewind(redis, 3600)
    assert api.post("/orders", reservation).status_code == 201


def test_the_fast_and_the_full_path_are_counted_and_have_the_headers(settings):
    settings.RATE_LIMITS = {"read": ":9/7200"}
    path = f"/events/{make_event().slug}"
    quick, slow = APIClient(), APIClient(headers={"Cookie": "theme=dark"})

    answers = [quick.get(path), slow.get(path), quick.get("/nowhere"), quick.delete("/events")]

    assert [answer.status_code for answer in answers] == [200, 200, 404, 405]
    assert [read_headers(answer)[:4] for answer in answers[:3]] == [
        ("read", 9, 7200, left) for left in (8, 7, 6)
    ]
    assert "RateLimit" not in answers[3].headers


def test_a_request_that_ends_in_an_internal_error_is_counted(
    api: APIClient, settings, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise RuntimeError("the secret is 42")

    settings.RATE_LIMITS = {"read": ":9/7200"}
    monkeypatch.setattr("django.db.models.query.QuerySet.count", broken)

    answer = api.get("/events")

    assert (answer.status_code, read_headers(answer)[3]) == (500, 8)


def test_each_kind_of_request_has_its_own_limit(settings):
    settings.RATE_LIMITS = dict.fromkeys(["read", "reserve", "write", "validate"], ":50/7200")
    ticket = make_ticket()
    reservation = make_reservation()
    buyer, door = as_bearer(reservation.token.text), as_bearer(make_device(ticket.event))
    order = f"/orders/{reservation.order_id}"

    answers = [
        buyer.get(order),
        buyer.head(order),
        buyer.post("/orders", {}),
        buyer.post("/orders/", {}),
        buyer.post(f"{order}/payment", {}),
        buyer.post(f"{order}/cancel"),
        buyer.put("/events/x", {}),
        door.post("/tickets/validate", {"code": ticket.code}),
    ]

    assert [read_headers(answer)[0] for answer in answers] == [
        "read", "read", "reserve", "reserve", "write", "write", "write", "validate"
    ]  # fmt: skip


def test_each_token_has_its_own_limit_beside_that_of_the_address(settings):
    settings.RATE_LIMITS = {"validate": "1/7200:3/7200"}
    ticket = make_ticket()
    doors = [as_bearer(make_device(ticket.event)) for _ in range(4)]

    def scan(client: APIClient) -> int:
        return int(client.post("/tickets/validate", {"code": ticket.code}).status_code)

    assert [scan(doors[0]), scan(doors[0])] == [200, 429]
    # The refused request was not counted for the address.
    assert [scan(door) for door in doors[1:]] == [409, 409, 429]


def test_a_forged_x_forwarded_for_does_not_avoid_the_limit(api: APIClient, settings):
    settings.RATE_LIMITS = {"read": ":1/7200"}

    statuses = [
        api.get("/events", HTTP_X_FORWARDED_FOR=f"6.6.6.{number}").status_code
        for number in range(2)
    ]
    settings.TRUSTED_PROXY_HOPS = 1
    behind = [
        api.get("/events", HTTP_X_FORWARDED_FOR=f"6.6.6.{number}, 203.0.113.9").status_code
        for number in range(2)
    ]

    assert (statuses, behind) == ([200, 429], [200, 429])
    assert api.get("/events", HTTP_X_FORWARDED_FOR="203.0.113.10").status_code == 200


def test_a_refusal_that_an_unconfigured_proxy_may_have_caused_is_logged_once(
    api: APIClient, settings, caplog: pytest.LogCaptureFixture
):
    settings.RATE_LIMITS = {"read": ":1/7200"}
    limits._warn_of_untrusted_proxy.cache_clear()

    for _ in range(3):
        api.get("/events", HTTP_X_FORWARDED_FOR="203.0.113.9")

    assert caplog.text.count("TRUSTED_PROXY_HOPS=0") == 1


def test_redis_stores_neither_addresses_nor_tokens(settings, redis: Redis):
    settings.RATE_LIMITS = {"read": "9/60:9/60"}
    token = make_device(make_event())

    as_bearer(token).get("/events")

    keys = " ".join(map(str, redis.keys("{rate}:*")))
    assert keys.count("{rate}:read:") == 2
    assert "127.0.0.1" not in keys
    assert token not in keys


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/schema", "/admin/", "/static/x.css"]
)
def test_health_metrics_pages_and_files_are_not_counted(
    api: APIClient, settings, redis: Redis, path: str
):
    settings.RATE_LIMITS = dict.fromkeys(["read", "write", "signin"], "1/60:1/60")

    assert "RateLimit" not in api.get(path).headers
    assert redis.keys("{rate}:*") == []


def test_a_hot_read_is_counted_after_redis_has_lost_the_scripts(
    api: APIClient, settings, redis: Redis
):
    settings.RATE_LIMITS = {"read": ":2/7200"}
    event = make_event()
    api.get(f"/events/{event.slug}")
    redis.script_flush()

    answers = [api.get(f"/events/{event.slug}") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[0].json()["available"] == 100


def test_a_hot_read_over_a_dead_connection_is_answered_and_counted(
    api: APIClient, settings, redis: Redis
):
    settings.RATE_LIMITS = {"read": ":9/7200"}
    event = make_event()
    api.get(f"/events/{event.slug}")
    redis.client_kill_filter(_type="normal", skipme=True)

    answer = api.get(f"/events/{event.slug}")

    assert (answer.status_code, answer.json()["available"]) == (200, 100)
    assert read_headers(answer)[3] == 7


def test_a_hot_read_that_does_not_ask_redis_is_counted_and_not_left_to_the_next_request(
    api: APIClient, settings, redis: Redis
):
    settings.RATE_LIMITS = {"read": ":3/7200"}
    event = make_event()

    left = [
        read_headers(api.get(path))[3]
        for path in ("/events/none", f"/events/{event.slug}", "/events/none")
    ]

    assert left == [2, 1, 0]


def test_without_a_limit_no_request_is_counted(api: APIClient, settings, redis: Redis):
    settings.RATE_LIMITS = {"read": ""}

    assert "RateLimit" not in api.get("/events").headers
    assert redis.keys("{rate}:*") == []


def test_without_redis_no_request_is_limited_and_the_log_says_so_once(
    api: APIClient, settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    settings.RATE_LIMITS = {"read": ":1/7200", "write": ":1/7200"}
    monkeypatch.setattr(rates._Rest, "until", 0.0)
    working = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    get_redis.cache_clear()
    try:
        answers = [api.post(f"/orders/{uuid4()}/cancel") for _ in range(3)]
    finally:
        settings.REDIS_URL = working
        get_redis.cache_clear()

    assert [answer.status_code for answer in answers] == [401] * 3
    assert "RateLimit" not in answers[0].headers
    assert caplog.text.count("Redis is away") == 1
    # For some seconds the process does not ask Redis again. Afterwards it does.
    assert take_turn({"a": TWO}) is None
    rates._Rest.until = 0.0
    assert take_turn({"a": TWO}) == Turn(granted=True, rate=TWO, left=1, seconds=about(3600))
