"""Concurrent reservations with one promo code. Each thread commits on its own connection."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from django.db import connection

from events.models import TicketType
from orders import reservation
from orders.cancellation import cancel_order
from orders.insertion import Reservation
from orders.models import Order, OrderStatus
from orders.promo_code_changes import PromoCodeInUse, change_promo_code, delete_promo_code
from orders.promo_uses import PromoCodeUsedUp, UnknownPromoCode, count_uses, find_promo
from tests.make import SOMEBODY, make_event, make_promo_code, make_reservation, make_ticket_type
from tests.race import meeting_point, race
from ticketing import clock

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

AT_ONCE = 20


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every reservation pass the first, unlocked look at the uses: only the lock decides."""
    monkeypatch.setattr("orders.promo_uses._has_use_left", lambda _promo, _now: True)


def in_batches(runs: int, runner: Callable[[], object]) -> Iterator[object]:
    for _ in range(0, runs, AT_ONCE):
        yield from race(*[runner] * AT_ONCE)


def test_of_200_reservations_with_a_code_of_ten_uses_exactly_ten_succeed(unchecked: None):
    kind = make_ticket_type(capacity=500)
    promo = make_promo_code(event=kind.event, max_uses=10)

    reserve = partial(make_reservation, ticket_type=kind, promo_code="AMIGOS")
    outcomes = list(in_batches(200, reserve))

    assert Counter(type(outcome) for outcome in outcomes) == {Reservation: 10, PromoCodeUsedUp: 190}
    assert count_uses([promo.pk])[promo.pk].orders == 10
    # No ticket of a refused reservation is still held.
    assert Order.objects.filter(promo_code=promo).count() == Order.objects.count() == 10


def test_the_reservations_in_the_test_above_really_race(unchecked: None):
    """Without the lock of the code's row, more reservations than the code allows must succeed."""
    kind = make_ticket_type(capacity=500)
    promo = make_promo_code(event=kind.event, max_uses=10)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('reserve_with_promo'::regproc)")
        (definition,) = cursor.fetchone() or ("",)
        # Each counts, then waits until all have counted, then writes.
        unlocked = definition.replace("FOR NO KEY UPDATE", "").replace(
            "IF uses >=", "PERFORM pg_sleep(0.5); IF uses >="
        )
        assert unlocked.count("pg_sleep") == 1
        cursor.execute(unlocked)
    try:
        reserve = partial(make_reservation, ticket_type=kind, promo_code="AMIGOS")
        race(*[reserve] * AT_ONCE)
        assert count_uses([promo.pk])[promo.pk].orders > 10
    finally:
        with connection.cursor() as cursor:
            cursor.execute(definition)


def test_uses_that_come_back_during_the_race_are_given_out_once_each(unchecked: None):
    """Buyers reserve and cancel all the time. There are never more orders than the code allows."""
    kind = make_ticket_type(capacity=500)
    promo = make_promo_code(event=kind.event, max_uses=3)

    def reserve_and_cancel() -> int:
        most = 0
        for _ in range(5):
            try:
                made = make_reservation(ticket_type=kind, promo_code="AMIGOS")
            except PromoCodeUsedUp:
                continue
            most = max(most, count_uses([promo.pk])[promo.pk].orders)
            cancel_order(order_id=made.order_id, actor=SOMEBODY, now=clock.now())
        return most

    outcomes = race(*[reserve_and_cancel] * 10)

    assert all(isinstance(most, int) and most <= 3 for most in outcomes), outcomes
    assert count_uses([promo.pk]) == {}
    assert set(Order.objects.values_list("status", flat=True)) == {OrderStatus.CANCELLED}


def test_two_codes_of_one_event_do_not_wait_for_each_other_in_a_circle(unchecked: None):
    event = make_event(capacity=500)
    kind = event.ticket_types.get()
    codes = [make_promo_code(event=event, code=code, max_uses=5) for code in ("UM-CODE", "DOIS-2")]

    outcomes = race(
        *(
            partial(make_reservation, ticket_type=kind, promo_code=code.code)
            for _ in range(10)
            for code in codes
        )
    )

    assert Counter(type(outcome) for outcome in outcomes) == {Reservation: 10, PromoCodeUsedUp: 10}


def test_a_code_is_used_or_deleted_but_not_both():
    for _ in range(5):
        kind: TicketType = make_ticket_type()
        promo = make_promo_code(event=kind.event)
        outcomes = race(
            partial(make_reservation, ticket_type=kind, promo_code="AMIGOS"),
            partial(delete_promo_code, promo_code_id=promo.pk, actor=SOMEBODY, now=clock.now()),
        )

        assert [type(outcome) for outcome in outcomes] in (
            [Reservation, PromoCodeInUse],
            [UnknownPromoCode, type(None)],
        )


def test_a_limit_lowered_during_the_race_holds_from_then_on(monkeypatch: pytest.MonkeyPatch):
    kind = make_ticket_type(capacity=500)
    promo = make_promo_code(event=kind.event)
    all_have_read = meeting_point(4, patience=2)

    def find_and_meet(**arguments: object) -> object:
        found = find_promo(**arguments)  # type: ignore[arg-type]
        all_have_read()
        return found

    monkeypatch.setattr(reservation, "find_promo", find_and_meet)

    def lower() -> None:
        all_have_read()
        change_promo_code(
            promo_code_id=promo.pk, fields={"max_uses": 1}, actor=SOMEBODY, now=clock.now()
        )

    reserve = partial(make_reservation, ticket_type=kind, promo_code="AMIGOS")
    race(reserve, reserve, reserve, lower)
    monkeypatch.undo()
    before = count_uses([promo.pk])[promo.pk].orders

    with pytest.raises(PromoCodeUsedUp):
        reserve()
    assert count_uses([promo.pk])[promo.pk].orders == before <= 3
