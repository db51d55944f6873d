"""The secrets that sign webhook requests: deriving them from keys of the settings, and renewal."""

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

# After a renewal the old secret signs too, so that the organizer has time to configure the new one.
_TWO_SECRETS: Final = timedelta(hours=24)


class SecretWasRenewed(Conflict):
    """The secret was renewed meanwhile. It has no code, because only the admin renews secrets."""


def secrets_of(endpoint: WebhookEndpoint, *, now: datetime) -> list[str]:
    """
    Return the secrets that sign now: the present one, and for a day after a renewal the old one.

    A secret whose key is no longer in `WEBHOOK_SIGNING_KEYS` is left out.
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
    Replace the secret of an endpoint by one of the newest key, and return the new secret.

    `version` is the version that the user saw. The old secret signs too for a day.

    :raises SecretWasRenewed: if the secret has another version now. A second renewal would end the
        secret that the receiver still uses.
    """
    with transaction.atomic():
        # Lock the row, so that two forms sent at once do not both renew the secret.
        endpoint = WebhookEndpoint.objects.select_for_update().get(pk=endpoint_id)
        if endpoint.secret_version != version:
            raise SecretWasRenewed("The secret was renewed meanwhile. Reload the page.")
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
    # Derived instead of stored: somebody with a copy of the database cannot sign requests.
    derive = HKDF(
        algorithm=SHA256(),
        length=32,
        salt=endpoint_id.bytes + version.to_bytes(4),
        info=b"bilheteria webhook secret",
    )
    return "whsec_" + base64.b64encode(derive.derive(key.encode())).decode()
