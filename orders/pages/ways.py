"""The ways to pay that the page of an order offers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from orders.answers import needs_answers
from orders.gateway import SimulatedGateway, get_gateway
from orders.models import Order, PaymentMethod
from orders.pix import offers_pix
from ticketing import clock


@runtime_checkable
class ShowsCheckout(Protocol):
    """
    A payment gateway that has its own part in the form that pays, on the page of an order.

    Its template sends `method` and `token`, like `orders/pay_card.html`.
    """

    checkout_template: str


@dataclass(frozen=True, slots=True)
class Way:
    """One way to pay: the template of its part of the form, and for which orders it is offered."""

    method: str
    template: str
    is_for: Callable[[Order], bool]
    # False: the way has a page of its own, to which its button sends the form.
    is_paid_here: bool = True


def ways_for(order: Order) -> list[Way]:
    """
    Return the ways to pay for a reservation, in the order in which the page shows them.

    There are none while the buyer has not answered what the organizer needs to know.
    """
    if needs_answers(order, clock.now()):
        return []
    return [way for way in _WAYS if way.is_for(order)] + _ways_of_gateway(order)


def _is_free(order: Order) -> bool:
    return order.total == 0


def _takes_test_cards(order: Order) -> bool:
    # It charges nobody, and no process starts with it where that is not allowed.
    return order.total > 0 and isinstance(get_gateway(), SimulatedGateway)


def _ways_of_gateway(order: Order) -> list[Way]:
    gateway = get_gateway()
    if order.total == 0 or not isinstance(gateway, ShowsCheckout):
        return []
    return [Way(PaymentMethod.CARD.value, gateway.checkout_template, lambda _order: True)]


_WAYS: Final = (
    Way(PaymentMethod.FREE.value, "orders/pay_free.html", _is_free),
    # Its own page shows the code and waits for the money.
    Way(PaymentMethod.PIX.value, "orders/pay_pix.html", offers_pix, is_paid_here=False),
    Way(PaymentMethod.CARD.value, "orders/pay_card.html", _takes_test_cards),
)
