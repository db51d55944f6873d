"""
Write `vectors.json`: codes, and what each must lead to, on the server and on a phone alike.

The codes are to be scanned in their order, at a device for `event`, which knows `other_event` only
from the codes of its tickets. To write the file again:

    DJANGO_SETTINGS_MODULE=config.settings.test python -m tests.tickets.door.make_vectors
"""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import override_settings

from tickets.base45 import decode_base45, encode_base45
from tickets.codes import PREFIX, CodeSubject, public_key, sign_code

VECTORS: Final = Path(__file__).parent / "vectors.json"
# In use now, in use until old tickets are gone, and dropped.
SECRETS: Final = {3: "new secret of tests", 2: "old secret of tests", 1: "dropped secret of tests"}
IN_USE: Final = (3, 2)
EVENT: Final = UUID("01890000-0000-7000-8000-000000000001")
OTHER_EVENT: Final = UUID("01890000-0000-7000-8000-000000000002")
NUMBERS: Final = {EVENT: 70_000, OTHER_EVENT: 70_001}
STARTS_AT: Final = datetime(2027, 1, 10, 8, tzinfo=UTC)
ENDS_AT: Final = datetime(2027, 1, 10, 12, tzinfo=UTC)
# The order of the curve's group: a signature must not be valid with it added to its second half.
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493


def ticket(number: int) -> UUID:
    return UUID(int=0x01890000000070008000_000000001000 + number)


def sign(event: UUID, number: int, *, key: int = 3, claimed: UUID | None = None) -> str:
    """Return the code of a ticket, signed for `event`, which claims to be of `claimed`."""
    subject = CodeSubject(
        event_id=event,
        event_number=NUMBERS[claimed or event],
        type_number=1,
        valid_from=datetime(2027, 1, 1, tzinfo=UTC),
        event_ends_at=ENDS_AT,
    )
    with override_settings(TICKET_SIGNING_KEYS={key: SECRETS[key]}):
        return sign_code(subject, ticket(number))


def change(code: str, at: int, bits: int = 1) -> str:
    """Return a code with bits of one byte flipped."""
    body = bytearray(decode_base45(code.removeprefix(PREFIX)))
    body[at] ^= bits
    return PREFIX + encode_base45(bytes(body))


def with_signature(code: str, signature: bytes) -> str:
    body = decode_base45(code.removeprefix(PREFIX))
    return PREFIX + encode_base45(body[:32] + signature)


def add_order(code: str) -> str:
    """Return a code with the other form of its signature, which RFC 8032 forbids."""
    signature = decode_base45(code.removeprefix(PREFIX))[32:]
    second = int.from_bytes(signature[32:], "little") + _ORDER
    return with_signature(code, signature[:32] + second.to_bytes(32, "little"))


def make_vectors() -> dict[str, Any]:
    """Return all vectors, the event and its keys."""
    good, spare, old = sign(EVENT, 1), sign(EVENT, 2), sign(EVENT, 3, key=2)
    revoked, dropped = sign(EVENT, 4), sign(EVENT, 5, key=1)
    codes = [
        ("a ticket", good, "admitted"),
        ("the same again", good, "already_used"),
        ("signed with the older key in use", old, "admitted"),
        ("signed with a dropped key", dropped, "invalid_code"),
        ("revoked", revoked, "revoked"),
        ("of another event", sign(OTHER_EVENT, 6), "wrong_event"),
        ("signed for another event", sign(OTHER_EVENT, 2, claimed=EVENT), "invalid_code"),
        *[
            (f"a bit of byte {at} flipped", change(spare, at, 1 << at % 8), "invalid_code")
            for at in (0, 1, 6, 7, 8, 23, 24, 27, 28, 31, 32, 63, 64, 94, 95)
        ],
        ("a signature of zeros", with_signature(spare, bytes(64)), "invalid_code"),
        (
            "the signature of another ticket",
            with_signature(spare, decode_base45(good.removeprefix(PREFIX))[32:]),
            "invalid_code",
        ),
        ("a signature with the group's order added", add_order(spare), "invalid_code"),
        ("one character short", spare[:-1], "invalid_code"),
        ("half of it", spare[: len(spare) // 2], "invalid_code"),
        ("the prefix alone", PREFIX, "invalid_code"),
        ("one character more", spare + "0", "invalid_code"),
        ("twice", spare * 2, "invalid_code"),
        ("oversized", PREFIX + "0" * 10_000, "invalid_code"),
        ("lower case", spare.lower(), "invalid_code"),
        ("a space before", f" {spare}", "invalid_code"),
        ("a space instead of the first character", f" {spare[1:]}", "invalid_code"),
        ("another version of the prefix", f"T2:{spare[3:]}", "invalid_code"),
        ("a character that base45 lacks", f"{spare[:-1]}_", "invalid_code"),
        ("three characters of more than two bytes", f"{spare[:-3]}:::", "invalid_code"),
        ("letters of another alphabet", f"{spare[:-1]}А", "invalid_code"),
        ("an address", "https://example.com/tickets/1", "invalid_code"),
        ("a pairing link", "https://example.com/door#pair=pair_abc", "invalid_code"),
        ("markup", "<script>alert(1)</script>", "invalid_code"),
        ("a ticket that was not scanned yet", spare, "admitted"),
    ]
    with override_settings(TICKET_SIGNING_KEYS=SECRETS):
        keys = [
            {
                "event": NUMBERS[EVENT],
                "key_id": key_id,
                "public_key": _show(
                    public_key(EVENT, key_id).public_bytes(Encoding.Raw, PublicFormat.Raw)
                ),
            }
            for key_id in IN_USE
        ]
    return {
        "now": STARTS_AT.isoformat(),
        "event": {"id": str(EVENT), "number": NUMBERS[EVENT]},
        "other_event": {"id": str(OTHER_EVENT), "number": NUMBERS[OTHER_EVENT]},
        "keys": keys,
        "tickets": {str(ticket(number)): code for number, code in enumerate([good, spare, old], 1)},
        "revoked": {"id": str(ticket(4)), "code": revoked},
        "codes": [{"name": name, "code": code, "result": result} for name, code, result in codes],
    }


def _show(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(make_vectors(), indent=1, ensure_ascii=False) + "\n")
