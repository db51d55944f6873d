"""Selling for cash and giving complimentary tickets, by staff."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.core import mail
from redis import Redis

from events.catalogue import left_by_type
from events.models import Event, EventStatus, TicketType
from events.organizing import cancel_event
from events.stock.record import PROCESSING_HOLD_MILLISECONDS, SoldOut
from events.terms import Texts, save_terms
from orders.box_office import (
    MOST_TICKETS,
    ReasonNeeded,
    Sale,
    TicketsNeeded,
    sell_at_box_office,
)
from orders.box_office_record import BoxOfficeMethod, BoxOfficeSale
from orders.consents import OtherTerms
from orders.holding import EventHasChanged, OrderNotWanted, hold_and_write
from orders.insertion import Customer
from orders.models import (
    Consent,
    Order,
    OrderItem,
    OrderStatus,
    Payment,
    PaymentStatus,
    Refund,
)
from orders.pricing import (
    EventNotFound,
    EventNotOnSale,
    MaxPerOrderExceeded,
    UnknownTicketType,
    WantedTickets,
)
from tests.make import (
    SOMEBODY,
    a_sale,
    make_event,
    make_organizer,
    make_reservation,
    make_ticket_type,
    make_user,
)
from tests.queue import RecordingQueue
from tests.race import race
from ticketing import clock
from ticketing.ids import new_id
from ticketing.models import Act
from tickets.models import Delivery, Ticket
from tickets.refund import refund_order, refund_tickets

pytestmark = pytest.mark.django_db(transaction=True)


def sell(sale: Sale, **options: Any) -> UUID:
    return sell_at_box_office(sale=sale, user_id=None, actor=SOMEBODY, now=clock.now(), **options)


def test_complimentary_tickets_cost_nothing_and_arrive_like_all_others(queue: RecordingQueue):
    kind = make_ticket_type(price="45.00")

    order = Order.objects.get(pk=sell(a_sale(kind)))
    assert order.status == OrderStatus.PROCESSING
    queue.run_all()

    order.refresh_from_db()
    payment = Payment.objects.get()
    assert (order.status, order.total) == (OrderStatus.PAID, Decimal(0))
    assert (payment.method, payment.amount) == ("gift", Decimal(0))
    assert payment.status == PaymentStatus.APPROVED
    assert order.tickets.count() == 2
    assert [message.to for message in mail.outbox] == [["bia@example.com"]]


def test_a_cash_sale_has_the_list_price_and_calls_no_gateway(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    # Any call of the gateway would fail.
    monkeypatch.setattr("orders.gateway.get_gateway", lambda: None)
    kind = make_event(price="45.00", currency="USD").ticket_types.get()
    now = clock.now()

    sale = a_sale(kind, method=BoxOfficeMethod.CASH, reason="")
    sell_at_box_office(sale=sale, user_id=None, actor=SOMEBODY, now=now)
    queue.run_all()

    payment = Payment.objects.get()
    assert (payment.method, payment.amount) == ("cash", Decimal("90.00"))
    assert (payment.currency, payment.order.processing_at) == ("USD", now)
    assert payment.status == PaymentStatus.APPROVED


def test_the_act_names_the_actor_and_the_record_the_reason():
    kind = make_ticket_type(price="45.00")

    order_id = sell(a_sale(kind))

    act = Act.objects.get(type="order.sold_at_box_office")
    assert (act.subject_id, act.actor_name) == (order_id, SOMEBODY.name)
    assert act.details == {
        "method": "gift",
        "tickets": 2,
        "amount": "0.00",
        "currency": "BRL",
    }
    sale = BoxOfficeSale.objects.get()
    assert (sale.reason, sale.user) == ("Press", None)


def test_a_sale_knows_its_user_and_the_terms_that_its_customer_was_shown():
    kind, now = make_ticket_type(), clock.now()
    organizer, user = kind.event.organizer, make_user()
    for one, text in ((organizer, "Sem devolução."), (make_organizer(), "De outro.")):
        save_terms(
            organizer_id=one.pk,
            texts=Texts(sale_pt=text),
            is_required=True,
            actor=SOMEBODY,
            now=now - timedelta(hours=1),
        )

    order_id = sell_at_box_office(
        sale=a_sale(kind, accepted_terms=1), user_id=user.pk, actor=SOMEBODY, now=now
    )
    # A sale at the box office needs no acceptance.
    silent = sell(a_sale(kind))

    assert BoxOfficeSale.objects.get(order_id=order_id).user == user
    consent = Consent.objects.select_related("terms").get()
    assert (consent.order_id, consent.way, consent.accepted_at) == (order_id, "desk", now)
    assert consent.terms is not None
    assert consent.terms.sale_pt == "Sem devolução."
    assert silent != order_id
    with pytest.raises(OtherTerms):
        sell(a_sale(kind, accepted_terms=2))
    with pytest.raises(EventNotFound):
        sell(a_sale(kind, accepted_terms=1, event_id=new_id()))


def test_the_hold_of_a_sale_lasts_as_long_as_one_that_is_being_paid(redis: Redis):
    kind = make_ticket_type()

    order_id = sell(a_sale(kind))

    due = redis.zscore(f"{{event:{kind.event_id}}}:due", str(order_id))
    seconds, microseconds = redis.time()
    assert isinstance(due, float)
    left = due - (seconds * 1000 + microseconds / 1000)
    assert PROCESSING_HOLD_MILLISECONDS - 30_000 < left <= PROCESSING_HOLD_MILLISECONDS


def test_a_form_that_was_sold_for_another_event_is_not_its_repeat():
    sale = a_sale(make_ticket_type())
    sell(sale)
    other = make_ticket_type()

    with pytest.raises(OrderNotWanted):
        sell(a_sale(other, key=sale.key))

    assert Order.objects.get().event_id == sale.event_id


def test_staff_sell_the_largest_number_and_leave_out_types_without_any():
    kind = make_ticket_type(capacity=MOST_TICKETS)
    other = make_ticket_type(event=kind.event, name="Mesa")
    wanted = [WantedTickets(kind.pk, MOST_TICKETS), WantedTickets(other.pk, 0)]

    order_id = sell(a_sale(kind, wanted=wanted))

    items = OrderItem.objects.filter(order=order_id)
    assert list(items.values_list("ticket_type", "quantity")) == [(kind.pk, MOST_TICKETS)]


def test_an_event_that_changes_during_a_sale_is_read_again(monkeypatch: pytest.MonkeyPatch):
    tries: list[int] = []

    def find_it_changed_once(*arguments: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise EventHasChanged
        return hold_and_write(*arguments)

    monkeypatch.setattr("orders.box_office.hold_and_write", find_it_changed_once)

    order_id = sell(a_sale(make_ticket_type()))

    assert Order.objects.get().pk == order_id


def test_a_repeat_of_the_same_form_sells_once():
    kind = make_ticket_type(capacity=10)
    sale = a_sale(kind)

    first, second = sell(sale), sell(sale)

    assert first == second
    assert Order.objects.count() == 1
    assert left_by_type([kind.event_id])[kind.pk] == 8


def test_the_same_form_sent_twice_at_once_sells_once():
    kind = make_ticket_type(capacity=10)
    sale = a_sale(kind)

    outcomes = race(*[lambda: sell(sale)] * 4)

    assert len(set(outcomes)) == 1
    assert Order.objects.count() == 1
    kind.refresh_from_db()
    assert kind.promised == 2
    assert left_by_type([kind.event_id])[kind.pk] == 8


def test_staff_and_buyers_take_the_last_tickets_once():
    kind = make_ticket_type(capacity=5)

    outcomes = race(
        *[lambda: sell(a_sale(kind, 1))] * 4,
        *[lambda: make_reservation(ticket_type=kind).order_id] * 4,
    )

    assert sum(isinstance(outcome, SoldOut) for outcome in outcomes) == 3
    assert Order.objects.count() == 5
    assert left_by_type([kind.event_id])[kind.pk] == 0


def test_what_is_reserved_by_buyers_cannot_be_sold_by_staff():
    kind = make_ticket_type(capacity=5)
    make_reservation(ticket_type=kind, quantity=4)

    with pytest.raises(SoldOut):
        sell(a_sale(kind, 2))

    assert Order.objects.count() == 1
    assert left_by_type([kind.event_id])[kind.pk] == 1


def test_a_sale_that_is_not_wanted_leaves_no_order_and_no_hold(queue: RecordingQueue):
    kind = make_ticket_type(capacity=5)

    def refuse(_order_id: UUID) -> None:
        raise OrderNotWanted

    with pytest.raises(OrderNotWanted):
        sell(a_sale(kind), check=refuse)

    assert not Order.objects.exists()
    assert queue.sent == []
    assert left_by_type([kind.event_id])[kind.pk] == 5


def test_limits_and_sales_periods_of_buyers_do_not_apply_to_staff():
    event = make_event(max_per_order=2, max_per_customer=2)
    later = clock.now() + timedelta(days=1)
    TicketType.objects.filter(event=event).update(max_per_order=1, sales_start_at=later)
    Event.objects.filter(pk=event.pk).update(sales_start_at=later)
    kind = event.ticket_types.get()

    sell(a_sale(kind, 3))
    sell(a_sale(kind, 3))

    assert Order.objects.filter(status=OrderStatus.PROCESSING).count() == 2


def test_several_types_are_sold_in_one_order(queue: RecordingQueue):
    one = make_ticket_type(price="45.00")
    other = make_ticket_type(event=one.event, price="10.00", name="Mesa")
    wanted = [WantedTickets(one.pk, 1), WantedTickets(other.pk, 2)]

    order_id = sell(a_sale(one, method=BoxOfficeMethod.CASH, wanted=wanted))
    queue.run_all()

    assert Order.objects.get(pk=order_id).total == Decimal("65.00")
    assert Ticket.objects.filter(order_id=order_id).count() == 3


def test_a_cancelled_event_a_draft_and_an_event_that_is_over_are_refused():
    kind = make_ticket_type()
    cancel_event(event_id=kind.event_id, actor=SOMEBODY, now=clock.now())
    draft = make_event(status=EventStatus.DRAFT).ticket_types.get()
    over = make_ticket_type()
    ended = clock.now() - timedelta(hours=1)
    Event.objects.filter(pk=over.event_id).update(
        starts_at=ended - timedelta(hours=1), ends_at=ended
    )

    with pytest.raises(EventNotOnSale):
        sell(a_sale(kind))
    with pytest.raises(EventNotFound):
        sell(a_sale(draft))
    with pytest.raises(EventNotOnSale):
        sell(a_sale(over))
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({"reason": " "}, ReasonNeeded),
        ({"wanted": []}, TicketsNeeded),
    ],
)
def test_an_incomplete_sale_is_refused(fields: dict[str, Any], refusal: type[Exception]):
    with pytest.raises(refusal):
        sell(a_sale(make_ticket_type(), **fields))

    assert not Order.objects.exists()


def test_too_many_tickets_and_a_type_of_another_event_are_refused():
    kind, other = make_ticket_type(capacity=200), make_ticket_type()

    with pytest.raises(MaxPerOrderExceeded):
        sell(a_sale(kind, MOST_TICKETS + 1))
    with pytest.raises(UnknownTicketType):
        sell(a_sale(kind, wanted=[WantedTickets(other.pk, 1)]))
    assert not Order.objects.exists()


def test_without_an_email_address_no_mail_is_sent_and_the_tickets_are_valid(
    queue: RecordingQueue,
):
    order_id = sell(a_sale(make_ticket_type(), customer=Customer("Bia Lima", "", "pt-br")))

    queue.run_all()

    assert mail.outbox == []
    assert Ticket.objects.filter(order_id=order_id, status="valid").count() == 2
    delivery = Delivery.objects.get()
    assert delivery.codes_stored_at is not None
    assert delivery.sent_at is not None


def test_cash_is_given_back_by_hand_and_the_refund_is_on_record(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("orders.gateway.get_gateway", lambda: None)
    kind = make_ticket_type(price="45.00", capacity=10)
    order_id = sell(a_sale(kind, method=BoxOfficeMethod.CASH))
    queue.run_all()
    ticket = Ticket.objects.of_order(order_id)[0]

    refund_tickets(order_id=order_id, ticket_ids=[ticket.pk], actor=SOMEBODY, now=clock.now())
    refund_order(order_id=order_id, actor=SOMEBODY, now=clock.now())
    queue.run_all()

    assert Order.objects.get().status == OrderStatus.REFUNDED
    assert Payment.objects.get().status == PaymentStatus.REFUNDED
    refunds = Refund.objects.all()
    assert [refund.amount for refund in refunds] == [Decimal("45.00"), Decimal("45.00")]
    assert all(refund.refunded_at for refund in refunds)
    assert left_by_type([kind.event_id])[kind.pk] == 10


def test_a_refund_of_complimentary_tickets_owes_nothing(queue: RecordingQueue):
    kind = make_ticket_type(capacity=10)
    order_id = sell(a_sale(kind))
    queue.run_all()

    refund_order(order_id=order_id, actor=SOMEBODY, now=clock.now())
    queue.run_all()

    assert Refund.objects.get().amount == Decimal(0)
    assert left_by_type([kind.event_id])[kind.pk] == 10
