"""Turns of webhook workers: slow receivers of one organizer do not delay other organizers."""

import heapq
import threading
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from events.models import Organizer
from tests.make import SOMEBODY, make_organizer
from tests.moments import NOON
from tests.queue import RecordingQueue
from tests.race import locked
from tests.tickets.webhooks.test_sending import Receiver, listen, receiver
from tickets.operations.backlog import measure_webhook_lag
from tickets.webhooks import turns
from tickets.webhooks.models import WebhookDebt, WebhookEndpoint, WebhookMessage
from tickets.webhooks.sending import forget_webhooks, send_test, send_webhooks
from tickets.webhooks.turns import (
    AT_A_TIME,
    BUDGET,
    begin_turn,
    charge_organizer,
    end_turn,
    find_due_webhooks,
)

__all__ = ["receiver"]
pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def make_endpoints(count: int, *, organizer: Organizer | None = None) -> list[WebhookEndpoint]:
    """Make endpoints of one organizer, each with a message that is due."""
    owner = organizer or make_organizer()
    endpoints = [
        WebhookEndpoint.objects.create(organizer=owner, url=f"https://shop.test/{number}")
        for number in range(count)
    ]
    for endpoint in endpoints:
        send_test(endpoint=endpoint, actor=SOMEBODY, now=NOON)
    return endpoints


def take_queued(queue: RecordingQueue) -> list[UUID]:
    """Remove the messages to webhook workers from the queue. Return the ids of their endpoints."""
    endpoint_ids = [UUID(body["endpoint_id"]) for _, body in queue.sent]
    queue.sent.clear()
    return endpoint_ids


def test_two_endpoints_of_an_organizer_are_queued_at_a_time(queue: RecordingQueue):
    many = {endpoint.pk for endpoint in make_endpoints(16)}
    (other,) = make_endpoints(1)

    assert find_due_webhooks(now=NOON) == 3
    first = take_queued(queue)
    assert find_due_webhooks(now=NOON + 2 * SECOND) == 0

    assert other.pk in first
    assert len(many.intersection(first)) == AT_A_TIME


def test_the_endpoints_of_an_organizer_take_turns(queue: RecordingQueue):
    endpoints = make_endpoints(5)
    now, seen = NOON, []
    for _ in range(5):
        now += 2 * SECOND
        find_due_webhooks(now=now)
        for endpoint_id in take_queued(queue):
            seen.append(endpoint_id)
            assert begin_turn(endpoint_id=endpoint_id, now=now)
            end_turn(endpoint_id=endpoint_id, pause=None, now=now + len(seen) * SECOND / 100)

    assert {endpoint.pk for endpoint in endpoints} == set(seen[:5]) == set(seen[5:])


def test_after_a_turn_the_next_endpoint_of_the_organizer_is_queued_at_once(
    receiver: Receiver, queue: RecordingQueue
):
    organizer = make_organizer()
    first, second, third = (listen(receiver, organizer) for _ in range(3))
    for endpoint in (first, second, third):
        send_test(endpoint=endpoint, actor=SOMEBODY, now=NOON)
    find_due_webhooks(now=NOON)
    begun, waiting = take_queued(queue)

    send_webhooks(endpoint_id=begun, now=NOON + SECOND)

    (next_one,) = take_queued(queue)
    assert {begun, waiting, next_one} == {first.pk, second.pk, third.pk}


@pytest.mark.parametrize("leased_until", [None, NOON + 2 * SECOND])
def test_a_turn_that_a_worker_of_the_previous_release_ended_no_longer_counts(
    queue: RecordingQueue, leased_until: datetime | None
):
    endpoints = make_endpoints(AT_A_TIME)
    find_due_webhooks(now=NOON)
    # The previous release sets only this field.
    WebhookEndpoint.objects.update(leased_until=leased_until)

    assert find_due_webhooks(now=NOON + 2 * SECOND) == len(endpoints)


def test_an_endpoint_counts_until_its_turn_has_ended_also_if_that_takes_long(
    queue: RecordingQueue,
):
    make_endpoints(AT_A_TIME + 1)
    find_due_webhooks(now=NOON)
    for endpoint_id in take_queued(queue):
        begin_turn(endpoint_id=endpoint_id, now=NOON + SECOND)

    assert find_due_webhooks(now=NOON + 40 * SECOND) == 0


def test_an_endpoint_that_is_paused_after_its_turn_no_longer_counts(queue: RecordingQueue):
    *paused, due = make_endpoints(AT_A_TIME + 1)
    for endpoint in paused:
        end_turn(endpoint_id=endpoint.pk, pause=MINUTE, now=NOON)

    assert find_due_webhooks(now=NOON) == 1
    assert take_queued(queue) == [due.pk]


def test_an_endpoint_that_is_switched_off_is_not_queued():
    (off,) = make_endpoints(1)
    WebhookEndpoint.objects.filter(pk=off.pk).update(disabled_at=NOON)

    assert find_due_webhooks(now=NOON) == 0


def test_a_sale_that_refers_to_an_endpoint_does_not_delay_it_and_a_change_only_puts_it_off():
    (endpoint,) = make_endpoints(1)

    with locked(endpoint):
        assert find_due_webhooks(now=NOON) == 0
    with locked(endpoint, "KEY SHARE"):
        assert find_due_webhooks(now=NOON) == 1


def test_a_message_waits_for_those_of_its_own_endpoint_and_subject_only(queue: RecordingQueue):
    first, second = make_endpoints(2)
    WebhookMessage.objects.update(subject=first.pk)
    WebhookMessage.objects.filter(endpoint=first).update(next_attempt_at=NOON + MINUTE)

    assert find_due_webhooks(now=NOON) == 1
    assert take_queued(queue) == [second.pk]


def test_an_organizer_with_slow_receivers_is_paused_until_it_is_within_its_budget(
    queue: RecordingQueue, caplog: pytest.LogCaptureFixture
):
    slow, other = make_organizer(), make_organizer()
    (endpoint,) = make_endpoints(1, organizer=slow)
    make_endpoints(1, organizer=other)

    assert charge_organizer(organizer_id=slow.pk, took=11 * SECOND, now=NOON)
    assert not charge_organizer(organizer_id=slow.pk, took=16 * SECOND, now=NOON + 8 * SECOND)

    # A batch costs two seconds for each second after its first: 20 + 30, less the 8 that passed.
    until = (NOON + 10 * SECOND).isoformat()
    assert f"organizer {slow.pk} are slow. Its webhooks are paused until {until}." in caplog.text
    assert find_due_webhooks(now=NOON + 8 * SECOND) == 1
    assert endpoint.pk not in take_queued(queue)
    assert begin_turn(endpoint_id=endpoint.pk, now=NOON + 8 * SECOND) is None
    assert find_due_webhooks(now=NOON + 10 * SECOND) == 1
    assert take_queued(queue) == [endpoint.pk]


def test_an_organizer_that_owes_exactly_its_budget_is_not_paused():
    organizer = make_organizer()

    # Its first second is free, and each further one costs two.
    assert charge_organizer(organizer_id=organizer.pk, took=BUDGET / 2 + SECOND, now=NOON)


def test_a_receiver_that_answers_within_a_second_costs_nothing():
    organizer = make_organizer()

    for number in range(1000):
        assert charge_organizer(organizer_id=organizer.pk, took=SECOND, now=NOON + number * SECOND)

    assert not WebhookDebt.objects.exists()


def test_the_time_of_a_slow_receiver_is_charged(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    never = threading.Event()
    monkeypatch.setattr(receiver, "take", lambda *_: never.wait(1.5) or 204)
    endpoint = listen(receiver, make_organizer())
    send_test(endpoint=endpoint, actor=SOMEBODY, now=NOON)

    send_webhooks(endpoint_id=endpoint.pk, now=NOON)

    assert WebhookDebt.objects.get().owed_until > NOON + 2 * SECOND


def test_the_webhook_lag_leaves_out_organizers_that_are_paused():
    (endpoint,) = make_endpoints(1)
    assert measure_webhook_lag(now=NOON + MINUTE) == 60

    charge_organizer(organizer_id=endpoint.organizer_id, took=2 * MINUTE, now=NOON)

    assert measure_webhook_lag(now=NOON + MINUTE) == 0
    assert measure_webhook_lag(now=NOON + 10 * MINUTE) == 600


def test_a_late_message_begins_no_turn_of_an_endpoint_that_is_paused_or_switched_off():
    paused, off, due = make_endpoints(3)
    end_turn(endpoint_id=paused.pk, pause=MINUTE, now=NOON)
    WebhookEndpoint.objects.filter(pk=off.pk).update(disabled_at=NOON)

    turns = [
        begin_turn(endpoint_id=endpoint.pk, now=NOON + SECOND) for endpoint in (paused, off, due)
    ]

    assert turns == [None, None, due]
    assert begin_turn(endpoint_id=paused.pk, now=NOON + MINUTE) == paused


def test_without_webhook_workers_the_queue_gets_fewer_and_fewer_repeats(queue: RecordingQueue):
    make_endpoints(1)

    asked = [*range(0, 600, 10), *range(600, 6 * 3600, 60)]
    moments = [seconds for seconds in asked if find_due_webhooks(now=NOON + seconds * SECOND)]

    assert moments[:8] == [0, 30, 60, 90, 120, 180, 300, 540]
    assert len(moments) == 20
    # A turn resets the wait.
    (endpoint_id, *_) = take_queued(queue)
    begin_turn(endpoint_id=endpoint_id, now=NOON + timedelta(hours=7))
    end_turn(endpoint_id=endpoint_id, pause=None, now=NOON + timedelta(hours=7))
    assert find_due_webhooks(now=NOON + timedelta(hours=7)) == 1
    assert find_due_webhooks(now=NOON + timedelta(hours=7) + 30 * SECOND) == 1


def test_a_message_is_given_up_after_a_week_unless_its_endpoint_is_switched_off():
    waiting, off = make_endpoints(2)
    WebhookEndpoint.objects.filter(pk=off.pk).update(disabled_at=NOON)

    forget_webhooks(now=NOON + timedelta(days=7))
    assert WebhookMessage.objects.filter(next_attempt_at=None).count() == 0
    forget_webhooks(now=NOON + timedelta(days=7, seconds=1))

    given_up = WebhookMessage.objects.get(next_attempt_at=None)
    assert (given_up.endpoint_id, given_up.delivered_at) == (waiting.pk, None)


def longest_wait(queue: RecordingQueue, *, endpoint: WebhookEndpoint, workers: int) -> float:
    """
    Simulate ten minutes of webhook workers. Return the longest wait of one endpoint in seconds.

    This endpoint gets a message every ten seconds. All other endpoints always have due messages,
    and each of their turns takes 9 seconds.
    """
    ends: list[tuple[datetime, UUID]] = []
    due_since: datetime | None = NOON
    waits = []
    now = NOON
    while now < NOON + 10 * MINUTE:
        if due_since is None and now.second % 10 == 0:
            due_since = now
            send_test(endpoint=endpoint, actor=SOMEBODY, now=now)
        while ends and ends[0][0] <= now:
            ended = WebhookEndpoint.objects.get(pk=heapq.heappop(ends)[1])
            charge_organizer(organizer_id=ended.organizer_id, took=9 * SECOND, now=now)
            end_turn(endpoint_id=ended.pk, pause=None, now=now)
            find_due_webhooks(now=now, organizer_id=ended.organizer_id)
        if now.second % 2 == 0:
            find_due_webhooks(now=now)
        while queue.sent and len(ends) < workers:
            endpoint_id = UUID(queue.sent.pop(0)[1]["endpoint_id"])
            if begin_turn(endpoint_id=endpoint_id, now=now) is None:
                continue
            if endpoint_id != endpoint.pk:
                heapq.heappush(ends, (now + 9 * SECOND, endpoint_id))
            elif due_since is not None:
                waits.append((now - due_since).total_seconds())
                due_since = None
                WebhookMessage.objects.filter(endpoint=endpoint).update(next_attempt_at=None)
                end_turn(endpoint_id=endpoint_id, pause=None, now=now)
        now += SECOND
    return max(waits, default=600)


@pytest.mark.parametrize(("workers", "within"), [(1, 20), (4, 2)])
def test_sixteen_slow_endpoints_of_one_organizer_hardly_delay_another_organizer(
    queue: RecordingQueue, workers: int, within: int
):
    make_endpoints(16)
    (endpoint,) = make_endpoints(1)

    assert longest_wait(queue, endpoint=endpoint, workers=workers) <= within
    assert len(queue.sent) <= 20


def test_without_turns_and_a_budget_the_same_endpoints_delay_another_organizer(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(turns, "AT_A_TIME", 1000)
    monkeypatch.setattr(turns, "BUDGET", BUDGET * 1000)
    make_endpoints(16)
    (endpoint,) = make_endpoints(1)

    assert longest_wait(queue, endpoint=endpoint, workers=4) > 30
