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


def read_bearer(header: str) -> BearerToken | None:
    """Return the token of an `Authorization` header, if that looks like one of ours."""
    scheme, _, text = header.partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or len(text) > _LONGEST_TOKEN or not text.isascii():
        return None
    kind = next((kind for kind in TokenKind if text.startswith(kind.value)), None)
    return BearerToken(kind, digest_token(text)) if kind else None


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer ord_…|dev_…|api_…`, unchecked: `request.auth` is a `BearerToken`."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, BearerToken] | None:
        header = request.headers.get("Authorization", "")
        if header.partition(" ")[0].lower() != "bearer":
            return None
        token = read_bearer(header)
        if token is None:
            raise AuthenticationFailed("A token begins with ord_, dev_ or api_.")
        return AnonymousUser(), token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
