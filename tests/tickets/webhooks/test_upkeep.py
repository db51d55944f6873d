"""Switching webhooks off and on, sending messages again, giving them up and deleting them."""

from datetime import datetime, timedelta

import pytest

from tests.make import SOMEBODY, make_organizer
from tests.moments import NOON
from ticketing.models import Act
from tickets.webhooks.models import WebhookEndpoint, WebhookMessage
from tickets.webhooks.sending import forget_webhooks, send_again, send_test, switch_off, switch_on

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def make_endpoint() -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(organizer=make_organizer(), url="https://shop.test/")


def make_message(
    endpoint: WebhookEndpoint, *, due: datetime | None, created: datetime = NOON
) -> WebhookMessage:
    message = send_test(endpoint=endpoint, actor=SOMEBODY, now=created)
    WebhookMessage.objects.filter(pk=message.pk).update(next_attempt_at=due)
    return message


def due_at(message: WebhookMessage) -> datetime | None:
    return WebhookMessage.objects.values_list("next_attempt_at", flat=True).get(pk=message.pk)


def acts(kind: str) -> int:
    return Act.objects.filter(type=kind).count()


def test_sending_a_message_again_restarts_its_attempts():
    message = make_message(make_endpoint(), due=None)
    WebhookMessage.objects.update(attempts=4, delivered_at=NOON)

    send_again(message_id=message.pk, actor=SOMEBODY, now=NOON + MINUTE)

    message.refresh_from_db()
    assert (message.attempts, message.delivered_at) == (0, None)
    assert message.next_attempt_at == NOON + MINUTE
    act = Act.objects.get(type="message.sent_again")
    assert (act.subject_id, act.details) == (message.pk, {"type": "webhook.test"})


def test_switching_an_endpoint_on_sends_its_waiting_messages_at_once():
    endpoint, other = make_endpoint(), make_endpoint()
    later = NOON + timedelta(hours=9)
    waiting, elsewhere = make_message(endpoint, due=later), make_message(other, due=later)
    overdue, delivered = make_message(endpoint, due=NOON), make_message(endpoint, due=None)
    switch_off(endpoint_id=endpoint.pk, actor=SOMEBODY, now=NOON)

    switch_on(endpoint_id=endpoint.pk, actor=SOMEBODY, now=NOON + MINUTE)
    assert acts("webhook.switched_on") == 1
    switch_on(endpoint_id=endpoint.pk, actor=SOMEBODY, now=NOON + MINUTE)

    endpoint.refresh_from_db()
    assert endpoint.disabled_at is None
    assert acts("webhook.switched_on") == acts("webhook.switched_off") == 1
    assert [due_at(each) for each in (waiting, overdue, delivered, elsewhere)] == [
        NOON + MINUTE, NOON, None, later,
    ]  # fmt: skip


def test_only_messages_that_are_given_up_are_logged(caplog: pytest.LogCaptureFixture):
    endpoint = make_endpoint()
    long_ago = NOON - WebhookMessage.WAITS - MINUTE
    make_message(endpoint, due=None, created=long_ago)
    forget_webhooks(now=NOON)
    assert "Gave up" not in caplog.text

    waiting = make_message(endpoint, due=NOON, created=long_ago)
    forget_webhooks(now=NOON)

    assert "Gave up 1 webhook messages" in caplog.text
    assert due_at(waiting) is None


def test_old_messages_that_do_not_wait_are_deleted():
    on, off = make_endpoint(), make_endpoint()
    limit = NOON - WebhookMessage.KEPT
    gone = [
        make_message(on, due=None, created=limit - MINUTE),
        make_message(off, due=NOON, created=limit - MINUTE),
    ]
    kept = [
        make_message(on, due=None, created=limit),
        make_message(off, due=NOON, created=limit),
        make_message(on, due=NOON, created=NOON - DAY),
    ]
    switch_off(endpoint_id=off.pk, actor=SOMEBODY, now=NOON)

    forget_webhooks(now=NOON)

    left = set(WebhookMessage.objects.values_list("pk", flat=True))
    assert left == {message.pk for message in kept}
    assert not left & {message.pk for message in gone}
