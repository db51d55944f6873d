"""
Random histories of one event, compared with a small model of what must hold.

Hypothesis chooses the actions, the points where a process dies, and the actions of others between
two steps. After each action, PostgreSQL, Redis and the model are compared.
"""

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial
from threading import current_thread, main_thread
from typing import Any, Final
from uuid import UUID

import pytest
from django.db import DatabaseError, connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from events.models import Event
from events.organizing import cancel_event
from events.stock.rebuild import rebuild_stock
from events.ticket_types import change_capacity
from orders.cancellation import cancel_order
from orders.insertion import Customer
from orders.models import Order, OrderStatus
from orders.payment import confirm_payment
from orders.pricing import WantedTickets
from orders.reservation import reserve_tickets
from tests.crash import Crash, watched
from tests.engine.world import (
    audit_twice,
    check_record,
    check_redis,
    check_whole,
    clean_up,
    let_pass,
    sweep,
)
from tests.make import SOMEBODY, make_event, make_ticket_type
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.errors import Refusal
from ticketing.ids import new_id
from ticketing.redis import get_redis
from tickets.door.checkin import check_in_ticket
from tickets.door.scans import ScannedCode, Scanner
from tickets.exchange import WantedExchange, exchange_ticket
from tickets.models import ScanResult, Ticket, TicketStatus
from tickets.refund import refund_order
from tickets.tasks import audit_task, retry_waiting_work_task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

SEAMS: Final = [
    "orders.holding:hold_tickets",
    "orders.insertion:_write",
    "orders.holding:release_holds",
    "orders.payment:promise_tickets",
    "orders.payment:retime_hold",
    "orders.payment:release_holds",
    "orders.payment:try_to_apply_decisions",
    "orders.cancellation:release_holds",
    "orders.expiry:_decide",
    "orders.expiry:_drop",
    "orders.expiry:apply_decisions",
    "orders.expiry:try_to_apply_decisions",
    "events.stock.rebuild:begin_epoch",
    "events.stock.rebuild:publish_stock",
    "events.stock.staging:_stage",
    "events.ticket_types:raise_capacity",
    "events.ticket_types:try_to_rebuild_stock",
    "ticketing.queue.messages:_send",
    "tickets.settlement:charge",
    "tickets.settlement:_write_sale",
    "tickets.settlement:settle_hold",
    "tickets.settlement:release_holds",
    "tickets.issue:_store",
    "tickets.issue:_ask_for_mail",
    "ticketing.letters:HtmlMail.send",
    "tickets.refund:_take_back",
    "tickets.refund:sell_again",
    "orders.refunds:refund",
    "tickets.exchange:keep_place",
    "tickets.exchange:record_exchange",
    "tickets.exchange:sell_again",
    "orders.exchanges:settle_hold",
    "orders.exchanges:release_holds",
    "tickets.event_cancellation:cancel_reservations",
    "tickets.door.checkin:_record",
]
# Actions and faults that may happen between two steps, on another database connection.
MEANWHILE: Final = [
    "lose_redis",
    "lose_scripts",
    "restore_old_redis",
    "clean_up",
    "rebuild",
    "let_reservations_expire",
    "let_holds_become_overdue",
    "let_holds_become_overdue",
    "raise_capacity",
    "lower_capacity",
    "another_buyer_reserves",
    "another_buyer_reserves",
    "pay_the_last",
    "cancel_the_last",
    "refund_one",
    "exchange_one",
    "work",
    "audit",
]
# None, or the number of seams to pass before the fault, and the fault: a crash, or other actions.
FAULT = st.one_of(
    st.none(),
    st.tuples(
        st.integers(0, 7),
        st.one_of(st.just("crash"), st.lists(st.sampled_from(MEANWHILE), min_size=1, max_size=3)),
    ),
)
Fault = tuple[int, Any] | None
TOKEN = st.sampled_from(["tok_approved", "tok_approved", "tok_declined", "tok_unstable"])
# For a long run: `MODEL_HISTORIES=2000 pytest tests/engine/test_model.py`.
HISTORIES: Final = int(os.environ.get("MODEL_HISTORIES", "60"))
# If there is still work after so many rounds of repair, something repeats forever.
_ROUNDS: Final = 12
# An action of others in the middle of a transaction may need a lock which that transaction holds:
# it must fail soon, because the transaction waits for it.
SHORT_LOCK_TIMEOUT: Final = "SET lock_timeout = '200ms'"


class Sale(RuleBasedStateMachine):
    """One event with two ticket types, the actions of buyers and workers, and faults."""

    queue: RecordingQueue
    seen: Counter[str] = Counter()
    current: "Sale"

    def __init__(self) -> None:
        super().__init__()
        self.redis: Redis = get_redis()
        self.redis.flushall()
        self.queue.sent.clear()
        self.others = ThreadPoolExecutor(1)
        self.fault: Fault = None
        type(self).current = self
        self.on_other_connection(lambda: _execute(SHORT_LOCK_TIMEOUT))
        _execute(SHORT_LOCK_TIMEOUT)
        self.many = make_event(capacity=6).ticket_types.get()
        self.few = make_ticket_type(
            event=Event.objects.get(pk=self.many.event_id), capacity=3, name="Camarote"
        )
        self.event_id = self.many.event_id
        # The model: the orders that were reported as reserved, the orders whose payment was
        # accepted, and the number of admissions by ticket.
        self.reserved: list[UUID] = []
        self.accepted: set[UUID] = set()
        self.admitted: Counter[UUID] = Counter()
        self.old_redis: dict[str, Any] = {}

    def on_other_connection(self, act: Callable[[], object]) -> None:
        self.others.submit(act).result(timeout=60)

    # --- faults -----------------------------------------------------------------------

    def attempt(self, act: Callable[[], object], fault: Fault) -> bool:
        """Run an action with a fault. Return whether it succeeded and its caller learned of it."""
        self.fault = fault
        try:
            act()
        except Crash:
            self.seen["crash"] += 1
            # PostgreSQL rolls back the open transaction of a dead process.
            connection.close()
            _execute(SHORT_LOCK_TIMEOUT)
            return False
        except (Refusal, DatabaseError) as refusal:
            self.seen[type(refusal).__name__] += 1
            return False
        finally:
            self.fault = None
        return True

    @classmethod
    def at_step(cls, _: str) -> None:
        """Count down at each seam, and cause the fault when its turn has come."""
        self = cls.current
        if self.fault is None or current_thread() is not main_thread():
            return
        steps, what = self.fault
        self.fault = (steps - 1, what) if steps else None
        if steps:
            return
        if what == "crash":
            raise Crash
        for act in what:
            self.on_other_connection(partial(self._meanwhile, act))

    def _meanwhile(self, act: str) -> None:
        self.seen[act] += 1
        with suppress(Refusal, DatabaseError):
            getattr(self, f"_{act}")()

    def _lose_redis(self) -> None:
        self.redis.flushall()

    def _lose_scripts(self) -> None:
        self.redis.script_flush()

    def _remember_redis(self) -> None:
        # The strings are marks of returned tickets. Only a live stock needs them, and a restart
        # makes the stock cold.
        keys = [key for key in self.redis.keys("{event:*") if self.redis.type(key) != "string"]
        self.old_redis = {str(key): self._read(key) for key in keys}

    def _read(self, key: Any) -> Any:
        if self.redis.type(key) == "hash":
            return self.redis.hgetall(key)
        return dict(self.redis.zrange(key, 0, -1, withscores=True))  # type: ignore[arg-type]

    def _restore_old_redis(self) -> None:
        # A restart from a snapshot has the same effect: old figures and no scripts.
        self.redis.flushall()
        self.redis.script_flush()
        for key, value in self.old_redis.items():
            if key.endswith(":due"):
                self.redis.zadd(key, value)
            else:
                self.redis.hset(key, mapping=value)

    def _clean_up(self) -> None:
        clean_up()

    def _audit(self) -> None:
        audit_task()

    def _rebuild(self) -> None:
        rebuild_stock(event_id=self.event_id)

    def _let_reservations_expire(self) -> None:
        let_pass(self.redis, self.event_id, timedelta(minutes=16))

    def _let_holds_become_overdue(self) -> None:
        let_pass(self.redis, self.event_id, timedelta(seconds=31))
        clean_up()

    def _raise_capacity(self) -> None:
        change_capacity(ticket_type_id=self.many.pk, capacity=9)

    def _lower_capacity(self) -> None:
        change_capacity(ticket_type_id=self.many.pk, capacity=4)

    def _another_buyer_reserves(self) -> None:
        self._reserve(1, 0)

    def _pay_the_last(self) -> None:
        if self.reserved:
            self._pay(self.reserved[-1], "tok_approved")

    def _cancel_the_last(self) -> None:
        if self.reserved:
            cancel_order(actor=SOMEBODY, order_id=self.reserved[-1], now=clock.now())

    def _refund_one(self) -> None:
        paid = Order.objects.filter(event_id=self.event_id, status=OrderStatus.PAID)
        if order_id := paid.order_by("pk").values_list("pk", flat=True).first():
            refund_order(actor=SOMEBODY, order_id=order_id, now=clock.now())

    def _exchange_one(self, pick: int = 0) -> None:
        valid = Ticket.objects.filter(event_id=self.event_id, status=TicketStatus.VALID)
        tickets = list(valid.order_by("pk").values_list("pk", "ticket_type_id"))
        if not tickets:
            return
        ticket_id, kind_id = tickets[pick % len(tickets)]
        other = self.few if kind_id == self.many.pk else self.many
        wanted = WantedExchange(ticket_id=ticket_id, ticket_type_id=other.pk)
        exchange_ticket(wanted=wanted, actor=SOMEBODY, now=clock.now())
        self.seen["exchanged"] += 1

    def _work(self) -> None:
        if self.queue.sent:
            self.queue.run(*self.queue.sent[0])

    # --- actions ----------------------------------------------------------------------

    @initialize(capacity=st.integers(2, 6), sold=st.sampled_from([True, True, False]))
    def open_sales(self, capacity: int, sold: bool) -> None:  # noqa: FBT001
        if capacity < 6:
            change_capacity(ticket_type_id=self.many.pk, capacity=capacity)
        if sold:
            # Most histories begin with a ticket, because chance seldom brings one to an exchange.
            self._reserve(1, 0)
            self._pay(self.reserved[0], "tok_approved")
            self._work_off()

    def _reserve(self, many: int, few: int) -> None:
        wanted = [(self.many, many), (self.few, few)]
        reservation = reserve_tickets(
            event_id=self.event_id,
            wanted=[WantedTickets(kind.pk, quantity) for kind, quantity in wanted if quantity],
            customer=Customer("Ana", "ana@example.com", "pt-br"),
            now=clock.now(),
        )
        self.reserved.append(reservation.order_id)
        self.seen["reserved"] += 1

    def _pay(self, order_id: UUID, token: str) -> None:
        order = Order.objects.select_related("event").get(pk=order_id)
        confirm_payment(order=order, method="card", token=token, now=clock.now())
        self.accepted.add(order_id)
        self.seen["accepted"] += 1

    @rule(many=st.integers(1, 3), fault=FAULT)
    def reserve(self, many: int, fault: Fault) -> None:
        self.attempt(lambda: self._reserve(many, 0), fault)

    @rule(many=st.integers(0, 3), few=st.integers(1, 2), fault=FAULT)
    def reserve_both(self, many: int, few: int, fault: Fault) -> None:
        self.attempt(lambda: self._reserve(many, few), fault)

    @precondition(lambda self: self.reserved)
    @rule(
        back=st.integers(1, 6),
        token=TOKEN,
        late=st.sampled_from([False, False, True]),
        fault=FAULT,
    )
    def pay(self, back: int, token: str, late: bool, fault: Fault) -> None:  # noqa: FBT001
        order_id = self.reserved[-min(back, len(self.reserved))]
        if late:
            self._let_reservations_expire()
        before = Order.objects.values_list("status", "reserved_until").get(pk=order_id)
        done = self.attempt(lambda: self._pay(order_id, token), fault)
        assert not (done and late), "a payment after the end of the reservation was accepted"
        assert not done or before[0] == OrderStatus.RESERVED

    @precondition(lambda self: self.reserved)
    @rule(back=st.integers(1, 6), fault=FAULT)
    def cancel(self, back: int, fault: Fault) -> None:
        order_id = self.reserved[-min(back, len(self.reserved))]
        self.attempt(
            lambda: cancel_order(actor=SOMEBODY, order_id=order_id, now=clock.now()), fault
        )

    @rule(quantity=st.integers(1, 2), token=TOKEN, fault=FAULT)
    def reserve_and_pay(self, quantity: int, token: str, fault: Fault) -> None:
        if self.attempt(lambda: self._reserve(quantity, 0), None):
            self.attempt(lambda: self._pay(self.reserved[-1], token), fault)

    @rule(quantity=st.integers(1, 2), fault=FAULT)
    def buy(self, quantity: int, fault: Fault) -> None:
        if self.attempt(lambda: self._reserve(quantity, 0), None):
            order_id = self.reserved[-1]
            if self.attempt(lambda: self._pay(order_id, "tok_approved"), None):
                self.attempt(self.queue.run_all, fault)

    @precondition(lambda self: self.queue.sent)
    @rule(pick=st.integers(0, 20), again=st.booleans(), fault=FAULT)
    def work(self, pick: int, again: bool, fault: Fault) -> None:  # noqa: FBT001
        """Run any one of the messages. With `again` it stays in the queue and can run again."""
        if self.queue.sent:
            chosen = self.queue.sent[pick % len(self.queue.sent)]
            done = self.attempt(lambda: self.queue.run(*chosen), fault)
            if done and not again and chosen in self.queue.sent:
                self.queue.sent.remove(chosen)

    @precondition(lambda self: self.queue.sent)
    @rule(pick=st.integers(0, 20))
    def lose_a_message(self, pick: int) -> None:
        if self.queue.sent:
            del self.queue.sent[pick % len(self.queue.sent)]

    @rule(fault=FAULT)
    def cleanup(self, fault: Fault) -> None:
        self.attempt(clean_up, fault)

    @rule(fault=FAULT)
    def expiry(self, fault: Fault) -> None:
        self._let_reservations_expire()
        self.attempt(clean_up, fault)

    @rule(fault=FAULT)
    def forgotten_work(self, fault: Fault) -> None:
        let_pass(self.redis, self.event_id, timedelta(minutes=5))
        self.attempt(lambda: sweep(self.queue), fault)

    @rule(fault=FAULT)
    def stock_audit(self, fault: Fault) -> None:
        self.attempt(audit_task, fault)

    @rule(
        disaster=st.sampled_from(
            ["remember_redis", "remember_redis", "lose_redis", "lose_scripts", "restore_old_redis"]
        )
    )
    def disaster(self, disaster: str) -> None:
        self._meanwhile(disaster)

    @rule(capacity=st.integers(1, 9), few=st.booleans(), fault=FAULT)
    def capacity(self, capacity: int, few: bool, fault: Fault) -> None:  # noqa: FBT001
        kind = self.few if few else self.many
        self.attempt(lambda: change_capacity(ticket_type_id=kind.pk, capacity=capacity), fault)

    @precondition(lambda self: self.accepted)
    @rule(pick=st.integers(0, 5), fault=FAULT)
    def refund(self, pick: int, fault: Fault) -> None:
        paid = Order.objects.filter(event_id=self.event_id, status=OrderStatus.PAID)
        orders = list(paid.order_by("pk").values_list("pk", flat=True))
        if orders:
            order_id = orders[pick % len(orders)]
            self.attempt(
                lambda: refund_order(actor=SOMEBODY, order_id=order_id, now=clock.now()), fault
            )

    @precondition(lambda self: self.accepted)
    @rule(pick=st.integers(0, 5), fault=FAULT)
    def exchange(self, pick: int, fault: Fault) -> None:
        self.attempt(lambda: self._exchange_one(pick), fault)

    @rule(dice=st.integers(0, 19), fault=FAULT)
    def cancel_the_event(self, dice: int, fault: Fault) -> None:
        # Rarely, because little can happen to an event after its cancellation.
        if dice == 13:
            self.attempt(
                lambda: cancel_event(actor=SOMEBODY, event_id=self.event_id, now=clock.now()), fault
            )

    @precondition(lambda self: self.accepted)
    @rule(pick=st.integers(0, 5), fault=FAULT)
    def scan(self, pick: int, fault: Fault) -> None:
        tickets = list(Ticket.objects.filter(event_id=self.event_id).order_by("pk"))
        if tickets:
            ticket = tickets[pick % len(tickets)]
            scan_id = new_id()
            if not self.attempt(lambda: self._scan(ticket, scan_id), fault):
                # The device got no response, and sends the scan again.
                self.attempt(lambda: self._scan(ticket, scan_id), None)

    def _scan(self, ticket: Ticket, scan_id: UUID) -> None:
        door = Scanner("device:1")
        scanned = ScannedCode(scan_id, ticket.code, "North", clock.now())
        if check_in_ticket(scanned=scanned, scanner=door, now=clock.now()).result == (
            ScanResult.ADMITTED
        ):
            self.admitted[ticket.pk] += 1
            self.seen["admitted"] += 1

    # --- invariants -------------------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        check_record(self.event_id)
        check_redis(self.redis, self.event_id)
        assert all(times == 1 for times in self.admitted.values()), "admitted twice"
        written = set(Order.objects.filter(pk__in=self.reserved).values_list("pk", flat=True))
        assert written == set(self.reserved), "an order that was reported as reserved is missing"
        lost = Order.objects.filter(
            pk__in=self.accepted,
            status__in=[OrderStatus.RESERVED, OrderStatus.EXPIRED, OrderStatus.CANCELLED],
        )
        assert not lost.exists(), "an accepted payment was lost"

    def _work_off(self) -> None:
        waiting = {str(message): message for message in self.queue.sent}
        self.queue.sent.clear()
        for message in waiting.values():
            try:
                self.queue.run(*message)
            except Refusal:
                self.queue.sent.append(message)

    def teardown(self) -> None:
        try:
            # The faults are over. Let time pass and run all repairs until there is no work left.
            for _ in range(_ROUNDS):
                let_pass(self.redis, self.event_id, timedelta(hours=1))
                clean_up()
                retry_waiting_work_task()
                if not self.queue.sent:
                    break
                self._work_off()
            audit_twice()
            check_redis(self.redis, self.event_id)
            check_whole(self.event_id)
        finally:
            self.on_other_connection(lambda: connection.close())  # noqa: PLW0108 - the thread's own
            self.others.shutdown()


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def run_histories(queue: RecordingQueue, *, histories: int, steps: int) -> Counter[str]:
    """Run random histories. Return how often each action, fault and refusal happened."""
    Sale.queue = queue
    Sale.seen = Counter()
    with ExitStack() as stack:
        for seam in SEAMS:
            stack.enter_context(watched(seam, at=Sale.at_step))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        # Other tests check the pictures and the PDF, and drawing them would take most of the time.
        patch.setattr("tickets.issue.render_png", str.encode)
        patch.setattr("tickets.mail.render_png", str.encode)
        patch.setattr("tickets.mail.render_pdf", lambda **_: b"")
        stack.callback(_execute, "RESET lock_timeout")
        run_state_machine_as_test(
            Sale,
            settings=settings(
                max_examples=histories,
                stateful_step_count=steps,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    return Sale.seen


def test_every_invariant_holds_through_random_histories(queue: RecordingQueue):
    # Without enough actions and faults, the run would prove nothing. Chance may give too few of the
    # rare ones, so more histories are run then.
    enough = {"reserved": 100, "accepted": 30, "crash": 20, "exchanged": 3}
    seen = Counter[str]()
    for _ in range(3):
        seen += run_histories(queue, histories=HISTORIES, steps=40)
        if all(seen[what] > count for what, count in enough.items()):
            break

    assert {what: seen[what] for what, count in enough.items() if seen[what] <= count} == {}
