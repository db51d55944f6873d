"""Exchanging a sold ticket for one of another type: stock, code, money, ledger and figures."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from events.models import Event, EventStatus, TicketType
from events.organizing import cancel_event
from events.ticket_types import TicketTypeInUse, refuse_to_drop
from orders.box_office import sell_at_box_office
from orders.exchanges import Difference, DifferenceNotSettled, WaiverNeedsReason
from orders.figures import Sales, sales_by_type
from orders.ledger import find_ledger_faults
from orders.ledger_entry import LedgerEntry
from orders.models import CashDifference, Order, Refund, TicketExchange
from orders.payment import confirm_payment
from orders.pricing import EventNotOnSale, UnknownTicketType
from orders.refunds import return_money
from orders.sales_slots import SalesSummary
from orders.sales_summary import summarize_sales
from tests.crash import AFTER, watched
from tests.engine.world import check_record, check_whole, left
from tests.make import (
    SOMEBODY,
    a_sale,
    as_organizer,
    make_paid_order,
    make_promo_code,
    make_reservation,
    make_reserved_order,
    make_ticket_type,
)
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.models import Act
from ticketing.queue.messages import Message
from tickets.door.checkin import check_in_ticket
from tickets.door.scans import ScannedCode, Scanner
from tickets.exchange import (
    DifferenceHasChanged,
    TicketHasThatType,
    WantedExchange,
    exchange_ticket,
)
from tickets.issue import issue_codes
from tickets.mail import compose_ticket_mail, tickets_to_mail
from tickets.models import Ticket, TicketStatus
from tickets.refund import refund_order, refund_tickets, sum_of_refund
from tickets.replacement import TicketNotValid, replace_ticket, revoke_ticket
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)

# A slot of figures is written when no sale can be missing in it any more.
LATER = timedelta(hours=1)


@pytest.fixture
def pista() -> TicketType:
    return make_ticket_type(price="80.00", capacity=5)


@pytest.fixture
def vip(pista: TicketType) -> TicketType:
    return make_ticket_type(event=pista.event, name="VIP", price="200.00", capacity=1)


def exchange(
    ticket: Ticket, kind: TicketType, difference: Difference | None = None, reason: str = ""
) -> Ticket:
    wanted = WantedExchange(
        ticket_id=ticket.pk, ticket_type_id=kind.pk, difference=difference, reason=reason
    )
    return exchange_ticket(wanted=wanted, actor=SOMEBODY, now=clock.now())


def a_ticket(kind: TicketType, quantity: int = 1) -> Ticket:
    return Ticket.objects.of_order(make_paid_order(ticket_type=kind, quantity=quantity).pk)[0]


def sold(kind: TicketType) -> tuple[int, int]:
    kind.refresh_from_db()
    return kind.promised, kind.sold


def moved_money(order_id: UUID) -> list[tuple[str, str, Decimal]]:
    entries = LedgerEntry.objects.filter(order=order_id).order_by("at", "recorded_at")
    return list(entries.values_list("kind", "method", "amount"))


def whole(event: Event) -> None:
    check_record(event.pk)
    assert list(find_ledger_faults()) == []


def test_a_dearer_type_is_paid_in_cash_and_the_ticket_has_a_new_code(
    pista: TicketType, vip: TicketType, queue: RecordingQueue
):
    ticket = a_ticket(pista, 2)
    orders = Order.objects.filter(pk=ticket.order_id).values_list("modified_at", flat=True)
    before = orders.get()
    queue.sent.clear()
    stored: list[Ticket] = []

    new = exchange_ticket(
        wanted=WantedExchange(
            ticket_id=ticket.pk,
            ticket_type_id=vip.pk,
            difference=Difference.CASH,
            agreed=Decimal(120),
        ),
        actor=SOMEBODY,
        now=clock.now(),
        store_response=stored.append,
    )

    assert stored == [new]
    assert orders.get() > before
    ticket.refresh_from_db()
    assert (ticket.status, ticket.replaced_by_id) == (TicketStatus.REVOKED, new.pk)
    assert (new.ticket_type, new.price, new.number) == (vip, Decimal(200), ticket.number)
    assert new.code != ticket.code
    assert (sold(pista), sold(vip)) == ((1, 1), (1, 1))
    assert (left(pista), left(vip)) == (4, 0)
    assert moved_money(new.order_id) == [
        ("charge", "card", Decimal(160)),
        ("charge", "cash", Decimal(120)),
    ]
    assert Message.ISSUE_CODES in [message for message, _ in queue.sent]
    assert Message.RETURN_MONEY not in [message for message, _ in queue.sent]
    act = Act.objects.get(type="ticket.exchanged")
    assert (act.subject_id, act.organizer_id) == (ticket.pk, pista.event.organizer_id)
    assert act.details == {
        "changes": [{"field": "ticket_type", "of": "", "from": "Pista", "to": "VIP"}],
        "replaced_by": str(new.pk),
        "currency": "BRL",
        "cash": "120.00",
        "difference": "cash",
    }
    queue.run_all()
    whole(pista.event)
    check_whole(pista.event_id)
    scan = ScannedCode(new.pk, ticket.code, "North", clock.now())
    refused = check_in_ticket(scanned=scan, scanner=Scanner("device:1"), now=clock.now())
    assert refused.result == "revoked"


def test_the_mail_after_an_exchange_says_the_types_and_the_difference(
    pista: TicketType, vip: TicketType
):
    new = exchange(a_ticket(pista), vip, Difference.CASH)
    issue_codes(order_id=new.order_id, now=clock.now())
    order = Order.objects.select_related("event__organizer").get(pk=new.order_id)
    order.language = "en"

    mail = compose_ticket_mail(
        order=order, tickets=list(tickets_to_mail(order.pk)), now=clock.now()
    )
    text = str(mail.body)

    assert "Changed from Pista to VIP." in text
    assert "You paid the difference of BRL\u00a0120.00 to the organizer." in text


def test_a_cheaper_type_returns_the_difference_the_way_the_order_was_paid(
    pista: TicketType, vip: TicketType, queue: RecordingQueue
):
    ticket = a_ticket(vip)
    queue.sent.clear()

    new = exchange(ticket, pista, Difference.REFUND)

    refund = Refund.objects.get()
    assert (refund.amount, refund.refunded_at, new.price) == (Decimal(120), None, Decimal(80))
    assert Message.RETURN_MONEY in [message for message, _ in queue.sent]
    return_money(order_id=new.order_id, now=clock.now())
    assert Order.objects.get().status == "paid"
    assert (left(pista), left(vip)) == (4, 1)
    whole(pista.event)
    # The rest of the money goes back with the ticket.
    assert sum_of_refund(order_id=new.order_id, ticket_ids=[new.pk]) == Decimal(80)
    refund_order(order_id=new.order_id, actor=SOMEBODY, now=clock.now())
    assert sum(amount for *_, amount in moved_money(new.order_id)) == 0
    assert (left(pista), left(vip), sold(pista), sold(vip)) == (5, 1, (0, 0), (0, 0))
    whole(pista.event)


@pytest.mark.parametrize(
    ("bought", "becomes", "difference"),
    [("Pista", "VIP", Difference.WAIVE), ("VIP", "Pista", Difference.KEEP)],
)
def test_a_difference_that_is_kept_or_waived_moves_no_money(
    pista: TicketType, vip: TicketType, bought: str, becomes: str, difference: Difference
):
    kinds = {"Pista": pista, "VIP": vip}
    ticket = a_ticket(kinds[bought])

    new = exchange(ticket, kinds[becomes], difference, "Lost their seats")

    assert new.price == ticket.price
    assert len(moved_money(new.order_id)) == 1
    assert sum_of_refund(order_id=new.order_id, ticket_ids=[new.pk]) == ticket.price
    assert Act.objects.get(type="ticket.exchanged").details["reason"] == "Lost their seats"
    whole(pista.event)


def test_what_was_taken_in_cash_is_given_back_in_cash_first(pista: TicketType, vip: TicketType):
    cheap = make_ticket_type(event=pista.event, name="Meia", price="50.00")
    dearer = exchange(a_ticket(pista), vip, Difference.CASH)

    cheaper = exchange(dearer, cheap, Difference.REFUND)

    assert cheaper.price == Decimal(50)
    assert list(CashDifference.objects.order_by("at").values_list("amount", flat=True)) == [
        Decimal(120),
        Decimal(-120),
    ]
    assert Refund.objects.get().amount == Decimal(30)
    whole(pista.event)


def test_a_refund_of_one_exchanged_ticket_gives_the_cash_back_by_hand(
    pista: TicketType, vip: TicketType
):
    new = exchange(a_ticket(pista, 2), vip, Difference.CASH)
    (other,) = Ticket.objects.of_order(new.order_id).exclude(pk=new.pk)
    assert sum_of_refund(order_id=new.order_id, ticket_ids=[new.pk]) == Decimal(200)
    assert sum_of_refund(order_id=new.order_id, ticket_ids=[new.pk, other.pk]) == Decimal(280)

    refund_tickets(
        order_id=new.order_id,
        ticket_ids=[new.pk],
        actor=SOMEBODY,
        now=clock.now(),
        reason="Wrong seats",
    )

    assert Refund.objects.get().amount == Decimal(80)
    act = Act.objects.get(type="order.tickets_refunded")
    assert act.details == {
        "amount": "80.00",
        "currency": "BRL",
        "tickets": [str(new.pk)],
        "cash": "120.00",
        "reason": "Wrong seats",
    }
    assert sorted(moved_money(new.order_id)) == [
        ("charge", "card", Decimal(160)),
        ("charge", "cash", Decimal(120)),
        ("refund", "card", Decimal(-80)),
        ("refund", "cash", Decimal(-120)),
    ]
    assert sum_of_refund(
        order_id=new.order_id,
        ticket_ids=list(Ticket.objects.of_order(new.order_id).values_list("pk", flat=True)),
    ) == Decimal(80)
    whole(pista.event)


def test_a_renewed_code_keeps_the_type_and_the_price(pista: TicketType, vip: TicketType):
    new = exchange(a_ticket(pista), vip, Difference.CASH)

    renewed = replace_ticket(ticket_id=new.pk, actor=SOMEBODY, now=clock.now())

    assert (renewed.ticket_type, renewed.price) == (vip, Decimal(200))


def test_the_promo_code_of_the_order_counts_and_complimentary_tickets_stay_free(
    pista: TicketType, vip: TicketType
):
    make_promo_code(event=pista.event, code="AMIGOS")
    reserved = make_reservation(ticket_type=pista, promo_code="AMIGOS")
    order = Order.objects.get(pk=reserved.order_id)
    confirm_payment(order=order, method="card", token="tok_approved", now=clock.now())
    settle_order(order_id=order.pk, now=clock.now())
    given = sell_at_box_office(sale=a_sale(vip, 1), user_id=None, actor=SOMEBODY, now=clock.now())
    settle_order(order_id=given, now=clock.now())

    gift = exchange(Ticket.objects.of_order(given).get(), pista)
    discounted = exchange(Ticket.objects.of_order(order.pk).get(), vip, Difference.CASH)

    assert (gift.price, discounted.price) == (Decimal(0), Decimal(180))
    assert CashDifference.objects.get().amount == Decimal(108)
    whole(pista.event)


def test_a_type_that_is_sold_out_or_held_by_a_buyer_is_refused(pista: TicketType, vip: TicketType):
    make_reserved_order(ticket_type=vip)
    ticket = a_ticket(pista)

    with pytest.raises(Exception, match="left") as refused:
        exchange(ticket, vip, Difference.CASH)

    assert refused.value.code == "sold_out"  # type: ignore[attr-defined]
    assert not TicketExchange.objects.exists()
    assert (sold(pista), sold(vip), left(pista), left(vip)) == ((1, 1), (0, 0), 4, 0)
    ticket.refresh_from_db()
    assert ticket.status == TicketStatus.VALID


@pytest.mark.parametrize("difference", [None, Difference.REFUND, Difference.KEEP])
def test_the_choice_must_fit_the_difference_and_a_refusal_holds_no_place(
    pista: TicketType, vip: TicketType, difference: Difference | None
):
    with pytest.raises(DifferenceNotSettled):
        exchange(a_ticket(pista), vip, difference)

    assert left(vip) == 1
    whole(pista.event)


def test_a_waiver_needs_a_reason_and_an_agreed_difference_must_still_be_right(
    pista: TicketType, vip: TicketType
):
    ticket = a_ticket(pista)
    wanted = WantedExchange(
        ticket_id=ticket.pk,
        ticket_type_id=vip.pk,
        difference=Difference.CASH,
        agreed=Decimal(100),
    )

    with pytest.raises(WaiverNeedsReason):
        exchange(ticket, vip, Difference.WAIVE, " ")
    with pytest.raises(DifferenceHasChanged, match=r"The difference is 120\.00 now, not 100"):
        exchange_ticket(wanted=wanted, actor=SOMEBODY, now=clock.now())

    assert (left(vip), TicketExchange.objects.count()) == (1, 0)


@pytest.mark.parametrize("end", ["used", "revoked", "replaced", "refunded", "exchanged"])
def test_a_ticket_that_is_not_valid_is_refused(pista: TicketType, vip: TicketType, end: str):
    ticket, now = a_ticket(pista), clock.now()
    if end == "used":
        scan = ScannedCode(ticket.pk, ticket.code, "North", now)
        check_in_ticket(scanned=scan, scanner=Scanner("device:1"), now=now)
    elif end == "revoked":
        revoke_ticket(ticket_id=ticket.pk, actor=SOMEBODY, now=now)
    elif end == "replaced":
        replace_ticket(ticket_id=ticket.pk, actor=SOMEBODY, now=now)
    elif end == "refunded":
        refund_order(order_id=ticket.order_id, actor=SOMEBODY, now=now)
    else:
        exchange(ticket, make_ticket_type(event=pista.event, name="Meia", price="80.00"))

    with pytest.raises(TicketNotValid):
        exchange(ticket, vip, Difference.CASH)

    assert left(vip) == 1
    whole(pista.event)


def test_a_ticket_that_is_not_valid_is_refused_as_such_though_the_type_is_sold_out(
    pista: TicketType, vip: TicketType
):
    ticket = a_ticket(pista)
    make_paid_order(ticket_type=vip)
    revoke_ticket(ticket_id=ticket.pk, actor=SOMEBODY, now=clock.now())

    with pytest.raises(TicketNotValid):
        exchange(ticket, vip, Difference.CASH)


@pytest.mark.parametrize("end", ["used", "revoked"])
def test_a_ticket_that_ends_while_a_place_is_held_for_it_keeps_its_type(
    pista: TicketType, vip: TicketType, end: str
):
    ticket = a_ticket(pista)

    def end_it(moment: str) -> None:
        if moment == AFTER:
            columns = {"used": {"used_at": clock.now()}, "revoked": {"revoked_at": clock.now()}}
            Ticket.objects.filter(pk=ticket.pk).update(status=end, **columns[end])

    with (
        watched("tickets.exchange:_check", at=end_it),
        pytest.raises(TicketNotValid, match=f"The ticket is {end}"),
    ):
        exchange(ticket, vip, Difference.CASH)

    assert (left(vip), sold(pista), sold(vip)) == (1, (1, 1), (0, 0))


def test_the_same_type_another_events_type_and_a_cancelled_event_are_refused(
    pista: TicketType, vip: TicketType
):
    ticket = a_ticket(pista)

    with pytest.raises(TicketHasThatType):
        exchange(ticket, pista)
    with pytest.raises(UnknownTicketType):
        exchange(ticket, make_ticket_type())
    cancel_event(event_id=pista.event_id, actor=SOMEBODY, now=clock.now())
    with pytest.raises(EventNotOnSale):
        exchange(ticket, vip, Difference.CASH)

    assert Event.objects.get(pk=pista.event_id).status == EventStatus.CANCELLED


def test_a_type_with_an_exchanged_ticket_cannot_be_deleted(pista: TicketType, vip: TicketType):
    exchange(a_ticket(pista), vip, Difference.CASH)

    with pytest.raises(TicketTypeInUse):
        refuse_to_drop(vip)


def test_figures_count_an_exchanged_ticket_as_sold_of_its_new_type(
    pista: TicketType, vip: TicketType
):
    exchange(a_ticket(pista, 3), vip, Difference.CASH)
    expected = {
        pista.pk: Sales(2, Decimal(160)),
        vip.pk: Sales(1, Decimal(200)),
    }

    events = Event.objects.filter(pk=pista.event_id)
    assert sales_by_type(events) == expected
    summarize_sales(now=clock.now() + LATER)
    assert SalesSummary.objects.get().written_until > clock.now()
    assert sales_by_type(events) == expected


def test_figures_follow_exchanges_of_sales_that_are_in_slots(pista: TicketType, vip: TicketType):
    order = make_paid_order(ticket_type=vip)
    ticket, sold_at = Ticket.objects.of_order(order.pk).get(), clock.now() - timedelta(days=2)
    Order.objects.update(created_at=sold_at, paid_at=sold_at)
    summarize_sales(now=clock.now())
    events = Event.objects.filter(pk=pista.event_id)
    assert sales_by_type(events) == {vip.pk: Sales(1, Decimal(200))}

    new = exchange(ticket, pista, Difference.REFUND)
    expected = {
        vip.pk: Sales(),
        pista.pk: Sales(1, Decimal(200), returned_amount=Decimal(120)),
    }
    assert sales_by_type(events) == expected
    refund_order(order_id=new.order_id, actor=SOMEBODY, now=clock.now())
    expected[pista.pk] += Sales(returned=1, returned_amount=Decimal(80))
    assert sales_by_type(events) == expected
    for _ in range(2):
        summarize_sales(now=clock.now() + LATER)
    assert sales_by_type(events) == expected
    assert sum(sales.revenue for sales in expected.values()) == 0


def test_organizers_read_the_new_type_from_the_api_and_the_order_as_it_was_bought(
    pista: TicketType, vip: TicketType
):
    new = exchange(a_ticket(pista), vip, Difference.CASH)
    client = as_organizer(pista.event)

    order = client.get(f"/orders/{new.order_id}").json()
    tickets = client.get(f"/events/{pista.event_id}/tickets").json()["results"]

    assert [(item["name"], item["unit_price"]) for item in order["items"]] == [("Pista", "80.00")]
    valid = {
        ticket["id"]: ticket["ticket_type"]["name"]
        for ticket in tickets
        if ticket["status"] == "valid"
    }
    assert valid == {str(new.pk): "VIP"}
