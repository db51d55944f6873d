"""Handing a ticket on: the offer, taking it back, the acceptance, and who gets which code."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from events.models import Event
from events.organizing import cancel_event, change_event
from orders.access import buyer_of
from orders.correction import Contact
from orders.models import Order
from tests.make import SOMEBODY, as_bearer, make_event, make_paid_order
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.mail_limit import TooManyMails
from ticketing.models import Act
from ticketing.tokens import digest_token
from tickets.delivery import resend_tickets
from tickets.models import Delivery, Ticket, TicketStatus, Transfer
from tickets.personal_data import erase_orders
from tickets.redelivery import correct_customer
from tickets.refund import refund_order, refund_tickets
from tickets.replacement import TicketNotValid, replace_ticket, revoke_ticket
from tickets.sweep import retry_waiting_work
from tickets.transfers.accepting import accept_transfer, ticket_of_transfer
from tickets.transfers.offering import (
    LASTS,
    MOST_OFFERS,
    NewHolder,
    TooManyTransfers,
    TransferNotOpen,
    TransferOpen,
    TransfersNotAllowed,
    offer_ticket,
    withdraw_transfer,
)

pytestmark = pytest.mark.django_db(transaction=True)

BIA = NewHolder("Bia Lima", "bia@example.com", "en")


def order_with_tickets(quantity: int = 2, **fields: Any) -> tuple[Order, list[Ticket]]:
    order = make_paid_order(ticket_type=make_event(**fields).ticket_types.get(), quantity=quantity)
    return order, list(Ticket.objects.of_order(order.pk))


def offer(ticket: Ticket, *, to: NewHolder = BIA, now: datetime | None = None) -> Transfer:
    return offer_ticket(
        order_id=ticket.order_id,
        ticket_id=ticket.pk,
        to=to,
        actor=buyer_of(ticket.order),
        now=now or clock.now(),
    )


def accept(
    transfer: Transfer, *, holder_name: str = "Bia Lima", now: datetime | None = None
) -> Ticket:
    accept_transfer(transfer_id=transfer.pk, holder_name=holder_name, now=now or clock.now())
    received = ticket_of_transfer(transfer)
    assert received is not None
    return received


def mails_to(address: str) -> list[str]:
    return [str(each.body) for each in mail.outbox if each.to == [address]]


def test_an_offer_mails_a_link_and_leaves_the_ticket_as_it_is(queue: RecordingQueue):
    order, (first, _second) = order_with_tickets()

    offer(first)
    queue.run_all()

    (body,) = mails_to("bia@example.com")
    assert re.search(r"/transfer/[0-9a-f-]{36}/\?token=trf_[0-9a-f]{64}\b", body)
    assert "Ana Souza sends you a ticket:" in body
    assert first.code not in body
    first.refresh_from_db()
    assert (first.status, first.replaced_by) == (TicketStatus.VALID, None)
    assert Act.objects.get(type="ticket.offered").subject_id == first.pk
    assert "bia" not in str(Act.objects.get(type="ticket.offered").details)
    assert Transfer.objects.get().expires_at - Transfer.objects.get().created_at == LASTS
    assert order.status == "paid"


def test_the_acceptance_ends_the_old_code_and_mails_the_new_one_to_its_holder_alone(
    queue: RecordingQueue,
):
    _order, (first, second) = order_with_tickets()
    transfer = offer(first)
    queue.run_all()
    mail.outbox.clear()

    new = accept(transfer, holder_name="Beatriz Lima")
    queue.run_all()

    first.refresh_from_db()
    assert (first.status, first.replaced_by_id) == (TicketStatus.REVOKED, new.pk)
    assert (new.status, new.holder_name, new.number) == ("valid", "Beatriz Lima", first.number)
    assert new.code != first.code
    (received,), (told,) = mails_to("bia@example.com"), mails_to("ana@example.com")
    assert new.code in received
    assert "Beatriz Lima aceitou o seu ingresso." in told
    assert not any(code in told for code in (new.code, first.code, second.code))
    assert Act.objects.get(type="ticket.transferred").details["replaced_by"] == str(new.pk)


def test_the_buyer_sees_no_code_of_a_ticket_that_was_handed_on(queue: RecordingQueue):
    order, (first, second) = order_with_tickets()
    new = accept(offer(first))
    resend_tickets(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    mail.outbox.clear()
    queue.run_all()

    token = "ord_test"
    Order.objects.filter(pk=order.pk).update(access_token_digest=digest_token(token))
    shown = as_bearer(token).get(f"/orders/{order.pk}/ticket").json()

    assert [ticket["code"] for ticket in shown["tickets"]] == ["", second.code]
    assert shown["tickets"][0]["qr_code_url"] is None
    (body,) = [text for text in mails_to("ana@example.com") if second.code in text]
    assert new.code not in body
    assert f"{order.code}-1" not in body
    assert f"{order.code}-2" in body


def test_a_buyer_who_handed_all_tickets_on_gets_no_empty_mail(queue: RecordingQueue):
    order, (only,) = order_with_tickets(quantity=1)
    accept(offer(only))
    queue.run_all()
    mail.outbox.clear()

    resend_tickets(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    queue.run_all()

    assert mail.outbox == []
    assert Delivery.objects.get(order=order).sent_at is not None


def test_accepting_twice_gives_one_ticket():
    _order, (first, _second) = order_with_tickets()
    transfer = offer(first)

    assert accept(transfer).pk == accept(transfer).pk
    assert Ticket.objects.filter(holder_name="Bia Lima").count() == 1


def test_an_offer_that_was_taken_back_opens_nothing(queue: RecordingQueue):
    order, (first, _second) = order_with_tickets()
    transfer = offer(first)

    for _ in range(2):
        withdraw(first)
    queue.run_all()

    assert mails_to("bia@example.com") == []
    with pytest.raises(TransferNotOpen):
        accept(transfer)
    first.refresh_from_db()
    assert first.status == TicketStatus.VALID
    assert Act.objects.filter(type="ticket.offer_withdrawn").count() == 1
    assert order.status == "paid"


def withdraw(ticket: Ticket) -> None:
    withdraw_transfer(
        order_id=ticket.order_id, ticket_id=ticket.pk, actor=SOMEBODY, now=clock.now()
    )


def test_an_accepted_ticket_cannot_be_taken_back_nor_handed_on_by_the_buyer_again():
    _order, (first, _second) = order_with_tickets()
    new = accept(offer(first))

    with pytest.raises(TransferNotOpen):
        withdraw(first)
    with pytest.raises(TicketNotValid):
        offer(new)
    with pytest.raises(TicketNotValid):
        offer(first)


def test_an_offer_ends_after_a_week_or_with_the_event_and_another_may_follow():
    _order, (first, second) = order_with_tickets()
    now = clock.now()
    old = offer(first, now=now)

    with pytest.raises(TransferNotOpen):
        accept(old, now=now + LASTS)
    again = offer(first, now=now + LASTS)
    late = offer(second, now=first.event.ends_at - timedelta(hours=1))

    assert accept(again, now=now + LASTS).holder_name == "Bia Lima"
    assert late.expires_at == first.event.ends_at


def test_a_ticket_has_one_open_offer_and_few_over_its_life():
    _order, (first, _second) = order_with_tickets()
    offer(first)

    with pytest.raises(TransferOpen):
        offer(first)
    for number in range(1, MOST_OFFERS):
        withdraw(first)
        offer(first, to=NewHolder("Eva", f"eva{number}@example.com", "en"))
    withdraw(first)
    with pytest.raises(TooManyTransfers):
        offer(first)


def test_an_address_that_got_many_mails_gets_no_offer(settings):
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 1
    _order, (first, second) = order_with_tickets()
    offer(first)

    with pytest.raises(TooManyMails):
        offer(second)
    assert Transfer.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"allows_transfers": False},
        {"status": "cancelled"},
        {"starts_at": "2026-01-01T20:00:00Z", "ends_at": "2026-01-01T23:00:00Z"},
    ],
    ids=["not allowed", "cancelled", "over"],
)
def test_the_organizer_decides_at_the_offer_and_at_the_acceptance(change: dict[str, Any]):
    _order, (first, second) = order_with_tickets()
    transfer = offer(first)
    Event.objects.filter(pk=first.event_id).update(**change)

    with pytest.raises(TransfersNotAllowed):
        offer(second)
    with pytest.raises(TransfersNotAllowed):
        accept(transfer)
    first.refresh_from_db()
    assert first.status == TicketStatus.VALID
    assert Transfer.objects.get().accepted_at is None


@pytest.mark.parametrize(
    "end",
    [
        lambda ticket: Ticket.objects.filter(pk=ticket.pk).update(
            status="used", used_at=clock.now()
        ),
        lambda ticket: revoke_ticket(ticket_id=ticket.pk, actor=SOMEBODY, now=clock.now()),
        lambda ticket: refund_tickets(
            order_id=ticket.order_id, ticket_ids=[ticket.pk], actor=SOMEBODY, now=clock.now()
        ),
    ],
    ids=["checked in", "revoked", "refunded"],
)
def test_a_ticket_that_ended_is_neither_offered_nor_accepted(
    end: Callable[[Ticket], object], queue: RecordingQueue
):
    _order, (first, second) = order_with_tickets()
    transfer = offer(first)
    end(first)
    end(second)
    queue.run_all()

    with pytest.raises(TicketNotValid):
        accept(transfer)
    with pytest.raises(TicketNotValid):
        offer(second)
    assert Transfer.objects.get().accepted_at is None
    # Its link would open nothing.
    assert mails_to("bia@example.com") == []


def test_a_replaced_ticket_is_not_offered_any_more_and_its_one_valid_code_can_be(
    queue: RecordingQueue,
):
    order, (first, _second) = order_with_tickets()
    ended = offer(first)

    # Staff correct the name, and later make a new code.
    renamed = replace_ticket(
        ticket_id=first.pk, holder_name="Ana Sousa", actor=SOMEBODY, now=clock.now()
    )
    queue.run_all()

    assert mails_to("bia@example.com") == []
    with pytest.raises(TransferNotOpen):
        accept(ended)
    with pytest.raises(TicketNotValid):
        offer(first)
    again = offer(renamed)
    newest = replace_ticket(ticket_id=renamed.pk, actor=SOMEBODY, now=clock.now())
    with pytest.raises(TransferNotOpen):
        accept(again)
    received = accept(offer(newest))
    of_place = order.tickets.filter(position=first.position)
    assert [each.pk for each in of_place.filter(status=TicketStatus.VALID)] == [received.pk]
    assert of_place.count() == 4
    assert received.holder_name == "Bia Lima"


def test_a_refund_ends_the_new_holders_ticket_too():
    order, (first, _second) = order_with_tickets()
    new = accept(offer(first))

    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())

    new.refresh_from_db()
    assert new.status == TicketStatus.REVOKED


def test_a_new_code_of_a_ticket_that_was_handed_on_goes_to_its_holder(queue: RecordingQueue):
    _order, (first, _second) = order_with_tickets()
    new = accept(offer(first))
    queue.run_all()
    mail.outbox.clear()

    newest = replace_ticket(ticket_id=new.pk, actor=SOMEBODY, now=clock.now())
    queue.run_all()

    assert [newest.code in body for body in mails_to("bia@example.com")] == [True]
    assert not any(newest.code in body for body in mails_to("ana@example.com"))


def test_a_corrected_buyer_leaves_the_code_of_the_new_holder_alone():
    order, (first, second) = order_with_tickets()
    new = accept(offer(first))

    correct_customer(
        order_id=order.pk,
        was=Contact("Ana Souza", "ana@example.com"),
        becomes=Contact("Ana Souza", "eva@example.com"),
        actor=SOMEBODY,
        now=clock.now(),
    )

    new.refresh_from_db()
    second.refresh_from_db()
    assert (new.status, second.status) == (TicketStatus.VALID, TicketStatus.REVOKED)


def test_the_sweep_sends_a_mail_whose_message_was_lost(queue: RecordingQueue):
    _order, (first, _second) = order_with_tickets()
    offer(first)
    queue.sent.clear()

    retry_waiting_work(now=clock.now() + timedelta(minutes=3))
    queue.run_all()

    assert len(mails_to("bia@example.com")) == 1


def test_erasing_an_order_erases_the_person_whom_a_ticket_was_offered():
    order, (first, second) = order_with_tickets()
    accept(offer(first))
    offer(second, to=NewHolder("Eva Reis", "eva@example.com", "en"))

    erase_orders([order.pk], record=lambda _ids: None, now=clock.now())

    assert set(Transfer.objects.values_list("name", "email")) == {("—", "")}


def test_a_new_holder_is_told_of_another_date_once_for_all_changes(queue: RecordingQueue):
    _order, (first, _second) = order_with_tickets()
    new = accept(offer(first))
    queue.run_all()
    for city in ("Niterói", "Petrópolis"):
        change_event(
            event_id=first.event_id,
            fields={"city": city},
            ticket_types=None,
            actor=SOMEBODY,
            now=clock.now(),
        )
    mail.outbox.clear()

    queue.run_all()

    (told,) = mails_to("bia@example.com")
    assert "The date or the place of this event has changed." in told
    assert "Petrópolis" in told
    assert new.code not in told


def test_a_new_holder_is_told_of_a_cancelled_event_and_of_a_refund(queue: RecordingQueue):
    order, (first, second) = order_with_tickets()
    accept(offer(first))
    accept(offer(second, to=NewHolder("Eva Reis", "eva@example.com", "pt-br")), holder_name="Eva")
    queue.run_all()
    mail.outbox.clear()

    refund_tickets(
        order_id=order.pk,
        ticket_ids=[Ticket.objects.of_order(order.pk)[0].pk],
        actor=SOMEBODY,
        now=clock.now(),
    )
    queue.run_all()
    cancel_event(
        event_id=first.event_id, note="The singer is ill.", actor=SOMEBODY, now=clock.now()
    )
    queue.run_all()

    (refunded,), (cancelled,) = mails_to("bia@example.com"), mails_to("eva@example.com")
    assert "Your ticket is not valid any more:" in refunded
    assert "The money goes back to Ana Souza" in refunded
    assert "Este evento foi cancelado:" in cancelled
    assert "The singer is ill." in cancelled
