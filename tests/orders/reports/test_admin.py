"""The pages of the ledger: read only, by event and day, with a report that adds it up."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from events.models import Event, Membership, Role
from orders.box_office import sell_at_box_office
from orders.ledger_entry import LedgerEntry
from orders.models import Order
from orders.payment import confirm_payment
from tests.make import (
    SOMEBODY,
    a_sale,
    make_event,
    make_paid_order,
    make_promo_code,
    make_reservation,
    make_ticket_type,
    make_user,
)
from ticketing import clock
from tickets.models import Ticket
from tickets.refund import refund_tickets
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/orders/ledgerentry/"
REPORT = f"{LIST}report/"
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def browse(event: Event, role: Role = Role.FINANCE, language: str = "en") -> Client:
    user = make_user(organizer=event.organizer, role=role, is_staff=True)
    client = Client(headers={"Accept-Language": language})
    client.force_login(user)
    return client


@pytest.fixture
def event() -> Event:
    """Make an event with three tickets sold of one type, one of another, and one refunded."""
    event = make_event(name="Noite de Jazz")
    vip = make_ticket_type(event=event, name="VIP", price="100.00")
    order = make_paid_order(ticket_type=event.ticket_types.get(name="Pista"), quantity=3)
    make_paid_order(ticket_type=vip)
    ticket = Ticket.objects.of_order(order.pk)[0]
    refund_tickets(order_id=order.pk, ticket_ids=[ticket.pk], actor=SOMEBODY, now=clock.now())
    return event


def found(client: Client, **query: Any) -> int:
    return len(client.get(LIST, query).context["cl"].result_list)


def test_the_list_is_filtered_by_whole_days_and_nobody_changes_an_entry(event: Event):
    client = browse(event, Role.OWNER)
    today = clock.now().astimezone(SAO_PAULO).date()
    yesterday, tomorrow = today - timedelta(days=1), today + timedelta(days=1)

    assert found(client) == 3
    assert found(client, at_from=today, at_to=today) == 3
    assert found(client, at_to=yesterday) == 0
    assert found(client, at_from=tomorrow) == 0
    assert found(client, at_from="2026-02-30", at_to="x") == 3
    entry = LedgerEntry.objects.order_by("pk")[0]
    page = client.get(f"{LIST}{entry.pk}/change/")
    assert page.status_code == 200
    assert client.post(f"{LIST}{entry.pk}/change/", {"amount": "1"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.get(f"{LIST}{entry.pk}/delete/").status_code == 403


def test_the_report_of_an_event_has_its_sums_its_methods_and_its_sales_by_day_and_type(
    event: Event,
):
    page = browse(event).get(REPORT, {"event": str(event.pk)})

    (sums,) = page.context["balances"]
    assert (sums.charges, sums.refunds, sums.fees, sums.payout) == (
        "BRL\u00a0235.00",
        "−BRL\u00a045.00",
        "BRL\u00a00.00",
        "BRL\u00a0190.00",
    )
    (method,) = page.context["methods"]
    assert (method.name, method.count, method.rest) == ("card", 2, "BRL\u00a0190.00")
    (day,) = page.context["days"]
    assert day.day == clock.now().astimezone(SAO_PAULO).date()
    assert (day.sum.sold, day.sum.returned, day.sum.revenue) == (4, 1, "BRL\u00a0190.00")
    assert [(kind.name, kind.sold, kind.revenue) for kind in day.types] == [
        ("Pista", 3, "BRL\u00a090.00"),
        ("VIP", 1, "BRL\u00a0100.00"),
    ]


def test_the_report_names_discounts_and_complimentary_tickets_apart(event: Event):
    kind = event.ticket_types.get(name="VIP")
    make_promo_code(event=event, code="AMIGOS")
    order = Order.objects.get(
        pk=make_reservation(ticket_type=kind, quantity=2, promo_code="AMIGOS").order_id
    )
    confirm_payment(order=order, method="card", token="tok_approved", now=clock.now())
    settle_order(order_id=order.pk, now=clock.now())
    make_reservation(ticket_type=kind, promo_code="AMIGOS")
    given = sell_at_box_office(sale=a_sale(kind, 3), user_id=None, actor=SOMEBODY, now=clock.now())
    settle_order(order_id=given, now=clock.now())

    page = browse(event).get(REPORT, {"event": str(event.pk)})

    (discount,) = page.context["discounts"]
    assert (discount.code, discount.orders, discount.tickets) == ("AMIGOS", 1, 2)
    assert discount.discount == "BRL\u00a020.00"
    assert page.context["complimentary"] == 3
    assert "3 complimentary tickets were given" in page.content.decode()
    assert Order.objects.get(pk=given).discount == 0
    everywhere = browse(event).get(REPORT)
    assert [each.event for each in everywhere.context["discounts"]] == ["Noite de Jazz"]
    assert not browse(make_event()).get(REPORT).context["discounts"]


def test_the_report_of_all_events_lists_each_of_them_and_speaks_portuguese(event: Event):
    other = make_event(organizer=event.organizer, name="Feira")
    make_paid_order(ticket_type=other.ticket_types.get())

    page = browse(event, language="pt-br").get(REPORT)

    rows = [(row.name, row.payout) for row in page.context["events"]]
    assert rows == [("Noite de Jazz", "R$\u00a0190,00"), ("Feira", "R$\u00a045,00")]
    assert "Relatório financeiro" in page.content.decode()
    assert page.context["days"] == []


def test_days_outside_of_the_period_do_not_count(event: Event):
    client, today = browse(event), clock.now().astimezone(SAO_PAULO).date()
    past = {"last_day": (today - timedelta(days=2)).isoformat()}

    page = client.get(REPORT, past | {"event": str(event.pk)})

    assert (page.context["balances"], page.context["methods"], page.context["days"]) == ([], [], [])


@pytest.mark.parametrize(
    "query",
    [
        {"first_day": "2026-02-01", "last_day": "2026-01-01"},
        {"first_day": "2020-01-01", "last_day": "2026-01-01"},
        {"first_day": "2020-01-01"},
        {"first_day": "2999-01-01"},
        {"first_day": "tomorrow"},
        {"event": "x"},
    ],
)
def test_bad_input_shows_an_error_and_the_usual_period(event: Event, query: dict[str, str]):
    page = browse(event).get(REPORT, query)

    assert page.status_code == 200
    assert page.context["form"].errors
    period = page.context["period"]
    assert (period.last - period.first).days <= 365


def test_a_user_sees_only_the_money_of_the_own_events(event: Event):
    theirs = make_event(name="Baile")
    make_paid_order(ticket_type=theirs.ticket_types.get())
    client = browse(event)
    limited = make_user(organizer=event.organizer, role=Role.FINANCE, is_staff=True)
    membership = Membership.objects.get(user=limited)
    membership.only_some_events = True
    membership.save()

    foreign = client.get(REPORT, {"event": str(theirs.pk)})
    assert "Baile" not in foreign.content.decode()
    assert foreign.context["event"] is None
    client.force_login(limited)
    assert client.get(REPORT).context["balances"] == []
    assert browse(event, Role.DOOR).get(REPORT).status_code == 403
