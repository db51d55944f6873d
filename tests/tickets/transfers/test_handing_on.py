"""A holder who accepted a ticket hands it on again: the codes, the mails, and the bounds."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from orders.page_link import link_token
from tests.make import SOMEBODY, make_paid_order, make_ticket, make_transfer
from tests.queue import RecordingQueue
from ticketing import clock
from tickets.models import Ticket, TicketStatus, Transfer
from tickets.replacement import TicketNotValid
from tickets.transfers import offering
from tickets.transfers.accepting import accept_transfer, ticket_of_transfer
from tickets.transfers.links import transfer_link, transfer_path
from tickets.transfers.offering import (
    MOST_HOLDERS,
    MOST_OFFERS,
    NewHolder,
    TooManyTransfers,
    offer_ticket,
    withdraw_transfer,
)

pytestmark = pytest.mark.django_db(transaction=True)


def hand_on(transfer: Transfer, name: str, *, accepted: bool = True) -> Transfer:
    """Let the holder of an accepted transfer offer the ticket to a person, who accepts it."""
    ticket = ticket_of_transfer(transfer)
    assert ticket is not None
    offer = offer_ticket(
        order_id=ticket.order_id,
        ticket_id=ticket.pk,
        to=NewHolder(name, f"{name.lower()}@example.com", "en"),
        actor=SOMEBODY,
        now=clock.now(),
        giver=transfer.pk,
    )
    if accepted:
        accept_transfer(transfer_id=offer.pk, holder_name=name, now=clock.now())
    return offer


def holder_of(transfer: Transfer) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.get(transfer_link(transfer).removeprefix("http://localhost:8000"))
    return client


def send(client: Client, page: str, fields: dict[str, str], path: str = "") -> Any:
    key = re.search(r'name="form_key" value="([^"]+)"', client.get(page).content.decode())
    return client.post(path or page, {**fields, "form_key": key[1] if key else "none"})


def subjects_to(name: str) -> list[str]:
    """Return the subjects of all mails to a person, without the event."""
    return [each.subject.partition(":")[0] for each in mail.outbox if name in each.to[0].lower()]


def test_each_hop_ends_the_code_before_it(queue: RecordingQueue):
    ticket = make_ticket()
    bia = make_transfer(ticket=ticket, email="bia@example.com", name="Bia")
    caio = hand_on(bia, "Caio")
    queue.run_all()

    tickets = Ticket.objects.order_by("created_at")
    assert [each.status for each in tickets] == ["revoked", "revoked", TicketStatus.VALID]
    assert len({each.code for each in tickets}) == 3
    assert ticket_of_transfer(bia) is None
    now_his = ticket_of_transfer(caio)
    assert now_his is not None
    assert now_his.holder_name == "Caio"


def test_each_person_is_mailed_what_concerns_them(queue: RecordingQueue):
    bia = make_transfer(ticket=make_ticket(), email="bia@example.com", name="Bia")
    queue.run_all()
    mail.outbox.clear()

    hand_on(bia, "Caio")
    queue.run_all()

    assert subjects_to("ana") == []
    assert subjects_to("bia") == ["Ticket handed on"]
    # The offer's mail finds an offer that was accepted already.
    assert subjects_to("caio") == ["Your ticket"]
    told = next(each for each in mail.outbox if "bia" in each.to[0])
    assert "Hello, Bia! Caio has accepted your ticket." in str(told.body)


def test_an_offer_comes_from_the_person_who_has_the_ticket(queue: RecordingQueue):
    bia = make_transfer(ticket=make_ticket(), email="bia@example.com", name="Bia")
    offer = hand_on(bia, "Caio", accepted=False)
    queue.run_all()

    letter = next(each for each in mail.outbox if each.to == ["caio@example.com"])
    page = holder_of(offer).get(transfer_path(offer)).content.decode()

    assert letter.subject.startswith("Bia sends you a ticket: ")
    assert "A ticket from Bia" in page
    assert "Ana Souza" not in str(letter.body) + page


def test_the_buyer_cannot_hand_on_what_is_anothers_ticket():
    bia = make_transfer(ticket=make_ticket(), email="bia@example.com")
    ticket = ticket_of_transfer(bia)
    assert ticket is not None
    to = NewHolder("Dora", "dora@example.com", "en")

    for giver in (None, Transfer.objects.get().ticket_id):
        with pytest.raises(TicketNotValid):
            offer_ticket(
                order_id=ticket.order_id,
                ticket_id=ticket.pk,
                to=to,
                actor=SOMEBODY,
                now=clock.now(),
                giver=giver,
            )


def test_a_ticket_changes_hands_a_few_times_only():
    transfer = make_transfer(ticket=make_ticket(), email="h1@example.com", name="H1")
    for number in range(2, MOST_HOLDERS + 1):
        transfer = hand_on(transfer, f"H{number}")

    with pytest.raises(TooManyTransfers):
        hand_on(transfer, "H9")


def test_offers_of_one_place_are_counted_over_all_its_holders(monkeypatch: pytest.MonkeyPatch):
    bia = make_transfer(ticket=make_ticket(), email="bia@example.com")
    for number in range(MOST_OFFERS - 1):
        offer = hand_on(bia, f"C{number}", accepted=False)
        withdraw_transfer(
            order_id=offer.ticket.order_id,
            ticket_id=offer.ticket_id,
            actor=SOMEBODY,
            now=clock.now(),
        )

    with pytest.raises(TooManyTransfers):
        hand_on(bia, "Caio", accepted=False)
    monkeypatch.setattr(offering, "_DAY", timedelta(0))
    assert hand_on(bia, "Caio", accepted=False).accepted_at is None


def test_a_holder_offers_a_ticket_on_its_page_takes_it_back_and_hands_it_on(
    queue: RecordingQueue,
):
    bia = make_transfer(ticket=make_ticket(), email="bia@example.com")
    client, path = holder_of(bia), transfer_path(bia)
    to = {"name": "Caio", "email": "caio@example.com"}

    before = client.get(path).content.decode()
    sent = send(client, f"{path}offer", to)
    waiting = client.get(path).content.decode()
    taken_back = send(client, f"{path}offer", {}, f"{path}offer/withdraw")
    send(client, f"{path}offer", to)
    offer = Transfer.objects.get(email="caio@example.com", withdrawn_at=None)
    accept_transfer(transfer_id=offer.pk, holder_name="Caio", now=clock.now())
    after = client.get(path).content.decode()

    assert f'href="{path}offer">Transfer to another person' in before
    assert (sent.status_code, sent.headers["Location"]) == (303, f"{path}offer")
    assert "Offered to Caio, who has not accepted it yet." in waiting
    assert taken_back.headers["Location"] == f"{path}offer"
    assert "This ticket was handed on. Caio has it now." in after
    assert "<svg" not in after
    for gone in ("ticket.pdf", "event.ics"):
        assert client.get(f"{path}{gone}").status_code == 404
    assert client.get(f"{path}offer").headers["Location"] == path
    assert client.get(f"{path}offer/withdraw").headers["Location"] == path


def test_the_buyer_sees_no_offer_of_a_later_holder_and_cannot_end_it():
    order = make_paid_order()
    ticket = Ticket.objects.of_order(order.pk).get()
    bia = make_transfer(ticket=ticket, email="bia@example.com")
    offer = hand_on(bia, "Caio", accepted=False)
    buyer = Client(headers={"accept-language": "en"})
    buyer.get(f"/o/{order.pk}/", {"token": link_token(order)})
    page = f"/o/{order.pk}/tickets/1/transfer"

    shown = buyer.get(page).content.decode()
    refused = send(buyer, page, {}, f"{page}/withdraw")

    assert "caio@example.com" not in shown
    assert "Take the offer back" not in shown
    assert refused.status_code == 404
    offer.refresh_from_db()
    assert offer.withdrawn_at is None
