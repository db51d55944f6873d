"""A ticket that is accepted while something else happens to it. Each thread has a connection."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from orders.access import buyer_of
from tests.make import SOMEBODY, make_paid_order
from tests.race import meeting_point, race
from ticketing import clock
from ticketing.ids import new_id
from tickets import replacement
from tickets.door.checkin import check_in_ticket
from tickets.door.scans import CheckIn, ScannedCode, Scanner
from tickets.models import Ticket, TicketStatus, Transfer
from tickets.refund import refund_order
from tickets.replacement import TicketNotValid
from tickets.ticket_codes import number_tickets
from tickets.transfers.accepting import accept_transfer, ticket_of_transfer
from tickets.transfers.offering import (
    NewHolder,
    TransferNotOpen,
    offer_ticket,
    withdraw_transfer,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

BIA = NewHolder("Bia Lima", "bia@example.com", "en")


def offered_ticket() -> tuple[Ticket, Transfer]:
    order = make_paid_order()
    ticket = Ticket.objects.of_order(order.pk).get()
    transfer = offer_ticket(
        order_id=order.pk,
        ticket_id=ticket.pk,
        to=BIA,
        actor=buyer_of(order),
        now=clock.now(),
    )
    return ticket, transfer


def acceptance(transfer: Transfer) -> Callable[[], None]:
    return partial(
        accept_transfer, transfer_id=transfer.pk, holder_name="Bia Lima", now=clock.now()
    )


def check_in_of(ticket: Ticket) -> Callable[[], CheckIn]:
    return partial(
        check_in_ticket,
        scanned=ScannedCode(new_id(), ticket.code, "", clock.now()),
        scanner=Scanner("device:1"),
        now=clock.now(),
    )


def meet_before_the_write(monkeypatch: pytest.MonkeyPatch, meet: Callable[[], None]) -> None:
    """Let an acceptance, which has read a valid ticket, call `meet` before it writes."""

    def number_then_meet(tickets: Any) -> Any:
        numbers = number_tickets(tickets)
        meet()
        return numbers

    monkeypatch.setattr(replacement, "number_tickets", number_then_meet)


def test_ten_acceptances_of_one_offer_give_one_ticket(monkeypatch: pytest.MonkeyPatch):
    ticket, transfer = offered_ticket()
    meet_before_the_write(monkeypatch, meeting_point(2, patience=0.2))

    outcomes = race(*[acceptance(transfer)] * 10)

    assert outcomes == [None] * 10
    valid = Ticket.objects.filter(order=ticket.order_id, status=TicketStatus.VALID)
    assert valid.get() == ticket_of_transfer(transfer)
    assert Ticket.objects.count() == 2
    assert Counter(transfer.mails.values_list("kind", flat=True)) == {
        "offer": 1,
        "ticket": 1,
        "handed_on": 1,
    }


def test_a_check_in_after_the_acceptance_has_read_the_ticket_wins(
    monkeypatch: pytest.MonkeyPatch,
):
    ticket, transfer = offered_ticket()
    admitted: list[Any] = []
    # In a thread of its own, whose check-in is committed before the acceptance writes.
    meet_before_the_write(monkeypatch, lambda: admitted.extend(race(check_in_of(ticket))))

    with pytest.raises(TicketNotValid):
        acceptance(transfer)()

    assert [scan.result for scan in admitted] == ["admitted"]
    transfer.refresh_from_db()
    assert transfer.accepted_at is None
    assert Ticket.objects.get().status == TicketStatus.USED


def test_a_check_in_beside_an_acceptance_admits_with_one_of_the_two_codes():
    for _ in range(5):
        ticket, transfer = offered_ticket()

        scan, accepted = race(check_in_of(ticket), acceptance(transfer))

        ticket.refresh_from_db()
        if isinstance(accepted, TicketNotValid):
            assert isinstance(scan, CheckIn)
            assert (scan.result, ticket.status) == ("admitted", TicketStatus.USED)
            assert ticket_of_transfer(transfer) is None
        else:
            assert isinstance(scan, CheckIn)
            assert (scan.result, ticket.status) == ("revoked", TicketStatus.REVOKED)
            new = ticket_of_transfer(transfer)
            assert new is not None
            assert check_in_of(new)().result == "admitted"


def test_a_refund_beside_an_acceptance_leaves_no_valid_ticket(monkeypatch: pytest.MonkeyPatch):
    meet_before_the_write(monkeypatch, meeting_point(2, patience=0.2))
    for _ in range(3):
        ticket, transfer = offered_ticket()
        refund = partial(refund_order, order_id=ticket.order_id, actor=SOMEBODY, now=clock.now())

        refunded, accepted = race(refund, acceptance(transfer))

        assert refunded is None
        assert accepted is None or isinstance(accepted, TicketNotValid)
        of_order = Ticket.objects.filter(order=ticket.order_id)
        assert not of_order.exclude(status=TicketStatus.REVOKED).exists()
        assert of_order.filter(refunded_at__isnull=False).count() == 1


def test_an_offer_is_taken_back_or_accepted_and_never_both():
    for _ in range(5):
        ticket, transfer = offered_ticket()
        withdraw = partial(
            withdraw_transfer,
            order_id=ticket.order_id,
            ticket_id=ticket.pk,
            actor=SOMEBODY,
            now=clock.now(),
        )

        outcomes = race(withdraw, acceptance(transfer))

        assert sorted(map(type, outcomes), key=str) == sorted(
            [type(None), TransferNotOpen], key=str
        )
        transfer.refresh_from_db()
        assert (transfer.accepted_at is None) != (transfer.withdrawn_at is None)
