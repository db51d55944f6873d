"""The mails about transfers: who gets which, with which ticket, and which are closed unsent."""

from typing import Any

import pytest
from django.core import mail

from orders.models import Order
from tests.make import SOMEBODY, make_paid_order, make_ticket, make_transfer
from tests.queue import RecordingQueue
from tests.tickets.documents.test_pdf import codes_in
from ticketing import clock
from tickets.models import Ticket, TransferMail
from tickets.transfers.accepting import accept_transfer, ticket_of_transfer
from tickets.transfers.mails import compose_received_mail
from tickets.transfers.offering import NewHolder, offer_ticket

pytestmark = pytest.mark.django_db(transaction=True)


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
