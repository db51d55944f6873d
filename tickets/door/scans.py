"""What is scanned at a gate, by which scanner, and with which result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tickets.models import LET_THROUGH, Decision, Direction, ScanResult


@dataclass(frozen=True, slots=True)
class Scanner:
    """
    Who scans: a device, an API token or a user.

    A device is found by the digest of its token and scans for its own events. An API token or a
    user has a `name` and scans for the events of `organizers`, or for all events if that is None. A
    member who is limited to some events scans for `chosen_events` too: their ids, with the ids of
    their organizers.

    Two scanners may choose the same scan id: `name` keeps their scans apart.
    """

    name: str = ""
    device_digest: str | None = None
    organizers: tuple[UUID, ...] | None = None
    api_token_id: UUID | None = None
    user_id: int | None = None
    chosen_events: Mapping[UUID, UUID] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScannedCode:
    """
    A code that was scanned at a gate. The same `scan_id` of the same scanner is the same scan.

    An empty `gate` means the device's own. With `event_id`, only that event's tickets are admitted.
    `decision` is what a device that was offline has told the guest. Without it, the guest waits for
    the server's.
    """

    scan_id: UUID
    code: str
    gate: str
    at: datetime
    event_id: UUID | None = None
    direction: Direction = Direction.ENTRY
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class CheckedTicket:
    """What the response to a scan shows of a ticket."""

    id: UUID
    event_id: UUID
    ticket_type: str
    holder_name: str
    order_code: str


@dataclass(frozen=True, slots=True)
class DoorHours:
    """The hours of an event's door. A moment that is None does not limit them."""

    starts_at: datetime | None
    ends_at: datetime | None
    timezone: str


@dataclass(frozen=True, slots=True)
class CheckIn:
    """
    The result of one scan.

    `ticket` is set if the scanner may see it; then `hours` are set too. `is_inside` says whether
    its holder is inside after the scan. `unused` is the number of tickets that came with it and may
    still be used at this gate. `is_conflict` is true if a device that was offline let somebody in
    against the rules.
    """

    scan_id: UUID
    result: ScanResult
    at: datetime
    ticket: CheckedTicket | None
    hours: DoorHours | None = None
    is_inside: bool = False
    unused: int = 0
    is_conflict: bool = False

    @property
    def is_let_through(self) -> bool:
        return self.result in LET_THROUGH
