"""One order from the event to the door, through the API and the worker's tasks. Read this first."""

import pytest
from django.core import mail
from rest_framework.test import APIClient

from events.models import Event
from tests.make import as_bearer, make_api_token, make_device, make_organizer
from tests.queue import RecordingQueue
from ticketing.queue.messages import Message
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_buyer_reserves_pays_receives_and_enters(api: APIClient, queue: RecordingQueue):
    organizer = as_bearer(make_api_token(organizer=make_organizer()))
    created = organizer.post(
        "/events",
        {
            "name": "Noite de Jazz",
            "status": "published",
            "venue": "Circo Voador",
            "city": "Rio de Janeiro",
            "starts_at": "2099-01-10T21:00:00-03:00",
            "ends_at": "2099-01-11T02:00:00-03:00",
            "capacity": 2,
            "price": "120.00",
        },
    )
    assert (created.status_code, created.json()["slug"]) == (201, "noite-de-jazz")

    reserved = api.post(
        "/orders",
        {
            "event": "noite-de-jazz",
            "quantity": 2,
            "customer": {"name": "Ana Souza", "email": "ana@example.com"},
        },
    )
    assert (reserved.status_code, reserved.json()["total"]) == (201, "240.00")
    assert api.get("/events/noite-de-jazz").json()["sold_out"] is True

    buyer, order = as_bearer(reserved.json()["access_token"]), f"/orders/{reserved.json()['id']}"
    payment = buyer.post(f"{order}/payment", {"method": "card", "token": "tok_approved"})
    assert (payment.status_code, payment.json()["status"]) == (202, "processing")

    # The task that settles the order also issues its tickets' codes and sends the mail.
    assert queue.run_all() == [Message.SETTLE_ORDER]
    assert buyer.get(order).json()["status"] == "paid"
    assert Ticket.objects.count() == 2
    assert [sent.to for sent in mail.outbox] == [["ana@example.com"]]

    first, second = buyer.get(f"{order}/ticket").json()["tickets"]
    door = as_bearer(make_device(Event.objects.get(), gate="North"))
    admitted = door.post("/tickets/validate", {"code": first["code"]})
    assert (admitted.status_code, admitted.json()["result"]) == (200, "admitted")
    refused = door.post("/tickets/validate", {"code": first["code"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "already_used")
    assert refused.json()["first_scan"]["gate"] == "North"
    assert door.post("/tickets/validate", {"code": second["code"]}).status_code == 200
