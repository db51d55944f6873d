"""Reminders: one to each order the day before, and none to those who want none."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from events.models import Event
from orders.models import Order
from orders.page_link import order_link, order_path
from tests.make import SOMEBODY, make_event, make_paid_order
from tests.queue import RecordingQueue
from tests.race import race
from ticketing import clock
from tickets.models import Ticket
from tickets.notices import reminders
from tickets.notices.reminder_models import NoReminders, Reminder
from tickets.notices.reminders import (
    BEFORE,
    LATEST,
    compose_reminder,
    send_reminder,
    stop_reminders,
    wants_no_reminders,
    write_due_reminders,
)
from tickets.refund import refund_order
from tickets.sweep import retry_waiting_work

pytestmark = pytest.mark.django_db(transaction=True)

A_MINUTE = timedelta(minutes=1)


def order_of(event: Event | None = None) -> Order:
    order = make_paid_order(ticket_type=(event or make_event()).ticket_types.get())
    return Order.objects.select_related("event__organizer").get(pk=order.pk)


def the_day_before(order: Order) -> datetime:
    return order.event.starts_at - BEFORE


def send_all(now: datetime) -> list[Any]:
    """Send all reminders that wait, and return the mails about them."""
    mail.outbox.clear()
    for reminder in Reminder.objects.filter(sent_at=None):
        send_reminder(order_id=reminder.pk, now=now)
    return list(mail.outbox)


def test_each_paid_order_is_reminded_once_the_day_before(queue: RecordingQueue):
    order = order_of()
    now = the_day_before(order)

    early = write_due_reminders(now=now - A_MINUTE)
    counts = [write_due_reminders(now=now + step * A_MINUTE) for step in range(3)]

    assert (early, counts) == (0, [1, 0, 0])
    (sent,) = send_all(now)
    assert sent.to == ["ana@example.com"]
    assert sent.subject == f"Está chegando: {order.event.name}"
    assert send_all(now) == []


def test_nobody_is_reminded_shortly_before_nor_after_the_start():
    order = order_of()

    assert write_due_reminders(now=order.event.starts_at - LATEST) == 0
    assert write_due_reminders(now=order.event.starts_at) == 0


def test_a_buyer_of_the_last_day_has_the_tickets_mail_and_gets_no_reminder():
    order = order_of()
    Order.objects.filter(pk=order.pk).update(paid_at=the_day_before(order) + A_MINUTE)

    assert write_due_reminders(now=the_day_before(order) + 2 * A_MINUTE) == 0


def test_a_large_event_is_reminded_in_batches(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reminders, "BATCH", 2)
    event = make_event()
    orders = [order_of(event) for _ in range(5)]
    # Orders of one moment are told apart by their rows.
    Order.objects.update(created_at=orders[0].created_at)
    now = the_day_before(orders[0])

    counts = [write_due_reminders(now=now) for _ in range(4)]

    assert counts == [2, 2, 1, 0]
    assert Reminder.objects.count() == 5


def test_two_beats_at_once_write_each_row_once():
    order = order_of()
    now = the_day_before(order)

    outcomes = race(*[lambda: write_due_reminders(now=now)] * 4)

    assert sorted(outcomes, key=str) == [0, 0, 0, 1]


@pytest.mark.parametrize(
    "change",
    [
        lambda order: refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now()),
        lambda _order: Event.objects.update(status="cancelled"),
        lambda order: Event.objects.update(
            starts_at=order.event.starts_at + timedelta(days=7),
            ends_at=order.event.ends_at + timedelta(days=7),
        ),
        lambda _order: Ticket.objects.update(status="revoked", revoked_at=clock.now()),
        lambda _order: Order.objects.update(customer_email=""),
    ],
    ids=["refunded", "cancelled", "moved", "blocked", "without an address"],
)
def test_what_is_no_use_any_more_is_not_sent(change: Any):
    order = order_of()
    now = the_day_before(order)
    write_due_reminders(now=now)
    change(order)

    assert send_all(now) == []
    assert Reminder.objects.get().sent_at is not None


def test_the_sweep_sends_a_reminder_whose_message_was_lost(queue: RecordingQueue):
    order = order_of()
    now = the_day_before(order)
    write_due_reminders(now=now)
    queue.sent.clear()

    retry_waiting_work(now=now + 3 * A_MINUTE)

    assert [ids for message, ids in queue.sent if message == "tickets.send_reminder"] == [
        {"order_id": str(order.pk)}
    ]


@pytest.mark.parametrize(
    ("language", "words"),
    [("pt-br", ["Está quase na hora", "Abrir meus ingressos"]), ("en", ["It is almost time"])],
)
def test_the_reminder_leads_to_the_tickets_and_to_no_more_reminders(
    language: str, words: list[str]
):
    order = order_of()
    order.language = language

    letter = compose_reminder(order=order)

    for body in (letter.body, letter.html):
        assert all(word in body for word in words)
        assert order.event.venue in body
        assert f"/o/{order.pk}/tickets?token=lnk_" in body
        assert f"/o/{order.pk}/reminders?token=lnk_" in body
        assert not any(ticket.code in body for ticket in order.tickets.all())


def test_the_reader_of_the_mail_stops_reminders_to_the_address_by_a_button():
    order, other = order_of(), order_of()
    browser = Client(headers={"accept-language": "en"})
    path = f"{order_path(order.pk)}reminders"
    browser.get(order_link(order, "reminders").removeprefix("http://localhost:8000"))

    before = browser.get(path).content.decode()
    followed = wants_no_reminders("ana@example.com")
    stopped = browser.post(path)
    after = browser.get(path).content.decode()

    assert not followed
    assert "No more reminders" in before
    assert (stopped.status_code, stopped.headers["Location"]) == (303, path)
    assert "ana@example.com gets no more reminders." in after
    assert "ana" not in NoReminders.objects.get().recipient
    write_due_reminders(now=the_day_before(other))
    assert send_all(the_day_before(other)) == []
    assert Client().post(path).status_code == 404


def test_a_stop_outlives_a_new_secret_key(settings):
    stop_reminders(address="ana@example.com", now=clock.now())
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-of-the-server-that-is-long-enough-for-a-test"

    assert wants_no_reminders("ANA@example.com")
    assert not wants_no_reminders("bia@example.com")
