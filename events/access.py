"""Who may act for which organizer."""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from rest_framework.request import Request

from events.models import ApiToken, Organizer
from ticketing.api.authentication import BearerToken
from ticketing.errors import Forbidden, Unauthenticated
from ticketing.models import User
from ticketing.tokens import TokenKind


class NotAuthenticated(Unauthenticated):
    """Nobody is signed in and no token was sent."""

    code = "not_authenticated"
    title = "Say who you are"


class InvalidToken(Unauthenticated):
    """Unknown or revoked."""

    code = "invalid_token"
    title = "We do not know this token"


class NotForThisCaller(Forbidden):
    """A token of another kind, or a user who acts for nobody."""

    code = "permission_denied"
    title = "You may not do this"


def organizers_of(user: User | AnonymousUser) -> QuerySet[Organizer]:
    """Return the organizers that `user` acts for: a superuser for all, a stranger for none."""
    if not user.is_active:
        return Organizer.objects.none()
    if user.is_superuser:
        return Organizer.objects.all()
    return Organizer.objects.filter(memberships__user_id=user.pk)


def acting_organizers(request: Request) -> QuerySet[Organizer]:
    """
    Return the organizers that the caller acts for, by API token or by the admin's session.

    :raises NotAuthenticated, InvalidToken: if nobody knows who is calling
    :raises NotForThisCaller: if it is somebody, but nobody who organizes
    """
    if isinstance(request.auth, BearerToken):
        if request.auth.kind != TokenKind.API:
            raise NotForThisCaller("This needs an organizer's token or session.")
        organizers = Organizer.objects.filter(pk=find_api_token(request.auth).organizer_id)
    elif request.user.is_authenticated:
        organizers = organizers_of(request.user)
    else:
        raise NotAuthenticated("Send an API token, or sign in to the admin.")
    return organizers


def may_act_for(request: Request, organizer_id: UUID) -> bool:
    """Say whether the caller acts for that organizer. Being nobody is no error here."""
    try:
        return acting_organizers(request).filter(pk=organizer_id).exists()
    except (NotAuthenticated, NotForThisCaller):
        return False


def find_api_token(token: BearerToken) -> ApiToken:
    """
    Return the live API token that was shown.

    :raises InvalidToken: if there is none, or it was revoked
    """
    found = ApiToken.objects.filter(digest=token.digest, revoked_at=None).first()
    if found is None:
        raise InvalidToken("The token is unknown or was revoked.")
    return found
