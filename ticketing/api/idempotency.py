"""
Idempotency keys: a retried request gets the stored response of the first.

The response is stored in the transaction of the change that it reports, so after a crash either
both exist or neither.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.db import IntegrityError
from django.utils.crypto import salted_hmac
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from ticketing import clock
from ticketing.api.authentication import BearerToken
from ticketing.api.callers import client_digests, secrets_in_use
from ticketing.api.idempotency_keys import HEADER, KEY_PATTERN, SENT_HEADER, read_key
from ticketing.api.problems import CONTENT_TYPE, problem_of
from ticketing.api.requests import note_problem_code
from ticketing.database.locks import try_lock
from ticketing.errors import Conflict, Refusal, Unreadable
from ticketing.models import StoredResponse
from ticketing.tokens import NewToken, describe_token

_REPLAYED: Final = "Idempotent-Replayed"
# A retry after one of these may succeed: a token may get the missing scope, a draft may be
# published, stock may be released, a new `If-Match` may fit, and a rate limit ends.
_NOT_STORED: Final = frozenset({401, 403, 404, 409, 412, 429})
_FIRST_CLIENT_ERROR, _FIRST_SERVER_ERROR = 400, 500


class KeyReused(Unreadable):
    """The key was sent before with another body, so the stored response is not for this request."""

    code = "idempotency_key_reused"
    title = "This Idempotency-Key belongs to another request"


class AccessTokenLost(Conflict):
    """The token in the first response can't be derived again: it or `SECRET_KEY` has changed."""

    code = "access_token_lost"
    title = "The token of the first response can't be returned again"


class KeyInUse(Conflict):
    """The first request with this key has not ended."""

    code = "idempotency_key_in_use"
    title = "The first request with this Idempotency-Key still runs"
    retry_after = 1


# The header parameter, for the document of each endpoint that takes a key.
KEY: Final = OpenApiParameter(
    HEADER,
    {
        "type": "string",
        "pattern": KEY_PATTERN,
    },
    OpenApiParameter.HEADER,
    description="Names this request. A retry with the same key gets the response of the first"
    " request. Up to 255 printable ASCII characters; without a token at least 128 random bits, such"
    " as a UUID.",
)
KEY_REFUSALS: Final = (KeyInUse, KeyReused)


@dataclass(frozen=True, slots=True)
class ShownOnce:
    """A secret member of a response. It is not stored: a replay derives it again."""

    member: str
    # The first characters of a token of this kind.
    prefix: str
    # Returns the secret, given the stored body and the tokens that may have been the first one.
    restore: Callable[[Any, Sequence[NewToken]], str | None]


def shown_token(member: str, prefix: str, digest_of: Callable[[Any], str]) -> ShownOnce:
    """Describe a token: `digest_of` takes a stored body and returns the digest of its token."""

    def restore(body: Any, tokens: Sequence[NewToken]) -> str | None:
        digest = digest_of(body)
        matching = (each for each in tokens if hmac.compare_digest(each.digest, digest))
        return next((each.text for each in matching), None)

    return ShownOnce(member, prefix, restore)


@dataclass(slots=True)
class ResponseStore:
    """Stores the response to one request. Without a key it stores nothing."""

    digest: str = ""
    body_digest: str = ""
    salt: str = ""
    shown_once: ShownOnce | None = None

    def make_token(self) -> NewToken | None:
        """
        Return a token that a replay can derive again. It is not stored.

        Without a key it returns None, and the verb makes a random token.
        """
        if not self.digest or self.shown_once is None:
            return None
        prefix = self.shown_once.prefix
        return _derive_token(self.digest, self.salt, secrets_in_use()[0], prefix)

    def store(self, status: int, body: Any, headers: dict[str, str]) -> None:
        """Store the response in the transaction that is open."""
        if not self.digest:
            return
        secret = self.shown_once.member if self.shown_once else None
        stored_body = {name: value for name, value in body.items() if name != secret}
        try:
            StoredResponse.objects.create(
                digest=self.digest,
                body_digest=self.body_digest,
                salt=self.salt if secret in body else "",
                status=status,
                body=json.dumps(stored_body, cls=JSONEncoder),
                headers=headers,
                created_at=clock.now(),
            )
        except IntegrityError as error:
            raise KeyInUse(
                "The first request has just ended. Send the request again to get its response."
            ) from error


def answer_once(
    request: Request,
    act: Callable[[ResponseStore], Response],
    *,
    shown_once: ShownOnce | None = None,
) -> Response:
    """
    Act on a request, or replay the stored response of the first request with its key.

    `act` calls `store` of its `ResponseStore` in the transaction of its change. `shown_once` is the
    secret in the response, if there is one.

    :raises KeyNotValid, KeyTooWeak, KeyReused, KeyInUse, AccessTokenLost: by the key
    """
    if SENT_HEADER not in request.META:
        return act(ResponseStore())
    scopes = _digest_scopes(request, read_key(request))
    # Reading the data refuses a malformed body here, before a lock is taken.
    body_digest = _sha256(json.dumps(request.data, sort_keys=True))
    with ExitStack() as locks:
        for scope in scopes:
            locks.enter_context(_lock(scope))
        stored = find_stored(scopes)
        if stored is not None:
            if stored.body_digest != body_digest:
                raise KeyReused("The first request with this key had another body. Send a new key.")
            return _replay(stored, request, shown_once)
        responses = ResponseStore(scopes[0], body_digest, secrets.token_hex(16), shown_once)
        try:
            return act(responses)
        except (Refusal, APIException) as error:
            _store_refusal(responses, error, request)
            raise


def _store_refusal(responses: ResponseStore, error: Exception, request: Request) -> None:
    found = problem_of(error, request)
    if found is None:
        return
    problem, headers = found
    if (
        _FIRST_CLIENT_ERROR <= problem["status"] < _FIRST_SERVER_ERROR
        and problem["status"] not in _NOT_STORED
    ):
        responses.store(problem["status"], problem, headers)


def _digest_scopes(request: Request, key: str) -> list[str]:
    """Return the digests that may identify a stored response. A new one is stored by the first."""
    parts = [request.method or "", request.path.rstrip("/"), key]
    return [_sha256("\0".join([caller, *parts])) for caller in _callers(request)]


def _callers(request: Request) -> list[str]:
    token = request.auth
    if isinstance(token, BearerToken):
        return [f"{token.kind}{token.digest}"]
    if request.user.is_authenticated:
        return [f"user:{request.user.pk}"]
    # Without a token only the address distinguishes callers. Its digest depends on SECRET_KEY, so
    # during a rotation a response may be stored under the digest by another key.
    return [f"address:{digest}" for digest in client_digests(request)]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def _lock(digest: str) -> Iterator[None]:
    """Lock one scope, or refuse if another request holds it."""
    with try_lock(int(digest[:15], 16)) as locked:
        if not locked:
            raise KeyInUse(
                "The first request with this key still runs. Send the request again in a second."
            )
        yield


def find_stored(scopes: Sequence[str]) -> StoredResponse | None:
    """Return the newest stored response of these digests that may still be replayed."""
    stored = StoredResponse.objects.filter(pk__in=scopes).order_by("-created_at").first()
    if stored is None:
        return None
    # The previous release also stored 401, 403 and 404.
    if stored.status in _NOT_STORED or stored.created_at < clock.now() - StoredResponse.KEPT:
        stored.delete()
        return None
    return stored


def _replay(stored: StoredResponse, request: Request, shown_once: ShownOnce | None) -> Response:
    body = json.loads(stored.body)
    if stored.salt and shown_once is not None:
        body[shown_once.member] = restore_secret(stored, body, shown_once)
    refused = stored.status >= _FIRST_CLIENT_ERROR
    if refused:
        note_problem_code(request, body["code"])
    return Response(
        body,
        status=stored.status,
        headers={**stored.headers, _REPLAYED: "true"},
        content_type=CONTENT_TYPE if refused else None,
    )


def restore_secret(stored: StoredResponse, body: Any, shown_once: ShownOnce) -> str:
    """
    Return the secret member of a stored response, which is derived again.

    :raises AccessTokenLost: if the key of the server or the token has changed
    """
    tokens = [
        _derive_token(stored.digest, stored.salt, secret, shown_once.prefix)
        for secret in secrets_in_use()
    ]
    found = shown_once.restore(body, tokens)
    if found is None:
        raise AccessTokenLost(
            "The server's key has changed since the first response, or the token has. The first"
            " reservation expires by itself: reserve again with a new Idempotency-Key."
        )
    return found


def _derive_token(scope: str, salt: str, secret: str, prefix: str) -> NewToken:
    keyed = salted_hmac("ticketing.api.idempotency", scope + salt, secret, algorithm="sha256")
    return describe_token(prefix + keyed.hexdigest())


def delete_old_responses() -> None:
    """Delete the responses that are too old to be replayed."""
    StoredResponse.objects.filter(created_at__lt=clock.now() - StoredResponse.KEPT).delete()
