"""Break one rule of the engine at a time, and check that the test of that rule fails."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection
from django.db.models import F
from redis import Redis

from events.models import InventoryGeneration, TicketType
from events.stock import generation
from events.stock.holds import HoldAction, HoldDecision, settle_hold
from events.stock.record import SoldOut, current_epoch
from orders import expiry, holding, insertion
from orders.dropped_hold import DroppedHold
from orders.gateway import charge
from orders.payment import approve_payment
from tests.concurrency import test_last_ticket
from tests.engine import test_crash_windows, test_late_charge
from tests.events.stock import test_holds
from tests.orders import test_expiry
from tests.tickets import test_refund
from tests.tickets.door import test_reentry
from ticketing import clock
from ticketing.redis import get_redis
from tickets import delivery
from tickets.models import Delivery, Ticket
from tickets.outgoing import lease_mail

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

Patch = pytest.MonkeyPatch


def promise_without_checking_the_capacity(patch: Patch) -> None:
    def promise(quantities: dict[UUID, int]) -> None:
        for kind, quantity in quantities.items():
            TicketType.objects.filter(pk=kind).update(promised=F("promised") + quantity)

    patch.setattr("orders.payment.promise_tickets", promise)


def remove_the_constraint(patch: Patch) -> None:
    promise_without_checking_the_capacity(patch)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE events_tickettype DROP CONSTRAINT never_oversold")


def write_without_checking_the_epoch(patch: Patch) -> None:
    write = insertion.write_reservation

    def write_in_any_epoch(order: Any, **arguments: Any) -> insertion.Outcome:
        return write(order, **(arguments | {"epoch": current_epoch(order.event.pk)}))

    patch.setattr(holding, "write_reservation", write_in_any_epoch)


def release_overdue_holds_without_checking_their_orders(patch: Patch) -> None:
    def release(*, event_id: UUID, order_ids: list[UUID], now: object) -> list[HoldDecision]:
        return [HoldDecision(order_id, HoldAction.RELEASE) for order_id in order_ids]

    patch.setattr(expiry, "decide_holds", release)


def settle_the_hold_before_the_charge(patch: Patch) -> None:
    def settle_hold_then_charge(payment: Any, *, now: Any) -> Any:
        settle_hold(event_id=payment.order.event_id, order_id=payment.order_id)
        return charge(payment, now=now)

    patch.setattr("tickets.settlement.charge", settle_hold_then_charge)


def write_tickets_of_an_order_that_was_not_moved(patch: Patch) -> None:
    def approve(**named: Any) -> bool:
        approve_payment(**named)
        return True

    patch.setattr("tickets.settlement.approve_payment", approve)


def check_in_by_a_read_and_then_a_write(patch: Patch) -> None:
    update = "UPDATE tickets_ticket t SET status = 'used', used_at = seen, last_entry_at = seen,\n"
    update += "            inside = last_after IS DISTINCT FROM 'exit', entry_gate = gate\n"
    update += "          WHERE t.id = ticket AND t.status = 'valid' RETURNING t.inside INTO inside;"
    read_then_update = (
        "SELECT t.status INTO found_status FROM tickets_ticket t WHERE t.id = ticket;"
    )
    read_then_update += "PERFORM pg_sleep(1);"
    read_then_update += update.replace("t.status = 'valid'", "found_status = 'valid'")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('check_in_at_gate'::regproc)")
        definition = cursor.fetchone()[0]
        assert update in definition
        cursor.execute(definition.replace(update, read_then_update))


def let_in_again_without_the_lock(patch: Patch) -> None:
    lock = "PERFORM FROM tickets_ticket t WHERE t.id = ticket FOR NO KEY UPDATE;"
    decided = "      ELSIF obstacle IS NOT NULL THEN verdict := obstacle;\n      ELSE\n"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('check_in_at_gate'::regproc)")
        definition = cursor.fetchone()[0]
        assert lock in definition
        assert decided in definition
        broken = definition.replace(lock, "").replace(decided, f"{decided} PERFORM pg_sleep(1);")
        cursor.execute(broken)


def record_the_mail_before_it_is_sent(patch: Patch) -> None:
    def lease_and_record(rows: Any, *, now: Any, **named: Any) -> Any:
        leased = lease_mail(rows, now=now, **named)
        Delivery.objects.update(sent_at=now)
        return leased

    patch.setattr(delivery, "lease_mail", lease_and_record)


def drop_holds_without_recording_their_ids(patch: Patch) -> None:
    patch.setattr(DroppedHold.objects, "bulk_create", lambda *_, **__: None)


def load_lost_scripts_again(patch: Patch) -> None:
    """Load missing scripts without a new generation, as redis-py's `register_script` does."""

    def load() -> None:
        stamp = InventoryGeneration.objects.get().stamp
        for name in generation._SCRIPTS:
            get_redis().script_load(generation._text(name, stamp))
        generation._Generation.stamp = stamp

    patch.setattr("events.stock.holds.ensure_generation", load)


def release_without_removing_the_hold(patch: Patch) -> None:
    verdict = generation._SCRIPTS["verdict"]
    broken = verdict.replace("redis.call('HDEL', KEYS[2], ARGV[i])", "")
    assert broken != verdict
    patch.setitem(generation._SCRIPTS, "verdict", broken)


def hold_more_tickets_than_are_left(patch: Patch) -> None:
    reserve = generation._SCRIPTS["reserve"]
    broken = reserve.replace("if tonumber(left) < tonumber(ARGV[i + 1]) then", "if false then")
    assert broken != reserve
    patch.setitem(generation._SCRIPTS, "reserve", broken)


def never_settle_overdue_holds(patch: Patch) -> None:
    patch.setattr(holding, "settle_overdue_holds", lambda **_: False)


def never_sweep(patch: Patch) -> None:
    patch.setattr("orders.sweep.take_overdue", lambda *_, **__: [])


def never_audit(patch: Patch) -> None:
    patch.setattr("tickets.tasks.audit_stock", lambda **_: 0)


def refund_tickets_that_were_refunded(patch: Patch) -> None:
    def revoke_only(tickets: list[Ticket], now: Any) -> None:
        for ticket in tickets:
            Ticket.objects.filter(pk=ticket.pk).update(status="revoked", revoked_at=now)

    patch.setattr("tickets.refund._end_tickets", revoke_only)


def free_in_any_epoch(patch: Patch) -> None:
    free = generation._SCRIPTS["free"]
    broken = free.replace("if epoch > written", "if false").replace(
        "if epoch < written", "if false"
    )
    assert broken != free
    patch.setitem(generation._SCRIPTS, "free", broken)


def free_again_at_each_repeat(patch: Patch) -> None:
    free = generation._SCRIPTS["free"]
    broken = free.replace(
        "if redis.call('SET', KEYS[2], '', 'NX', 'PX', ARGV[2]) then", "if true then"
    )
    assert broken != free
    patch.setitem(generation._SCRIPTS, "free", broken)


def record_the_first_undo_as_the_last(patch: Patch) -> None:
    patch.setattr("orders.payment.LATEST_CHARGE", timedelta(0))


def accept_payments_of_expired_reservations(patch: Patch) -> None:
    patch.setattr("orders.payment.DatabaseNow", lambda: clock.now().replace(year=2000))


def window(name: str) -> dict[str, Any]:
    return {"window": next(each for each in test_crash_windows.WINDOWS if each.name == name)}


@dataclass(frozen=True)
class Variant:
    """A way to break the engine, and the test that must fail, with some of its arguments."""

    breaks: Callable[[Patch], None]
    caught_by: Callable[..., None]
    given: dict[str, Any] | None = None


CRASH = test_crash_windows.test_a_crash_between_two_steps_is_repaired
VARIANTS = [
    Variant(
        promise_without_checking_the_capacity,
        test_last_ticket.test_the_database_does_not_oversell_if_redis_held_too_many_tickets,
    ),
    Variant(
        remove_the_constraint,
        test_last_ticket.test_the_database_does_not_oversell_if_redis_held_too_many_tickets,
    ),
    Variant(
        write_without_checking_the_epoch,
        test_expiry.test_no_order_is_written_for_a_hold_that_redis_lost_before_a_rebuild,
    ),
    Variant(
        release_overdue_holds_without_checking_their_orders,
        test_expiry.test_an_overdue_hold_whose_order_is_in_time_is_kept,
    ),
    Variant(
        settle_the_hold_before_the_charge,
        test_expiry.test_a_declined_payment_releases_its_tickets_once,
    ),
    Variant(
        write_tickets_of_an_order_that_was_not_moved,
        test_last_ticket.test_an_order_settled_twice_has_its_tickets_once,
    ),
    Variant(
        check_in_by_a_read_and_then_a_write,
        test_last_ticket.test_fifty_scans_of_one_ticket_open_one_gate,
    ),
    Variant(
        let_in_again_without_the_lock, test_reentry.test_a_ticket_returns_through_one_gate_only
    ),
    Variant(record_the_mail_before_it_is_sent, CRASH, window("deliver: leased, not mailed")),
    Variant(
        drop_holds_without_recording_their_ids,
        test_expiry.test_an_order_whose_hold_was_dropped_before_it_was_written_holds_its_tickets_again,
    ),
    Variant(
        load_lost_scripts_again,
        test_expiry.test_a_stock_that_redis_restored_from_a_snapshot_is_not_used,
    ),
    Variant(
        release_without_removing_the_hold,
        test_expiry.test_cancelling_twice_releases_the_tickets_once,
    ),
    Variant(
        hold_more_tickets_than_are_left, test_last_ticket.test_the_last_ticket_is_reserved_once
    ),
    Variant(
        never_settle_overdue_holds,
        test_expiry.test_overdue_holds_do_not_make_a_buyer_see_sold_out,
    ),
    Variant(never_sweep, CRASH, window("pay: committed, no message")),
    Variant(never_audit, CRASH, window("capacity: raised, Redis not updated")),
    Variant(
        refund_tickets_that_were_refunded,
        test_refund.test_a_repeated_refund_of_a_ticket_returns_its_money_once,
    ),
    Variant(
        free_in_any_epoch,
        test_refund.test_a_refund_counts_once_if_the_stock_is_rebuilt_before_redis_gets_its_places,
    ),
    Variant(
        free_in_any_epoch,
        test_refund.test_a_refund_during_a_rebuild_of_the_stock_is_not_lost,
    ),
    Variant(
        free_again_at_each_repeat,
        test_holds.test_a_repeated_return_counts_once,
    ),
    Variant(
        record_the_first_undo_as_the_last,
        test_late_charge.test_a_payment_is_undone_once_more_after_an_undo_that_came_before_a_late_charge,
    ),
    Variant(
        accept_payments_of_expired_reservations,
        test_expiry.test_a_payment_after_the_end_of_the_reservation_is_refused_and_releases_the_tickets,
    ),
]


@pytest.fixture
def fresh_scripts(redis: Redis):
    """Return a function that unloads all scripts, and unload the changed ones after the test."""

    def unload() -> None:
        redis.script_flush()
        generation._digest.cache_clear()
        generation._Generation.stamp = ""

    yield unload
    unload()


@pytest.fixture
def restored_database():
    """Restore the function and the constraint that a variant may have changed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('check_in_at_gate'::regproc)")
        check_in = cursor.fetchone()[0]
    yield
    TicketType.objects.filter(promised__gt=F("capacity")).update(capacity=F("promised"))
    with connection.cursor() as cursor:
        cursor.execute(check_in)
        cursor.execute(
            "ALTER TABLE events_tickettype DROP CONSTRAINT IF EXISTS never_oversold, "
            "ADD CONSTRAINT never_oversold CHECK (promised <= capacity)"
        )


def call(test: Callable[..., None], given: dict[str, Any], request: pytest.FixtureRequest) -> None:
    """Run a test function with the given arguments, and fixtures for the others."""
    names = inspect.signature(test).parameters
    test(**{name: given.get(name) or request.getfixturevalue(name) for name in names})


@pytest.mark.parametrize(
    "variant", VARIANTS, ids=lambda variant: variant.breaks.__name__.replace("_", " ")
)
def test_the_test_of_a_broken_rule_fails(
    variant: Variant,
    fresh_scripts: Callable[[], None],
    restored_database: None,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
):
    # The called test uses this monkeypatch too, so that all patches are undone in reverse order.
    variant.breaks(monkeypatch)
    fresh_scripts()
    # An IntegrityError shows that only the constraint has prevented the damage.
    with pytest.raises((AssertionError, SoldOut, IntegrityError, pytest.fail.Exception)):
        call(variant.caught_by, variant.given or {}, request)
