"""Proof of work: a caller computes for about a second before it may reserve. By ALTCHA."""

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
# One key in 256 begins so: that many attempts are needed on average.
_PREFIX: Final = "00"


class ProofOfWorkNeeded(Conflict):
    """The event sells to callers that have done some work first."""

    code = "proof_of_work_needed"
    title = "This event asks for a proof of work"


class ProofOfWorkInvalid(Conflict):
    """Wrong, too late, of another event, or used before."""

    code = "proof_of_work_invalid"
    title = "This proof of work does not count"


def make_challenge(*, event_id: UUID, now: datetime) -> dict[str, Any]:
    """Return a puzzle that only this event takes, for some minutes, and once."""
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
    Use a solved challenge up. Of any number of callers with the same one, one gets past.

    It stays used up if the reservation is refused afterwards: else one solution would pay for any
    number of attempts.

    :raises ProofOfWorkNeeded: if there is none
    :raises ProofOfWorkInvalid: if it does not count
    :raises InventoryUnavailable: if Redis is away
    """
    if not proof:
        raise ProofOfWorkNeeded("Solve GET /events/{id}/challenge and send it as `proof_of_work`.")
    signature, expires_at = _verify(event_id, proof)
    seconds = int(expires_at - now.timestamp()) + 1
    if seconds <= 0:
        raise ProofOfWorkInvalid("The challenge has expired. Solve a new one.")
    name = f"proof:{hashlib.sha256(signature.encode()).hexdigest()}"
    try:
        # A little longer than it is valid, as clocks differ.
        first = get_redis().set(name, "1", nx=True, ex=seconds + 60)
    except RedisError as error:
        raise InventoryUnavailable("The live stock does not answer. Nothing was taken.") from error
    if not first:
        raise ProofOfWorkInvalid("The challenge was used before. Solve a new one.")


def _verify(event_id: UUID, proof: str) -> tuple[str, float]:
    try:
        payload = Payload.from_base64(proof)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProofOfWorkInvalid("It cannot be read. Send base64 of ALTCHA's JSON.") from error
    for secret in secrets_in_use():
        result = verify_solution(payload, _key(event_id, secret))
        if result.verified:
            # Both are signed, so they are ours.
            expires_at = payload.challenge.parameters.expires_at or 0
            return str(payload.challenge.signature), expires_at
        if result.expired:
            raise ProofOfWorkInvalid("The challenge has expired. Solve a new one.")
    raise ProofOfWorkInvalid("It is not the solution of a challenge of this event.")


def _key(event_id: UUID, secret: str) -> str:
    return salted_hmac(
        "orders.proof_of_work", str(event_id), secret, algorithm="sha256"
    ).hexdigest()
