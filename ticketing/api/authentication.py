"""Reading a bearer token or a session. Whose a token is, the app that keeps it says."""

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


class StaffSessionAuthentication(SessionAuthentication):
    """The admin's session, for as long as its user is staff. After that the caller is anonymous."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        user = getattr(request._request, "user", None)  # noqa: SLF001 - as the class above does
        if user is None or not is_staff_now(user):
            return None
        return super().authenticate(request)
