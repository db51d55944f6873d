"""Reading a bearer token. Whose it is, the app that keeps it says."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from ticketing.tokens import TokenKind, digest_token

_LONGEST_TOKEN = 200


@dataclass(frozen=True, slots=True)
class BearerToken:
    """What a caller showed: the kind by its prefix, and the digest to look it up by."""

    kind: TokenKind
    digest: str


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer ord_…|dev_…|api_…`, unchecked: `request.auth` is a `BearerToken`."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, BearerToken] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        text = text.strip()
        kind = next((kind for kind in TokenKind if text.startswith(kind.value)), None)
        if kind is None or len(text) > _LONGEST_TOKEN or not text.isascii():
            raise AuthenticationFailed("A token begins with ord_, dev_ or api_.")
        return AnonymousUser(), BearerToken(kind, digest_token(text))

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
