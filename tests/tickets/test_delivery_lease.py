"""The lease of a delivery: if two workers get its message, one of them sends the mail."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend

from tests.make import make_paid_order
from ticketing import clock, mailing
from ticketing.mail_lease import LEASE
from tickets import delivery
from tickets.delivery import deliver_tickets
from tickets.mail import compose_ticket_mail
from tickets.models import Delivery

pytestmark = pytest.mark.django_db(transaction=True)

A_SECOND = timedelta(seconds=1)


class Unreachable(BaseEmailBackend):
    """A mail server that cannot be reached."""

    def send_messages(self, email_messages: object) -> int:
        raise ConnectionError


def test_a_repeated_message_sends_nothing_while_the_first_still_sends(
    monkeypatch: pytest.MonkeyPatch,
):
    order, now = make_paid_order(), clock.now()
    compose = compose_ticket_mail

    def compose_while_the_message_is_repeated(**arguments: Any) -> Any:
        monkeypatch.setattr(delivery, "compose_ticket_mail", compose)
        deliver_tickets(order_id=order.pk, now=now + A_SECOND)
        return compose(**arguments)

    monkeypatch.setattr(delivery, "compose_ticket_mail", compose_while_the_message_is_repeated)
    deliver_tickets(order_id=order.pk, now=now)

    assert len(mail.outbox) == 1


def test_the_next_worker_sends_after_a_lease_has_expired():
    order, now = make_paid_order(), clock.now()
    Delivery.objects.filter(order=order).update(leased_until=now)

    deliver_tickets(order_id=order.pk, now=now - A_SECOND)
    sent_before = len(mail.outbox)
    deliver_tickets(order_id=order.pk, now=now)

    assert (sent_before, len(mail.outbox)) == (0, 1)


def test_a_lease_is_longer_than_the_time_limit_of_a_task(settings):
    assert timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT) < LEASE


def test_a_mail_that_failed_may_be_retried_at_once(monkeypatch: pytest.MonkeyPatch):
    order, now = make_paid_order(), clock.now()
    with monkeypatch.context() as patch:
        patch.setattr(mailing, "open_mail", Unreachable)
        with pytest.raises(ConnectionError):
            deliver_tickets(order_id=order.pk, now=now)

    deliver_tickets(order_id=order.pk, now=now + A_SECOND)

    assert len(mail.outbox) == 1
    assert Delivery.objects.get(order=order).leased_until is None
