"""The ledger: one entry for each charge and refund, kept for good, that adds up to the orders."""

from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from orders.ledger import (
    Balance,
    balances,
    balances_by_method,
    entries_between,
    find_ledger_faults,
)
from orders.ledger_entry import EntryKind, LedgerEntry
from orders.models import Order, Payment, PaymentStatus, Refund
from orders.payment import approve_payment
from orders.refunds import return_money
from tests.make import (
    SOMEBODY,
    make_event,
    make_organizer,
    make_paid_order,
    make_processing_order,
    make_ticket_type,
)
from ticketing import clock
from tickets.event_cancellation import finish_event_cancellation
from tickets.models import Ticket
from tickets.refund import refund_order, refund_tickets
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)

CHARGE, REFUND = EntryKind.CHARGE.value, EntryKind.REFUND.value


def entries(order: Order) -> list[tuple[str, Decimal]]:
    return list(
        LedgerEntry.objects.filter(order=order).order_by("at").values_list("kind", "amount")
    )


def refund_one_ticket(order: Order) -> None:
    ticket = Ticket.objects.of_order(order.pk).filter(refunded_at=None).order_by("position")[0]
    refund_tickets(order_id=order.pk, ticket_ids=[ticket.pk], actor=SOMEBODY, now=clock.now())


def test_a_payment_is_entered_when_it_is_approved_and_not_before():
    order = make_processing_order(quantity=2)
    assert entries(order) == []

    settle_order(order_id=order.pk, now=clock.now())

    entry, payment = LedgerEntry.objects.get(), Payment.objects.get()
    assert (entry.kind, entry.cause, entry.amount) == (CHARGE, payment.pk, Decimal("90.00"))
    assert (entry.order_id, entry.event_id) == (order.pk, order.event_id)
    assert entry.organizer_id == order.event.organizer_id
    assert (entry.method, entry.currency, entry.at) == ("card", "BRL", payment.decided_at)


def test_the_fee_of_a_charge_is_entered_once_and_a_refund_does_not_give_it_back(settings):
    settings.SIMULATED_FEE_PERCENT = Decimal("3.99")
    order = make_paid_order(quantity=2)
    settle_order(order_id=order.pk, now=clock.now())
    Payment.objects.update(status=PaymentStatus.APPROVED)
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())

    payment = Payment.objects.get()
    assert payment.fee == Decimal("3.59")
    entry = LedgerEntry.objects.get(kind=EntryKind.FEE)
    assert (entry.cause, entry.amount, entry.method) == (payment.pk, Decimal("-3.59"), "card")
    (sums,) = balances(LedgerEntry.objects.filter(order=order))
    assert sums == Balance("BRL", Decimal(90), Decimal(-90), Decimal("-3.59"), Decimal(0))
    assert sums.payout == Decimal("-3.59")
    assert list(find_ledger_faults()) == []


def test_free_and_declined_orders_have_no_fee(settings):
    settings.SIMULATED_FEE_PERCENT = Decimal("3.99")
    make_paid_order(ticket_type=make_ticket_type(price="0.00"))
    declined = make_processing_order(token="tok_declined")
    settle_order(order_id=declined.pk, now=clock.now())

    assert set(Payment.objects.values_list("fee", flat=True)) == {Decimal(0)}
    assert not LedgerEntry.objects.exists()


def test_an_order_that_is_settled_twice_is_entered_once():
    order = make_paid_order()
    settle_order(order_id=order.pk, now=clock.now())
    # As if another release wrote the status once more.
    Payment.objects.update(status=PaymentStatus.APPROVED)

    assert entries(order) == [(CHARGE, Decimal("45.00"))]


def test_a_payment_that_is_rolled_back_or_declined_is_not_entered():
    declined = make_processing_order(token="tok_declined")
    settle_order(order_id=declined.pk, now=clock.now())
    rolled_back = make_processing_order()
    with transaction.atomic():
        approve_payment(order_id=rolled_back.pk, now=clock.now())
        transaction.set_rollback(True)

    assert not LedgerEntry.objects.exists()


def test_a_free_order_has_no_entry():
    make_paid_order(ticket_type=make_ticket_type(price="0.00"))

    assert not LedgerEntry.objects.exists()


def test_a_payment_that_is_inserted_as_approved_is_entered():
    order = make_paid_order()
    Payment.objects.filter(order=order).update(status=PaymentStatus.REFUNDED)
    other = make_processing_order()
    payment = Payment.objects.get(order=other)
    Payment.objects.filter(pk=payment.pk).delete()

    Payment.objects.create(
        order=other,
        method="cash",
        amount=other.total,
        currency="BRL",
        status=PaymentStatus.APPROVED,
        created_at=clock.now(),
        ask_again_at=clock.now(),
    )

    entry = LedgerEntry.objects.get(order=other)
    assert (entry.method, entry.at) == ("cash", Payment.objects.get(order=other).created_at)


def test_each_refund_is_entered_when_it_is_recorded_and_returning_the_money_adds_nothing():
    order = make_paid_order(quantity=3)
    refund_one_ticket(order)
    assert entries(order) == [(CHARGE, Decimal("135.00")), (REFUND, Decimal("-45.00"))]

    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    return_money(order_id=order.pk, now=clock.now())
    return_money(order_id=order.pk, now=clock.now())

    amounts = [Decimal("135.00"), Decimal("-45.00"), Decimal("-90.00")]
    assert [amount for _, amount in entries(order)] == amounts
    causes = LedgerEntry.objects.filter(kind=REFUND).values_list("cause", flat=True)
    assert set(causes) == set(Refund.objects.values_list("pk", flat=True))


def test_the_refunds_of_a_cancelled_event_are_entered_and_add_up_to_nothing():
    kind = make_ticket_type()
    orders = [make_paid_order(ticket_type=kind, quantity=2), make_paid_order(ticket_type=kind)]
    kind.event.status = "cancelled"
    type(kind.event).objects.filter(pk=kind.event_id).update(status="cancelled")
    finish_event_cancellation(event_id=kind.event_id, now=clock.now())
    for order in orders:
        refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())

    assert balances(LedgerEntry.objects.filter(event=kind.event_id)) == [
        Balance("BRL", Decimal("135.00"), Decimal("-135.00"), Decimal(0), Decimal(0))
    ]
    assert list(find_ledger_faults()) == []


@pytest.mark.parametrize(
    "change", ["UPDATE orders_ledgerentry SET amount = 1", "DELETE FROM orders_ledgerentry"]
)
def test_the_database_refuses_to_change_or_delete_an_entry(change: str):
    make_paid_order()

    with (
        pytest.raises(DatabaseError, match="never changed or deleted"),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)

    assert LedgerEntry.objects.get().amount == Decimal("45.00")


@pytest.mark.parametrize(
    ("kind", "amount"), [("charge", "-1"), ("refund", "1"), ("fee", "0"), ("gift", "1")]
)
def test_the_database_refuses_an_entry_whose_sign_does_not_fit_its_kind(kind: str, amount: str):
    order = make_paid_order()

    with pytest.raises(DatabaseError, match="entry_has_the_sign_of_its_kind"):
        add_entry(order, kind, amount)


def add_entry(order: Order, kind: str, amount: str) -> LedgerEntry:
    return LedgerEntry.objects.create(
        organizer_id=order.event.organizer_id,
        event_id=order.event_id,
        order=order,
        kind=kind,
        cause=uuid4(),
        method="card",
        amount=Decimal(amount),
        currency=order.currency,
        at=clock.now(),
    )


def test_the_migration_enters_the_past_once_and_may_be_run_again():
    order = make_paid_order(quantity=2)
    refund_one_ticket(order)
    make_processing_order()
    expected = sorted(LedgerEntry.objects.values_list("cause", "kind", "amount", "at"))
    empty_ledger()
    migration = import_module("orders.migrations.0021_earlier_entries")

    for _ in range(2):
        with connection.schema_editor() as editor:
            migration.enter_the_past(None, editor)

    assert sorted(LedgerEntry.objects.values_list("cause", "kind", "amount", "at")) == expected


def empty_ledger() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE orders_ledgerentry")


def test_the_sums_are_by_currency_and_by_method_with_fees():
    organizer = make_organizer()
    reais = make_event(organizer=organizer).ticket_types.get()
    dollars = make_event(organizer=organizer, currency="USD").ticket_types.get()
    order = make_paid_order(ticket_type=reais, quantity=2)
    refund_one_ticket(order)
    add_entry(order, "fee", "-4.50")
    make_paid_order(ticket_type=dollars)
    ledger = LedgerEntry.objects.filter(organizer=organizer)

    real, dollar = balances(ledger)
    assert (real.charges, real.refunds, real.fees) == (Decimal(90), Decimal(-45), Decimal("-4.5"))
    assert real.payout == Decimal("40.50")
    assert (dollar.currency, dollar.payout) == ("USD", Decimal(45))
    methods = [
        (m.method, m.currency, m.count, m.charges, m.refunds) for m in balances_by_method(ledger)
    ]
    assert methods == [
        ("card", "BRL", 1, Decimal(90), Decimal(-45)),
        ("card", "USD", 1, Decimal(45), Decimal(0)),
    ]


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last():
    make_paid_order()
    entry, ledger = LedgerEntry.objects.get(), LedgerEntry.objects.all()
    moment, tick = entry.at, timedelta(microseconds=1)

    assert list(entries_between(ledger, since=moment, until=moment + tick)) == [entry]
    assert list(entries_between(ledger, since=moment + tick, until=None)) == []
    assert list(entries_between(ledger, since=None, until=moment)) == []
    assert list(entries_between(ledger, since=None, until=None)) == [entry]


def test_a_period_with_refunds_only_has_charges_of_zero():
    refund_one_ticket(make_paid_order(quantity=2))

    (sums,) = balances_by_method(LedgerEntry.objects.filter(kind=REFUND))

    assert (sums.count, sums.charges, sums.refunds) == (0, Decimal(0), Decimal(-45))


def test_the_check_finds_missing_wrong_and_invented_fees(settings):
    settings.SIMULATED_FEE_PERCENT = Decimal(10)
    entered, empty = make_paid_order(), make_paid_order()
    add_entry(entered, "fee", "-1.00")
    Payment.objects.filter(order=entered).update(fee=5)
    Payment.objects.filter(order=empty).update(fee=0)

    assert sorted(find_ledger_faults()) == sorted(
        [
            f"{entered.code}: a fee is entered with another amount",
            f"{entered.code}: an entry has no cause",
            f"{empty.code}: an entry has no cause",
        ]
    )
    empty_ledger()
    assert f"{entered.code}: a fee is not entered" in set(find_ledger_faults())


def test_the_check_finds_missing_wrong_and_invented_entries():
    order = make_paid_order(quantity=2)
    refund_one_ticket(order)
    call_command("check_ledger")
    add_entry(order, "charge", "7.00")
    assert list(find_ledger_faults(event_id=order.event_id)) == [
        f"{order.code}: an entry has no cause",
        f"{order.code}: the entries do not add up to the order",
    ]
    assert list(find_ledger_faults(event_id=make_event().pk)) == []

    empty_ledger()

    assert list(find_ledger_faults()) == [
        f"{order.code}: a charge is not entered",
        f"{order.code}: a refund is not entered",
        f"{order.code}: the entries do not add up to the order",
    ]
    with pytest.raises(CommandError, match="does not add up"):
        call_command("check_ledger")


def test_the_check_finds_an_entry_with_another_amount():
    order = make_paid_order()
    Payment.objects.update(amount=Decimal("46.00"))

    assert list(find_ledger_faults()) == [f"{order.code}: a charge is entered with another amount"]


def test_cash_of_the_box_office_is_not_paid_out_again():
    order = make_paid_order(quantity=2)
    Payment.objects.update(method="cash")
    empty_ledger()
    Payment.objects.update(status=PaymentStatus.APPROVED)
    make_paid_order(ticket_type=order.items.get().ticket_type)

    (balance,) = balances(LedgerEntry.objects.all())

    assert (balance.charges, balance.cash) == (Decimal(135), Decimal(90))
    assert balance.payout == Decimal(45)
