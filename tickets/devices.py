"""Ending the devices at the door."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from ticketing.actors import Actor, record_act
from ticketing.models import ActType
from tickets.models import Device


def revoke_device(*, device_id: UUID, actor: Actor, now: datetime) -> bool:
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
    return bool(revoked)
