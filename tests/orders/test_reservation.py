"""How patient a reservation is with a stock that is being read again, and what it says."""

from typing import Any

import pytest

from events.catalogue import left_by_type
from events.stock.holds import InventoryUnavailable, StockIsCold, StockRunsOut
from events.stock.rebuild import rebuild_stock
from events.stock.record import SoldOut, begin_epoch, current_epoch
from orders import reservation
from tests.make import make_reserved_order, make_ticket_type

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note for how long a reservation waits, and let it wait for nothing."""
    noted: list[float] = []
    monkeypatch.setattr("orders.reservation.time.sleep", noted.append)
    return noted


def always_raise(error: Exception) -> Any:
    def take(**_: object) -> int:
        raise error

    return take


def test_a_stock_that_stays_cold_is_waited_for_longer_each_time(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
):
    kind = make_ticket_type()
    monkeypatch.setattr(reservation, "hold_tickets", always_raise(StockIsCold("cold")))

    with pytest.raises(InventoryUnavailable, match="being read again"):
        make_reserved_order(ticket_type=kind)

    assert pauses == pytest.approx([0, 0.01, 0.02, 0.03, 0.04, 0.05])


def test_a_cold_stock_is_left_to_whoever_has_begun_to_read_it(
    redis: Any, monkeypatch: pytest.MonkeyPatch
):
    kind = make_ticket_type()
    redis.flushdb()
    epoch = current_epoch(kind.event_id)

    def rebuild_late(**how: Any) -> None:
        monkeypatch.setattr(reservation, "rebuild_stock", rebuild_stock)
        rebuild_stock(event_id=kind.event_id)
        rebuild_stock(**how)

    monkeypatch.setattr(reservation, "rebuild_stock", rebuild_late)
    make_reserved_order(ticket_type=kind)

    assert current_epoch(kind.event_id) == epoch + 1


def test_a_rebuild_between_its_two_steps_is_waited_for_and_then_done(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
):
    kind = make_ticket_type()
    make_reserved_order(ticket_type=kind)
    # Somebody began it, and died.
    begin_epoch(event_id=kind.event_id)
    begun = current_epoch(kind.event_id)
    rebuilt: list[int] = []

    def rebuild(*, event_id: Any, seen: int) -> None:
        rebuilt.append(len(pauses))
        assert seen == begun
        rebuild_stock(event_id=event_id, seen=seen)

    monkeypatch.setattr(reservation, "rebuild_stock", rebuild)
    make_reserved_order(ticket_type=kind)

    # After one pause, and once.
    assert (rebuilt, pauses) == ([1], [0.01, 0.01])


def test_overdue_holds_are_asked_about_once_and_then_it_is_sold_out(
    monkeypatch: pytest.MonkeyPatch,
):
    kind = make_ticket_type()
    short = StockRunsOut(ticket_type_id=kind.pk, left=0, overdue=3, revision=0)
    asked: list[object] = []
    monkeypatch.setattr(reservation, "hold_tickets", always_raise(short))
    monkeypatch.setattr(reservation, "settle_overdue_holds", lambda **about: asked.append(about))

    with pytest.raises(SoldOut):
        make_reserved_order(ticket_type=kind)

    assert len(asked) == 1


@pytest.mark.parametrize(
    ("left", "wanted", "said"),
    [
        (0, 1, "Pista has no tickets left; 1 was asked for."),
        (1, 2, "Pista has 1 ticket left; 2 were asked for."),
        (2, 3, "Pista has 2 tickets left; 3 were asked for."),
    ],
)
def test_what_is_left_is_said_in_good_english(left: int, wanted: int, said: str):
    kind = make_ticket_type(capacity=3)
    if left < 3:
        make_reserved_order(ticket_type=kind, quantity=3 - left)

    with pytest.raises(SoldOut) as refused:
        make_reserved_order(ticket_type=kind, quantity=wanted)

    assert str(refused.value) == said


def test_an_order_whose_code_another_has_draws_another_one(monkeypatch: pytest.MonkeyPatch):
    kind = make_ticket_type(capacity=5)
    taken = make_reserved_order(ticket_type=kind)
    drawn = iter([taken.code, "ZZZZ22"])
    monkeypatch.setattr(reservation, "new_code", lambda _length: next(drawn))

    order = make_reserved_order(ticket_type=kind, quantity=2)

    assert (order.code, order.items.get().quantity) == ("ZZZZ22", 2)
    assert left_by_type([kind.event_id])[kind.pk] == 2
