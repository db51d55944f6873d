"""Create door devices, pair them with phones, and revoke them."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from events.models import Event, Organizer
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict, NotFound
from ticketing.models import ActorKind, ActType
from ticketing.tokens import NewToken, digest_token
from tickets.models import Device, DevicePairing

# Long enough to walk to the gate with a QR code on a screen.
PAIRING_LASTS: Final = timedelta(minutes=15)
MOST_DEVICES: Final = 500
# A device asks every few seconds. Its row need not be written each time.
SEEN_EVERY: Final = timedelta(minutes=1)


class TooManyDevices(Conflict):
    """The organizer has `MOST_DEVICES` devices that are not revoked."""

    code = "too_many_devices"
    title = "The organizer has too many door devices"


class DeviceRevoked(Conflict):
    """A revoked device cannot be paired."""

    code = "device_revoked"
    title = "This door device was revoked"


class PairingNotValid(NotFound):
    """The code is unknown, used or expired."""

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
    Create a device for some events of its organizer.

    `store_response` stores the response in the same transaction.

    :raises TooManyDevices: if its organizer has as many live devices as it may have
    """
    # The lock prevents two requests at once from both creating the last device under the limit.
    Organizer.objects.select_for_update(no_key=True).get(pk=device.organizer_id)
    live = Device.objects.filter(organizer_id=device.organizer_id, revoked_at=None)
    if live.count() >= MOST_DEVICES:
        raise TooManyDevices(
            f"An organizer may have {MOST_DEVICES} live devices. Revoke one that is not used."
        )
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
    Store the digest of a pairing code for a device. The code works once, for 15 minutes.

    An earlier pairing code of the device stops working.

    :raises DeviceRevoked: if the device was revoked
    """
    device = Device.objects.select_for_update().get(pk=device_id)
    if device.revoked_at is not None:
        raise DeviceRevoked("A revoked device cannot be paired. Create a new one.")
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
    Give the device of a pairing code a new token. The code and the old token stop working.

    :raises PairingNotValid: if the code is unknown, used or expired, or the device was revoked
    """
    # The lock lets only one of two requests with the same code find it.
    found = (
        DevicePairing.objects.select_for_update(of=("self", "device"))
        .select_related("device")
        .filter(digest=digest_token(pairing_code), expires_at__gt=now, device__revoked_at=None)
        .first()
    )
    if found is None:
        raise PairingNotValid("It is unknown, used or expired. Ask the organizer for a new one.")
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
    """Revoke a device. Return whether it was live. A repeat changes nothing."""
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


def note_seen(*, device: Device, now: datetime) -> None:
    """Store that a device has called, if it was not stored in the last minute."""
    if device.last_seen_at is not None and now - device.last_seen_at < SEEN_EVERY:
        return
    earlier = Q(last_seen_at=None) | Q(last_seen_at__lt=now)
    Device.objects.filter(earlier, pk=device.pk).update(last_seen_at=now)


def _record(act: ActType, device: Device, actor: Actor, now: datetime) -> None:
    record_act(
        act=act,
        actor=actor,
        subject_id=device.pk,
        organizer_id=device.organizer_id,
        at=now,
    )
