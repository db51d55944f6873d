"""The verdict of a chaos run finds broken promises."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.chaos import verdict
from tests.chaos.arena import Arena, Death
from tests.make import make_organizer, make_paid_order, make_ticket_type
from ticketing import clock
from tickets.webhooks.models import WebhookEndpoint, WebhookMessage
from tickets.webhooks.sending import webhook_id


@pytest.fixture
def arena(tmp_path: Path) -> Arena:
    return Arena(tmp_path)


def test_a_worker_that_died_by_itself_is_a_violation_and_a_killed_one_is_not(arena: Arena):
    arena.killed["worker-2"] += 1
    assert "worker" not in " ".join(verdict._processes(arena)).replace("No worker", "")

    arena.died.append(Death("worker-1", 1, "sqs fails"))

    assert "worker-1 ended by itself with exit code 1 during: sqs fails" in verdict._processes(
        arena
    )


@pytest.mark.django_db(transaction=True)
def test_a_webhook_that_is_neither_confirmed_nor_waiting_is_a_violation(arena: Arena):
    organizer = make_organizer()
    slow, broken = (
        WebhookEndpoint.objects.create(organizer=organizer, url=receiver.url)
        for receiver in arena.receivers
    )

    def make_message(endpoint: WebhookEndpoint, **state: object) -> WebhookMessage:
        return WebhookMessage.objects.create(
            endpoint=endpoint,
            type="test",
            subject=uuid4(),
            data={},
            created_at=clock.now(),
            **state,
        )

    make_message(slow, next_attempt_at=clock.now())
    confirmed = make_message(broken, delivered_at=clock.now())
    arena.receivers[1].confirmed.add(webhook_id(confirmed))
    assert list(verdict._webhooks(arena)) == []

    given_up = make_message(slow, attempts=10)
    lost = make_message(broken, delivered_at=clock.now())
    order = make_paid_order(ticket_type=make_ticket_type())

    assert set(verdict._webhooks(arena)) == {
        f"a webhook was given up after 10 attempts: {given_up.pk}",
        f"a webhook counts as delivered, but no receiver confirmed it: {lost.pk}",
        # The endpoints belong to another organizer, so no trigger made messages for them.
        f"{order.pk} was paid, but there is no webhook for the slow receiver",
        f"{order.pk} was paid, but there is no webhook for the broken receiver",
    }
