"""The cursor of an offline bundle: up to which change of tickets a device knows all."""

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final, Self
from uuid import UUID

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">BqI8s")
_PLACE: Final = struct.Struct(">q16s")
_LENGTHS: Final = (_HEAD.size, _HEAD.size + _PLACE.size)


@dataclass(frozen=True, slots=True)
class Place:
    """The last mark of a page: the transaction that wrote it, and its ticket."""

    changed_in: int
    ticket_id: UUID


@dataclass(frozen=True, slots=True)
class Cursor:
    """
    Where the next page begins.

    When the first page of a round of pages was read, every transaction below `floor` had ended. The
    pages of the round follow each other by `after`; without it, the next round begins at `floor`.
    """

    floor: int
    begun_at: datetime
    # Of the events that the bundle is about: marks of a new event may be older than the floor.
    events: bytes
    after: Place | None = None

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the cursor in a text, or None if it is not one of ours."""
        try:
            body = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        except (Error, ValueError):
            return None
        if len(body) not in _LENGTHS or body[0] != _VERSION:
            return None
        _, floor, begun_at, events = _HEAD.unpack_from(body)
        after = None
        if len(body) > _HEAD.size:
            changed_in, ticket = _PLACE.unpack_from(body, _HEAD.size)
            after = Place(changed_in, UUID(bytes=ticket))
        return cls(floor, datetime.fromtimestamp(begun_at, tz=UTC), events, after)

    def __str__(self) -> str:
        begun_at = int(self.begun_at.timestamp())
        body = _HEAD.pack(_VERSION, self.floor, begun_at, self.events)
        if self.after is not None:
            body += _PLACE.pack(self.after.changed_in, self.after.ticket_id.bytes)
        return urlsafe_b64encode(body).rstrip(b"=").decode()


def digest_events(ids: Iterable[UUID]) -> bytes:
    """Return a digest of the ids of events, in any sequence."""
    return blake2b(b"".join(sorted(each.bytes for each in ids)), digest_size=8).digest()
