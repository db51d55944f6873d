"""The page that shows the QR code with which a phone becomes a door device."""

import html
import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from events.models import Role
from tests.make import make_device, make_event, make_user
from ticketing import clock
from tickets.models import Device, DevicePairing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client() -> Client:
    return Client(headers={"Accept-Language": "en"})


@pytest.fixture
def device(client: Client) -> Device:
    event = make_event()
    client.force_login(make_user(organizer=event.organizer, is_staff=True, role=Role.DOOR))
    make_device(event)
    return Device.objects.get()


def pairing_page(device: Device) -> str:
    return reverse("admin:tickets_device_pair_this", args=[device.pk])


def link_on(page: Any) -> str:
    found = re.search(
        rf"{settings.PUBLIC_URL}/door#pair=pair_[\w-]+", html.unescape(page.content.decode())
    )
    assert found is not None
    return found.group()


def test_the_code_on_the_page_pairs_one_phone(client: Client, device: Device):
    page = client.post(pairing_page(device))

    assert "no-store" in page.headers["Cache-Control"]
    body = {"pairing_code": link_on(page).partition("#pair=")[2]}
    phone = Client()
    first = phone.post("/devices/pair", body, content_type="application/json")
    second = phone.post("/devices/pair", body, content_type="application/json")
    assert first.json()["id"] == str(device.pk)
    assert second.status_code == 404


def test_looking_at_the_page_changes_nothing(client: Client, device: Device):
    page = client.get(pairing_page(device))

    assert "Show the pairing code" in page.content.decode()
    assert not DevicePairing.objects.exists()


def test_a_revoked_device_cannot_be_paired(client: Client, device: Device):
    Device.objects.update(revoked_at=clock.now())

    page = client.post(pairing_page(device), follow=True)

    assert "#pair=" not in page.content.decode()
    assert "This device is revoked. Make a new one." in html.unescape(page.content.decode())
    assert not DevicePairing.objects.exists()
    assert "Pair a phone…" not in page.content.decode()


def test_a_new_device_without_events_is_refused_because_it_would_admit_nobody(
    client: Client, device: Device
):
    sent = {"organizer": str(device.organizer_id), "name": "Phone 2"}

    page = client.post(reverse("admin:tickets_device_add"), sent)

    assert "Choose events, or all of them: else it admits nobody." in page.content.decode()
    assert Device.objects.get() == device


def test_a_new_device_leads_to_its_pairing_code(client: Client, device: Device):
    form = client.get(reverse("admin:tickets_device_add")).content.decode()
    new_row = re.search(r'name="new_row" value="([^"]+)"', form)
    assert new_row is not None
    sent = {
        "organizer": str(device.organizer_id),
        "name": "Phone 2",
        "all_events": "on",
        "new_row": new_row[1],
    }

    made = client.post(reverse("admin:tickets_device_add"), sent)

    second = Device.objects.get(name="Phone 2")
    assert f'action="{pairing_page(second)}"' in made.content.decode()
    assert link_on(client.post(pairing_page(second)))
    assert DevicePairing.objects.get().device == second
