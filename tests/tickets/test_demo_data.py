"""The demo: made quickly, once, and with a stock that the audit accepts."""

import pytest
from django.db.models import F, Sum

from events.catalogue import left_by_type
from events.models import Event, Organizer, TicketType
from events.stock.audit import audit_stock
from events.stock.record import recorded_left_by_type
from orders.models import Order, OrderItem, OrderStatus, Payment
from ticketing import clock
from tickets.demo_data import DemoSecrets, load_demo_data
from tickets.figures import read_entries
from tickets.models import Delivery, Ticket, TicketStatus
from tickets.sweep import retry_waiting_work

pytestmark = pytest.mark.django_db(transaction=True)

SECRETS = DemoSecrets("correct horse battery", "api_" + "x" * 40, "dev_" + "y" * 40)


def load() -> None:
    load_demo_data(secrets=SECRETS, now=clock.now())


def test_the_season_is_made_once_and_has_orders_of_every_ending():
    load()
    first = Order.objects.count()
    load()

    assert Order.objects.count() == first > 400
    endings = set(Order.objects.values_list("status", flat=True))
    assert endings == set(OrderStatus) - {OrderStatus.RESERVED, OrderStatus.PROCESSING}
    assert Organizer.objects.count() == 1


def test_the_events_of_the_quick_starts_are_unsold():
    load()

    jazz = Event.objects.get(slug="noite-de-jazz")
    festival = Event.objects.get(slug="festival-de-inverno")
    assert not Order.objects.filter(event__in=[jazz, festival]).exists()
    assert [event.slug for event in Event.objects.filter(search__words="jazz")] == [jazz.slug]


def test_record_tickets_and_orders_agree():
    load()

    not_returned = Sum(F("quantity") - F("returned"))
    sold = OrderItem.objects.filter(order__paid_at__isnull=False).values_list("ticket_type")
    by_type = dict(sold.annotate(kept=not_returned))
    for kind in TicketType.objects.all():
        admitting = kind.tickets.exclude(status=TicketStatus.REVOKED).count()
        assert kind.sold == kind.promised == by_type.get(kind.pk, 0) == admitting
    assert Ticket.objects.filter(order__paid_at=None).count() == 0
    refunded = Payment.objects.filter(order__status=OrderStatus.REFUNDED)
    assert {payment.amount for payment in refunded} != set()
    assert all(
        payment.amount == payment.refunds.aggregate(Sum("amount"))["amount__sum"]
        for payment in refunded
    )


def test_the_audit_accepts_the_stock_and_the_sweep_finds_no_work():
    load()

    assert [audit_stock(now=clock.now()) for _ in range(2)] == [0, 0]
    assert retry_waiting_work(now=clock.now()) == 0
    on_sale = Event.objects.filter(status="published", ends_at__gt=clock.now())
    ids = list(on_sale.values_list("pk", flat=True))
    assert left_by_type(ids) == recorded_left_by_type(ids)


def test_a_past_event_has_entries_and_one_mail_came_back():
    load()

    entries = read_entries(Event.objects.get(slug="samba-na-laje"))

    assert entries.admitted > 150
    assert [gate.gate for gate in entries.gates] == ["Portão Norte", "Portão Sul"]
    assert Delivery.objects.filter(failed_at__isnull=False).count() == 1
