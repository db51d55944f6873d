"""The filters, the sort order and the pages of an organizer's orders."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from events.models import TicketType
from orders.models import Order
from orders.search import (
    EXPORTED,
    OrderFilter,
    UnknownOrder,
    export_orders,
    first_orders,
    newest_named,
    orders_of_event,
)
from tests.make import SOMEBODY, make_paid_order, make_reserved_order, make_ticket_type
from tests.moments import NOON
from ticketing import clock
from ticketing.ids import new_id
from tickets.models import Ticket
from tickets.refund import refund_tickets

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)


def make_orders(kind: TicketType, *moments: datetime) -> list[UUID]:
    """Make orders that were created and changed at these times. Their ids ascend."""
    ids = sorted(make_reserved_order(ticket_type=kind).pk for _ in moments)
    with transaction.atomic(), connection.cursor() as cursor:
        # Turn off the trigger that sets `modified_at`.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for pk, moment in zip(ids, moments, strict=True):
            Order.objects.filter(pk=pk).update(created_at=moment, modified_at=moment)
    return ids


def found(kind: TicketType, **wanted: Any) -> list[UUID]:
    return [order.pk for order in orders_of_event(kind.event_id, OrderFilter(**wanted))]


def page(kind: TicketType, **wanted: Any) -> list[UUID]:
    own = Order.objects.filter(event__organizer=kind.event.organizer_id)
    return [order.pk for order in first_orders(own, OrderFilter(**wanted), count=2)]


def test_a_range_of_creation_times_includes_its_start_and_excludes_its_end():
    kind = make_ticket_type()
    before, first, last, _after = make_orders(
        kind, NOON - SECOND, NOON, NOON + SECOND, NOON + 2 * SECOND
    )

    between = found(kind, created_after=NOON, created_before=NOON + 2 * SECOND)

    assert between == [last, first]
    assert before not in between


def test_orders_modified_since_a_time_include_that_time_and_are_sorted_by_change():
    kind = make_ticket_type()
    _before, one, two, three = make_orders(kind, NOON - SECOND, NOON, NOON, NOON + SECOND)

    assert found(kind, modified_since=NOON) == [one, two, three]
    # Among orders of exactly that time, only those after the last order of the previous page.
    assert found(kind, modified_since=NOON, after=one) == [two, three]
    assert found(kind, modified_since=NOON, after=two) == [three]


def test_an_order_that_changed_later_is_on_the_next_page_though_its_id_is_smaller():
    kind = make_ticket_type()
    later, last = make_orders(kind, NOON + SECOND, NOON)

    assert found(kind, modified_since=NOON, after=last) == [later]


def test_a_page_continues_after_the_previous_one_also_among_orders_of_the_same_time():
    kind = make_ticket_type()
    others = make_ticket_type()
    make_orders(others, NOON)
    oldest, one, two, three = make_orders(kind, NOON - SECOND, NOON, NOON, NOON)

    assert page(kind) == [three, two]
    assert page(kind, after=two) == [one, oldest]
    assert page(kind, after=oldest) == []


def test_a_page_cannot_continue_after_an_unknown_order_or_one_of_another_organizer():
    kind = make_ticket_type()
    (theirs,) = make_orders(make_ticket_type(), NOON)

    for after in (theirs, new_id()):
        with pytest.raises(UnknownOrder):
            page(kind, after=after)


def test_orders_are_found_by_their_event_status_and_code_in_any_case():
    kind = make_ticket_type()
    one, two = make_orders(kind, NOON, NOON + SECOND)
    Order.objects.filter(pk=one).update(code="ABC234")
    Order.objects.filter(pk=two).update(status="expired")

    assert found(kind, code="abc234") == [one]
    assert found(kind, words="abc234") == [one]
    assert found(kind, statuses=["expired", "paid"]) == [two]
    assert page(kind, event=kind.event_id) == [two, one]
    assert page(kind, event=new_id()) == []


def test_orders_are_found_by_an_email_in_any_case_and_by_a_part_of_a_name():
    kind = make_ticket_type()
    one, two = make_orders(kind, NOON, NOON + SECOND)
    Order.objects.filter(pk=two).update(customer_name="Bia Lima", customer_email="Bia@example.com")

    assert found(kind, words="BIA@example.com") == [two]
    assert found(kind, words="souz") == [one]
    assert found(kind, words="nobody") == []


def test_an_order_that_is_newer_is_not_on_the_next_page_though_its_id_is_smaller():
    kind = make_ticket_type()
    newer, older = make_orders(kind, NOON + SECOND, NOON)

    assert page(kind, after=newer) == [older]
    assert page(kind, after=older) == []


def test_no_statement_that_only_clears_a_digest_changes_when_an_order_was_modified():
    order = make_reserved_order()
    Order.objects.update(address_digest="address")
    order.refresh_from_db()

    Order.objects.update(address_digest="", modified_at=clock.now() + SECOND)

    assert Order.objects.get().modified_at == order.modified_at


def test_the_newest_rows_are_found_by_all_words_of_a_name_in_any_case():
    kind = make_ticket_type()
    names = ["Ana Souza", "Ana Lima", "ana maria SOUZA", "Bia Souza"]
    orders = make_orders(kind, *(NOON + n * SECOND for n in range(4)))
    for pk, name in zip(orders, names, strict=True):
        Order.objects.filter(pk=pk).update(customer_name=name)
    own = Order.objects.filter(event=kind.event)

    def named(*words: str, count: int = 9) -> list[UUID]:
        return newest_named(own, "customer_name", words, count=count)

    assert named("SOUZA", "ana") == [orders[2], orders[0]]
    assert named("souza", count=2) == [orders[3], orders[2]]
    assert (named("nobody"), named()) == ([], [])
    assert newest_named(own.none(), "customer_name", ["ana"], count=9) == []


def test_an_export_has_the_tickets_that_are_left_and_the_moments_of_the_order():
    order = make_paid_order(quantity=3)
    tickets = [ticket.pk for ticket in Ticket.objects.of_order(order.pk)]
    refund_tickets(order_id=order.pk, ticket_ids=tickets[:1], actor=SOMEBODY, now=clock.now())
    (reserved,) = make_orders(order.items.get().ticket_type, NOON)

    first, second = export_orders(orders_of_event(order.event_id, OrderFilter()))

    paid = dict(zip(EXPORTED, first, strict=True))
    assert (paid["id"], paid["tickets"], paid["items"]) == (str(order.pk), 2, "3 × Pista")
    assert order.paid_at is not None
    assert (paid["refunded"], paid["paid_at"]) == ("45.00", order.paid_at.isoformat())
    unpaid = dict(zip(EXPORTED, second, strict=True))
    assert (unpaid["id"], unpaid["created_at"]) == (str(reserved), NOON.isoformat())
    assert (unpaid["paid_at"], unpaid["closed_at"]) == ("", "")
