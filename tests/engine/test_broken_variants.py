"""The engine broken on purpose, one rule at a time, and the test by name that notices."""

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
from orders import expiry, insertion, reservation
from orders.gateway import charge
from orders.models import DroppedHold
from orders.payment import approve_payment
from tests.concurrency import test_last_ticket
from tests.engine import test_crash_windows, test_late_charge
from tests.events.stock import test_holds
from tests.orders import test_expiry
from tests.tickets import test_refund
from ticketing import clock
from ticketing.redis import get_redis
from tickets import delivery
from tickets.models import Delivery, Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

Patch = pytest.MonkeyPatch


def promise_without_looking(patch: Patch) -> None:
    def promise(quantities: dict[UUID, int]) -> None:
        for kind, quantity in quantities.items():
            TicketType.objects.filter(pk=kind).update(promised=F("promised") + quantity)

    patch.setattr("orders.payment.promise_tickets", promise)


def no_guard_in_the_database(patch: Patch) -> None:
    promise_without_looking(patch)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE events_tickettype DROP CONSTRAINT never_oversold")


def write_without_the_fence(patch: Patch) -> None:
    write = insertion.write_reservation

    def write_in_any_epoch(order: Any, **how: Any) -> insertion.Outcome:
        return write(order, **(how | {"epoch": current_epoch(order.event.pk)}))

    patch.setattr(reservation, "write_reservation", write_in_any_epoch)


def release_without_asking(patch: Patch) -> None:
    def release(*, event_id: UUID, order_ids: list[UUID], now: object) -> list[HoldDecision]:
        return [HoldDecision(order_id, HoldAction.RELEASE) for order_id in order_ids]

    patch.setattr(expiry, "decide_holds", release)


def claim_before_the_decision(patch: Patch) -> None:
    def claim_then_charge(payment: Any, *, now: Any) -> Any:
        settle_hold(event_id=payment.order.event_id, order_id=payment.order_id)
        return charge(payment, now=now)

    patch.setattr("tickets.settlement.charge", claim_then_charge)


def settle_whatever_the_status(patch: Patch) -> None:
    def approve(**named: Any) -> bool:
        approve_payment(**named)
        return True

    patch.setattr("tickets.settlement.approve_payment", approve)


def look_then_admit(patch: Patch) -> None:
    marks = "UPDATE tickets_ticket t SET status = 'used', used_at = seen\n"
    marks += "          WHERE t.id = ticket AND t.status = 'valid';"
    looks = "SELECT t.status INTO found_status FROM tickets_ticket t WHERE t.id = ticket;"
    looks += "PERFORM pg_sleep(1);"
    looks += marks.replace("t.status = 'valid'", "found_status = 'valid'")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('check_in_in_hours'::regproc)")
        kept = cursor.fetchone()[0]
        assert marks in kept
        cursor.execute(kept.replace(marks, looks))


def note_the_mail_before_it_is_sent(patch: Patch) -> None:
    lease = delivery._lease

    def lease_and_note(order_id: UUID, now: Any) -> Any:
        leased = lease(order_id, now)
        Delivery.objects.filter(order_id=order_id).update(sent_at=now)
        return leased

    patch.setattr(delivery, "_lease", lease_and_note)


def forget_the_tombstone(patch: Patch) -> None:
    patch.setattr(DroppedHold.objects, "bulk_create", lambda *_, **__: None)


def load_lost_scripts_again(patch: Patch) -> None:
    """Do what redis-py's `register_script` does."""

    def load() -> None:
        stamp = InventoryGeneration.objects.get().stamp
        for name in generation._SCRIPTS:
            get_redis().script_load(generation._text(name, stamp))
        generation._Generation.stamp = stamp

    patch.setattr("events.stock.holds.ensure_generation", load)


def release_without_looking_for_the_hold(patch: Patch) -> None:
    verdict = generation._SCRIPTS["verdict"]
    kept = verdict.replace("redis.call('HDEL', KEYS[2], ARGV[i])", "")
    assert kept != verdict
    patch.setitem(generation._SCRIPTS, "verdict", kept)


def hold_what_is_not_there(patch: Patch) -> None:
    reserve = generation._SCRIPTS["reserve"]
    blind = reserve.replace("if tonumber(left) < tonumber(ARGV[i + 1]) then", "if false then")
    assert blind != reserve
    patch.setitem(generation._SCRIPTS, "reserve", blind)


def never_ask_about_overdue_holds(patch: Patch) -> None:
    patch.setattr(reservation, "settle_overdue_holds", lambda **_: False)


def never_sweep(patch: Patch) -> None:
    patch.setattr("orders.sweep.take_overdue", lambda *_, **__: [])


def never_audit(patch: Patch) -> None:
    patch.setattr("tickets.tasks.audit_stock", lambda **_: 0)


def refund_twice(patch: Patch) -> None:
    def revoke_only(going: list[Ticket], now: Any) -> None:
        for ticket in going:
            Ticket.objects.filter(pk=ticket.pk).update(status="revoked", revoked_at=now)

    patch.setattr("tickets.refund._end_tickets", revoke_only)


def free_in_any_epoch(patch: Patch) -> None:
    free = generation._SCRIPTS["free"]
    blind = free.replace("if epoch > written", "if false").replace("if epoch < written", "if false")
    assert blind != free
    patch.setitem(generation._SCRIPTS, "free", blind)


def free_as_often_as_told(patch: Patch) -> None:
    free = generation._SCRIPTS["free"]
    blind = free.replace(
        "if redis.call('SET', KEYS[2], '', 'NX', 'PX', ARGV[2]) then", "if true then"
    )
    assert blind != free
    patch.setitem(generation._SCRIPTS, "free", blind)


def believe_the_first_undo(patch: Patch) -> None:
    patch.setattr("orders.payment.LATEST_CHARGE", timedelta(0))


def expire_by_the_web_servers_clock(patch: Patch) -> None:
    patch.setattr("orders.payment.DatabaseNow", lambda: clock.now().replace(year=2000))


def window(name: str) -> dict[str, Any]:
    return {"window": next(each for each in test_crash_windows.WINDOWS if each.name == name)}


@dataclass(frozen=True)
class Variant:
    breaks: Callable[[Patch], None]
    caught_by: Callable[..., None]
    given: dict[str, Any] | None = None


CRASH = test_crash_windows.test_a_crash_between_two_steps_is_repaired
VARIANTS = [
    Variant(
        promise_without_looking,
        test_last_ticket.test_the_database_keeps_the_promise_when_redis_does_not,
    ),
    Variant(
        no_guard_in_the_database,
        test_last_ticket.test_the_database_keeps_the_promise_when_redis_does_not,
    ),
    Variant(
        write_without_the_fence,
        test_expiry.test_no_order_is_written_for_a_hold_that_redis_lost_before_a_rebuild,
    ),
    Variant(
        release_without_asking, test_expiry.test_an_overdue_hold_whose_order_is_in_time_is_kept
    ),
    Variant(
        claim_before_the_decision,
        test_expiry.test_a_declined_payment_releases_its_tickets_once,
    ),
    Variant(
        settle_whatever_the_status,
        test_last_ticket.test_an_order_settled_twice_has_its_tickets_once,
    ),
    Variant(look_then_admit, test_last_ticket.test_fifty_scans_of_one_ticket_open_one_gate),
    Variant(note_the_mail_before_it_is_sent, CRASH, window("deliver: leased, not mailed")),
    Variant(
        forget_the_tombstone,
        test_expiry.test_an_order_whose_hold_was_dropped_before_it_was_written_holds_its_tickets_again,
    ),
    Variant(
        load_lost_scripts_again,
        test_expiry.test_a_stock_that_redis_restored_from_a_snapshot_is_not_used,
    ),
    Variant(
        release_without_looking_for_the_hold,
        test_expiry.test_cancelling_twice_releases_the_tickets_once,
    ),
    Variant(hold_what_is_not_there, test_last_ticket.test_the_last_ticket_is_reserved_once),
    Variant(
        never_ask_about_overdue_holds,
        test_expiry.test_overdue_holds_do_not_make_a_buyer_see_sold_out,
    ),
    Variant(never_sweep, CRASH, window("pay: committed, no message")),
    Variant(never_audit, CRASH, window("capacity: raised, Redis not told")),
    Variant(
        refund_twice,
        test_refund.test_a_ticket_is_refunded_once_however_often_it_is_asked_for,
    ),
    Variant(
        free_in_any_epoch,
        test_refund.test_a_refund_counts_once_if_the_stock_is_read_before_redis_is_told,
    ),
    Variant(
        free_in_any_epoch,
        test_refund.test_a_refund_while_the_stock_is_being_read_is_not_lost,
    ),
    Variant(
        free_as_often_as_told,
        test_holds.test_a_return_that_redis_is_told_of_twice_counts_once,
    ),
    Variant(
        believe_the_first_undo,
        test_late_charge.test_an_undo_while_a_charge_may_still_follow_is_not_the_last,
    ),
    Variant(
        expire_by_the_web_servers_clock,
        test_expiry.test_a_payment_after_the_end_of_the_reservation_is_refused_and_releases_the_tickets,
    ),
]


@pytest.fixture
def fresh_scripts(redis: Redis):
    """Let a changed script be loaded, and be forgotten again."""

    def forget() -> None:
        redis.script_flush()
        generation._digest.cache_clear()
        generation._Generation.stamp = ""

    yield forget
    forget()


@pytest.fixture
def guard():
    """Put back what a variant takes away in the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('check_in_in_hours'::regproc)")
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
    """Run another test as pytest would."""
    needs = inspect.signature(test).parameters
    test(**{name: given.get(name) or request.getfixturevalue(name) for name in needs})


@pytest.mark.parametrize(
    "variant", VARIANTS, ids=lambda variant: variant.breaks.__name__.replace("_", " ")
)
def test_a_broken_engine_is_caught(
    variant: Variant,
    fresh_scripts: Callable[[], None],
    guard: None,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
):
    # The same patches as the named test's own, so that they are undone in one order.
    variant.breaks(monkeypatch)
    fresh_scripts()
    # A constraint that steps in is noticed too.
    with pytest.raises((AssertionError, SoldOut, IntegrityError, pytest.fail.Exception)):
        call(variant.caught_by, variant.given or {}, request)
