"""Writing an order with one statement: each outcome, and the price by one version of a code."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from events.models import Event, TicketType
from events.stock.record import current_epoch
from orders.dropped_hold import DroppedHold
from orders.holding import CODE_LENGTH
from orders.insertion import (
    CodeTaken,
    Customer,
    EventChanged,
    HoldDropped,
    NewOrder,
    NoUseLeft,
    Outcome,
    PromoChanged,
    Reservation,
    StaleEpoch,
    write_reservation,
)
from orders.limits import Limits
from orders.models import Order, OrderItem
from orders.pricing import ReservedTickets
from orders.promo_code import PromoCode, terms_of
from tests.make import make_event, make_promo_code, make_ticket_type
from tests.race import race
from ticketing import clock
from ticketing.database.locks import Lock
from ticketing.ids import new_code, new_id
from ticketing.tokens import TokenKind, make_token

pytestmark = pytest.mark.django_db(transaction=True)

WITHOUT_LIMITS = Limits(0, 0, 0)


def new_order(*kinds: TicketType, promo: PromoCode | None = None, **fields: Any) -> NewOrder:
    defaults: dict[str, Any] = {
        "order_id": new_id(),
        "code": new_code(CODE_LENGTH),
        "event": Event.objects.get(pk=kinds[0].event_id),
        "items": [ReservedTickets(kind, 1) for kind in kinds],
        "total": sum((kind.price for kind in kinds), Decimal(0)),
        "customer": Customer("Ana Souza", "ana@example.com", "pt-br"),
        "token": make_token(TokenKind.ORDER),
        "shop": None,
        "promo": promo and terms_of(promo),
    }
    return NewOrder(**(defaults | fields))


def write(order: NewOrder) -> Outcome:
    return write_reservation(order, limits=WITHOUT_LIMITS, epoch=current_epoch(order.event.pk))


def test_an_order_that_must_not_be_written_has_an_outcome_that_says_why():
    kind = make_ticket_type()
    used_up = make_promo_code(event=kind.event, code="UMA-VEZ", max_uses=1)
    foreign = make_promo_code(event=make_event())
    first, dropped = new_order(kind, promo=used_up), new_order(kind)
    assert isinstance(write(first), Reservation)
    DroppedHold.objects.create(order_id=dropped.order_id, dropped_at=clock.now())
    order, epoch = new_order(kind), current_epoch(kind.event_id)
    earlier = replace(terms_of(used_up), revision=used_up.revision - 1)

    assert write(new_order(kind, code=first.code)) == CodeTaken()
    assert write(dropped) == HoldDropped()
    assert write(new_order(kind, promo=used_up)) == NoUseLeft()
    # Terms of another event, and terms that are not the present ones.
    assert write(new_order(kind, promo=foreign)) == PromoChanged()
    assert write(replace(order, promo=earlier)) == PromoChanged()
    assert write_reservation(order, limits=WITHOUT_LIMITS, epoch=epoch - 1) == StaleEpoch(epoch)
    TicketType.objects.filter(pk=kind.pk).update(price=Decimal(60))
    assert write(order) == EventChanged()
    Event.objects.update(status="cancelled")
    assert write(order) == EventChanged()
    assert Order.objects.get().pk == first.order_id


def test_an_order_has_its_own_promo_code_and_the_list_price_of_each_type():
    event = make_event(price="45.00")
    kinds = [event.ticket_types.get(), make_ticket_type(event=event, price="90.00", name="Mesa")]
    for code in ("ANTES", "AMIGOS", "DEPOIS"):
        make_promo_code(event=event, code=code)
    order = new_order(*kinds, promo=PromoCode.objects.get(code="AMIGOS"))

    assert isinstance(write(order), Reservation)

    assert Order.objects.get().promo_text == "AMIGOS"
    prices = dict(OrderItem.objects.values_list("ticket_type", "list_price"))
    assert prices == {kinds[0].pk: Decimal(45), kinds[1].pk: Decimal(90)}


@pytest.mark.parametrize("max_uses", [None, 5])
def test_no_order_is_written_by_the_old_terms_of_a_code_that_changes_meanwhile(
    max_uses: int | None,
):
    kind = make_ticket_type()
    order = new_order(kind, promo=make_promo_code(event=kind.event, max_uses=max_uses))
    other = connection.copy()
    other.inc_thread_sharing()

    def commit_once_the_order_waits() -> None:
        with connection.cursor() as cursor:
            for _ in range(20_000):
                cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
                if cursor.fetchone() == (True,):
                    break
        other.commit()

    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("UPDATE orders_promocode SET percent = 1, revision = revision + 1")
        outcome, _ = race(lambda: write(order), commit_once_the_order_waits)
    finally:
        other.close()

    assert outcome == PromoChanged()


def test_an_order_waits_for_its_event_before_it_locks_its_promo_code():
    kind = make_ticket_type()
    promo = make_promo_code(event=kind.event, max_uses=5)
    order = new_order(kind, promo=promo)
    rebuild = connection.copy()
    try:
        rebuild.set_autocommit(False)
        with rebuild.cursor() as theirs, connection.cursor() as ours:
            theirs.execute("SELECT pg_advisory_xact_lock(%s, %s)", [Lock.EVENT, order.event.number])
            theirs.execute("SELECT FROM orders_promocode WHERE id = %s FOR UPDATE", [promo.pk])
            ours.execute("SET lock_timeout = '50ms'")
            with pytest.raises(OperationalError, match="lock timeout") as refused:
                write(order)
    finally:
        rebuild.close()
        connection.close()

    cause = refused.value.__cause__
    assert isinstance(cause, psycopg.Error)
    assert "orders_promocode" not in (cause.diag.context or "")
