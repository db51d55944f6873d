"""The setting of the payment gateway, and the charges and refunds of the simulated one."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from orders.checkout import Checkout
from orders.gateway import (
    Charge,
    GatewayAway,
    SimulatedGateway,
    get_checkout,
    get_gateway,
    get_pix_gateway,
    simulated_fee,
    warn_about_test_payments,
)
from orders.models import Order, Payment
from orders.simulated_charges import SimulatedCharge, SimulatedPix, SimulatedRefund
from tests.make import make_processing_order
from ticketing import clock
from ticketing.ids import new_id
from tickets.settlement import settle_order


class Derived(SimulatedGateway):
    def __init__(self) -> None:
        self.ours = True


class Wrapping:
    def __init__(self) -> None:
        self.inner = SimulatedGateway()


def make_one() -> SimulatedGateway:
    return SimulatedGateway()


class Incomplete:
    def accepts(self) -> bool:
        return True


SameClass = SimulatedGateway


class CardsOnly:
    """Takes no Pix, and shows nothing on the page of an order."""

    def accepts(self, **_: object) -> bool:
        return True

    def charge(self, *_: object, **_named: object) -> None: ...

    def refund(self, *_: object, **_named: object) -> None: ...


class Real(SimulatedGateway):
    checkout = Checkout(template="orders/pay_card.html")


@pytest.fixture
def use_gateway(settings: Any) -> Iterator[Any]:
    """Return a function that makes a class of this module the gateway of the test."""

    def use(name: str) -> None:
        settings.PAYMENT_GATEWAY = f"{__name__}.{name}"
        get_gateway.cache_clear()

    yield use
    get_gateway.cache_clear()


@pytest.mark.parametrize("name", ["Derived", "Wrapping", "make_one", "SameClass"])
def test_the_simulated_gateway_is_refused_also_as_a_subclass_wrapper_function_or_alias(
    settings, name: str
):
    settings.ALLOW_SIMULATED_PAYMENTS = False
    settings.PAYMENT_GATEWAY = f"{__name__}.{name}"

    with pytest.raises(ImproperlyConfigured, match="ALLOW_SIMULATED_PAYMENTS"):
        get_gateway.__wrapped__()


def test_a_demonstration_may_use_a_simulated_gateway(settings):
    settings.PAYMENT_GATEWAY = f"{__name__}.Derived"

    assert get_gateway.__wrapped__().accepts(method="card", token="tok_approved")


def test_a_gateway_that_lacks_a_method_is_refused(settings):
    settings.PAYMENT_GATEWAY = f"{__name__}.Incomplete"

    with pytest.raises(ImproperlyConfigured, match="lacks methods"):
        get_gateway.__wrapped__()


def test_pages_show_a_checkout_only_of_a_gateway_that_has_one_and_of_a_test_only_if_it_is_allowed(
    settings: Any, use_gateway: Any
):
    for shown in (True, False):
        settings.SHOW_TEST_PAYMENTS = shown
        use_gateway("Derived")
        assert get_checkout() == (SimulatedGateway.checkout if shown else None)
        use_gateway("Real")
        assert get_checkout() == Real.checkout
        use_gateway("CardsOnly")
        assert get_checkout() is None
    assert SimulatedGateway.checkout == Checkout(template="orders/pay_card.html", is_test=True)


def test_only_a_gateway_that_takes_pix_is_asked_for_one(use_gateway: Any):
    use_gateway("Derived")
    assert isinstance(get_pix_gateway(), Derived)
    use_gateway("CardsOnly")
    assert get_pix_gateway() is None


def test_a_deployment_that_shows_test_payments_gets_a_warning(settings: Any):
    settings.SHOW_TEST_PAYMENTS = True
    (warning,) = warn_about_test_payments()
    settings.SHOW_TEST_PAYMENTS = False

    assert (warning.id, bool(warning.hint)) == ("orders.W001", True)
    assert warn_about_test_payments() == []


def test_the_simulated_gateway_keeps_its_share_rounded_to_cents(settings: Any):
    settings.SIMULATED_FEE_PERCENT = Decimal("2.5")

    assert simulated_fee(Decimal("10.00")) == Decimal("0.25")
    assert simulated_fee(Decimal("10.20")) == Decimal("0.26")


def test_the_simulated_gateway_takes_only_its_own_tokens():
    gateway = SimulatedGateway()

    tokens = ("tok_approved", "tok_declined", "tok_unstable", "tok_other", "")
    accepted = [gateway.accepts(method="card", token=token) for token in tokens]

    assert accepted == [True, True, True, False, False]


@pytest.mark.django_db(transaction=True)
def test_the_token_decides_what_the_simulated_gateway_charges(settings: Any):
    settings.SIMULATED_FEE_PERCENT = Decimal(10)
    gateway = SimulatedGateway()
    approved, declined, unstable = (
        make_processing_order(token=token).payment
        for token in ("tok_approved", "tok_declined", "tok_unstable")
    )

    def charge(payment: Payment) -> Charge:
        return gateway.charge(payment, now=clock.now())

    taken = Charge(fee=Decimal("4.50"))
    assert (charge(approved), charge(approved)) == (taken, taken)
    assert charge(declined) == charge(declined) == Charge("card_declined")
    for _ in range(2):
        with pytest.raises(GatewayAway):
            charge(unstable)
    assert charge(unstable) == taken
    charged = SimulatedCharge.objects.filter(charged_at__isnull=False)
    assert set(charged.values_list("payment_id", "attempts")) == {
        (approved.pk, 2),
        (unstable.pk, 3),
    }


@pytest.mark.django_db(transaction=True)
def test_a_charge_is_refunded_when_all_of_it_was_and_each_refund_counts_once():
    gateway, now = SimulatedGateway(), clock.now()
    payment, other = (make_processing_order().payment for _ in range(2))
    for each in (payment, other):
        gateway.charge(each, now=now)

    def refunded_at(refund_id: Any, amount: Decimal) -> Any:
        gateway.refund(payment, refund_id=refund_id, amount=amount, now=now)
        return SimulatedCharge.objects.get(pk=payment.pk).refunded_at

    half, rest = new_id(), new_id()
    gateway.refund(other, refund_id=new_id(), amount=Decimal(20), now=now)
    assert refunded_at(half, Decimal(25)) is None
    assert refunded_at(half, Decimal(25)) is None
    assert refunded_at(rest, payment.amount - Decimal(25)) == now
    assert SimulatedCharge.objects.get(pk=other.pk).refunded_at is None
    assert set(SimulatedRefund.objects.values_list("refund_id", "payment_id", "amount")) >= {
        (half, payment.pk, Decimal(25)),
        (rest, payment.pk, Decimal(20)),
    }


@pytest.mark.django_db(transaction=True)
def test_the_simulated_gateway_takes_and_returns_the_money_of_a_pix_and_of_no_other(settings: Any):
    settings.SIMULATED_FEE_PERCENT = Decimal(10)
    gateway, now = SimulatedGateway(), clock.now()
    arrived, early, unpaid = (make_processing_order() for _ in range(3))
    for order in (arrived, early, unpaid):
        order.payment.token = f"pix_{order.pk.hex}"
        SimulatedPix.objects.create(
            pix_id=order.pk,
            amount=order.total,
            expires_at=now,
            paid_at=None if order == unpaid else now,
        )

    def give_back(order: Order) -> None:
        gateway.refund(order.payment, refund_id=new_id(), amount=order.total, now=now)

    assert gateway.charge(arrived.payment, now=now) == Charge(fee=Decimal("4.50"))
    assert gateway.charge(unpaid.payment, now=now) == Charge("pix_not_paid")
    # Its money came, and no call of `charge` did.
    for order in (arrived, early, unpaid):
        give_back(order)

    refunded = SimulatedCharge.objects.values_list("payment_id", "refunded_at")
    assert set(refunded) == {(arrived.payment.pk, now), (early.payment.pk, now)}


@pytest.mark.django_db(transaction=True)
def test_the_simulated_gateway_refunds_only_a_payment_that_it_charged():
    charged, uncharged = make_processing_order(), make_processing_order(token="tok_unstable")
    settle_order(order_id=charged.pk, now=clock.now())
    with pytest.raises(GatewayAway):
        settle_order(order_id=uncharged.pk, now=clock.now())

    for order in (charged, uncharged):
        SimulatedGateway().refund(
            order.payment, refund_id=new_id(), amount=order.total, now=clock.now()
        )

    assert SimulatedRefund.objects.get().payment_id == charged.payment.pk
