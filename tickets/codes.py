"""
The text inside a QR code: its format, its signature, and how to read it.

`T1:` and base45 of 96 bytes, which keeps the QR code in its short alphanumeric mode:
version u8, key id u8, event number u32, ticket type number u16, ticket id, valid from u32, valid
until u32, and an Ed25519 signature of all that, big-endian. 147 characters.
"""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from tickets.base45 import NotBase45, decode_base45, encode_base45

PREFIX = "T1:"
VERSION = 1
# Codes are valid this long after the end of the event, in case the event runs late.
GRACE_AFTER_THE_END = timedelta(hours=12)

_CLAIMS = struct.Struct(">BBIH16sII")
_SIGNATURE_LENGTH = 64
_CODE_LENGTH = 147


class UnreadableCode(Exception):
    """Not one of our codes: wrong alphabet, length, version, key or signature."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The contents of a code. Do not trust them before `check_signature`."""

    key_id: int
    event_number: int
    type_number: int
    ticket_id: UUID
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class ReadCode:
    """A parsed code: its claims, the bytes that were signed, and the signature."""

    claims: Claims
    signed: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class CodeSubject:
    """The event and the ticket type for which a code is signed."""

    event_id: UUID
    event_number: int
    type_number: int
    valid_from: datetime
    event_ends_at: datetime


def signing_key_id() -> int:
    """Return the id of the key that signs new tickets."""
    return next(iter(settings.TICKET_SIGNING_KEYS))


def code_prefix(key_id: int) -> str:
    """Return the start of each code that a key signed: version and key id in three characters."""
    return PREFIX + encode_base45(bytes([VERSION, key_id]))


def sign_code(subject: CodeSubject, ticket_id: UUID) -> str:
    """Return the text of one ticket's QR code. The same ticket gets the same text."""
    key_id = signing_key_id()
    claims = _CLAIMS.pack(
        VERSION,
        key_id,
        subject.event_number,
        subject.type_number,
        ticket_id.bytes,
        int(subject.valid_from.timestamp()),
        int((subject.event_ends_at + GRACE_AFTER_THE_END).timestamp()),
    )
    signature = _private_key(subject.event_id, key_id, settings.TICKET_SIGNING_KEYS[key_id]).sign(
        claims
    )
    return PREFIX + encode_base45(claims + signature)


def read_code(text: str) -> ReadCode:
    """
    Parse a code. Its signature is not checked here: that needs the event's key.

    :raises UnreadableCode: if the text cannot be one of our codes
    """
    if len(text) != _CODE_LENGTH or not text.startswith(PREFIX):
        raise UnreadableCode
    try:
        body = decode_base45(text.removeprefix(PREFIX))
    except NotBase45 as error:
        raise UnreadableCode from error
    if len(body) != _CLAIMS.size + _SIGNATURE_LENGTH:
        raise UnreadableCode
    signed, signature = body[: _CLAIMS.size], body[_CLAIMS.size :]
    version, key_id, event_number, type_number, ticket_id, since, until = _CLAIMS.unpack(signed)
    if version != VERSION:
        raise UnreadableCode
    claims = Claims(
        key_id,
        event_number,
        type_number,
        UUID(bytes=ticket_id),
        datetime.fromtimestamp(since, tz=UTC),
        datetime.fromtimestamp(until, tz=UTC),
    )
    return ReadCode(claims, signed, signature)


def check_signature(code: ReadCode, *, event_id: UUID) -> None:
    """
    Check that a key in use signed a code, for this event.

    :raises UnreadableCode: if the key is not in use, or the signature is wrong
    """
    check_key(code)
    try:
        public_key(event_id, code.claims.key_id).verify(code.signature, code.signed)
    except InvalidSignature as error:
        raise UnreadableCode from error


def check_key(code: ReadCode) -> None:
    """
    Check that the key of a code is in use. A dropped key invalidates even a code that is stored.

    :raises UnreadableCode: if the key is not in use
    """
    if code.claims.key_id not in settings.TICKET_SIGNING_KEYS:
        raise UnreadableCode


def read_ticket_id(text: str) -> UUID | None:
    """Return the ticket id in a code, with an unchecked signature: for searches, not for gates."""
    try:
        return read_code(text.strip()).claims.ticket_id
    except UnreadableCode:
        return None


def public_key(event_id: UUID, key_id: int) -> Ed25519PublicKey:
    """Return the key that verifies an event's codes. Its id must be in use."""
    return _public_key(event_id, key_id, settings.TICKET_SIGNING_KEYS[key_id])


@lru_cache(maxsize=4096)
def _public_key(event_id: UUID, key_id: int, secret: str) -> Ed25519PublicKey:
    return _private_key(event_id, key_id, secret).public_key()


@lru_cache(maxsize=4096)
def _private_key(event_id: UUID, key_id: int, secret: str) -> Ed25519PrivateKey:
    # Derived, not stored: a leaked database cannot forge tickets, and a leaked event key can forge
    # the tickets of one event only.
    derive = HKDF(
        algorithm=SHA256(),
        length=32,
        salt=event_id.bytes + bytes([key_id]),
        info=b"bilheteria ticket code",
    )
    return Ed25519PrivateKey.from_private_bytes(derive.derive(secret.encode()))
