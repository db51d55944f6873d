"""Watch the doors of events: their figures, their devices, and what staff must be told."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db.models import Q

from events.models import Event
from tickets.door.conflicts import MOST_SHOWN, Conflict, open_conflicts
from tickets.door.counts import DoorCounts, count_doors
from tickets.door.shared import SharedReading
from tickets.models import Device

# A device asks every 15 seconds. A phone whose screen is off asks again when it is taken up.
SILENT_AFTER: Final = timedelta(minutes=5)
# When the door of an event opens that has no hours of its door.
_USUAL_OPENING: Final = timedelta(hours=3)
MOST_DEVICES: Final = 100


class Presence(StrEnum):
    """What is known of a device by the time at which it was last seen."""

    ONLINE = "online"
    # It has worked at this door and has stopped.
    SILENT = "silent"
    # It was on before the door opened, and not since: a spare phone, or one that fails.
    UNUSED = "unused"
    AWAY = "away"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class UnmannedGate:
    """A gate where nobody scans, though devices of the event were made ready for it."""

    gate: str
    devices: list[Device]


@dataclass(frozen=True, slots=True)
class WatchedDoor:
    """An event's door as it was read. All threads share it: do not change it."""

    event: Event
    counts: DoorCounts
    devices: list[Device]
    # The newest that nobody has acknowledged.
    conflicts: list[Conflict]


def take_door_counts(event_ids: Collection[UUID], *, now: datetime) -> Mapping[UUID, DoorCounts]:
    """Return the figures of these events' doors, from the reading that all callers share."""
    return _counts.take(event_ids, now)


def watch_door(event_id: UUID, *, now: datetime) -> WatchedDoor | None:
    """Return an event's door, from the reading that all callers share, or None."""
    return _doors.take([event_id], now).get(event_id)


def take_conflicts(event_ids: Collection[UUID], *, now: datetime) -> list[Conflict]:
    """Return the newest open conflicts of these events, from the reading that callers share."""
    found = [each for of_event in _conflicts.take(event_ids, now).values() for each in of_event]
    return sorted(found, key=lambda each: each.scan.recorded_at, reverse=True)[:MOST_SHOWN]


def forget_doors() -> None:
    """Drop all readings of this process."""
    _counts.clear()
    _conflicts.clear()
    _doors.clear()


def door_hours(event: Event) -> tuple[datetime, datetime]:
    """Return from when to when staff should be at the door of an event."""
    opens = event.checkin_starts_at or event.starts_at - _USUAL_OPENING
    return opens, event.checkin_ends_at or event.ends_at


def presence_of(device: Device, event: Event, *, now: datetime) -> Presence:
    """
    Say whether a device is in use.

    While the event's door is closed, no device is missed. A device that was never seen is a scanner
    that does not ask for the state of its door, or a phone that was never paired.
    """
    seen_at = device.last_seen_at
    if seen_at is None:
        return Presence.NEVER
    if now - seen_at < SILENT_AFTER:
        return Presence.ONLINE
    opens, closes = door_hours(event)
    if not opens + SILENT_AFTER <= now < closes:
        return Presence.AWAY
    return Presence.SILENT if opens <= seen_at else Presence.UNUSED


def unmanned_gates(door: WatchedDoor, *, now: datetime) -> list[UnmannedGate]:
    """
    Return the gates of unused devices where nothing was scanned and no other device was on.

    A spare phone beside one that works is no alert. Nor is a device for all events: it may stand at
    another venue.
    """
    scanned = {_same(gate.gate) for gate in door.counts.gates}
    unused: dict[str, list[Device]] = {}
    for device in door.devices:
        presence = presence_of(device, door.event, now=now)
        if presence in (Presence.ONLINE, Presence.SILENT):
            scanned.add(_same(device.gate))
        elif presence is Presence.UNUSED and not device.all_events:
            unused.setdefault(_same(device.gate), []).append(device)
    return [
        UnmannedGate(devices[0].gate, devices)
        for gate, devices in unused.items()
        if gate not in scanned
    ]


def _same(gate: str) -> str:
    """Return a gate's name as gates are compared."""
    return gate.strip().lower()


def _watch_doors(event_ids: Collection[UUID], now: datetime) -> dict[UUID, WatchedDoor]:
    events = Event.objects.filter(pk__in=event_ids)
    counts = take_door_counts(event_ids, now=now)
    return {
        event.pk: WatchedDoor(
            event, counts[event.pk], _devices_of(event), take_conflicts([event.pk], now=now)
        )
        for event in events
    }


def _devices_of(event: Event) -> list[Device]:
    own = Q(all_events=True) | Q(events=event)
    devices = Device.objects.filter(own, organizer_id=event.organizer_id, revoked_at=None)
    return list(devices.distinct().order_by("gate", "name", "pk")[:MOST_DEVICES])


_counts: Final = SharedReading(lambda event_ids, now: count_doors(event_ids, now=now))
_conflicts: Final = SharedReading(lambda event_ids, _now: open_conflicts(event_ids))
_doors: Final = SharedReading(_watch_doors)
