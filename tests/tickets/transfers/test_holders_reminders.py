"""Reminders to people who accepted a ticket: one to each, and none to those who want none."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from events.organizing import cancel_event
from tests.make import SOMEBODY, make_event, make_ticket, make_transfer
from tests.queue import RecordingQueue
from ticketing import clock
from tickets.models import Ticket, Transfer, TransferMail, TransferMailKind
from tickets.notices.reminders import BEFORE, stop_reminders, write_due_reminders
from tickets.refund import refund_order
from tickets.transfers.links import transfer_link
from tickets.transfers.sending import send_transfer_mail

pytestmark = pytest.mark.django_db(transaction=True)


def handed_on() -> Transfer:
    """Return the accepted transfer of a ticket, some days before its event."""
    ticket = make_ticket(ticket_type=make_event().ticket_types.get())
    return make_transfer(ticket=ticket, email="bia@example.com")


def remind(queue: RecordingQueue, transfer: Transfer) -> list[Any]:
    """Let the beat of the day before ask for reminders, and return those to the new holder."""
    queue.run_all()
    mail.outbox.clear()
    now = transfer.ticket.event.starts_at - BEFORE
    write_due_reminders(now=now)
    write_due_reminders(now=now + timedelta(minutes=1))
    for asked in TransferMail.objects.filter(kind=TransferMailKind.REMINDER):
        send_transfer_mail(mail_id=asked.pk, now=now)
        send_transfer_mail(mail_id=asked.pk, now=now)
    return [each for each in mail.outbox if each.to == [transfer.email]]


def test_a_new_holder_is_reminded_once_with_links_of_their_own(queue: RecordingQueue):
    transfer = handed_on()

    (letter,) = remind(queue, transfer)

    assert letter.subject == f"Coming up: {transfer.ticket.event.name}"
    for body in (letter.body, letter.html):
        assert "Hello, Bia Lima!" in body
        assert f"/transfer/{transfer.pk}/?token=trf_" in body
        assert f"/transfer/{transfer.pk}/reminders?token=trf_" in body
        assert "lnk_" not in body


def test_a_new_holder_stops_reminders_by_a_button(queue: RecordingQueue):
    transfer = handed_on()
    client = Client(headers={"accept-language": "en"})
    client.get(transfer_link(transfer, "reminders").removeprefix("http://localhost:8000"))
    page = f"/transfer/{transfer.pk}/reminders"

    before = client.get(page).content.decode()
    stopped = client.post(page)
    after = client.get(page).content.decode()

    assert "we send a reminder to bia@example.com" in before
    assert (stopped.status_code, stopped.headers["Location"]) == (303, page)
    assert "bia@example.com gets no more reminders." in after
    assert "Remind me again" in after
    assert Client().post(page).status_code == 404
    assert remind(queue, transfer) == []
    assert TransferMail.objects.get(kind=TransferMailKind.REMINDER).sent_at is not None


def test_the_stop_of_the_buyer_does_not_stop_the_new_holders_reminder(queue: RecordingQueue):
    transfer = handed_on()
    stop_reminders(address="ana@example.com", now=clock.now())

    assert len(remind(queue, transfer)) == 1


def test_a_person_who_accepts_on_the_last_day_has_the_tickets_mail(queue: RecordingQueue):
    transfer = handed_on()
    late = transfer.ticket.event.starts_at - BEFORE + timedelta(minutes=5)
    Transfer.objects.update(accepted_at=late)

    assert remind(queue, transfer) == []


@pytest.mark.parametrize("end", ["refunded", "cancelled", "used"])
def test_what_is_no_use_any_more_is_not_sent(queue: RecordingQueue, end: str):
    transfer = handed_on()
    queue.run_all()
    now = transfer.ticket.event.starts_at - BEFORE
    write_due_reminders(now=now)
    if end == "refunded":
        refund_order(order_id=transfer.ticket.order_id, actor=SOMEBODY, now=clock.now())
    elif end == "cancelled":
        cancel_event(event_id=transfer.ticket.event_id, actor=SOMEBODY, now=clock.now())
    else:
        valid = Ticket.objects.filter(transfer=transfer)
        valid.update(status="used", used_at=clock.now())
    mail.outbox.clear()

    asked = TransferMail.objects.get(kind=TransferMailKind.REMINDER)
    send_transfer_mail(mail_id=asked.pk, now=now)

    assert mail.outbox == []
    asked.refresh_from_db()
    assert asked.sent_at is not None
