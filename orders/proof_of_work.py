"""Proof of work by ALTCHA: a buyer's browser computes for about a second before it may reserve."""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from altcha import Payload, create_challenge, verify_solution
from django.conf import settings
from django.utils.crypto import salted_hmac
from redis.exceptions import RedisError

from events.stock.holds import InventoryUnavailable
from ticketing.api.callers import secrets_in_use
from ticketing.errors import Conflict
from ticketing.redis import get_redis

_LIFETIME: Final = timedelta(minutes=10)
_ALGORITHM: Final = "PBKDF2/SHA-256"
# One key in 256 begins with this byte, so a solution takes 256 attempts on average.
_PREFIX: Final = "00"


class ProofOfWorkNeeded(Conflict):
    """The event requires a proof of work, and the request has none."""

    code = "proof_of_work_needed"
    title = "This event requires a proof of work"


class ProofOfWorkInvalid(Conflict):
    """The proof is wrong, expired, used before, or belongs to another event."""

    code = "proof_of_work_invalid"
    title = "This proof of work is not valid"


def make_challenge(*, event_id: UUID, now: datetime) -> dict[str, Any]:
    """Return a challenge whose solution is valid for this event only, once, for ten minutes."""
    challenge = create_challenge(
        _ALGORITHM,
        settings.PROOF_OF_WORK_COST,
        key_prefix=_PREFIX,
        expires_at=now + _LIFETIME,
        hmac_secret=_key(event_id, settings.SECRET_KEY),
    )
    return dict(challenge.to_dict())


def accept_proof(*, event_id: UUID, proof: str, now: datetime) -> None:
    """
    Verify a solved challenge and use it up. Of concurrent requests with the same one, one succeeds.

    A proof stays used up if the reservation is refused afterwards. Otherwise one solution would
    allow any number of attempts.

    :raises ProofOfWorkNeeded: if there is no proof
    :raises ProofOfWorkInvalid: if the proof is not valid
    :raises InventoryUnavailable: if Redis is not available
    """
    if not proof:
        raise ProofOfWorkNeeded(
            "Get a challenge from GET /events/{id}/challenge, solve it, and send the solution as"
            " `proof_of_work`."
        )
    signature, expires_at = _verify(event_id, proof)
    seconds = int(expires_at - now.timestamp()) + 1
    if seconds <= 0:
        raise ProofOfWorkInvalid("The challenge has expired. Solve a new one.")
    name = f"proof:{hashlib.sha256(signature.encode()).hexdigest()}"
    try:
        # Keep the mark a minute longer than the challenge is valid, because clocks differ.
        first = get_redis().set(name, "1", nx=True, ex=seconds + 60)
    except RedisError as error:
        raise InventoryUnavailable(
            "The live stock is not available. Nothing was reserved. Try again."
        ) from error
    if not first:
        raise ProofOfWorkInvalid("The challenge was used before. Solve a new one.")


def _verify(event_id: UUID, proof: str) -> tuple[str, float]:
    try:
        payload = Payload.from_base64(proof)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProofOfWorkInvalid(
            "The proof cannot be decoded. Send ALTCHA's JSON, encoded as base64."
        ) from error
    for secret in secrets_in_use():
        result = verify_solution(payload, _key(event_id, secret))
        if result.verified:
            # The signature covers the expiry, so no caller can have changed it.
            expires_at = payload.challenge.parameters.expires_at or 0
            return str(payload.challenge.signature), expires_at
        if result.expired:
            raise ProofOfWorkInvalid("The challenge has expired. Solve a new one.")
    raise ProofOfWorkInvalid(
        "The proof is not a solution of a challenge of this event. Solve a new challenge."
    )


def _key(event_id: UUID, secret: str) -> str:
    return salted_hmac(
        "orders.proof_of_work", str(event_id), secret, algorithm="sha256"
    ).hexdigest()
