"""`make demo`: sells tickets over HTTP, from creating the event to the scan at the door."""

import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any, Final

import psycopg
import requests
import zxingcpp
from PIL import Image

from ticketing.stack.running import RunningStack

_PATIENCE_SECONDS: Final = 60
_SHORT_HOLD_SECONDS: Final = 3
_CREATED, _ACCEPTED, _CONFLICT, _OK = 201, 202, 409, 200


class StepFailed(Exception):
    """A step did not do what it should. The message says what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Target:
    """The system to use: the local stack, or one that runs elsewhere, such as in containers."""

    url: str
    api_token: str
    device_token: str
    mailbox_url: str
    # Empty if the demo cannot reach the database. It shortens the reservation time there, from 15
    # minutes; without it the demo cancels a reservation instead of waiting until one expires.
    database_url: str = ""

    @classmethod
    def of_stack(cls, stack: RunningStack) -> "Target":
        names = ("api_token", "device_token", "mailbox_url", "database_url")
        return cls(url=stack.url, **{name: str(stack.addresses[name]) for name in names})


def walk(stack: Target, *, keep: Path, pay_with: str = "tok_approved") -> None:
    """
    Sell two tickets, scan one of them twice, then let a reservation expire or cancel it.

    Prints each step with its duration, and saves a QR code and the mail in the folder `keep`.

    :raises StepFailed: at the first step that does not do what it should
    """
    keep.mkdir(parents=True, exist_ok=True)
    with _step("the organizer creates and publishes an event"):
        event = _create_event(stack)
    with _step("a buyer reserves 2 tickets"):
        order = _reserve(stack, event, 2)
        _expect("tickets left", _available(stack, event), 3)
    buyer = {"Authorization": f"Bearer {order['access_token']}"}
    path = f"/orders/{order['id']}"
    with _step("the buyer pays by card"):
        payment = {"method": "card", "token": pay_with}
        accepted = _call(stack, "post", f"{path}/payment", _ACCEPTED, json=payment, headers=buyer)
        _expect("status", accepted["status"], "processing")
    with _step("the worker charges the card, creates the tickets and stores their QR codes"):
        _wait(
            "tickets",
            lambda: _call(stack, "get", path, _OK, headers=buyer)["tickets_ready"],
        )
        tickets = _call(stack, "get", f"{path}/ticket", _OK, headers=buyer)["tickets"]
        _expect("tickets", len(tickets), 2)
    with _step("the buyer downloads a QR code from S3, and it can be read"):
        picture = requests.get(tickets[0]["qr_code_url"], timeout=10)
        (keep / "ticket.png").write_bytes(picture.content)
        _expect("QR code", _read_qr(picture.content), tickets[0]["code"])
    with _step("the buyer receives the mail with both QR codes"):
        mail = _wait("mail", lambda: _find_mail(stack, order["customer"]["email"]))
        (keep / "mail.eml").write_bytes(mail)
        codes = {_read_qr(picture) for picture in _pictures(mail)}
        _expect("codes in the mail", codes, {ticket["code"] for ticket in tickets})
    scan = {"code": tickets[0]["code"], "event": event["id"], "gate": "Main"}
    door = {"Authorization": f"Bearer {stack.device_token}"}
    with _step("the door admits the ticket"):
        scanned = _call(stack, "post", "/tickets/validate", _OK, json=scan, headers=door)
        _expect("result", scanned["result"], "admitted")
    with _step("the door refuses the same ticket at a second scan"):
        refused = _call(stack, "post", "/tickets/validate", _CONFLICT, json=scan, headers=door)
        _expect("code", refused["code"], "already_used")
    if stack.database_url:
        _let_one_expire(stack, event)
    else:
        _cancel_one(stack, event)
    _say(f"saved the QR code and the mail: {keep / 'ticket.png'}, {keep / 'mail.eml'}")


def _let_one_expire(stack: Target, event: dict[str, Any]) -> None:
    with _step(f"another buyer reserves 3 tickets for {_SHORT_HOLD_SECONDS} s and does not pay"):
        _shorten_holds(stack, event)
        late = _reserve(stack, event, 3)
        _expect("tickets left", _available(stack, event), 0)
    with _step("the reservation expires, and its tickets are on sale again"):
        _wait("stock", lambda: _available(stack, event) == 3)  # noqa: PLR2004 - the tickets above
        headers = {"Authorization": f"Bearer {late['access_token']}"}
        expired = _call(stack, "get", f"/orders/{late['id']}", _OK, headers=headers)
        _expect("status", expired["status"], "expired")


def _cancel_one(stack: Target, event: dict[str, Any]) -> None:
    with _step("another buyer reserves the last 3 tickets"):
        late = _reserve(stack, event, 3)
        _expect("tickets left", _available(stack, event), 0)
    with _step("the buyer cancels the reservation, and its tickets are on sale again"):
        headers = {"Authorization": f"Bearer {late['access_token']}"}
        cancelled = _call(stack, "post", f"/orders/{late['id']}/cancel", _OK, headers=headers)
        _expect("status", cancelled["status"], "cancelled")
        _expect("tickets left", _available(stack, event), 3)


def _create_event(stack: Target) -> dict[str, Any]:
    starts_at = datetime.now(UTC) + timedelta(days=30)  # noqa: TID251 - an entry point
    return _call(
        stack,
        "post",
        "/events",
        _CREATED,
        headers={"Authorization": f"Bearer {stack.api_token}"},
        json={
            "name": f"Demo {starts_at:%H:%M:%S}",
            "status": "published",
            "venue": "Teatro Rival",
            "city": "Rio de Janeiro",
            "starts_at": starts_at.isoformat(),
            "ends_at": (starts_at + timedelta(hours=3)).isoformat(),
            "capacity": 5,
            "price": "80.00",
        },
    )


def _reserve(stack: Target, event: dict[str, Any], quantity: int) -> dict[str, Any]:
    # A new address for each order, so that `_find_mail` finds the mail of this order.
    email = f"ana+{time.time_ns()}@example.com"
    reservation = {
        "event": event["slug"],
        "quantity": quantity,
        "customer": {"name": "Ana Souza", "email": email},
    }
    return _call(stack, "post", "/orders", _CREATED, json=reservation)


def _available(stack: Target, event: dict[str, Any]) -> int:
    return int(_call(stack, "get", f"/events/{event['id']}", _OK)["available"])


def _shorten_holds(stack: Target, event: dict[str, Any]) -> None:
    # By SQL: an organizer can change this in the admin, and the API cannot.
    with psycopg.connect(stack.database_url) as connection:
        connection.execute(
            "UPDATE events_event SET hold_seconds = %s WHERE id = %s",
            [_SHORT_HOLD_SECONDS, event["id"]],
        )


def _find_mail(stack: Target, to: str) -> bytes | None:
    found = requests.get(f"{stack.mailbox_url}/messages", params={"to": to}, timeout=10).json()[
        "messages"
    ]
    if not found:
        return None
    return requests.get(f"{stack.url}{found[0]['raw_url']}", timeout=10).content


def _pictures(mail: bytes) -> Iterator[bytes]:
    for part in message_from_bytes(mail, policy=default).walk():
        if part.get_content_type() == "image/png":
            yield part.get_content()


def _read_qr(picture: bytes) -> str:
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    return found[0].text if found else "no readable QR code"


def _call(stack: Target, method: str, path: str, expected: int, **options: Any) -> dict[str, Any]:
    response = requests.request(method, f"{stack.url}{path}", timeout=15, **options)
    if response.status_code != expected:
        raise StepFailed(
            f"{method.upper()} {path}: expected status {expected}, got {response.status_code}:"
            f" {response.text[:500]}"
        )
    document: dict[str, Any] = json.loads(response.content)
    return document


def _expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise StepFailed(f"{what}: expected {expected!r}, got {found!r}.")


def _wait(what: str, read: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := read():
            return found
        time.sleep(0.1)
    raise StepFailed(f"{what}: still missing after {_PATIENCE_SECONDS} seconds.")


@contextmanager
def _step(what: str) -> Iterator[None]:
    start = time.monotonic()
    try:
        yield
    except BaseException:
        _say(f"✗ {what}")
        raise
    _say(f"✓ {what} ({time.monotonic() - start:.2f} s)")


def _say(what: str) -> None:
    print(f"  {what}", flush=True)  # noqa: T201 - output of a command
