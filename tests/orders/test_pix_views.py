"""The API of a Pix, and the notifications of the payment gateway."""

import json

import pytest
from django.test import Client

from orders.gateway import SimulatedGateway
from orders.models import Order, OrderStatus
from orders.simulated_pix import pay_simulated_pix, sign_simulated_notification
from tests.make import as_bearer, make_reservation
from tests.queue import RecordingQueue
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)

NOTIFICATIONS = "/payments/notifications?topic=pix"


def notify(*pix_ids: str, signature: str | None = None) -> int:
    body = json.dumps({"pix": pix_ids}).encode()
    headers = {
        "X-Simulated-Signature": signature or sign_simulated_notification(body),
        "Authorization": "Basic of-the-gateway",
    }
    # With a content type that the rest of the API refuses.
    sent = Client(headers=headers).post(NOTIFICATIONS, body, content_type="text/plain")
    return sent.status_code


def test_a_buyer_requests_a_pix_pays_it_and_reads_that_the_order_is_paid(queue: RecordingQueue):
    reservation = make_reservation()
    buyer = as_bearer(reservation.token.text)
    path = f"/orders/{reservation.order_id}/pix"
    assert buyer.get(path).json()["code"] == "no_pix_requested"

    requested = buyer.post(path).json()
    assert requested["state"] == "waiting"
    assert requested["amount"] == "45.00"
    assert requested["arrived_at"] is None
    pay_simulated_pix(pix_id=reservation.order_id, now=clock.now())
    assert notify(str(reservation.order_id)) == 204
    queue.run_all()

    assert buyer.get(path).json()["state"] == "taken"
    assert buyer.get(f"/orders/{reservation.order_id}").json()["status"] == "paid"
    assert buyer.post(path).json()["br_code"] == requested["br_code"]


def test_a_notification_that_is_not_the_gateways_changes_nothing():
    reservation = make_reservation()
    as_bearer(reservation.token.text).post(f"/orders/{reservation.order_id}/pix")
    pay_simulated_pix(pix_id=reservation.order_id, now=clock.now())

    assert notify(str(reservation.order_id), signature="forged") == 401

    assert Order.objects.get().status == OrderStatus.RESERVED


def test_a_gateway_without_pix_gets_no_notifications(monkeypatch: pytest.MonkeyPatch):
    class CardsOnly:
        accepts = SimulatedGateway.accepts

    monkeypatch.setattr("orders.gateway.get_gateway", CardsOnly)

    assert notify() == 409
