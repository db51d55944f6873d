"""The devices at the door: made, paired with a phone, and ended."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from events.models import Event, Organizer
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict, NotFound
from ticketing.models import ActorKind, ActType
from ticketing.tokens import NewToken, digest_token
from tickets.models import Device, DevicePairing

# Long enough to walk to the gate with a QR code on a screen.
PAIRING_LASTS: Final = timedelta(minutes=15)
MOST_DEVICES: Final = 500


class TooManyDevices(Conflict):
    """More live devices than any organizer has gates."""

    code = "too_many_devices"
    title = "The organizer has as many door devices as an organizer may have"


class DeviceRevoked(Conflict):
    """It was shut out for good."""

    code = "device_revoked"
    title = "This door device was revoked"


class PairingNotValid(NotFound):
    """Unknown, used, or too old."""

    code = "pairing_not_valid"
    title = "This pairing code is not valid"


@transaction.atomic(durable=True)
def create_device(
    *,
    device: Device,
    events: Sequence[Event],
    actor: Actor,
    now: datetime,
    store_response: Callable[[Device], None] = lambda _device: None,
) -> None:
    """
    Write a new device, for some events of its organizer. `store_response` stores the response with
    it.

    :raises TooManyDevices: if its organizer has as many as it may have
    """
    # Of two that are made at once, the second counts the first.
    Organizer.objects.select_for_update(no_key=True).get(pk=device.organizer_id)
    live = Device.objects.filter(organizer_id=device.organizer_id, revoked_at=None)
    if live.count() >= MOST_DEVICES:
        raise TooManyDevices(f"An organizer has {MOST_DEVICES} at most. Revoke one.")
    device.save(force_insert=True)
    device.events.set(events)
    _record(ActType.DEVICE_CREATED, device, actor, now)
    store_response(device)


@transaction.atomic(durable=True)
def start_pairing(
    *,
    device_id: UUID,
    digest: str,
    actor: Actor,
    now: datetime,
    store_response: Callable[[DevicePairing], None] = lambda _pairing: None,
) -> None:
    """
    Let whoever has a code take a device over, once and soon. An earlier code ends.

    :raises DeviceRevoked: if it was revoked
    """
    device = Device.objects.select_for_update().get(pk=device_id)
    if device.revoked_at is not None:
        raise DeviceRevoked("Make a new one.")
    pairing, _ = DevicePairing.objects.update_or_create(
        device=device, defaults={"digest": digest, "expires_at": now + PAIRING_LASTS}
    )
    _record(ActType.DEVICE_PAIRING_STARTED, device, actor, now)
    store_response(pairing)


@transaction.atomic(durable=True)
def pair_device(
    *,
    pairing_code: str,
    token: NewToken,
    now: datetime,
    store_response: Callable[[Device], None] = lambda _device: None,
) -> None:
    """
    Give a device a new token for its pairing code, once. Its old token ends.

    :raises PairingNotValid: if the code is unknown, used, or too old, or the device was revoked
    """
    # Of two that show one code at once, one finds it.
    found = (
        DevicePairing.objects.select_for_update(of=("self", "device"))
        .select_related("device")
        .filter(digest=digest_token(pairing_code), expires_at__gt=now, device__revoked_at=None)
        .first()
    )
    if found is None:
        raise PairingNotValid("Ask for a new code.")
    device = found.device
    found.delete()
    device.digest, device.hint = token.digest, token.hint
    device.save(update_fields=["digest", "hint"])
    _record(
        ActType.DEVICE_PAIRED, device, Actor(ActorKind.DEVICE, str(device.pk), device.name), now
    )
    store_response(device)


def revoke_device(
    *,
    device_id: UUID,
    actor: Actor,
    now: datetime,
    store_response: Callable[[], None] = lambda: None,
) -> bool:
    """Shut a device out. Return whether it was live: twice is once."""
    with transaction.atomic():
        device = Device.objects.filter(pk=device_id)
        revoked = device.filter(revoked_at=None).update(revoked_at=now)
        if revoked:
            record_act(
                act=ActType.DEVICE_REVOKED,
                actor=actor,
                subject_id=device_id,
                organizer_id=device.values_list("organizer_id", flat=True).get(),
                at=now,
            )
        store_response()
    return bool(revoked)


def _record(act: ActType, device: Device, actor: Actor, now: datetime) -> None:
    record_act(
        act=act,
        actor=actor,
        subject_id=device.pk,
        organizer_id=device.organizer_id,
        at=now,
    )
