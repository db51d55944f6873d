"""Revoking the API tokens of organizers."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from events.models import ApiToken
from ticketing.actors import Actor, record_act
from ticketing.models import ActType


def revoke_api_token(*, token_id: UUID, actor: Actor, now: datetime) -> bool:
    """Revoke an API token. Return False, and change nothing, if it was revoked before."""
    with transaction.atomic():
        token = ApiToken.objects.filter(pk=token_id)
        revoked = token.filter(revoked_at=None).update(revoked_at=now)
        if revoked:
            record_act(
                act=ActType.TOKEN_REVOKED,
                actor=actor,
                subject_id=token_id,
                organizer_id=token.values_list("organizer_id", flat=True).get(),
                at=now,
            )
    return bool(revoked)
