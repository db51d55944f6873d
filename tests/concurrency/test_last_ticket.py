"""Concurrent requests for the same tickets. Each thread commits on its own connection."""

from collections import Counter
from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from events.models import TicketType
from events.stock.record import SoldOut
from orders.cancellation import cancel_order
from orders.gateway import charge
from orders.insertion import Reservation
from orders.models import Order, OrderItem, OrderStatus, Payment
from orders.payment import OrderNotPayable, confirm_payment
from tests.make import (
    make_event,
    make_processing_order,
    make_reservation,
    make_reserved_order,
    make_ticket,
    make_ticket_type,
)
from tests.queue import RecordingQueue
from tests.race import meeting_point, race
from ticketing import clock
from ticketing.ids import new_id
from ticketing.queue.messages import Message
from tickets import settlement
from tickets.door.checkin import check_in_ticket
from tickets.door.scans import CheckIn, ScannedCode, Scanner
from tickets.models import Scan, Ticket
from tickets.settlement import settle_order
from tickets.webhooks.models import WebhookEndpoint, WebhookMessage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

BUYERS = 8


def test_the_last_ticket_is_reserved_once():
    last = make_ticket_type(capacity=1)

    outcomes = race(*[partial(make_reservation, ticket_type=last)] * BUYERS)

    assert Counter(type(outcome) for outcome in outcomes) == {
        Reservation: 1,
        SoldOut: BUYERS - 1,
    }
    assert Order.objects.count() == 1


def test_transactions_that_sell_out_different_types_of_one_event_do_not_deadlock():
    """Each sells the last ticket of one type, and one ticket of a type that both need."""
    event = make_event(capacity=1)
    first = event.ticket_types.get()
    second = make_ticket_type(event=event, name="Camarote", capacity=10)
    third = make_ticket_type(event=event, name="Mezanino", capacity=1)
    WebhookEndpoint.objects.create(organizer=event.organizer, url="https://shop.example.com/")
    meet = meeting_point(2)

    def sell(*kinds: TicketType) -> None:
        with transaction.atomic():
            for kind in kinds:
                TicketType.objects.filter(pk=kind.pk).update(
                    promised=F("promised") + 1, sold=F("sold") + 1
                )
                meet()

    outcomes = race(partial(sell, first, second), partial(sell, second, third))

    assert outcomes == [None, None]
    assert WebhookMessage.objects.filter(type="event.sold_out").count() == 0
    TicketType.objects.filter(pk=second.pk).update(promised=10, sold=10)
    assert WebhookMessage.objects.filter(type="event.sold_out").count() == 1


def test_all_tickets_of_an_order_are_reserved_or_none():
    kind = make_ticket_type(capacity=5)

    outcomes = race(*[partial(make_reservation, ticket_type=kind, quantity=2)] * BUYERS)

    held = sum(OrderItem.objects.values_list("quantity", flat=True))
    assert held == 2 * sum(isinstance(outcome, Reservation) for outcome in outcomes)
    assert held == 4


def pay_for_more_than_there_is() -> list[Payment | Exception]:
    """Pay eight orders at once for one ticket, as if Redis had held too many tickets."""
    last = make_ticket_type(capacity=BUYERS)
    orders = [make_reserved_order(ticket_type=last) for _ in range(BUYERS)]
    TicketType.objects.filter(pk=last.pk).update(capacity=1)
    pay = partial(confirm_payment, method="card", token="tok_approved", now=clock.now())
    return race(*(partial(pay, order=order) for order in orders))


def test_the_database_does_not_oversell_if_redis_held_too_many_tickets():
    outcomes = pay_for_more_than_there_is()

    assert Counter(type(outcome) for outcome in outcomes) == {Payment: 1, SoldOut: BUYERS - 1}
    assert TicketType.objects.get().promised == 1
    assert Order.objects.filter(status=OrderStatus.PROCESSING).count() == 1


def test_the_payments_in_the_test_above_really_race(monkeypatch: pytest.MonkeyPatch):
    """With a read and then a write in place of the conditional UPDATE, the constraint must fail."""
    all_have_read = meeting_point(BUYERS, patience=2)

    def read_then_promise(quantities):
        for ticket_type_id, quantity in quantities.items():
            kind = TicketType.objects.get(pk=ticket_type_id)
            if kind.promised + quantity > kind.capacity:
                raise SoldOut
            all_have_read()
            TicketType.objects.filter(pk=ticket_type_id).update(promised=F("promised") + quantity)

    monkeypatch.setattr("orders.payment.promise_tickets", read_then_promise)

    outcomes = pay_for_more_than_there_is()

    errors = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    assert len(errors) == BUYERS - 1
    assert all("never_oversold" in str(error) for error in errors)


def test_an_order_paid_twice_is_promised_once(queue: RecordingQueue):
    order = make_reserved_order(quantity=2)

    pay = partial(
        confirm_payment, order=order, method="card", token="tok_approved", now=clock.now()
    )
    outcomes = race(pay, pay, pay)

    assert Counter(type(outcome) for outcome in outcomes) == {Payment: 1, OrderNotPayable: 2}
    assert queue.sent == [(Message.SETTLE_ORDER, {"order_id": str(order.pk)})]
    assert TicketType.objects.get().promised == 2


def test_an_order_settled_twice_has_its_tickets_once(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    order = make_processing_order(quantity=3)
    queue.sent.clear()
    both_are_settling = meeting_point(2)

    def charge_after_meeting(payment, *, now):
        both_are_settling()
        return charge(payment, now=now)

    monkeypatch.setattr(settlement, "charge", charge_after_meeting)

    outcomes = race(*[partial(settle_order, order_id=order.pk, now=clock.now())] * 2)

    assert outcomes == [None, None]
    assert [ticket.position for ticket in Ticket.objects.of_order(order.pk)] == [1, 2, 3]
    assert {message for message, _ in queue.sent} == {Message.ISSUE_CODES}
    assert TicketType.objects.get().sold == 3


def test_fifty_scans_of_one_ticket_open_one_gate():
    ticket = make_ticket()
    scanners = [Scanner(f"device:{gate}") for gate in range(50)]

    outcomes = race(
        *(
            partial(
                check_in_ticket,
                scanned=ScannedCode(new_id(), ticket.code, "", clock.now()),
                scanner=scanner,
                now=clock.now(),
            )
            for scanner in scanners
        )
    )

    results = Counter(scan.result for scan in outcomes if isinstance(scan, CheckIn))
    assert results == {"admitted": 1, "already_used": 49}


def test_concurrent_requests_with_one_scan_id_get_the_same_result():
    ticket = make_ticket()
    scanned = ScannedCode(new_id(), ticket.code, "North", clock.now())
    scanner = Scanner("device:1")

    scan = partial(check_in_ticket, scanned=scanned, scanner=scanner, now=clock.now())
    outcomes = race(scan, scan, scan, scan)

    assert {getattr(outcome, "result", outcome) for outcome in outcomes} == {"admitted"}
    assert Scan.objects.count() == 1


def test_of_a_payment_and_a_cancellation_of_one_order_only_one_changes_it():
    """The other must not change the stock."""
    for _ in range(5):
        kind = make_ticket_type(capacity=1)
        order = make_reserved_order(ticket_type=kind)
        pay = partial(
            confirm_payment, order=order, method="card", token="tok_approved", now=clock.now()
        )
        race(pay, partial(cancel_order, order_id=order.pk, now=clock.now()))

        order.refresh_from_db()
        promised = TicketType.objects.get(pk=kind.pk).promised
        assert (order.status, promised) in {("processing", 1), ("cancelled", 0)}
