"""Reminders: one to each order the day before, and none to those who want none."""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from events.models import Event
from orders.models import Order
from orders.page_link import order_link, order_path
from tests.make import (
    SOMEBODY,
    make_event,
    make_paid_order,
    make_reservation,
    make_reserved_order,
    make_transfer,
)
from tests.moments import NOON
from tests.queue import RecordingQueue
from tests.race import locked, race
from ticketing import clock
from ticketing.queue.messages import Message
from tickets.models import Ticket, Transfer, TransferMail
from tickets.notices import reminders
from tickets.notices.reminder_models import EventReminder, NoReminders, Reminder
from tickets.notices.reminders import (
    BEFORE,
    LATEST,
    compose_reminder,
    is_time_to_remind,
    resume_reminders,
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


def test_only_paid_orders_with_an_address_of_an_event_that_is_due_are_reminded(
    queue: RecordingQueue,
):
    elsewhere, order, draft = order_of(), order_of(), order_of()
    now = the_day_before(order)
    # It was begun, and its event was moved then.
    begun = EventReminder.objects.create(event=elsewhere.event)
    make_reserved_order(ticket_type=order.event.ticket_types.get())
    for column, value in (("customer_email", ""), ("status", "refunded")):
        Order.objects.filter(pk=order_of(order.event).pk).update(**{column: value})
    # Exactly a day before the start is no order of the last day.
    Order.objects.filter(pk=order.pk).update(paid_at=now)
    for other, fields in ((elsewhere, {"starts_at": now + BEFORE + A_MINUTE}), (draft, {})):
        Event.objects.filter(pk=other.event_id).update(
            **({"starts_at": now + BEFORE, "ends_at": now + 2 * BEFORE} | fields)
        )
    Event.objects.filter(pk=draft.event_id).update(status="draft")
    queue.sent.clear()

    assert write_due_reminders(now=now) == 1

    reminder = Reminder.objects.get()
    assert (reminder.order_id, reminder.asked_at) == (order.pk, now)
    assert queue.sent == [(Message.SEND_REMINDER, {"order_id": str(order.pk)})]
    assert EventReminder.objects.get(event=order.event).finished_at == now
    begun.refresh_from_db()
    assert begun.finished_at is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"starts_at": NOON}, False),
        ({"starts_at": NOON + timedelta(seconds=1)}, True),
        ({"starts_at": NOON + 2 * BEFORE}, True),
        ({"starts_at": NOON + 2 * BEFORE + timedelta(seconds=1)}, False),
        ({"starts_at": NOON + BEFORE, "status": "cancelled"}, False),
    ],
)
def test_a_reminder_is_of_use_from_two_days_before_the_start(
    fields: dict[str, Any],
    expected: bool,  # noqa: FBT001
):
    event = Event(**({"status": "published"} | fields))

    assert is_time_to_remind(event, NOON) is expected


def test_people_to_whom_tickets_were_handed_on_are_reminded_of_valid_tickets_of_these_orders(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reminders, "BATCH", 1)
    event = make_event()
    order, _next, elsewhere = (
        make_paid_order(ticket_type=kind, quantity=4)
        for kind in (*[event.ticket_types.get()] * 2, make_event().ticket_types.get())
    )
    now = event.starts_at - BEFORE
    later = {"starts_at": event.starts_at + BEFORE, "ends_at": event.ends_at + BEFORE}
    Event.objects.filter(pk=elsewhere.event_id).update(**later)
    handed_on = [
        make_transfer(ticket=ticket, email=f"bia{place}@example.com")
        for place, ticket in enumerate(
            [*Ticket.objects.of_order(order.pk)[:3], Ticket.objects.of_order(elsewhere.pk)[0]]
        )
    ]
    early, late, ended, _elsewhere = (transfer.pk for transfer in handed_on)
    Transfer.objects.update(accepted_at=now)
    Transfer.objects.filter(pk=late).update(accepted_at=now + A_MINUTE)
    Ticket.objects.filter(transfer=ended).update(status="revoked", revoked_at=now)
    queue.sent.clear()

    write_due_reminders(now=now)

    mails = TransferMail.objects.filter(kind="reminder")
    assert [(each.transfer_id, each.asked_at) for each in mails] == [(early, now)]
    assert (Message.SEND_TRANSFER_MAIL, {"mail_id": str(mails.get().pk)}) in queue.sent


def test_beats_wait_for_no_other_and_for_nobody_who_changes_the_event():
    order = order_of()
    now = the_day_before(order)
    state = EventReminder.objects.create(event=order.event)

    with locked(state):
        meanwhile = write_due_reminders(now=now)
    with locked(order.event):
        assert (meanwhile, write_due_reminders(now=now)) == (0, 1)


def test_an_event_that_another_beat_finishes_meanwhile_is_left_to_it(
    monkeypatch: pytest.MonkeyPatch,
):
    first, second = order_of(), order_of()
    now = the_day_before(first)
    Event.objects.filter(pk=second.event_id).update(starts_at=now + BEFORE - A_MINUTE)
    Event.objects.filter(pk=first.event_id).update(starts_at=now + BEFORE - 2 * A_MINUTE)
    Order.objects.update(paid_at=now - BEFORE)

    def while_the_second_is_finished(*arguments: Any, **named: Any) -> None:
        EventReminder.objects.get_or_create(event=second.event, defaults={"finished_at": NOON})

    monkeypatch.setattr(reminders, "mail_new_holders", while_the_second_is_finished)

    assert write_due_reminders(now=now) == 1
    assert Reminder.objects.get().order == first
    assert EventReminder.objects.get(event=second.event).finished_at == NOON


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
        lambda order: make_transfer(ticket=order.tickets.get(), email="bia@example.com"),
    ],
    ids=["refunded", "cancelled", "moved", "blocked", "without an address", "handed on"],
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


def test_who_only_reserved_with_an_address_neither_sees_nor_stops_its_reminders():
    reservation = make_reservation()
    path = order_path(reservation.order_id)
    browser = Client()
    browser.get(f"{path}reminders", {"token": reservation.token.text})

    answers = [browser.get(f"{path}reminders"), browser.post(f"{path}reminders")]

    assert [(answer.status_code, answer.headers["Location"]) for answer in answers] == [
        (303, path)
    ] * 2
    assert not wants_no_reminders("ana@example.com")


@pytest.mark.parametrize(
    ("language", "button"), [("en", "Remind me again"), ("pt-br", "Voltar a receber lembretes")]
)
def test_the_reader_of_the_mail_gets_reminders_again_by_a_button(language: str, button: str):
    order = order_of()
    browser = Client(headers={"accept-language": language})
    path = f"{order_path(order.pk)}reminders"
    browser.get(order_link(order, "reminders").removeprefix("http://localhost:8000"))
    browser.post(path)
    stop_reminders(address="bia@example.com", now=NOON)

    stopped = browser.get(path).content.decode()
    resumed = browser.post(path, {"remind": "yes"})

    assert button in stopped
    assert (resumed.status_code, resumed.headers["Location"]) == (303, path)
    assert button not in browser.get(path).content.decode()
    assert wants_no_reminders("bia@example.com")
    write_due_reminders(now=the_day_before(order))
    assert len(send_all(the_day_before(order))) == 1


def test_reminders_resume_also_if_they_were_stopped_under_an_older_secret_key(settings: Any):
    stop_reminders(address="ana@example.com", now=NOON)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-of-the-server-that-is-long-enough-for-a-test"
    stop_reminders(address="ana@example.com", now=NOON)

    resume_reminders(address="ANA@example.com")

    assert not NoReminders.objects.exists()


def test_a_stop_outlives_a_new_secret_key(settings):
    stop_reminders(address="ana@example.com", now=clock.now())
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-of-the-server-that-is-long-enough-for-a-test"

    assert wants_no_reminders("ANA@example.com")
    assert not wants_no_reminders("bia@example.com")
    # Once asked for with both keys, it outlives the removal of the old one.
    settings.SECRET_KEY_FALLBACKS = []
    assert wants_no_reminders("ana@example.com")


def test_a_repeated_stop_changes_nothing_and_its_digest_is_that_of_each_release(settings: Any):
    settings.SECRET_KEY = "a-key-of-the-server-that-is-long-enough-for-a-test"
    for address, now in (("Ana+news@example.com", NOON), ("ana@example.com", NOON + BEFORE)):
        stop_reminders(address=address, now=now)

    # Stops are kept for ever, so a release that derives another digest would forget them.
    key = hashlib.sha256(b"notices.reminders" + settings.SECRET_KEY.encode()).digest()
    digest = hmac.new(key, b"ana@example.com", hashlib.sha256).hexdigest()
    assert list(NoReminders.objects.values_list("recipient", "since")) == [(digest[:32], NOON)]
