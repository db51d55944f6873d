"""The attempts of a reservation while the stock is rebuilt, and the texts of its refusals."""

from typing import Any

import pytest

from events.catalogue import left_by_type
from events.models import Event
from events.stock.holds import InventoryUnavailable, StockIsCold, StockRunsOut
from events.stock.rebuild import rebuild_stock
from events.stock.record import SoldOut, begin_epoch, current_epoch
from orders import holding
from orders.limits import MaxPerCustomerExceeded, TooManyReservations
from tests.make import make_event, make_reserved_order, make_ticket_type

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the pauses of a reservation instead of waiting."""
    recorded: list[float] = []
    monkeypatch.setattr("orders.holding.time.sleep", recorded.append)
    return recorded


def always_raise(error: Exception) -> Any:
    def fail(**_: object) -> int:
        raise error

    return fail


def test_the_pauses_get_longer_while_the_stock_stays_cold(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
):
    kind = make_ticket_type()
    monkeypatch.setattr(holding, "hold_tickets", always_raise(StockIsCold("cold")))

    with pytest.raises(InventoryUnavailable, match="being read again"):
        make_reserved_order(ticket_type=kind)

    assert pauses == pytest.approx([0, 0.01, 0.02, 0.03, 0.04, 0.05])


def test_a_cold_stock_that_another_process_rebuilds_is_not_rebuilt_again(
    redis: Any, monkeypatch: pytest.MonkeyPatch
):
    kind = make_ticket_type()
    redis.flushdb()
    epoch = current_epoch(kind.event_id)

    def rebuild_after_another_process(**arguments: Any) -> None:
        monkeypatch.setattr(holding, "rebuild_stock", rebuild_stock)
        rebuild_stock(event_id=kind.event_id)
        rebuild_stock(**arguments)

    monkeypatch.setattr(holding, "rebuild_stock", rebuild_after_another_process)
    make_reserved_order(ticket_type=kind)

    assert current_epoch(kind.event_id) == epoch + 1


def test_a_reservation_pauses_once_for_an_unfinished_rebuild_and_then_rebuilds(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float]
):
    kind = make_ticket_type()
    make_reserved_order(ticket_type=kind)
    # Another process began a rebuild, and died.
    begin_epoch(event_id=kind.event_id)
    begun = current_epoch(kind.event_id)
    pauses_before_rebuilds: list[int] = []

    def rebuild(*, event_id: Any, seen: int) -> None:
        pauses_before_rebuilds.append(len(pauses))
        assert seen == begun
        rebuild_stock(event_id=event_id, seen=seen)

    monkeypatch.setattr(holding, "rebuild_stock", rebuild)
    make_reserved_order(ticket_type=kind)

    # One rebuild, after one pause.
    assert (pauses_before_rebuilds, pauses) == ([1], [0.01, 0.01])


def test_overdue_holds_are_settled_once_before_the_reservation_is_refused(
    monkeypatch: pytest.MonkeyPatch,
):
    kind = make_ticket_type()
    short = StockRunsOut(ticket_type_id=kind.pk, left=0, overdue=3, revision=0)
    settled: list[object] = []
    monkeypatch.setattr(holding, "hold_tickets", always_raise(short))
    monkeypatch.setattr(
        holding, "settle_overdue_holds", lambda **arguments: settled.append(arguments)
    )

    with pytest.raises(SoldOut):
        make_reserved_order(ticket_type=kind)

    assert len(settled) == 1


@pytest.mark.parametrize(
    ("left", "wanted", "detail"),
    [
        (0, 1, "Pista has no tickets left; 1 was asked for."),
        (1, 2, "Pista has 1 ticket left; 2 were asked for."),
        (2, 3, "Pista has 2 tickets left; 3 were asked for."),
    ],
)
def test_the_refusal_uses_singular_and_plural(left: int, wanted: int, detail: str):
    kind = make_ticket_type(capacity=3)
    if left < 3:
        make_reserved_order(ticket_type=kind, quantity=3 - left)

    with pytest.raises(SoldOut) as refused:
        make_reserved_order(ticket_type=kind, quantity=wanted)

    assert str(refused.value) == detail


def test_an_order_whose_code_is_taken_gets_another_code(monkeypatch: pytest.MonkeyPatch):
    kind = make_ticket_type(capacity=5)
    taken = make_reserved_order(ticket_type=kind)
    codes = iter([taken.code, "ZZZZ22"])
    monkeypatch.setattr(holding, "new_code", lambda _length: next(codes))

    order = make_reserved_order(ticket_type=kind, quantity=2)

    assert (order.code, order.items.get().quantity) == ("ZZZZ22", 2)
    assert left_by_type([kind.event_id])[kind.pk] == 2


def test_a_refused_or_repeated_attempt_leaves_no_hold_behind(settings: Any):
    event = make_event(capacity=10)
    kind = event.ticket_types.get()
    make_reserved_order(ticket_type=kind)
    # Redis does not learn of this change: the first attempt is priced by a stale event.
    Event.objects.filter(pk=event.pk).update(name="Renamed")
    make_reserved_order(ticket_type=kind)
    assert left_by_type([event.pk]) == {kind.pk: 8}

    settings.TICKETS_PER_CUSTOMER = 2
    with pytest.raises((TooManyReservations, MaxPerCustomerExceeded)):
        make_reserved_order(ticket_type=kind)

    assert left_by_type([event.pk]) == {kind.pk: 8}
