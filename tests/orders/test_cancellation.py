"""Cancelling reservations that are not paid."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import pytest

from events.catalogue import left_by_type
from orders import cancellation
from orders.cancellation import cancel_order, cancel_reservations
from orders.models import Order, OrderStatus
from tests.make import (
    SOMEBODY,
    make_paid_order,
    make_processing_order,
    make_reserved_order,
    make_ticket_type,
)
from ticketing import clock
from ticketing.models import Act

pytestmark = pytest.mark.django_db(transaction=True)


def cancel(orders: Collection[Order], now: Any) -> None:
    event = next(iter(orders)).event
    ids = [order.pk for order in orders]
    cancel_reservations(event=event, order_ids=ids, actor=SOMEBODY, now=now)


def cancelled_by_acts() -> set[UUID]:
    return set(Act.objects.filter(type="order.cancelled").values_list("subject_id", flat=True))


def test_a_cancelled_order_has_the_time_of_its_end():
    order, now = make_reserved_order(), clock.now()

    cancel_order(order_id=order.pk, actor=SOMEBODY, now=now)

    order.refresh_from_db()
    assert (order.status, order.closed_at) == (OrderStatus.CANCELLED, now)


def test_only_the_named_orders_that_are_still_reserved_are_cancelled():
    kind = make_ticket_type(capacity=20)
    named, other = (make_reserved_order(ticket_type=kind) for _ in range(2))
    paying = make_processing_order(ticket_type=kind, quantity=2)
    paid = make_paid_order(ticket_type=kind, quantity=3)
    now = clock.now()

    cancel([named, paying, paid], now)

    statuses = dict(Order.objects.values_list("pk", "status"))
    assert [statuses[order.pk] for order in (named, other, paying, paid)] == [
        "cancelled", "reserved", "processing", "paid",
    ]  # fmt: skip
    assert Order.objects.get(pk=named.pk).closed_at == now
    assert cancelled_by_acts() == {named.pk}
    # The order that is being paid for keeps its hold.
    assert left_by_type([kind.event_id])[kind.pk] == 20 - 1 - 2 - 3


def test_only_the_holds_of_the_named_orders_are_released(monkeypatch: pytest.MonkeyPatch):
    kind = make_ticket_type()
    before, named = (make_reserved_order(ticket_type=kind) for _ in range(2))
    cancel([before], clock.now())
    released: list[UUID] = []
    release = cancellation.release_holds  # type: ignore[attr-defined]

    def release_and_record(**arguments: Any) -> None:
        arguments["order_ids"] = list(arguments["order_ids"])
        released.extend(arguments["order_ids"])
        release(**arguments)

    monkeypatch.setattr(cancellation, "release_holds", release_and_record)
    cancel([named], clock.now())

    assert released == [named.pk]
