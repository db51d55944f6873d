"""
A process dies between two steps, and one repair fixes what that leaves.

Each test is a row of the table in docs/inventory.md. It makes the process die where the row says,
checks what is left, lets the row's time pass, and runs only the row's repair.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from redis import Redis

from events.catalogue import look_up_event
from events.models import EventStatus, TicketType
from events.organizing import cancel_event, change_event
from events.publishing import publish_event
from events.stock.cold import clear_recorded_figures
from events.stock.holds import read_stock, try_to_apply_decisions
from events.stock.rebuild import rebuild_stock
from events.ticket_types import change_capacity
from orders.box_office import sell_at_box_office
from orders.box_office_record import BoxOfficeMethod
from orders.cancellation import cancel_order
from orders.confirmation import accept_payment, confirm_email, send_confirmation
from orders.exchanges import Difference
from orders.expiry import decide_holds, expire_reservations, settle_overdue_holds
from orders.guest_list_files import RawLine
from orders.guest_lists import check_guest_list, confirm_guest_list, sell_guest_list
from orders.ledger import find_ledger_faults
from orders.models import GuestList, Order, OrderStatus
from orders.payment import LATEST_CHARGE, confirm_payment
from orders.pix import request_pix, settle_pix, take_pix
from orders.pix_gateway import PixArrived
from orders.refunds import return_money
from orders.simulated_charges import SimulatedCharge
from orders.simulated_pix import SimulatedPixGateway, pay_simulated_pix
from tests.crash import AFTER, BEFORE, crash, watched
from tests.engine.world import (
    audit_twice,
    check_record,
    check_redis,
    check_whole,
    clean_up,
    left,
    let_pass,
    sweep,
    truly_left,
)
from tests.make import (
    SOMEBODY,
    a_sale,
    make_event,
    make_paid_order,
    make_processing_order,
    make_reserved_order,
    make_ticket_type,
)
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.ids import new_id
from ticketing.queue.messages import Message
from tickets.delivery import deliver_tickets
from tickets.door.checkin import check_in_ticket
from tickets.door.party import ScannedParty, admit_party
from tickets.door.scans import ScannedCode, Scanner
from tickets.event_cancellation import finish_event_cancellation
from tickets.exchange import WantedExchange, exchange_ticket
from tickets.issue import issue_codes
from tickets.models import Scan, Ticket, Transfer
from tickets.notices.models import Notice
from tickets.notices.sending import send_notice
from tickets.refund import refund_order
from tickets.settlement import settle_order
from tickets.transfers.accepting import accept_transfer
from tickets.transfers.offering import NewHolder, offer_ticket

pytestmark = pytest.mark.django_db(transaction=True)

CAPACITY = 5
QUANTITY = 2
SCAN = new_id()
PARTY = [new_id() for _ in range(QUANTITY)]


@dataclass
class World:
    """What a test works with: a ticket type, perhaps one order, Redis, and the queue."""

    kind: TicketType
    redis: Redis
    queue: RecordingQueue
    order: Order | None = None
    answers: list[Any] = field(default_factory=list)

    @property
    def status(self) -> str | None:
        """Return the status of the one order, if it was written."""
        return Order.objects.values_list("status", flat=True).order_by("pk").first()

    def reserve(self, quantity: int = QUANTITY) -> Order:
        return make_reserved_order(ticket_type=self.kind, quantity=quantity)


Step = Callable[[World], object]


def reserved(world: World) -> None:
    world.order = world.reserve()


def processing(world: World, token: str = "tok_approved") -> None:
    world.order = make_processing_order(ticket_type=world.kind, quantity=QUANTITY, token=token)
    world.queue.sent.clear()


def to_be_declined(world: World) -> None:
    processing(world, "tok_declined")


def settled(world: World) -> None:
    processing(world)
    settle(world)
    world.queue.sent.clear()


def issued(world: World) -> None:
    world.order = make_paid_order(ticket_type=world.kind, quantity=QUANTITY)
    world.queue.sent.clear()


def delivered(world: World) -> None:
    issued(world)
    deliver(world)


def offered(world: World) -> None:
    delivered(world)
    assert world.order
    ticket = Ticket.objects.of_order(world.order.pk)[0]
    to = NewHolder("Bia Lima", "bia@example.com", "en")
    offer_ticket(
        order_id=world.order.pk,
        ticket_id=ticket.pk,
        to=to,
        actor=SOMEBODY,
        now=clock.now(),
    )
    world.queue.run_all()


def accept(world: World) -> None:
    offer = Transfer.objects.get()
    accept_transfer(transfer_id=offer.pk, holder_name=offer.name, now=clock.now())


def refunded(world: World) -> None:
    delivered(world)
    refund(world)
    world.queue.sent.clear()


def out_of_time(world: World) -> None:
    reserved(world)
    let_pass(world.redis, world.kind.event_id, timedelta(minutes=16))


def cancelled_with_all_kinds_of_orders(world: World) -> None:
    delivered(world)
    make_processing_order(ticket_type=world.kind)
    world.reserve(1)
    cancel_event(actor=SOMEBODY, event_id=world.kind.event_id, now=clock.now())
    world.queue.sent.clear()


def draft(world: World) -> None:
    world.kind = make_event(capacity=CAPACITY, status=EventStatus.DRAFT).ticket_types.get()


def pay(world: World) -> None:
    assert world.order
    confirm_payment(order=world.order, method="card", token="tok_approved", now=clock.now())


def free(world: World) -> None:
    world.kind = make_event(capacity=CAPACITY, price="0.00").ticket_types.get()
    reserved(world)


def asked_to_confirm(world: World) -> None:
    free(world)
    ask_to_confirm(world)
    world.queue.sent.clear()


def ask_to_confirm(world: World) -> None:
    assert world.order
    accept_payment(order=world.order, method="free", token="", now=clock.now())


def mail_the_link(world: World) -> None:
    send_confirmation(order_id=_id(world), now=clock.now())


def click(world: World) -> None:
    """Confirm the order's address by the token of the newest mail."""
    link = re.search(r"token=(\w+)", str(mail.outbox[-1].body))
    assert link
    confirm_email(order_id=_id(world), token=link[1], now=clock.now())


def link_mailed(world: World) -> None:
    asked_to_confirm(world)
    mail_the_link(world)


def ask_for_pix(world: World) -> None:
    assert world.order
    request_pix(order=world.order, now=clock.now())


def pix_requested(world: World) -> None:
    reserved(world)
    ask_for_pix(world)


def pix_paid(world: World) -> None:
    """Pay in the app of a bank. The gateway's notification has not arrived yet."""
    pix_requested(world)
    pay_simulated_pix(pix_id=_id(world), now=clock.now())


def pix_paid_late(world: World) -> None:
    pix_paid(world)
    let_pass(world.redis, world.kind.event_id, timedelta(minutes=16))
    expire(world)


def pix_owed_back(world: World) -> None:
    pix_paid_late(world)
    be_notified(world)
    world.queue.sent.clear()


def be_notified(world: World) -> None:
    gateway = SimulatedPixGateway()
    arrived = gateway.find_pix(pix_id=_id(world), gateway_id="", now=clock.now())
    assert isinstance(arrived, PixArrived)
    take_pix(arrived=arrived, now=clock.now())


def give_pix_back(world: World) -> None:
    settle_pix(order_id=_id(world), now=clock.now())


def by_asking_again_and_paying(world: World) -> None:
    ask_for_pix(world)
    pay_simulated_pix(pix_id=_id(world), now=clock.now())
    be_notified(world)
    world.queue.run_all()


def settle(world: World) -> None:
    settle_order(order_id=_id(world), now=clock.now())


def work(world: World) -> None:
    """Run the task of the message as a worker does: settle, then issue and mail at once."""
    world.queue.run(Message.SETTLE_ORDER, {"order_id": str(_id(world))})


def settle_while_another_fails_it(world: World) -> None:
    """Settle an order, and let another worker fail its payment just before the charge."""
    order = Order.objects.select_related("payment", "event").get(pk=_id(world))
    began = False

    def fail(moment: str) -> None:
        nonlocal began
        if moment == BEFORE and not began:
            began = True
            cancel_event(actor=SOMEBODY, event_id=order.event_id, now=clock.now())
            settle(world)

    with watched("tickets.settlement:charge", at=fail):
        settle(world)


def issue(world: World) -> None:
    issue_codes(order_id=_id(world), now=clock.now())


def deliver(world: World) -> None:
    deliver_tickets(order_id=_id(world), now=clock.now())


def refund(world: World) -> None:
    refund_order(actor=SOMEBODY, order_id=_id(world), now=clock.now())


def give_back(world: World) -> None:
    return_money(order_id=_id(world), now=clock.now())


def cancel(world: World) -> None:
    cancel_order(actor=SOMEBODY, order_id=_id(world), now=clock.now())


def expire(world: World) -> None:
    expire_reservations(now=clock.now())


def ask_about_holds(world: World) -> None:
    settle_overdue_holds(event_ids=[world.kind.event_id], now=clock.now())


def drop(world: World) -> None:
    decisions = decide_holds(event_id=world.kind.event_id, order_ids=[_id(world)], now=clock.now())
    try_to_apply_decisions(event_id=world.kind.event_id, decisions=decisions)


def rebuild(world: World) -> None:
    rebuild_stock(event_id=world.kind.event_id)


def raise_capacity(world: World) -> None:
    change_capacity(ticket_type_id=world.kind.pk, capacity=CAPACITY + 5)


def reserved_beside_another_type(world: World) -> None:
    reserved(world)
    make_ticket_type(event=world.kind.event, name="Camarote")


def drop_the_other_type(world: World) -> None:
    other = TicketType.objects.get(name="Camarote")
    change_event(
        event_id=other.event_id,
        fields={},
        ticket_types=[],
        dropped=[other.pk],
        actor=SOMEBODY,
        now=clock.now(),
    )


def lower_capacity(world: World) -> None:
    change_capacity(ticket_type_id=world.kind.pk, capacity=CAPACITY - 1)


def read_from_an_empty_redis(world: World) -> None:
    world.redis.flushdb()
    look_at_the_event(world)


def look_at_the_event(world: World) -> None:
    found = look_up_event(str(world.kind.event_id), now=clock.now())
    assert found is not None
    assert found[1] == {world.kind.pk: truly_left(world.kind)}


def publish(world: World) -> None:
    publish_event(actor=SOMEBODY, event_id=world.kind.event_id, now=clock.now())


def call_off(world: World) -> None:
    cancel_event(actor=SOMEBODY, event_id=world.kind.event_id, now=clock.now())


def wind_up(world: World) -> None:
    finish_event_cancellation(event_id=world.kind.event_id, now=clock.now())


def with_a_cheaper_type(world: World) -> TicketType:
    delivered(world)
    return make_ticket_type(event=world.kind.event, name="Meia", price="20.00", capacity=CAPACITY)


def to_exchange(world: World) -> None:
    """Sell tickets, and look at the type that one of them will have."""
    world.kind = with_a_cheaper_type(world)


def to_exchange_from(world: World) -> None:
    """Sell tickets, and look at the type that one of them has."""
    with_a_cheaper_type(world)


def exchange(world: World) -> None:
    wanted = WantedExchange(
        ticket_id=Ticket.objects.of_order(_id(world))[0].pk,
        ticket_type_id=TicketType.objects.get(name="Meia").pk,
        difference=Difference.REFUND,
    )
    exchange_ticket(wanted=wanted, actor=SOMEBODY, now=clock.now())


def sell_for_cash(world: World) -> None:
    sell_at_box_office(
        sale=a_sale(world.kind, QUANTITY, method=BoxOfficeMethod.CASH),
        user_id=None,
        actor=SOMEBODY,
        now=clock.now(),
    )


def guests_checked(world: World) -> None:
    guests = [("Ana Souza", "ana@example.com"), ("Bia Lima", "bia@example.com")]
    check_guest_list(
        event=world.kind.event,
        lines=[RawLine(row, *guest, "", "") for row, guest in enumerate(guests, start=1)],
        method=BoxOfficeMethod.COMPLIMENTARY,
        reason="Press",
        language="en",
        file_name="",
        user_id=None,
        actor=SOMEBODY,
        now=clock.now(),
    )


def guests_confirmed(world: World) -> None:
    guests_checked(world)
    confirm_guests(world)
    world.queue.sent.clear()


def confirm_guests(world: World) -> None:
    confirm_guest_list(
        guest_list_id=GuestList.objects.get().pk, user_id=None, actor=SOMEBODY, now=clock.now()
    )


def sell_to_guests(world: World) -> None:
    sell_guest_list(guest_list_id=GuestList.objects.get().pk, now=clock.now())


def change_the_place(world: World) -> None:
    change_event(
        event_id=world.kind.event_id,
        fields={"venue": "Fundição Progresso"},
        ticket_types=None,
        actor=SOMEBODY,
        now=clock.now(),
    )


def give_back_and_tell(world: World) -> None:
    """Run the task that returns the money of a refund, and then tells the buyer."""
    world.queue.run(Message.RETURN_MONEY, {"order_id": str(_id(world))})


def money_returned(world: World) -> None:
    refunded(world)
    give_back_and_tell(world)
    world.queue.sent.clear()


def tell_of_the_refund(world: World) -> None:
    send_notice(notice_id=Notice.objects.get().pk, now=clock.now())


def scan(world: World) -> None:
    ticket = Ticket.objects.get(order_id=_id(world), position=1)
    scanned = ScannedCode(SCAN, ticket.code, "North", clock.now())
    door = Scanner("device:1")
    world.answers.append(check_in_ticket(scanned=scanned, scanner=door, now=clock.now()).result)


def enter_together(world: World) -> None:
    code = Ticket.objects.get(order_id=_id(world), position=1).code
    party = ScannedParty(code, PARTY, "North", clock.now())
    admitted = admit_party(party=party, scanner=Scanner("device:1"), now=clock.now())
    assert [scan.result for scan in admitted] == ["admitted"] * QUANTITY
    assert Scan.objects.filter(result="admitted").count() == QUANTITY


def enter_together_for_the_first_time(world: World) -> None:
    assert not Scan.objects.exists()
    enter_together(world)


def start_a_generation(world: World) -> None:
    world.redis.flushall()
    world.redis.script_flush()
    left(world.kind)


def fill_an_empty_redis(world: World) -> None:
    world.redis.flushall()
    world.reserve(1)


def message(of: Message) -> Step:
    """Return a repair: SQS delivers the dead worker's message again."""

    def bring_back(world: World) -> None:
        world.queue.run(of, {"order_id": str(_id(world))})
        world.queue.run_all()

    return bring_back


def by_cleanup(world: World) -> None:
    clean_up()


def by_sweep(world: World) -> None:
    sweep(world.queue)


def by_audit(world: World) -> None:
    audit_twice()


def by_next_reader(world: World) -> None:
    clear_recorded_figures()
    look_at_the_event(world)
    assert read_stock(world.kind.event_id) is not None


def by_next_buyer(world: World) -> None:
    world.reserve(1)


def by_paying_again(world: World) -> None:
    pay(world)
    world.queue.run_all()


def by_sweep_and_click(world: World) -> None:
    sweep(world.queue)
    click(world)
    world.queue.run_all()


def by_sweep_and_audit(world: World) -> None:
    sweep(world.queue)
    audit_twice()


def by_cleanup_and_audit(world: World) -> None:
    clean_up()
    audit_twice()


def by_the_message_of_the_list(world: World) -> None:
    world.queue.run(Message.SELL_GUEST_LIST, {"guest_list_id": str(GuestList.objects.get().pk)})
    world.queue.run_all()


def by_cleanup_then_work(world: World) -> None:
    clean_up()
    world.queue.run_all()


def _id(world: World) -> Any:
    assert world.order
    return world.order.pk


@dataclass(frozen=True)
class Window:
    """A row of the table: where the process dies, what is left, and what repairs it when."""

    name: str
    given: Step
    # The step in which the process dies, and the seam at which it dies.
    dies: Step
    at: tuple[str, str]
    # The order's status and the number of tickets left, after the crash. None: not checked.
    leaves: tuple[str | None, int | None]
    repaired: Step
    within: timedelta
    # The same after the repair.
    whole: tuple[str | None, int | None]


def nothing(world: World) -> None:
    pass


SECONDS = timedelta(seconds=1)
HOLD_AND_CLEANUP = 35 * SECONDS
LEASE_AND_CLEANUP = 15 * SECONDS
VISIBILITY = 60 * SECONDS
PATIENCE = 150 * SECONDS
CHARGE_AND_SWEEP = LATEST_CHARGE + 60 * SECONDS
TWO_AUDITS = 60 * SECONDS
AT_ONCE = 0 * SECONDS
LEASE_OF_A_READER = 5 * SECONDS
QUARTER = timedelta(minutes=15, seconds=5)

# fmt: off
WINDOWS = [
    Window("reserve: held, not written",
           nothing, by_next_buyer, (BEFORE, "orders.insertion:_write"),
           (None, 4), by_cleanup, HOLD_AND_CLEANUP, (None, 5)),
    Window("reserve: written, hold still provisional",
           nothing, reserved, (AFTER, "orders.insertion:_write"),
           ("reserved", 3), by_cleanup, HOLD_AND_CLEANUP, ("reserved", 3)),
    Window("reserve: written, response lost",
           nothing, reserved, (AFTER, "orders.insertion:_write"),
           ("reserved", 3), by_cleanup, QUARTER, ("expired", 5)),
    Window("pay: moved, not promised",
           reserved, pay, (BEFORE, "orders.payment:promise_tickets"),
           ("reserved", 3), by_paying_again, AT_ONCE, ("paid", 3)),
    Window("pay: committed, no message",
           reserved, pay, (BEFORE, "ticketing.queue.messages:_send"),
           ("processing", 3), by_sweep, PATIENCE, ("paid", 3)),
    Window("pay: message sent, hold keeps the old deadline",
           reserved, pay, (BEFORE, "orders.payment:retime_hold"),
           ("processing", 3), by_cleanup_then_work, QUARTER, ("paid", 3)),
    Window("confirm: requested, no message",
           free, ask_to_confirm, (BEFORE, "ticketing.queue.messages:_send"),
           ("reserved", 3), by_sweep_and_click, PATIENCE, ("paid", 3)),
    Window("confirm: leased, not mailed",
           asked_to_confirm, mail_the_link, (BEFORE, "ticketing.letters:HtmlMail.send"),
           ("reserved", 3), by_sweep_and_click, PATIENCE, ("paid", 3)),
    Window("confirm: mailed, not recorded",
           asked_to_confirm, mail_the_link, (AFTER, "ticketing.letters:HtmlMail.send"),
           ("reserved", 3), by_sweep_and_click, PATIENCE, ("paid", 3)),
    Window("confirm: clicked, not promised",
           link_mailed, click, (BEFORE, "orders.payment:promise_tickets"),
           ("reserved", 3), by_sweep_and_click, AT_ONCE, ("paid", 3)),
    Window("confirm: clicked, no message to settle",
           link_mailed, click, (BEFORE, "ticketing.queue.messages:_send"),
           ("processing", 3), by_sweep, PATIENCE, ("paid", 3)),
    Window("pix: requested at the gateway, not recorded",
           reserved, ask_for_pix, (BEFORE, "orders.pix:_record"),
           ("reserved", 3), by_asking_again_and_paying, AT_ONCE, ("paid", 3)),
    Window("pix: paid, notification lost",
           pix_paid, be_notified, (BEFORE, "orders.pix:accept_arrived_pix"),
           ("reserved", 3), by_sweep, PATIENCE, ("paid", 3)),
    Window("pix: arrived, not promised",
           pix_paid, be_notified, (BEFORE, "orders.payment:promise_tickets"),
           ("reserved", 3), by_sweep, PATIENCE, ("paid", 3)),
    Window("pix: taken, no message to settle",
           pix_paid, be_notified, (BEFORE, "ticketing.queue.messages:_send"),
           ("processing", 3), by_sweep, PATIENCE, ("paid", 3)),
    Window("pix: came late, not recorded",
           pix_paid_late, be_notified, (BEFORE, "orders.pix:_owe_back"),
           ("expired", 5), by_sweep, PATIENCE, ("expired", 5)),
    Window("pix: owed back, no message",
           pix_paid_late, be_notified, (BEFORE, "ticketing.queue.messages:_send"),
           ("expired", 5), by_sweep, PATIENCE, ("expired", 5)),
    Window("pix: returned, not recorded",
           pix_owed_back, give_pix_back,
           (AFTER, "orders.simulated_pix:SimulatedPixGateway.return_pix"),
           ("expired", 5), message(Message.SETTLE_PIX), VISIBILITY, ("expired", 5)),
    Window("settle: received, not charged",
           processing, settle, (BEFORE, "tickets.settlement:charge"),
           ("processing", 3), message(Message.SETTLE_ORDER), VISIBILITY, ("paid", 3)),
    Window("settle: charged, not written",
           processing, settle, (AFTER, "tickets.settlement:charge"),
           ("processing", 3), message(Message.SETTLE_ORDER), VISIBILITY, ("paid", 3)),
    Window("settle: inside its transaction",
           processing, settle, (BEFORE, "tickets.settlement:sell_tickets"),
           ("processing", 3), message(Message.SETTLE_ORDER), VISIBILITY, ("paid", 3)),
    Window("settle: paid, no message to issue",
           processing, settle, (BEFORE, "ticketing.queue.messages:_send"),
           ("paid", 3), message(Message.SETTLE_ORDER), VISIBILITY, ("paid", 3)),
    Window("settle: paid, and its message is lost too",
           processing, settle, (BEFORE, "ticketing.queue.messages:_send"),
           ("paid", 3), by_sweep, PATIENCE, ("paid", 3)),
    Window("settle: paid, its worker dies before it issues",
           processing, work, (BEFORE, "tickets.issue:_store"),
           ("paid", 3), message(Message.SETTLE_ORDER), VISIBILITY, ("paid", 3)),
    Window("settle: paid, its worker dies before it mails",
           processing, work, (AFTER, "tickets.issue:_ask_for_mail"),
           ("paid", 3), message(Message.SETTLE_ORDER), VISIBILITY, ("paid", 3)),
    Window("settle: paid, hold not dropped",
           processing, settle, (BEFORE, "tickets.settlement:settle_hold"),
           ("paid", 3), by_cleanup_then_work, VISIBILITY + 5 * SECONDS, ("paid", 3)),
    Window("settle: declined, hold not released",
           to_be_declined, settle, (BEFORE, "orders.payment:release_holds"),
           ("payment_failed", 3), message(Message.SETTLE_ORDER), VISIBILITY, ("payment_failed", 5)),
    Window("settle: declined, and its message is lost too",
           to_be_declined, settle, (BEFORE, "orders.payment:release_holds"),
           ("payment_failed", 3), by_audit, TWO_AUDITS, ("payment_failed", 5)),
    Window("settle: charged after another worker failed it, not given back",
           processing, settle_while_another_fails_it, (AFTER, "tickets.settlement:_write_sale"),
           ("payment_failed", None), by_sweep, CHARGE_AND_SWEEP, ("payment_failed", None)),
    Window("issue: some pictures stored",
           settled, issue, (AFTER, "tickets.issue:_store"),
           ("paid", 3), message(Message.ISSUE_CODES), VISIBILITY, ("paid", 3)),
    Window("issue: pictures stored, not recorded",
           settled, issue, (BEFORE, "tickets.issue:_ask_for_mail"),
           ("paid", 3), message(Message.ISSUE_CODES), VISIBILITY, ("paid", 3)),
    Window("issue: recorded, no message to deliver",
           settled, issue, (BEFORE, "ticketing.queue.messages:_send"),
           ("paid", 3), message(Message.ISSUE_CODES), VISIBILITY, ("paid", 3)),
    Window("deliver: leased, not mailed",
           issued, deliver, (BEFORE, "ticketing.letters:HtmlMail.send"),
           ("paid", 3), by_sweep, PATIENCE, ("paid", 3)),
    Window("deliver: mailed, not recorded",
           issued, deliver, (AFTER, "ticketing.letters:HtmlMail.send"),
           ("paid", 3), by_sweep, PATIENCE, ("paid", 3)),
    Window("expire: expired, hold not released",
           out_of_time, expire, (BEFORE, "orders.expiry:try_to_apply_decisions"),
           ("expired", 3), by_cleanup, 5 * SECONDS, ("expired", 5)),
    Window("expire: decided by PostgreSQL, Redis not updated",
           out_of_time, ask_about_holds, (BEFORE, "orders.expiry:apply_decisions"),
           ("expired", 3), by_cleanup, LEASE_AND_CLEANUP, ("expired", 5)),
    Window("release: cancelled, hold not released",
           reserved, cancel, (BEFORE, "orders.cancellation:release_holds"),
           ("cancelled", 3), by_audit, TWO_AUDITS, ("cancelled", 5)),
    Window("rebuild: new epoch, nothing staged",
           reserved, rebuild, (BEFORE, "events.stock.rebuild:publish_stock"),
           ("reserved", 3), by_next_buyer, AT_ONCE, ("reserved", 2)),
    Window("rebuild: staged, not published",
           reserved, rebuild, (AFTER, "events.stock.staging:_stage"),
           ("reserved", 3), by_next_buyer, AT_ONCE, ("reserved", 2)),
    Window("rebuild: Redis is empty and the rebuilder died",
           reserved, fill_an_empty_redis,
           (BEFORE, "events.stock.rebuild:publish_stock"),
           ("reserved", 3), by_next_buyer, AT_ONCE, ("reserved", 2)),
    Window("rebuild: Redis is empty and the reader that rebuilds died",
           reserved, read_from_an_empty_redis,
           (BEFORE, "events.stock.rebuild:publish_stock"),
           ("reserved", 3), by_next_reader, LEASE_OF_A_READER, ("reserved", 3)),
    Window("rebuild: scripts loaded, generation not recorded",
           reserved, start_a_generation, (BEFORE, "events.models:InventoryGeneration.save"),
           ("reserved", 3), by_next_buyer, AT_ONCE, ("reserved", 2)),
    Window("refund: tickets revoked, no message",
           delivered, refund, (BEFORE, "ticketing.queue.messages:_send"),
           ("refunded", 3), by_sweep_and_audit, PATIENCE, ("refunded", 5)),
    Window("refund: places free, Redis not updated",
           delivered, refund, (BEFORE, "tickets.refund:sell_again"),
           ("refunded", 3), by_audit, TWO_AUDITS, ("refunded", 5)),
    Window("refund: money returned, not recorded",
           refunded, give_back, (AFTER, "orders.refunds:refund"),
           ("refunded", 5), message(Message.RETURN_MONEY), VISIBILITY, ("refunded", 5)),
    Window("exchange: place held, not written",
           to_exchange, exchange, (BEFORE, "tickets.exchange:keep_place"),
           ("paid", 4), by_cleanup, HOLD_AND_CLEANUP, ("paid", 5)),
    Window("exchange: written, hold not dropped",
           to_exchange, exchange, (BEFORE, "orders.exchanges:settle_hold"),
           ("paid", 4), by_cleanup_and_audit, TWO_AUDITS, ("paid", 4)),
    Window("exchange: places exchanged, Redis not updated",
           to_exchange_from, exchange, (BEFORE, "tickets.exchange:sell_again"),
           ("paid", 3), by_audit, TWO_AUDITS, ("paid", 4)),
    Window("exchange: committed, no message",
           to_exchange, exchange, (BEFORE, "ticketing.queue.messages:_send"),
           ("paid", 4), by_sweep_and_audit, PATIENCE, ("paid", 4)),
    Window("box office: held, not written",
           nothing, sell_for_cash, (BEFORE, "orders.insertion:_write"),
           (None, 3), by_cleanup, HOLD_AND_CLEANUP, (None, 5)),
    Window("box office: inside its transaction",
           nothing, sell_for_cash, (BEFORE, "orders.payment:promise_tickets"),
           (None, 3), by_cleanup, HOLD_AND_CLEANUP, (None, 5)),
    Window("box office: sold, no message to settle",
           nothing, sell_for_cash, (BEFORE, "ticketing.queue.messages:_send"),
           ("processing", 3), by_sweep, PATIENCE, ("paid", 3)),
    Window("box office: sold, hold still provisional",
           nothing, sell_for_cash, (BEFORE, "orders.box_office:retime_hold"),
           ("processing", 3), by_cleanup_then_work, HOLD_AND_CLEANUP, ("paid", 3)),
    Window("guest list: confirmed, no message",
           guests_checked, confirm_guests, (BEFORE, "ticketing.queue.messages:_send"),
           (None, 5), by_sweep, PATIENCE, ("paid", 3)),
    Window("guest list: some lines sold",
           guests_confirmed, sell_to_guests, (AFTER, "orders.guest_lists:_sell_line"),
           ("processing", 4), by_the_message_of_the_list, VISIBILITY, ("paid", 3)),
    Window("notice: event changed, no message",
           delivered, change_the_place, (BEFORE, "ticketing.queue.messages:_send"),
           ("paid", 3), by_sweep, PATIENCE, ("paid", 3)),
    Window("notice: money returned, no message",
           refunded, give_back_and_tell, (BEFORE, "ticketing.queue.messages:_send"),
           ("refunded", 5), by_sweep, PATIENCE, ("refunded", 5)),
    Window("notice: leased, not mailed",
           money_returned, tell_of_the_refund, (BEFORE, "ticketing.letters:HtmlMail.send"),
           ("refunded", 5), by_sweep, PATIENCE, ("refunded", 5)),
    Window("notice: mailed, not recorded",
           money_returned, tell_of_the_refund, (AFTER, "ticketing.letters:HtmlMail.send"),
           ("refunded", 5), by_sweep, PATIENCE, ("refunded", 5)),
    Window("capacity: raised, Redis not updated",
           reserved, raise_capacity, (BEFORE, "events.ticket_types:raise_capacity"),
           ("reserved", 3), by_audit, TWO_AUDITS, ("reserved", 8)),
    Window("capacity: lowered, Redis not updated",
           reserved, lower_capacity, (BEFORE, "events.ticket_types:try_to_rebuild_stock"),
           ("reserved", 3), by_next_buyer, AT_ONCE, ("reserved", 1)),
    Window("ticket type: deleted, Redis not updated",
           reserved_beside_another_type, drop_the_other_type,
           (BEFORE, "events.ticket_types:try_to_rebuild_stock"),
           ("reserved", 3), by_audit, TWO_AUDITS, ("reserved", 3)),
    Window("publish: on sale, Redis not updated",
           draft, publish, (BEFORE, "events.publishing:try_to_rebuild_stock"),
           (None, 5), by_next_buyer, AT_ONCE, ("reserved", 4)),
    Window("cancel event: cancelled, no message",
           delivered, call_off, (BEFORE, "ticketing.queue.messages:_send"),
           ("paid", 3), by_sweep, 30 * SECONDS, ("refunded", None)),
    Window("cancel event: cancelled, reservations left",
           cancelled_with_all_kinds_of_orders, wind_up,
           (BEFORE, "tickets.event_cancellation:cancel_reservations"),
           ("paid", 1), by_sweep, PATIENCE, ("refunded", None)),
    Window("cancel event: cancelled, refunds not requested",
           cancelled_with_all_kinds_of_orders, wind_up, (BEFORE, "ticketing.queue.messages:_send"),
           ("paid", 2), by_sweep, PATIENCE, ("refunded", None)),
    Window("transfer: accepted, no message",
           offered, accept, (BEFORE, "ticketing.queue.messages:_send"),
           ("paid", 3), by_sweep, PATIENCE, ("paid", 3)),
    Window("check in: read, not marked",
           delivered, scan, (BEFORE, "tickets.door.checkin:_record"),
           ("paid", 3), scan, AT_ONCE, ("paid", 3)),
    Window("check in: committed, response lost",
           delivered, scan, (AFTER, "tickets.door.checkin:_record"),
           ("paid", 3), scan, AT_ONCE, ("paid", 3)),
    Window("party: some admitted, not committed",
           delivered, enter_together, (AFTER, "tickets.door.party:_decide"),
           ("paid", 3), enter_together_for_the_first_time, AT_ONCE, ("paid", 3)),
    Window("party: committed, response lost",
           delivered, enter_together, (AFTER, "tickets.door.party:_admit_all"),
           ("paid", 3), enter_together, AT_ONCE, ("paid", 3)),
]
# fmt: on


@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)
def test_a_crash_between_two_steps_is_repaired(window: Window, redis: Redis, queue: RecordingQueue):
    world = World(make_ticket_type(capacity=CAPACITY), redis, queue)
    window.given(world)
    world.kind.refresh_from_db()
    event_id = world.kind.event_id

    with crash(*window.at):
        window.dies(world)

    world.order = world.order or Order.objects.order_by("pk").first()
    shown = window.leaves[1]
    assert (world.status, left(world.kind) if shown is not None else None) == window.leaves
    check_record(event_id)
    check_redis(redis, event_id)

    let_pass(redis, event_id, window.within)
    window.repaired(world)

    shown = window.whole[1]
    assert (world.status, left(world.kind) if shown is not None else None) == window.whole
    check_record(event_id)
    check_redis(redis, event_id)
    # The repair may have sent messages. Run them, and let time pass until nothing waits.
    queue.run_all()
    sweep_until_quiet(redis, queue, world)
    check_whole(event_id)
    assert list(find_ledger_faults()) == []
    assert not Notice.objects.filter(sent_at=None).exists()


def sweep_until_quiet(redis: Redis, queue: RecordingQueue, world: World) -> None:
    for _ in range(3):
        let_pass(redis, world.kind.event_id, timedelta(minutes=10))
        clean_up()
        sweep(queue)


def test_a_payment_is_charged_once_however_often_the_worker_dies_while_settling(
    queue: RecordingQueue,
):
    order = make_processing_order(quantity=2)
    for seam in ("charge", "_write_sale"):
        with crash(AFTER if seam == "charge" else BEFORE, f"tickets.settlement:{seam}"):
            settle_order(order_id=order.pk, now=clock.now())

    settle_order(order_id=order.pk, now=clock.now())

    charge = SimulatedCharge.objects.get()
    assert (charge.attempts, charge.refunded_at) == (3, None)
    assert Order.objects.get().status == OrderStatus.PAID


def test_a_charge_is_refunded_if_the_event_is_cancelled_before_the_sale_is_written(
    queue: RecordingQueue,
):
    order = make_processing_order()
    with crash(AFTER, "tickets.settlement:charge"):
        settle_order(order_id=order.pk, now=clock.now())
    cancel_event(actor=SOMEBODY, event_id=order.event_id, now=clock.now())

    settle_order(order_id=order.pk, now=clock.now())

    assert SimulatedCharge.objects.get().refunded_at is not None
    assert Order.objects.get().status == OrderStatus.PAYMENT_FAILED


def test_a_crash_between_sending_a_mail_and_recording_it_sends_the_mail_twice(
    queue: RecordingQueue,
):
    """Only this effect may happen twice, and it never happens three times."""
    order = make_paid_order()
    queue.sent.clear()
    with crash(AFTER, "ticketing.letters:HtmlMail.send"):
        deliver_tickets(order_id=order.pk, now=clock.now())
    later = clock.now() + timedelta(minutes=3)

    for _ in range(3):
        deliver_tickets(order_id=order.pk, now=later)

    assert len(mail.outbox) == 2


def test_a_retried_scan_gets_the_first_result_after_a_crash(redis: Redis, queue: RecordingQueue):
    world = World(make_ticket_type(), redis, queue)
    delivered(world)
    with crash(AFTER, "tickets.door.checkin:_record"):
        scan(world)

    scan(world)
    scan(world)

    assert world.answers == ["admitted", "admitted"]


def test_a_hold_that_was_dropped_but_not_released_before_a_crash_is_released_later(redis: Redis):
    kind = make_ticket_type(capacity=1)
    with crash(BEFORE, "orders.insertion:_write"):
        make_reserved_order(ticket_type=kind)
    let_pass(redis, kind.event_id, HOLD_AND_CLEANUP)
    with crash(AFTER, "orders.expiry:_drop"):
        clean_up()
    assert left(kind) == 0

    let_pass(redis, kind.event_id, LEASE_AND_CLEANUP)
    clean_up()

    assert (left(kind), truly_left(kind)) == (1, 1)


def test_the_table_in_the_inventory_has_a_row_for_each_of_these_tests():
    table = (Path(__file__).parents[2] / "docs" / "inventory.md").read_text()
    rows = re.findall(r"^\| ((?:\w| )+: [^|]+?) \|", table, re.MULTILINE)

    assert rows == [window.name for window in WINDOWS]
