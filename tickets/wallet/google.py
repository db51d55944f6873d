"""A ticket as a signed link that saves it to Google's wallet."""

import json
from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from events.logos import logo_address
from orders.models import Order
from tickets.models import Ticket
from tickets.wallet.contents import PassContents, describe_pass
from tickets.wallet.keys import GoogleKeys

_SAVE: Final = "https://pay.google.com/gp/v/save/"


def google_save_link(
    *, order: Order, ticket: Ticket, number: int, keys: GoogleKeys, now: datetime
) -> str:
    """
    Return the address that offers a ticket to the wallet of its reader, in the active language.

    Google keeps what it got first under an id. So a changed event has another class, and a ticket
    with a new code another object.
    """
    contents = describe_pass(order, ticket, number)
    # Browsers and phones cut very long links, so the ids are short, and no text is said twice.
    event_class = f"{keys.issuer}.{order.event.number}-{order.event.revision}"
    claims = {
        "iss": keys.email,
        "aud": "google",
        "typ": "savetowallet",
        "iat": int(now.timestamp()),
        "payload": {
            "eventTicketClasses": [
                _describe_event(contents, event_class, logo_address(order.event.organizer))
            ],
            "eventTicketObjects": [
                _describe_ticket(contents, f"{keys.issuer}.{ticket.pk.hex}", event_class)
            ],
        },
    }
    return _SAVE + _sign(claims, keys)


def _describe_event(contents: PassContents, event_class: str, logo: str) -> dict[str, Any]:
    picture = {"logo": {"sourceUri": {"uri": logo}}} if logo else {}
    return {
        "id": event_class,
        "issuerName": contents.organizer,
        "reviewStatus": "UNDER_REVIEW",
        "eventName": _text(contents, contents.event),
        "venue": {
            "name": _text(contents, contents.venue),
            "address": _text(contents, contents.address or contents.venue),
        },
        "dateTime": {
            "start": contents.starts_at.isoformat(timespec="seconds"),
            "end": contents.ends_at.isoformat(timespec="seconds"),
        },
        "hexBackgroundColor": f"#{bytes(contents.back).hex()}",
        **picture,
    }


def _describe_ticket(contents: PassContents, ticket: str, event_class: str) -> dict[str, Any]:
    return {
        "id": ticket,
        "classId": event_class,
        "state": "INACTIVE" if contents.is_void else "ACTIVE",
        "ticketHolderName": contents.holder,
        "ticketNumber": contents.readable_code,
        "ticketType": _text(contents, contents.ticket_type),
        "barcode": {"type": "QR_CODE", "value": contents.code},
        "validTimeInterval": {
            "end": {"date": contents.ends_at.isoformat(timespec="seconds")},
        },
    }


def _text(contents: PassContents, value: str) -> dict[str, Any]:
    return {"defaultValue": {"language": contents.language, "value": value}}


def _sign(claims: dict[str, Any], keys: GoogleKeys) -> str:
    """Return a JSON Web Token (RFC 7519) that is signed with RS256."""
    parts = [_encode({"alg": "RS256", "typ": "JWT"}), _encode(claims)]
    signature = keys.key.sign(".".join(parts).encode(), PKCS1v15(), SHA256())
    return ".".join([*parts, _base64(signature)])


def _encode(part: dict[str, Any]) -> str:
    return _base64(json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
