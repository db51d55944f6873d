"""The mails about transfers: who gets which, with which ticket, and which are closed unsent."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from orders.models import Order
from tests.make import SOMEBODY, make_paid_order, make_ticket, make_transfer
from tests.queue import RecordingQueue
from tests.tickets.documents.test_pdf import codes_in
from ticketing import clock
from tickets.models import Ticket, Transfer, TransferMail, TransferMailKind
from tickets.transfers.accepting import accept_transfer, ticket_of_transfer
from tickets.transfers.mails import compose_received_mail
from tickets.transfers.offering import NewHolder, offer_ticket
from tickets.transfers.sending import send_transfer_mail

pytestmark = pytest.mark.django_db(transaction=True)

BIA = "bia@example.com"


def letters_to(address: str) -> list[Any]:
    return [each for each in mail.outbox if each.to == [address]]


def test_who_has_handed_the_ticket_on_before_its_mail_leaves_gets_no_code_of_the_next_holder(
    queue: RecordingQueue,
):
    bia = make_transfer(ticket=make_ticket(), email="bia@example.com", name="Bia")
    hers = ticket_of_transfer(bia)
    assert hers is not None
    caio = offer_ticket(
        order_id=hers.order_id,
        ticket_id=hers.pk,
        to=NewHolder("Caio", "caio@example.com", "en"),
        actor=SOMEBODY,
        now=clock.now(),
        giver=bia.pk,
    )
    accept_transfer(transfer_id=caio.pk, holder_name="Caio", now=clock.now())

    queue.run_all()

    assert [each.subject.partition(":")[0] for each in letters_to("bia@example.com")] == [
        "Ticket handed on"
    ]
    (told,) = letters_to("ana@example.com")
    assert told.subject.startswith("Ingresso transferido: ")
    # What was not sent is closed.
    assert not TransferMail.objects.filter(sent_at=None).exists()


def test_a_giver_without_an_address_is_not_told_and_the_new_holder_gets_the_ticket(
    queue: RecordingQueue,
):
    ticket = make_ticket()
    queue.sent.clear()
    Order.objects.update(customer_email="")
    make_transfer(ticket=ticket, email="bia@example.com")

    queue.run_all()

    assert [each.to for each in mail.outbox] == [["bia@example.com"]]


def test_the_new_holder_gets_the_picture_the_calendar_and_a_pdf_of_that_ticket_alone():
    order = make_paid_order(quantity=2)
    transfer = make_transfer(ticket=Ticket.objects.of_order(order.pk)[0], email="bia@example.com")
    received = ticket_of_transfer(transfer)
    assert received is not None

    letter = compose_received_mail(transfer=transfer, ticket=received, now=clock.now())

    pdf, calendar = letter.files
    assert codes_in(pdf.content) == [received.code]
    assert calendar.kind.startswith("text/calendar")
    assert [picture.file_name for picture in letter.pictures] == [f"ticket-{order.code}-1.png"]


def send_each_kind(transfer: Transfer, now: datetime) -> dict[str, tuple[list[str], str]]:
    """Send one mail of each kind about a transfer. Return those that left, by kind."""
    left = {}
    for kind in TransferMailKind.values:
        columns = {"asked_at": now, "ask_again_at": now, "sent_at": None, "goes_at": None}
        about, _ = TransferMail.objects.update_or_create(
            transfer=transfer, kind=kind, defaults=columns
        )
        mail.outbox.clear()
        send_transfer_mail(mail_id=about.pk, now=now)
        about.refresh_from_db()
        assert (about.sent_at, about.leased_until) == (now, None)
        for letter in mail.outbox:
            left[kind] = (letter.to, letter.subject.partition(":")[0])
    return left


def test_each_mail_about_a_transfer_leaves_while_it_says_something_true(settings: Any):
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 0
    ticket = make_ticket()
    Order.objects.update(language="en")
    # The day before the event, when reminders leave.
    now = ticket.event.starts_at - timedelta(days=1)
    transfer = make_transfer(ticket=ticket, email=BIA, accepted=False)
    Transfer.objects.update(expires_at=now + timedelta(hours=1))
    kinds = TransferMailKind
    offered = send_each_kind(transfer, now)

    accept_transfer(transfer_id=transfer.pk, holder_name="Bia Lima", now=now)
    accepted = send_each_kind(transfer, now)
    Ticket.objects.filter(transfer=transfer).update(status="revoked", revoked_at=now)
    ended = send_each_kind(transfer, now)

    # Nobody asks for that one before the acceptance.
    offered.pop(kinds.HANDED_ON)
    assert offered == {kinds.OFFER: ([BIA], "Ana Souza sends you a ticket")}
    assert accepted == {
        kinds.TICKET: ([BIA], "Your ticket"),
        kinds.CHANGED: ([BIA], "Changed"),
        kinds.ENDED: ([BIA], "Ticket ended"),
        kinds.REMINDER: ([BIA], "Coming up"),
        kinds.HANDED_ON: (["ana@example.com"], "Ticket handed on"),
    }
    assert ended == {kinds.ENDED: ([BIA], "Ticket ended")}
