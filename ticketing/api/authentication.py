"""Read the bearer token or the session of a request. The app that owns a token checks it."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from ticketing.models import User
from ticketing.staff import is_staff_now
from ticketing.tokens import TokenKind, digest_token

_LONGEST_TOKEN = 200


@dataclass(frozen=True, slots=True)
class BearerToken:
    """The token of a request: its kind, by its prefix, and the digest that finds its row."""

    kind: TokenKind
    digest: str


def read_bearer(header: str) -> BearerToken | None:
    """Return the token in an `Authorization` header, or None if it does not have our format."""
    scheme, _, text = header.partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or len(text) > _LONGEST_TOKEN or not text.isascii():
        return None
    kind = next((kind for kind in TokenKind if text.startswith(kind.value)), None)
    return BearerToken(kind, digest_token(text)) if kind else None


class BearerAuthentication(BaseAuthentication):
    """Set `request.auth` to the token of `Authorization: Bearer ord_…|dev_…|api_…`, unchecked."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, BearerToken] | None:
        header = request.headers.get("Authorization", "")
        if header.partition(" ")[0].lower() != "bearer":
            return None
        token = read_bearer(header)
        if token is None:
            raise AuthenticationFailed(
                "This is not a token. Send one that begins with ord_, dev_ or api_."
            )
        return AnonymousUser(), token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class StaffSessionAuthentication(SessionAuthentication):
    """Accept the admin's session while its user is staff. Otherwise the caller is anonymous."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        user = getattr(request._request, "user", None)  # noqa: SLF001 - as the class above does
        if user is None or not is_staff_now(user):
            return None
        return super().authenticate(request)
