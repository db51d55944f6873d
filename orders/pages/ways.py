"""The ways to pay that the page of an order offers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders.gateway import get_checkout, get_pix_gateway
from orders.models import Order, PaymentMethod
from orders.pix import offers_pix
from orders.required_details import needs_details
from orders.simulated_pix import SimulatedPixGateway
from ticketing import clock


@dataclass(frozen=True, slots=True)
class Way:
    """One way to pay: the template of its part of the form, and for which orders it is offered."""

    method: str
    # What a buyer calls it, or "" if there is nothing to choose.
    name: str | Promise
    template: str
    is_for: Callable[[Order], bool]
    # False: the way has a page of its own, to which its button sends the form.
    is_paid_here: bool = True


def ways_for(order: Order) -> list[Way]:
    """
    Return the ways to pay for a reservation, in the order in which the page shows them.

    There are none while the buyer has not said what the organizer needs to know.
    """
    if needs_details(order, clock.now()):
        return []
    return [way for way in _WAYS if way.is_for(order)] + _ways_of_gateway(order)


def choose_way(ways: Sequence[Way], sent: Mapping[str, str]) -> str:
    """Return the method of the way that is open: the sent one (`way`), or else the first."""
    methods = [way.method for way in ways]
    wanted = sent.get("way", "")
    return wanted if wanted in methods else next(iter(methods), "")


def pays_by_pix(order: Order) -> bool:
    """Return whether pages offer Pix for the order: a simulated one only where that is allowed."""
    return offers_pix(order) and (settings.SHOW_TEST_PAYMENTS or not is_pix_simulated())


def is_pix_simulated() -> bool:
    """Return whether a button may pay a Pix, because no bank is involved."""
    return isinstance(get_pix_gateway(), SimulatedPixGateway)


def _is_free(order: Order) -> bool:
    return order.total == 0


def _ways_of_gateway(order: Order) -> list[Way]:
    checkout = get_checkout()
    if order.total == 0 or checkout is None:
        return []
    return [Way(PaymentMethod.CARD.value, _("Card"), checkout.template, lambda _order: True)]


_WAYS: Final = (
    Way(PaymentMethod.FREE.value, "", "orders/pay_free.html", _is_free),
    # Its own page shows the code and waits for the money.
    Way(PaymentMethod.PIX.value, "Pix", "orders/pay_pix.html", pays_by_pix, is_paid_here=False),
)
