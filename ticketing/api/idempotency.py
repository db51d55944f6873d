"""
One answer for one key: who asks again, because he never heard, is told what he was told first.

The answer is written in the transaction of what it tells of. So whoever dies, either both are
there or neither.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.utils.crypto import salted_hmac
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from ticketing import clock
from ticketing.api.authentication import BearerToken
from ticketing.api.problems import CONTENT_TYPE, problem_of
from ticketing.api.requests import note_problem_code
from ticketing.errors import Conflict, Invalid, Refusal, Unreadable
from ticketing.models import KeptAnswer
from ticketing.tokens import NewToken, TokenKind, describe_token

HEADER: Final = "Idempotency-Key"
_SENT_HEADER: Final = "HTTP_IDEMPOTENCY_KEY"
_REPLAYED: Final = "Idempotent-Replayed"
_LONGEST_KEY: Final = 255
# What the world's moving on has refused may go well the next time.
_NOT_KEPT: Final = frozenset({409, 429})
_FIRST_REFUSAL, _FIRST_FAULT = 400, 500
_TOLD_ONCE: Final = "access_token"


class KeyNotValid(Invalid):
    """Empty, too long, or with characters that a header should not have."""

    code = "invalid_idempotency_key"
    title = "This is no Idempotency-Key"


class KeyReused(Unreadable):
    """The same key with another request is no repeat: it would get another request's answer."""

    code = "idempotency_key_reused"
    title = "This Idempotency-Key belongs to another request"


class KeyInUse(Conflict):
    """The first call with this key still runs."""

    code = "idempotency_key_in_use"
    title = "The first request with this Idempotency-Key still runs"
    retry_after = 1


# What an endpoint that takes a key tells of it, and how it may refuse one.
KEY: Final = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="Names this request. Sent again with the same key, it gets its first answer.",
)
KEY_REFUSALS: Final = (KeyInUse, KeyReused)


@dataclass(slots=True)
class Keeper:
    """Keeps the answer to one request. Without a key there is nothing to keep."""

    digest: str = ""
    body_digest: str = ""
    salt: str = ""

    def make_token(self) -> NewToken | None:
        """
        Return the order's token to be: one that can be told again, and is not stored.

        None leaves the choice to whoever needs one.
        """
        return _derive_token(self.digest, self.salt) if self.digest else None

    def keep(self, status: int, body: Any, headers: dict[str, str]) -> None:
        """Write the answer down, as a part of the transaction that is open."""
        if not self.digest:
            return
        kept = {name: value for name, value in body.items() if name != _TOLD_ONCE}
        try:
            KeptAnswer.objects.create(
                digest=self.digest,
                body_digest=self.body_digest,
                salt=self.salt if _TOLD_ONCE in body else "",
                status=status,
                body=json.dumps(kept, cls=JSONEncoder),
                headers=headers,
                created_at=clock.now(),
            )
        except IntegrityError as error:
            raise KeyInUse("Ask again: it has ended meanwhile.") from error


def answer_once(request: Request, act: Callable[[Keeper], Response]) -> Response:
    """
    Act on a request, or say again what was said to the first of its key.

    `act` calls its keeper's `keep` in the transaction of what it writes.

    :raises KeyNotValid, KeyReused, KeyInUse: by the key
    """
    if _SENT_HEADER not in request.META:
        return act(Keeper())
    digest, body_digest = _digest_request(request, _read_key(request))
    with _alone(digest):
        kept = _find(digest)
        if kept is not None:
            if kept.body_digest != body_digest:
                raise KeyReused("Give each request a key of its own.")
            return _replay(kept, request)
        keeper = Keeper(digest, body_digest, secrets.token_hex(16))
        try:
            return act(keeper)
        except (Refusal, APIException) as error:
            _keep_refusal(keeper, error, request)
            raise


def _keep_refusal(keeper: Keeper, error: Exception, request: Request) -> None:
    told = problem_of(error, request)
    if told is None:
        return
    problem, headers = told
    if _FIRST_REFUSAL <= problem["status"] < _FIRST_FAULT and problem["status"] not in _NOT_KEPT:
        keeper.keep(problem["status"], problem, headers)


def _read_key(request: Request) -> str:
    sent: str = request.META[_SENT_HEADER].strip()
    key = sent[1:-1] if len(sent) > 1 and sent[0] == sent[-1] == '"' else sent
    if not key or len(key) > _LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise KeyNotValid(f"Send 1 to {_LONGEST_KEY} printable ASCII characters.")
    return key


def _digest_request(request: Request, key: str) -> tuple[str, str]:
    token = request.auth
    if isinstance(token, BearerToken):
        caller = f"{token.kind}{token.digest}"
    else:
        caller = f"user:{request.user.pk}" if request.user.is_authenticated else "anybody"
    # What cannot be read is refused here, before anything is looked up.
    body = json.dumps(request.data, sort_keys=True)
    scope = "\0".join([caller, request.method or "", request.path.rstrip("/"), key])
    return _sha256(scope), _sha256(body)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _alone(digest: str) -> Iterator[None]:
    """Let nobody else work under this key. A lock of the connection: it goes with whoever dies."""
    number = int(digest[:15], 16)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise KeyInUse("Ask again in a moment.")
    try:
        yield
    finally:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [number])
        except (OperationalError, InterfaceError):
            # The connection is gone, and its locks with it.
            connection.close()


def _find(digest: str) -> KeptAnswer | None:
    kept = KeptAnswer.objects.filter(pk=digest).first()
    if kept is not None and kept.created_at < clock.now() - KeptAnswer.KEPT:
        kept.delete()
        return None
    return kept


def _replay(kept: KeptAnswer, request: Request) -> Response:
    body = json.loads(kept.body)
    if kept.salt:
        body[_TOLD_ONCE] = _derive_token(kept.digest, kept.salt).text
    refused = kept.status >= _FIRST_REFUSAL
    if refused:
        note_problem_code(request, body["code"])
    return Response(
        body,
        status=kept.status,
        headers={**kept.headers, _REPLAYED: "true"},
        content_type=CONTENT_TYPE if refused else None,
    )


def _derive_token(digest: str, salt: str) -> NewToken:
    secret = salted_hmac("ticketing.api.idempotency", digest + salt, algorithm="sha256")
    return describe_token(TokenKind.ORDER.value + secret.hexdigest())


def forget_kept_answers() -> None:
    """Clear away the answers that nobody may ask for again."""
    KeptAnswer.objects.filter(created_at__lt=clock.now() - KeptAnswer.KEPT).delete()
