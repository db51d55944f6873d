"""The page on which a buyer pays by Pix, as a browser without JavaScript uses it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from events.wording import show_hour
from orders.gateway import GatewayAway, SimulatedGateway
from orders.insertion import Reservation
from orders.models import Order, OrderStatus, PixCharge, PixState
from orders.page_link import order_path
from orders.payment import confirm_payment
from orders.pix import settle_pix, take_pix
from orders.pix_gateway import PixArrived
from orders.simulated_charges import SimulatedPix
from tests.make import make_reservation, make_ticket_type
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.clock import zone_named

pytestmark = pytest.mark.django_db(transaction=True)


class Buyer:
    """A browser that has just reserved."""

    def __init__(self, reservation: Reservation | None = None, language: str = "en") -> None:
        self.reservation = reservation or make_reservation()
        self.order = Order.objects.select_related("event").get(pk=self.reservation.order_id)
        self.home = order_path(self.order.pk)
        self.path = f"{self.home}pix/"
        self.browser = Client(headers={"accept-language": language})
        self.browser.cookies["order"] = self.reservation.token.text

    def act(self, what: str) -> str:
        """Send one of the page's forms, and return where it leads or what it shows."""
        answer = self.browser.post(self.path, {"act": what})
        return answer.headers.get("Location", "") or answer.content.decode()

    def read(self) -> str:
        answer = self.browser.get(self.path)
        return answer.headers.get("Location", "") or answer.content.decode()

    def state(self) -> str:
        return str(self.browser.get(f"{self.path}state/").json()["state"])


def milliseconds_in(page: str) -> int:
    """Return the time left that a page shows."""
    found = re.search(r'data-milliseconds="([0-9]+)"', page)
    assert found
    return int(found[1])


def end(order: Order) -> None:
    """Let the reservation and its Pix end."""
    past = timedelta(minutes=20)
    Order.objects.filter(pk=order.pk).update(reserved_until=F("reserved_until") - past)
    PixCharge.objects.filter(order=order).update(expires_at=F("expires_at") - past)


def test_a_buyer_gets_a_code_pays_it_and_is_led_to_the_order(queue: RecordingQueue):
    buyer = Buyer()
    assert "Show the Pix code" in buyer.read()
    assert buyer.state() == "new"

    assert buyer.act("request") == buyer.path
    page = buyer.read()
    assert PixCharge.objects.get().br_code in page
    assert "<svg" in page
    assert "Simulate payment" in page
    assert "no payment had arrived yet" not in page
    asked = buyer.act("check")
    assert "no payment had arrived yet" in buyer.browser.get(asked).content.decode()
    assert buyer.state() == "waiting"
    assert buyer.act("simulate") == buyer.path
    assert buyer.state() == "seen"
    assert "We have received BRL\u00a045.00 by Pix" in buyer.read()
    queue.run_all()

    assert (buyer.state(), buyer.read()) == ("elsewhere", buyer.home)
    assert Order.objects.get().status == OrderStatus.PAID


def test_the_page_speaks_portuguese():
    buyer = Buyer(language="pt-BR")
    buyer.act("request")

    page = buyer.read()

    assert "Pagar com Pix" in page
    assert "R$\xa045,00" in page or "R$ 45,00" in page
    assert "Simular pagamento" in page


def test_a_pix_that_ended_says_so_and_money_that_came_late_is_said_to_be_returned(
    queue: RecordingQueue,
):
    buyer = Buyer()
    buyer.act("request")
    end(buyer.order)
    assert buyer.state() == "expired"
    assert "The time for this Pix is over" in buyer.read()

    # The buyer's bank took the money all the same.
    SimulatedPix.objects.update(paid_at=clock.now())
    buyer.act("check")
    assert "We are returning BRL\u00a045.00" in buyer.read()
    settle_pix(order_id=buyer.order.pk, now=clock.now())

    assert "We have returned BRL\u00a045.00" in buyer.read()
    assert PixCharge.objects.get().state == PixState.RETURNED


def test_the_page_counts_to_the_end_of_the_pix_and_then_to_the_end_of_the_hold():
    buyer = Buyer()
    buyer.act("request")
    waiting = buyer.browser.get(f"{buyer.path}state/").json()
    page = buyer.read()
    # The last 30 seconds are for the news of a payment: the bank takes none any more.
    PixCharge.objects.update(expires_at=clock.now())
    closing = buyer.browser.get(f"{buyer.path}state/").json()
    later = buyer.read()
    hold = buyer.browser.get(f"{buyer.home}status").json()

    assert waiting["state"] == "waiting"
    assert 14 * 60_000 < waiting["left"] <= 14.5 * 60_000
    assert 0 <= waiting["left"] - milliseconds_in(page) < 30_000
    assert "Pay by" in page
    assert closing["state"] == "closing"
    assert 0 <= closing["left"] - hold["left"] < 30_000
    assert milliseconds_in(later) > 14 * 60_000
    assert "We wait for the bank until" in later
    assert "Start again" not in later
    assert "Reserve the same tickets again" not in later


def test_a_pix_that_ended_offers_the_same_tickets_again():
    buyer = Buyer()
    buyer.act("request")
    end(buyer.order)

    page = buyer.read()
    again = buyer.browser.post(f"{buyer.home}again", {"form_key": "k"})

    assert "Reserve the same tickets again" in page
    assert "data-milliseconds" not in page
    new = Order.objects.exclude(pk=buyer.order.pk).get()
    assert again.headers["Location"] == order_path(new.pk)


def test_an_order_that_was_paid_by_card_is_not_told_that_its_pix_has_ended():
    buyer = Buyer()
    buyer.act("request")
    confirm_payment(order=buyer.order, method="card", token="tok_approved", now=clock.now())
    PixCharge.objects.update(expires_at=clock.now())

    assert (buyer.state(), buyer.read()) == ("elsewhere", buyer.home)


def test_a_buyer_who_pays_otherwise_is_told_what_becomes_of_the_pix(queue: RecordingQueue):
    buyer = Buyer()
    before = buyer.browser.get(f"{buyer.home}?way=card").content.decode()
    buyer.act("request")

    choosing = buyer.browser.get(f"{buyer.home}?way=card").content.decode()
    confirm_payment(order=buyer.order, method="card", token="tok_approved", now=clock.now())
    paying = buyer.browser.get(buyer.home).content.decode()
    pix = PixCharge.objects.get()
    zone = zone_named(buyer.order.event.timezone)

    assert "Pix code that you have" not in before
    assert f"can be paid until {show_hour(pix.expires_at.astimezone(zone))} (" in choosing
    assert (
        f'goes back by itself to the account from which it came. <a href="{buyer.path}">'
        in choosing
    )
    assert "Do not pay the Pix code of this order any more" not in choosing
    assert "Do not pay the Pix code of this order any more" in paying
    assert "Pix code that you have" not in paying
    # The promise is kept.
    take_pix(arrived=PixArrived(pix_id=pix.pk, token="e2e", amount=pix.amount), now=clock.now())
    pix.refresh_from_db()
    assert pix.state == PixState.RETURNING


def test_an_order_that_needs_no_pix_leads_to_its_own_page():
    free = Buyer(make_reservation(ticket_type=make_ticket_type(price="0.00")))
    by_card = Buyer()
    confirm_payment(order=by_card.order, method="card", token="tok_approved", now=clock.now())

    assert free.read() == free.home
    assert by_card.read() == by_card.home == by_card.act("request")
    assert not PixCharge.objects.exists()


def test_the_page_says_what_to_do_when_the_gateway_does_not_answer_or_time_runs_out(
    monkeypatch: pytest.MonkeyPatch,
):
    def is_away(*_: object, **__: object) -> None:
        raise GatewayAway("No answer.")

    buyer = Buyer()
    with monkeypatch.context() as patch:
        patch.setattr(SimulatedGateway, "request_pix", is_away)
        assert "The bank does not answer right now" in buyer.act("request")
    soon = clock.now() + timedelta(seconds=60)
    Order.objects.update(reserved_until=soon)

    assert "Too little time is left for a Pix" in buyer.act("request")


def test_the_button_that_pays_exists_only_with_the_simulated_gateway(
    monkeypatch: pytest.MonkeyPatch,
):
    buyer = Buyer()
    buyer.act("request")
    monkeypatch.setattr("orders.pages.pix.is_pix_simulated", lambda: False)

    assert "Simulate payment" not in buyer.read()
    buyer.act("simulate")

    assert SimulatedPix.objects.get().paid_at is None


def test_where_test_payments_are_not_shown_no_page_offers_a_simulated_pix(settings: Any):
    settings.SHOW_TEST_PAYMENTS = False
    buyer = Buyer()

    assert (buyer.read(), buyer.act("request")) == (buyer.home, buyer.home)
    assert "Pix" not in buyer.browser.get(buyer.home).content.decode()
    assert not PixCharge.objects.exists()


def test_strangers_see_neither_the_page_nor_its_state():
    buyer = Buyer()
    for path in (buyer.path, f"{buyer.path}state/"):
        assert Client().get(path).status_code == 404
    assert Client().post(buyer.path, {"act": "request"}).status_code == 404
    assert not PixCharge.objects.exists()
