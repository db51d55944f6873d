"""Pay by Pix: one Pix for each order, and its money is the order's payment or is returned."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db.models import F

from events.organizing import cancel_event
from orders.br_code import read_br_code
from orders.cancellation import cancel_order
from orders.gateway import GatewayAway, SimulatedGateway, get_gateway
from orders.models import Order, OrderStatus, Payment, PaymentMethod, PixCharge, PixState
from orders.payment import OrderNotPayable, PaymentNotAccepted, ReservationExpired, confirm_payment
from orders.pix import (
    NoPixRequested,
    PixNotOffered,
    PixTooLate,
    find_pix_of,
    request_pix,
    settle_pix,
    take_pix,
)
from orders.pix_gateway import PixArrived, PixRequested, PixWanted
from orders.simulated_charges import SimulatedCharge, SimulatedPix
from orders.simulated_pix import pay_simulated_pix
from tests.make import SOMEBODY, make_event, make_reserved_order, make_ticket_type
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.ids import new_id
from ticketing.queue.messages import Message
from tickets.models import Ticket
from tickets.refund import refund_order
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)


def requested() -> Order:
    order = make_reserved_order(ticket_type=make_ticket_type(price="45.00"), quantity=2)
    request_pix(order=order, now=clock.now())
    return order


def paid() -> Order:
    order = requested()
    pay_simulated_pix(pix_id=order.pk, now=clock.now())
    return order


def arrived(order: Order) -> PixArrived:
    found = SimulatedGateway().find_pix(pix_id=order.pk, gateway_id="", now=clock.now())
    assert found is not None
    return found


def state(order: Order) -> tuple[str, str]:
    """Return the state of an order's Pix, and the order's status."""
    order.refresh_from_db()
    return PixCharge.objects.get(order=order).state, order.status


def test_the_buyer_gets_a_br_code_of_the_amount_that_ends_before_the_reservation():
    order = make_reserved_order(ticket_type=make_ticket_type(price="45.00"), quantity=2)

    pix = request_pix(order=order, now=clock.now())

    content = read_br_code(pix.br_code)
    assert (content.amount, content.merchant_city) == (Decimal("90.00"), "Rio de Janeiro")
    assert content.merchant_name == order.event.organizer.name
    assert pix.expires_at == order.reserved_until - timedelta(seconds=30)
    assert find_pix_of(order) == pix == request_pix(order=order, now=clock.now())
    assert SimulatedPix.objects.count() == 1


def test_money_in_time_pays_the_order_once(queue: RecordingQueue):
    order = paid()

    for _ in range(2):
        take_pix(arrived=arrived(order), now=clock.now())
        settle_pix(order_id=order.pk, now=clock.now())
        queue.run_all()

    assert state(order) == (PixState.TAKEN, OrderStatus.PAID)
    payment = Payment.objects.get()
    assert (payment.method, payment.amount) == (PaymentMethod.PIX, Decimal("90.00"))
    assert Ticket.objects.count() == 2
    assert SimulatedPix.objects.get().returned_at is None


def test_a_refund_returns_the_money_of_a_pix(queue: RecordingQueue):
    order = paid()
    take_pix(arrived=arrived(order), now=clock.now())
    queue.run_all()

    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    queue.run_all()

    assert SimulatedCharge.objects.get().refunded_at is not None


def test_money_after_the_end_of_the_reservation_is_returned_once(
    queue: RecordingQueue, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO", "orders.pix")
    order = paid()
    Order.objects.update(reserved_until=F("reserved_until") - timedelta(minutes=16))

    take_pix(arrived=arrived(order), now=clock.now())
    assert state(order) == (PixState.RETURNING, OrderStatus.EXPIRED)
    assert f"The Pix of order {order.pk} is returned: reservation_expired" in caplog.text
    take_pix(arrived=arrived(order), now=clock.now())

    assert queue.run_all() == [Message.SETTLE_PIX]
    assert state(order)[0] == PixState.RETURNED
    assert SimulatedPix.objects.get().returned_at is not None
    assert PixCharge.objects.get().returned_at is not None
    assert not Payment.objects.exists()
    settle_pix(order_id=order.pk, now=clock.now())
    assert queue.sent == []


def test_money_for_an_order_that_was_paid_by_card_is_returned(queue: RecordingQueue):
    order = paid()
    confirm_payment(order=order, method="card", token="tok_approved", now=clock.now())
    queue.run_all()

    take_pix(arrived=arrived(order), now=clock.now())
    queue.run_all()

    assert state(order) == (PixState.RETURNED, OrderStatus.PAID)
    assert Payment.objects.get().method == PaymentMethod.CARD


def test_another_amount_than_requested_is_returned(queue: RecordingQueue):
    order = paid()

    take_pix(arrived=replace(arrived(order), amount=Decimal("89.99")), now=clock.now())
    queue.run_all()

    assert state(order) == (PixState.RETURNED, OrderStatus.RESERVED)
    assert PixCharge.objects.get().received == Decimal("89.99")


def test_money_whose_event_is_cancelled_before_the_sale_is_written_is_returned(
    queue: RecordingQueue,
):
    order = paid()
    take_pix(arrived=arrived(order), now=clock.now())
    cancel_event(event_id=order.event_id, actor=SOMEBODY, now=clock.now())

    settle_order(order_id=order.pk, now=clock.now())

    assert state(order) == (PixState.TAKEN, OrderStatus.PAYMENT_FAILED)
    assert SimulatedCharge.objects.get().refunded_at is not None


def test_money_for_nothing_that_we_know_changes_nothing_and_is_logged(
    queue: RecordingQueue, caplog: pytest.LogCaptureFixture
):
    unknown = PixArrived(pix_id=new_id(), token="x", amount=Decimal("1.00"))

    take_pix(arrived=unknown, now=clock.now())

    assert queue.sent == []
    assert f"A Pix arrived for {unknown.pix_id}" in caplog.text


def test_the_money_of_one_pix_is_recorded_and_its_return_is_tried_anew(queue: RecordingQueue):
    order, other = paid(), requested()
    assert PixCharge.objects.get(order=order).gateway_id == order.pk.hex
    now = clock.now()
    PixCharge.objects.update(asks=5, ask_again_at=now - timedelta(minutes=1))
    wrong = replace(arrived(order), amount=Decimal("89.99"))

    take_pix(arrived=wrong, now=now)

    pix = PixCharge.objects.get(order=order)
    assert (pix.state, pix.token, pix.asks) == (PixState.RETURNING, wrong.token, 0)
    assert pix.ask_again_at > now
    assert state(other) == (PixState.WAITING, OrderStatus.RESERVED)


def test_money_that_arrives_during_the_last_question_is_kept(
    monkeypatch: pytest.MonkeyPatch, queue: RecordingQueue
):
    order = paid()
    money = arrived(order)

    def find_nothing(*_gateway: object, **_question: object) -> None:
        take_pix(arrived=money, now=clock.now())

    monkeypatch.setattr(SimulatedGateway, "find_pix", find_nothing)
    settle_pix(order_id=order.pk, now=PixCharge.objects.get().expires_at + timedelta(minutes=2))

    assert state(order) == (PixState.TAKEN, OrderStatus.PROCESSING)


def test_two_requests_at_once_get_the_same_pix(monkeypatch: pytest.MonkeyPatch):
    order = make_reserved_order()
    ask = SimulatedGateway.request_pix
    first: list[PixCharge] = []

    def ask_while_another_does(
        gateway: SimulatedGateway, wanted: PixWanted, *, now: datetime
    ) -> PixRequested:
        monkeypatch.setattr(SimulatedGateway, "request_pix", ask)
        first.append(request_pix(order=order, now=now))
        return ask(gateway, wanted, now=now)

    monkeypatch.setattr(SimulatedGateway, "request_pix", ask_while_another_does)

    assert [request_pix(order=order, now=clock.now())] == first


def test_a_pix_whose_consent_cannot_be_recorded_is_not_recorded(monkeypatch: pytest.MonkeyPatch):
    def fail(*_arguments: object, **_more: object) -> None:
        raise ConnectionError

    monkeypatch.setattr("orders.pix.record_consent", fail)

    with pytest.raises(ConnectionError):
        request_pix(order=make_reserved_order(), now=clock.now())

    assert not PixCharge.objects.exists()


def test_a_pix_that_nobody_pays_is_closed_when_no_money_can_follow(queue: RecordingQueue):
    order = requested()
    expires_at = PixCharge.objects.get().expires_at

    settle_pix(order_id=order.pk, now=expires_at + timedelta(seconds=119))
    assert state(order)[0] == PixState.WAITING
    settle_pix(order_id=order.pk, now=expires_at + timedelta(seconds=120))
    assert state(order)[0] == PixState.UNPAID

    # A bank that broke the rule: its money goes back all the same.
    cancel_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    SimulatedPix.objects.update(paid_at=clock.now())
    take_pix(arrived=arrived(order), now=clock.now())
    queue.run_all()
    assert state(order) == (PixState.RETURNED, OrderStatus.CANCELLED)


def test_the_gateway_is_asked_for_money_whose_notification_was_lost(queue: RecordingQueue):
    order = paid()

    settle_pix(order_id=order.pk, now=clock.now())
    queue.run_all()

    assert state(order) == (PixState.TAKEN, OrderStatus.PAID)


def test_only_a_reservation_with_time_left_in_reais_gets_a_pix():
    free = make_reserved_order(ticket_type=make_ticket_type(price="0.00"))
    dollars = make_reserved_order(ticket_type=make_event(currency="USD").ticket_types.get())
    ended, late, gone = (make_reserved_order() for _ in range(3))
    cancel_order(order_id=ended.pk, actor=SOMEBODY, now=clock.now())
    Order.objects.filter(pk=gone.pk).update(reserved_until=clock.now() - timedelta(seconds=1))
    for order in (ended, gone):
        order.refresh_from_db()

    with pytest.raises(ReservationExpired):
        request_pix(order=gone, now=gone.reserved_until)
    for order, refusal in (
        (free, PixNotOffered),
        (dollars, PixNotOffered),
        (ended, OrderNotPayable),
        (gone, ReservationExpired),
    ):
        with pytest.raises(refusal):
            request_pix(order=order, now=clock.now())
    with pytest.raises(PixTooLate):
        request_pix(order=late, now=late.reserved_until - timedelta(seconds=89))
    with pytest.raises(NoPixRequested):
        find_pix_of(late)
    assert not PixCharge.objects.exists()
    just = request_pix(order=late, now=late.reserved_until - timedelta(seconds=90))
    assert find_pix_of(late) == just


def test_a_buyer_cannot_send_the_token_of_a_pix():
    order = paid()
    token = arrived(order).token

    with pytest.raises(PaymentNotAccepted):
        confirm_payment(order=order, method="pix", token=token, now=clock.now())


class CardsOnly:
    """A gateway without Pix."""

    accepts = SimulatedGateway.accepts
    charge = SimulatedGateway.charge
    refund = SimulatedGateway.refund


class Careless(SimulatedGateway):
    """Returns a BR Code of another amount."""

    def request_pix(self, wanted: PixWanted, *, now: object) -> PixRequested:
        cheap = replace(wanted, amount=wanted.amount - 1)
        return super().request_pix(cheap, now=clock.now())


@pytest.mark.parametrize(
    ("gateway", "refusal"), [(CardsOnly, PixNotOffered), (Careless, GatewayAway)]
)
def test_a_gateway_without_pix_or_with_a_wrong_br_code_is_refused(
    monkeypatch: pytest.MonkeyPatch, gateway: type, refusal: type[Exception]
):
    order = make_reserved_order()
    assert isinstance(get_gateway(), SimulatedGateway)
    monkeypatch.setattr("orders.gateway.get_gateway", gateway)

    with pytest.raises(refusal):
        request_pix(order=order, now=clock.now())

    assert not PixCharge.objects.exists()
