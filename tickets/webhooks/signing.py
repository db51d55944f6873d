"""The secrets that sign webhooks: derived from a key of the settings, renewed by their owners."""

import base64
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction

from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.models import ActType
from tickets.webhooks.models import WebhookEndpoint, newest_webhook_key

# After a renewal the old secret signs too, until its owner has put the new one in place.
_TWO_SECRETS: Final = timedelta(hours=24)


class SecretWasRenewed(Conflict):
    """Only the admin renews: the API has no code for it."""


def secrets_of(endpoint: WebhookEndpoint, *, now: datetime) -> list[str]:
    """
    Return the secrets that sign now: the newest, and for a day the one before.

    A secret is left out if its key is no longer in `WEBHOOK_SIGNING_KEYS`.
    """
    current = endpoint.secret_key_id
    wanted = [(current, endpoint.secret_version)]
    if endpoint.rotated_at is not None and now - endpoint.rotated_at < _TWO_SECRETS:
        before = current if endpoint.previous_key_id is None else endpoint.previous_key_id
        wanted.append((before, endpoint.secret_version - 1))
    keys = settings.WEBHOOK_SIGNING_KEYS
    return [
        _derive_secret(keys[key_id], endpoint.pk, version)
        for key_id, version in wanted
        if key_id in keys
    ]


def renew_secret(*, endpoint_id: UUID, version: int, actor: Actor, now: datetime) -> str:
    """
    Replace an endpoint's secret of that version by one of the newest key.

    For a day, the old one signs beside the new one.

    :raises SecretWasRenewed: if it has another version by now. A second renewal within the day
        would end the secret that the receiver still has.
    """
    with transaction.atomic():
        # Two forms sent at once must not both renew.
        endpoint = WebhookEndpoint.objects.select_for_update().get(pk=endpoint_id)
        if endpoint.secret_version != version:
            raise SecretWasRenewed("The secret was renewed meanwhile.")
        endpoint.secret_version += 1
        endpoint.previous_key_id = endpoint.secret_key_id
        endpoint.secret_key_id = newest_webhook_key()
        endpoint.rotated_at = now
        endpoint.save(
            update_fields=["secret_version", "previous_key_id", "secret_key_id", "rotated_at"]
        )
        record_act(
            act=ActType.WEBHOOK_SECRET_RENEWED,
            actor=actor,
            subject_id=endpoint.pk,
            organizer_id=endpoint.organizer_id,
            at=now,
        )
    return secrets_of(endpoint, now=now)[0]


def _derive_secret(key: str, endpoint_id: UUID, version: int) -> str:
    # Derived and not stored, as the keys of tickets are: a leaked database signs nothing.
    derive = HKDF(
        algorithm=SHA256(),
        length=32,
        salt=endpoint_id.bytes + version.to_bytes(4),
        info=b"bilheteria webhook secret",
    )
    return "whsec_" + base64.b64encode(derive.derive(key.encode())).decode()
