"""Passes: what they say, that their signatures are valid, and who gets them."""

import hashlib
import json
import subprocess
from base64 import urlsafe_b64decode
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from django.test import Client
from django.utils import translation
from PIL import Image

from events.models import Organizer
from events.organizing import cancel_event
from orders.models import Order
from orders.page_link import link_token
from tests.make import SOMEBODY, make_event, make_paid_order, make_transfer
from tests.tickets.wallet.keys import (
    ACCOUNT,
    ISSUER,
    PASS_TYPE,
    TEAM,
    make_authority,
    make_certificate,
    make_key,
    pem,
    wallet_keys,
)
from ticketing import clock
from tickets.models import Ticket
from tickets.refund import refund_tickets
from tickets.transfers.links import transfer_link

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order(settings: Any) -> Order:
    """Return a paid order with two tickets, on a site with both wallets."""
    settings.WALLET_KEYS = wallet_keys()
    event = make_event(
        name="Ópera & Cia",
        address="Rua dos Arcos, 24",
        starts_at="2099-01-11T00:00:00Z",
        ends_at="2099-01-11T04:00:00Z",
    )
    Organizer.objects.filter(pk=event.organizer_id).update(accent_color="#FFE000")
    return make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)


def buyer(order: Order) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.get(f"/o/{order.pk}/", {"token": link_token(order)})
    return client


def apple_pass(client: Client, path: str) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the files of a pass, and its `pass.json`."""
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/vnd.apple.pkpass"
    with ZipFile(BytesIO(response.content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return files, json.loads(files["pass.json"])


def saved(client: Client, path: str) -> dict[str, Any]:
    """Return the claims of the link to Google's wallet, whose signature is checked."""
    response = client.get(path)
    assert response.status_code == 302
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response.headers["Cache-Control"]
    link, _, token = response.headers["Location"].rpartition("/")
    assert link == "https://pay.google.com/gp/v/save"
    head, body, signature = token.split(".")
    make_key(2).public_key().verify(
        decode(signature), f"{head}.{body}".encode(), PKCS1v15(), SHA256()
    )
    assert json.loads(decode(head)) == {"alg": "RS256", "typ": "JWT"}
    # Google advises against longer links, but takes them.
    assert len(response.headers["Location"]) < 2100
    claims: dict[str, Any] = json.loads(decode(body))
    return claims


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_an_apple_pass_says_what_the_ticket_says(order: Order):
    ticket = Ticket.objects.of_order(order.pk)[0]

    _files, said = apple_pass(buyer(order), f"/o/{order.pk}/tickets/1.pkpass")

    assert (said["passTypeIdentifier"], said["teamIdentifier"]) == (PASS_TYPE, TEAM)
    assert said["serialNumber"] == f"{order.pk}-1"
    assert said["barcodes"] == [
        {
            "format": "PKBarcodeFormatQR",
            "message": ticket.code,
            "messageEncoding": "iso-8859-1",
            "altText": f"{order.code}-1",
        }
    ]
    assert said["expirationDate"] == "2099-01-11T01:00:00-03:00"
    assert said["voided"] is False
    # Dark letters on the organizer's yellow.
    assert said["backgroundColor"] == "rgb(255, 224, 0)"
    assert said["foregroundColor"] == "rgb(20, 22, 26)"
    groups = said["eventTicket"].values()
    fields = {field["key"]: field["value"] for group in groups for field in group}
    assert fields == {
        "event": "Ópera & Cia",
        "start": "2099-01-10T21:00:00-03:00",
        "venue": "Circo Voador",
        "holder": "Ana Souza",
        "type": "Pista",
        "address": "Rua dos Arcos, 24, Rio de Janeiro",
        "price": "BRL\u00a045.00",
        "order": order.code,
        "organizer": "Casa Azul",
    }


def test_an_apple_pass_has_valid_digests_and_a_signature_that_openssl_verifies(
    order: Order, tmp_path: Path
):
    files, _said = apple_pass(buyer(order), f"/o/{order.pk}/tickets/2.pkpass")

    manifest = json.loads(files["manifest.json"])
    assert manifest == {
        name: hashlib.sha1(content, usedforsecurity=False).hexdigest()
        for name, content in files.items()
        if name not in ("manifest.json", "signature")
    }
    for name, side in (("icon.png", 29), ("icon@2x.png", 58), ("icon@3x.png", 87)):
        assert Image.open(BytesIO(files[name])).size == (side, side)
    for name in ("signature", "manifest.json"):
        (tmp_path / name).write_bytes(files[name])
    (tmp_path / "ca.pem").write_text(pem(make_authority()))
    verify = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "signature"]
    trust = ["-content", "manifest.json", "-CAfile", "ca.pem", "-purpose", "any"]

    done = subprocess.run(
        [*verify, *trust], cwd=tmp_path, capture_output=True, check=False, timeout=20
    )

    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == files["manifest.json"]


def test_a_google_link_says_what_the_ticket_says(order: Order):
    ticket = Ticket.objects.of_order(order.pk)[0]

    claims = saved(buyer(order), f"/o/{order.pk}/tickets/1/google-wallet")

    assert (claims["iss"], claims["aud"], claims["typ"]) == (ACCOUNT, "google", "savetowallet")
    (event,) = claims["payload"]["eventTicketClasses"]
    (said,) = claims["payload"]["eventTicketObjects"]
    assert event["id"] == said["classId"]
    assert event["id"] == f"{ISSUER}.{order.event.number}-{order.event.revision}"
    assert event["eventName"] == {"defaultValue": {"language": "en", "value": "Ópera & Cia"}}
    assert event["dateTime"]["start"] == "2099-01-10T21:00:00-03:00"
    assert event["hexBackgroundColor"] == "#ffe000"
    assert said["id"] == f"{ISSUER}.{ticket.pk.hex}"
    assert said["barcode"]["value"] == ticket.code
    assert (said["state"], said["ticketHolderName"]) == ("ACTIVE", "Ana Souza")
    assert said["validTimeInterval"]["end"]["date"] == "2099-01-11T01:00:00-03:00"


@pytest.mark.parametrize("end", ["refund", "cancellation"])
def test_the_pass_of_a_ticket_that_ended_is_void(order: Order, end: str):
    first = Ticket.objects.of_order(order.pk)[0]
    if end == "refund":
        refund_tickets(order_id=order.pk, ticket_ids=[first.pk], actor=SOMEBODY, now=clock.now())
    else:
        cancel_event(event_id=order.event_id, actor=SOMEBODY, now=clock.now())
    client = buyer(order)

    _files, said = apple_pass(client, f"/o/{order.pk}/tickets/1.pkpass")
    claims = saved(client, f"/o/{order.pk}/tickets/1/google-wallet")

    assert said["voided"] is True
    assert claims["payload"]["eventTicketObjects"][0]["state"] == "INACTIVE"


def test_a_ticket_that_was_handed_on_is_in_the_wallet_of_its_new_holder_only(order: Order):
    first = Ticket.objects.of_order(order.pk)[0]
    transfer = make_transfer(ticket=first, email="bia@example.com")
    friend = Client()
    friend.get(transfer_link(transfer).removeprefix("http://localhost:8000"))
    path = f"/transfer/{transfer.pk}/"

    page = friend.get(path).content.decode()
    _files, said = apple_pass(friend, f"{path}ticket.pkpass")
    claims = saved(friend, f"{path}google-wallet")

    for address in (f"{path}ticket.pkpass", f"{path}google-wallet"):
        assert f'href="{address}"' in page
    assert said["barcodes"][0]["message"] != first.code
    assert claims["payload"]["eventTicketObjects"][0]["ticketHolderName"] == "Bia Lima"
    for address in ("tickets/1.pkpass", "tickets/1/google-wallet"):
        assert buyer(order).get(f"/o/{order.pk}/{address}").status_code == 404


def test_passes_are_for_who_may_open_the_order(order: Order):
    for address in ("tickets/1.pkpass", "tickets/1/google-wallet"):
        answer = Client().get(f"/o/{order.pk}/{address}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (
            404,
            "text/html; charset=utf-8",
        )
        assert buyer(order).get(f"/o/{order.pk}/{address.replace('1', '9')}").status_code == 404


@pytest.mark.parametrize(
    ("keys", "offered"),
    [
        (wallet_keys(), {"pkpass", "google-wallet"}),
        (wallet_keys(google=False), {"pkpass"}),
        (wallet_keys(apple=False), {"google-wallet"}),
        (wallet_keys(apple=False, google=False), set()),
        (
            wallet_keys({"APPLE_PASS_CERTIFICATE": pem(make_certificate(days=-10))}),
            {"google-wallet"},
        ),
    ],
)
def test_only_wallets_that_are_configured_are_offered(
    order: Order, keys: dict[str, str], offered: set[str], settings: Any
):
    settings.WALLET_KEYS = keys
    client = buyer(order)

    page = client.get(f"/o/{order.pk}/tickets").content.decode()

    for name, path in (
        ("pkpass", f"/o/{order.pk}/tickets/1.pkpass"),
        ("google-wallet", f"/o/{order.pk}/tickets/1/google-wallet"),
    ):
        assert (f'href="{path}"' in page) == (name in offered)
        assert (client.get(path).status_code != 404) == (name in offered)


def test_the_words_of_a_pass_are_in_the_readers_language(order: Order):
    client = buyer(order)
    with translation.override("pt-br"):
        _files, said = apple_pass(client, f"/o/{order.pk}/tickets/1.pkpass?lang=pt-br")

    labels = [field["label"] for field in said["eventTicket"]["auxiliaryFields"]]
    assert labels == ["Nome", "Ingresso"]
