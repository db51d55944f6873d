"""Offers of tickets: what bounds them, which of them are open, and what is on record."""

from datetime import datetime, timedelta

import pytest
from django.core import mail
from django.db import connection

from orders.insertion import Customer
from orders.models import Order
from orders.payment import confirm_payment
from orders.pricing import WantedTickets
from orders.reservation import reserve_tickets
from tests.make import SOMEBODY, make_event, make_paid_order, make_ticket, make_ticket_type
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.ids import new_id
from ticketing.models import Act
from tickets.models import Ticket, Transfer, TransferMail
from tickets.replacement import TicketNotValid
from tickets.settlement import settle_order
from tickets.transfers import offering
from tickets.transfers.accepting import accept_transfer, ticket_of_transfer
from tickets.transfers.offering import (
    NewHolder,
    TooManyTransfers,
    TransfersNotAllowed,
    count_ended_offers,
    is_open,
    offer_ticket,
    open_offers,
    withdraw_transfer,
)

pytestmark = pytest.mark.django_db(transaction=True)

BIA = NewHolder("Bia Lima", "bia@example.com", "en")
DAY = timedelta(days=1)


def offer(ticket: Ticket, now: datetime, *, to: NewHolder | None = None) -> Transfer:
    """Offer a ticket to `to`, or to a person whom nothing was offered before."""
    email = f"eva{Transfer.objects.count()}@example.com"
    return offer_ticket(
        order_id=ticket.order_id,
        ticket_id=ticket.pk,
        to=to or NewHolder("Eva Reis", email, "en"),
        actor=SOMEBODY,
        now=now,
        giver=ticket.transfer_id,
    )


def withdraw(ticket: Ticket, now: datetime) -> None:
    withdraw_transfer(order_id=ticket.order_id, ticket_id=ticket.pk, actor=SOMEBODY, now=now)


def offer_and_withdraw(ticket: Ticket, times: int) -> None:
    for _ in range(times):
        offer(ticket, clock.now())
        withdraw(ticket, clock.now())


def order_of_two_types() -> list[Ticket]:
    """Return the tickets of an order of two in one type, and one in another."""
    pista = make_ticket_type()
    vip = make_ticket_type(event=pista.event, name="VIP")
    reserved = reserve_tickets(
        event_id=pista.event_id,
        wanted=[WantedTickets(pista.pk, 2), WantedTickets(vip.pk, 1)],
        customer=Customer("Ana Souza", "ana@example.com", "en"),
        now=clock.now(),
    )
    order = Order.objects.get(pk=reserved.order_id)
    confirm_payment(order=order, method="card", token="tok_approved", now=clock.now())
    settle_order(order_id=order.pk, now=clock.now())
    return list(order.tickets.order_by("ticket_type__name", "position"))


def test_only_offers_of_the_same_place_count(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(offering, "MOST_OFFERS", 2)
    first, second, vip = order_of_two_types()
    offer_and_withdraw(second, 2)
    offer_and_withdraw(vip, 2)

    offer_and_withdraw(first, 2)
    with pytest.raises(TooManyTransfers):
        offer(first, clock.now())


def test_offers_of_one_ticket_count_for_its_whole_life(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(offering, "MOST_OFFERS", 2)
    ticket = make_ticket()
    offer_and_withdraw(ticket, 2)
    Transfer.objects.update(created_at=clock.now() - 2 * DAY)

    with pytest.raises(TooManyTransfers):
        offer(ticket, clock.now())


def test_offers_of_earlier_holders_count_for_a_day(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(offering, "MOST_OFFERS", 1)
    first, now = make_ticket(), clock.now()
    transfer = offer(first, now)
    accept_transfer(transfer_id=transfer.pk, holder_name="Bia", now=now)
    received = ticket_of_transfer(transfer)
    assert received is not None

    with pytest.raises(TooManyTransfers):
        offer(received, now + DAY - timedelta(seconds=1))
    assert offer(received, now + DAY).ticket == received


def test_a_new_offer_leaves_the_moment_at_which_an_earlier_one_was_withdrawn():
    ticket, now = make_ticket(), clock.now()
    first = offer(ticket, now)
    withdraw(ticket, now)

    offer(ticket, now + DAY)

    first.refresh_from_db()
    assert first.withdrawn_at == now


def test_nothing_is_offered_at_the_end_of_the_event_and_no_ticket_of_another_order():
    order, another = make_paid_order(), make_ticket()
    (own,) = Ticket.objects.of_order(order.pk)

    with pytest.raises(TransfersNotAllowed):
        offer(own, own.event.ends_at)
    with pytest.raises(TicketNotValid):
        offer_ticket(
            order_id=order.pk, ticket_id=another.pk, to=BIA, actor=SOMEBODY, now=clock.now()
        )


def test_the_open_offers_of_an_order_are_neither_accepted_withdrawn_expired_nor_anothers():
    order = make_paid_order(ticket_type=make_event().ticket_types.get(), quantity=4)
    tickets, now = list(Ticket.objects.of_order(order.pk)), clock.now()
    offers = [offer(ticket, now) for ticket in tickets]
    offer(make_ticket(), now)
    accept_transfer(transfer_id=offers[1].pk, holder_name="Bia", now=now)
    withdraw(tickets[2], now)
    later = now + timedelta(hours=1)
    Transfer.objects.filter(pk=offers[3].pk).update(expires_at=later)

    assert set(open_offers(order, now=now)) == {tickets[0].pk, tickets[3].pk}
    assert set(open_offers(order, now=later)) == {tickets[0].pk}


def test_an_offer_and_its_withdrawal_are_on_record_and_store_their_responses():
    ticket, another = make_ticket(), make_ticket()
    stored: list[tuple[bool, object]] = []

    made = offer_ticket(
        order_id=ticket.order_id,
        ticket_id=ticket.pk,
        to=BIA,
        actor=SOMEBODY,
        now=clock.now(),
        store_response=lambda new: stored.append((connection.in_atomic_block, new.pk)),
    )
    # Of another order, it is not withdrawn.
    withdraw_transfer(
        order_id=another.order_id, ticket_id=ticket.pk, actor=SOMEBODY, now=clock.now()
    )
    assert set(open_offers(ticket.order, now=clock.now())) == {ticket.pk}
    withdraw_transfer(
        order_id=ticket.order_id,
        ticket_id=ticket.pk,
        actor=SOMEBODY,
        now=clock.now(),
        store_response=lambda: stored.append((connection.in_atomic_block, None)),
    )

    assert stored == [(True, made.pk), (True, None)]
    acts = Act.objects.filter(type__in=["ticket.offered", "ticket.offer_withdrawn"])
    assert [(act.subject_id, act.details) for act in acts] == [
        (ticket.pk, {"transfer": str(made.pk)})
    ] * 2


def test_a_withdrawal_closes_a_mail_that_waits_and_leaves_one_that_was_sent(
    queue: RecordingQueue, settings
):
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 2
    sent, waiting = (make_ticket() for _ in range(2))
    queue.sent.clear()
    offer(sent, clock.now(), to=BIA)
    queue.run_all()
    left_at = TransferMail.objects.get().sent_at
    # Each offer is booked once under the limit.
    offer(waiting, clock.now(), to=BIA)
    later = clock.now() + timedelta(hours=1)

    for ticket in (sent, waiting):
        withdraw(ticket, later)

    assert [letter.to for letter in mail.outbox] == [[BIA.email]]
    mails = {each.transfer.ticket_id: each.sent_at for each in TransferMail.objects.all()}
    assert mails == {sent.pk: left_at, waiting.pk: later}


def test_an_unknown_ticket_is_not_offered():
    ticket = make_ticket()

    with pytest.raises(TicketNotValid):
        offer_ticket(
            order_id=ticket.order_id, ticket_id=new_id(), to=BIA, actor=SOMEBODY, now=clock.now()
        )


def test_an_offer_is_not_open_at_the_moment_when_it_expires():
    given = offer(make_ticket(), clock.now())

    assert is_open(given, now=given.expires_at - timedelta(microseconds=1))
    assert not is_open(given, now=given.expires_at)


def test_the_ended_offers_of_one_order_are_counted_without_those_that_had_expired():
    now = clock.now()
    open_one, expired, expiring = order_of_two_types()
    for ticket in (open_one, expired, expiring, make_ticket()):
        offer(ticket, now - 2 * DAY)
    offers = Transfer.objects.all()
    offers.filter(ticket=expired).update(expires_at=now - DAY)
    offers.filter(ticket=expiring).update(expires_at=now)
    offers.update(withdrawn_at=now)

    assert count_ended_offers(open_one.order_id, at=now) == 1
    assert count_ended_offers(open_one.order_id, at=now + DAY) == 0
