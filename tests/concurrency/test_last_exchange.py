"""Concurrent exchanges of sold tickets. Each thread commits on its own connection."""

from collections import Counter
from functools import partial

import pytest
from django.db import IntegrityError
from django.db.models import F

from events.models import TicketType
from events.stock.record import SoldOut
from orders.exchanges import Difference
from orders.insertion import Reservation
from orders.ledger import find_ledger_faults
from orders.models import TicketExchange
from tests.engine.world import check_record, left, truly_left
from tests.make import SOMEBODY, make_event, make_paid_order, make_reservation, make_ticket_type
from tests.race import meeting_point, race
from ticketing import clock
from ticketing.ids import new_id
from tickets.door.checkin import check_in_ticket
from tickets.door.scans import CheckIn, ScannedCode, Scanner
from tickets.exchange import WantedExchange, exchange_ticket
from tickets.models import Ticket
from tickets.refund import refund_tickets
from tickets.replacement import TicketNotValid

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

STAFF = 8


def exchange(ticket: Ticket, kind: TicketType) -> Ticket:
    wanted = WantedExchange(
        ticket_id=ticket.pk,
        ticket_type_id=kind.pk,
        difference=Difference.WAIVE,
        reason="A broken seat",
    )
    return exchange_ticket(wanted=wanted, actor=SOMEBODY, now=clock.now())


def sell_to_exchange(capacity: int) -> tuple[list[Ticket], TicketType]:
    """Return eight sold tickets of different orders, and another type of their event."""
    kind = make_event(capacity=STAFF).ticket_types.get()
    vip = make_ticket_type(event=kind.event, name="VIP", price="200.00", capacity=capacity)
    orders = [make_paid_order(ticket_type=kind) for _ in range(STAFF)]
    return [Ticket.objects.of_order(order.pk).get() for order in orders], vip


def whole(kind: TicketType) -> None:
    check_record(kind.event_id)
    for each in kind.event.ticket_types.all():
        assert left(each) == truly_left(each)
    assert list(find_ledger_faults()) == []


def test_the_last_place_goes_to_one_of_many_exchanges_and_buyers():
    tickets, vip = sell_to_exchange(capacity=1)

    outcomes = race(
        *(partial(exchange, ticket, vip) for ticket in tickets),
        *[partial(make_reservation, ticket_type=vip)] * STAFF,
    )

    kinds = Counter(type(outcome) for outcome in outcomes)
    assert kinds[Ticket] + kinds[Reservation] == 1
    assert sum(isinstance(outcome, SoldOut) for outcome in outcomes) == 2 * STAFF - 1
    whole(vip)


def exchange_more_than_there_is() -> tuple[list[Ticket | Exception], TicketType]:
    """Exchange eight tickets at once for one place, as if Redis had held too many."""
    tickets, vip = sell_to_exchange(capacity=STAFF)
    assert left(vip) == STAFF
    TicketType.objects.filter(pk=vip.pk).update(capacity=1)
    return race(*(partial(exchange, ticket, vip) for ticket in tickets)), vip


def test_the_database_does_not_oversell_if_redis_held_too_many_places():
    outcomes, vip = exchange_more_than_there_is()

    assert Counter(type(outcome) for outcome in outcomes) == {Ticket: 1, SoldOut: STAFF - 1}
    vip.refresh_from_db()
    assert (vip.promised, vip.sold, TicketExchange.objects.count()) == (1, 1, 1)
    check_record(vip.event_id)


def test_the_exchanges_in_the_test_above_really_race(monkeypatch: pytest.MonkeyPatch):
    """With a read and then a write in place of the conditional UPDATE, the constraint must fail."""
    all_have_read = meeting_point(STAFF, patience=2)

    def read_then_exchange(*, from_type, to_type):
        kind = TicketType.objects.get(pk=to_type)
        if kind.promised + 1 > kind.capacity:
            raise SoldOut
        all_have_read()
        TicketType.objects.filter(pk=to_type).update(promised=F("promised") + 1, sold=F("sold") + 1)

    monkeypatch.setattr("orders.exchanges.exchange_sold", read_then_exchange)

    outcomes, _ = exchange_more_than_there_is()

    errors = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    assert len(errors) == STAFF - 1
    assert all("never_oversold" in str(error) for error in errors)


def test_one_ticket_is_exchanged_once_and_each_refused_exchange_gives_its_place_back():
    tickets, vip = sell_to_exchange(capacity=STAFF)

    outcomes = race(*[partial(exchange, tickets[0], vip)] * STAFF)

    assert Counter(type(outcome) for outcome in outcomes) == {
        Ticket: 1,
        TicketNotValid: STAFF - 1,
    }
    assert left(vip) == STAFF - 1
    whole(vip)


def test_exchanges_in_both_directions_do_not_deadlock_and_keep_every_place():
    tickets, vip = sell_to_exchange(capacity=STAFF)
    pista = tickets[0].ticket_type
    for ticket in tickets[:4]:
        exchange(ticket, vip)
    moved = list(Ticket.objects.filter(ticket_type=vip))
    assert len(moved) == 4

    outcomes = race(
        *(partial(exchange, ticket, vip) for ticket in tickets[4:]),
        *(partial(exchange, ticket, pista) for ticket in moved),
    )

    assert Counter(type(outcome) for outcome in outcomes) == {Ticket: 8}
    assert (left(pista), left(vip)) == (4, 4)
    whole(vip)


def test_an_exchange_a_refund_and_a_check_in_of_one_ticket_end_in_one_way():
    tickets, vip = sell_to_exchange(capacity=STAFF)
    for ticket in tickets[:4]:
        scan = ScannedCode(new_id(), ticket.code, "North", clock.now())

        def admit(scan: ScannedCode = scan) -> CheckIn:
            return check_in_ticket(scanned=scan, scanner=Scanner("device:1"), now=clock.now())

        race(
            partial(exchange, ticket, vip),
            admit,
            partial(
                refund_tickets,
                order_id=ticket.order_id,
                ticket_ids=[ticket.pk],
                actor=SOMEBODY,
                now=clock.now(),
            ),
        )

        of_order = Ticket.objects.of_order(ticket.order_id).get()
        ticket.refresh_from_db()
        assert (ticket.used_at is None) or (of_order.pk == ticket.pk)
        whole(vip)
