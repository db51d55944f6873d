"""The part of a payment gateway that buyers see: its form, its scripts, and their origins."""

from typing import Any

import pytest
from django.test import Client

from orders.checkout import Checkout, CheckoutNotAllowed
from orders.gateway import SimulatedGateway
from orders.page_link import order_path
from tests.make import make_reservation, make_ticket_type

pytestmark = pytest.mark.django_db(transaction=True)


class Provider(SimulatedGateway):
    checkout = Checkout(
        template="orders/pay_card.html",
        scripts=["https://js.provider.example/v3/provider.js"],
        sources={
            "script-src": ["https://js.provider.example"],
            "frame-src": ["https://*.provider.example"],
        },
    )


class WithoutForm:
    accepts = SimulatedGateway.accepts


def page_of(price: str = "45.00") -> Any:
    reservation = make_reservation(ticket_type=make_ticket_type(price=price))
    browser = Client(headers={"accept-language": "en"})
    browser.cookies["order"] = reservation.token.text
    return browser.get(order_path(reservation.order_id))


def test_a_gateways_script_and_origins_are_allowed_on_the_page_that_pays_and_on_no_other(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("orders.gateway.get_gateway", Provider)

    paying, free = page_of(), page_of("0.00")

    assert '<script src="https://js.provider.example/v3/provider.js" defer>' in (
        paying.content.decode()
    )
    policy = paying.headers["Content-Security-Policy"]
    assert "script-src 'self' https://js.provider.example;" in policy
    assert policy.endswith("frame-src https://*.provider.example")
    assert "provider.example" not in free.headers["Content-Security-Policy"]
    assert "provider.example" not in free.content.decode()


def test_a_gateway_without_a_form_offers_no_card(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("orders.gateway.get_gateway", WithoutForm)

    page = page_of().content.decode()

    assert 'value="card"' not in page
    assert "cannot take this payment" in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"sources": {"script-src": ["'unsafe-inline'"]}},
        {"sources": {"script-src": ["*"]}},
        {"sources": {"script-src": ["http://js.provider.example"]}},
        {"sources": {"script-src": ["https://a.example; object-src *"]}},
        {"sources": {"default-src": ["https://js.provider.example"]}},
        {"scripts": ["http://js.provider.example/a.js"]},
        {"scripts": ["javascript:alert(1)"]},
    ],
)
def test_a_checkout_cannot_open_the_policy(wrong: dict[str, Any]):
    with pytest.raises(CheckoutNotAllowed):
        Checkout(template="x.html", **wrong)
