"""Devices: how many an organizer has, and how long a pairing code works."""

from datetime import timedelta

import pytest

from events.models import Organizer
from tests.make import SOMEBODY, make_organizer
from tests.moments import NOON
from ticketing.models import Act
from ticketing.tokens import TokenKind, make_pairing_code, make_token
from tickets.door import devices
from tickets.door.devices import (
    PAIRING_LASTS,
    PairingNotValid,
    TooManyDevices,
    create_device,
    note_seen,
    pair_device,
    revoke_device,
    start_pairing,
)
from tickets.models import Device

pytestmark = pytest.mark.django_db(transaction=True)


def make(organizer: Organizer) -> Device:
    token = make_token(TokenKind.DEVICE)
    device = Device(
        organizer=organizer, name="Phone", digest=token.digest, hint=token.hint, all_events=True
    )
    create_device(device=device, events=[], actor=SOMEBODY, now=NOON)
    return device


def test_only_the_organizers_own_live_devices_count(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "MOST_DEVICES", 1)
    organizer = make_organizer()
    make(make_organizer())
    first = make(organizer)

    with pytest.raises(TooManyDevices):
        make(organizer)
    revoke_device(device_id=first.pk, actor=SOMEBODY, now=NOON)
    make(organizer)

    assert Device.objects.filter(organizer=organizer).count() == 2


def test_a_pairing_code_ends_at_its_last_moment():
    device, code = make(make_organizer()), make_pairing_code()
    start_pairing(device_id=device.pk, digest=code.digest, actor=SOMEBODY, now=NOON)

    def pair_after(time: timedelta) -> None:
        token = make_token(TokenKind.DEVICE)
        pair_device(pairing_code=code.text, token=token, now=NOON + time)

    with pytest.raises(PairingNotValid):
        pair_after(PAIRING_LASTS)
    pair_after(PAIRING_LASTS - timedelta(seconds=1))


def test_a_device_that_calls_is_seen_and_no_other_one():
    seen, _silent = (make(make_organizer()) for _ in range(2))

    note_seen(device=seen, now=NOON)

    assert Device.objects.get(last_seen_at=NOON) == seen


def test_a_device_is_revoked_once_on_record():
    device = make(make_organizer())

    revoked = [revoke_device(device_id=device.pk, actor=SOMEBODY, now=NOON)]
    assert Act.objects.filter(type="device.revoked").count() == 1
    revoked.append(revoke_device(device_id=device.pk, actor=SOMEBODY, now=NOON))

    assert revoked == [True, False]
    assert Act.objects.filter(type="device.revoked").count() == 1
