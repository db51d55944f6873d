"""The setting of the payment gateway, and the refunds of the simulated one."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from orders.gateway import GatewayAway, SimulatedGateway, get_gateway
from orders.simulated_charges import SimulatedRefund
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
