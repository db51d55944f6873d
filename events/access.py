"""Who may act for which organizer."""

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from events.catalogue import find_event
from events.models import ApiToken, Event, Organizer, Scope
from ticketing import clock
from ticketing.actors import Actor, user_actor
from ticketing.api.authentication import BearerToken
from ticketing.errors import Forbidden, NotFound, Unauthenticated
from ticketing.models import ActorKind, User
from ticketing.staff import is_staff_now
from ticketing.tokens import TokenKind

_USE_IS_NOTED_EVERY = timedelta(minutes=1)


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


class InsufficientScope(Forbidden):
    """A good token, made for other things."""

    code = "insufficient_scope"
    title = "This token may not do that"


class OrganizerNotFound(NotFound):
    """No such organizer, or the caller does not act for it."""

    code = "organizer_not_found"
    title = "You act for no such organizer"


class EventNotFound(NotFound):
    """No such event, or not the caller's: he cannot tell which."""

    code = "not_found"
    title = "There is nothing here"


def organizers_of(user: User | AnonymousUser) -> QuerySet[Organizer]:
    """
    Return the organizers that `user` acts for: a superuser for all, a member for theirs.

    A member who is not staff acts for none, in the admin and in the API alike.
    """
    if not is_staff_now(user):
        return Organizer.objects.none()
    if user.is_superuser:
        return Organizer.objects.all()
    return Organizer.objects.filter(memberships__user_id=user.pk)


def acting_organizers(request: Request, scope: Scope) -> QuerySet[Organizer]:
    """
    Return the organizers for whom the caller may do that, by API token or by the admin's session.

    :raises NotAuthenticated, InvalidToken: if nobody knows who is calling
    :raises NotForThisCaller: if it is somebody, but nobody who organizes
    :raises InsufficientScope: if the token is for other things
    """
    if isinstance(request.auth, BearerToken):
        if request.auth.kind != TokenKind.API:
            raise NotForThisCaller("This needs an organizer's token or session.")
        api_token = find_api_token(request.auth, scope)
        organizers = Organizer.objects.filter(pk=api_token.organizer_id)
    elif request.user.is_authenticated:
        organizers = organizers_of(request.user)
    else:
        raise NotAuthenticated("Send an API token, or sign in to the admin.")
    return organizers


def choose_organizer(organizers: QuerySet[Organizer], wanted: UUID | None) -> Organizer:
    """
    Return the organizer for whom a caller acts, which a caller for several has to say.

    :raises ValidationError, OrganizerNotFound, NotForThisCaller: if that is not clear
    """
    choice = list((organizers.filter(pk=wanted) if wanted else organizers)[:2])
    if not choice:
        if wanted:
            raise OrganizerNotFound("Leave `organizer` out, or send the id of one of yours.")
        raise NotForThisCaller("You act for no organizer.")
    if len(choice) > 1:
        raise ValidationError({"organizer": "You act for several: say for which."})
    return choice[0]


def actor_of(request: Request) -> Actor:
    """Return the API token or the user that calls, once access was granted."""
    if isinstance(request.auth, BearerToken):
        token = ApiToken.objects.only("pk", "name").get(digest=request.auth.digest)
        return Actor(ActorKind.TOKEN, str(token.pk), token.name)
    return user_actor(request.user)


def may_act_for(request: Request, organizer_id: UUID, scope: Scope) -> bool:
    """Say whether the caller may do that for an organizer. Being nobody is no error here."""
    try:
        return acting_organizers(request, scope).filter(pk=organizer_id).exists()
    except (NotAuthenticated, InvalidToken, NotForThisCaller, InsufficientScope):
        return False


def event_acted_for(request: Request, reference: str, scope: Scope) -> Event:
    """
    Return the event of that id or slug, of an organizer for whom the caller may do that.

    :raises NotAuthenticated, InvalidToken, NotForThisCaller, InsufficientScope: by the caller
    :raises EventNotFound: if there is none, or it is another's
    """
    organizers = acting_organizers(request, scope)
    event = find_event(reference)
    if event is None or not organizers.filter(pk=event.organizer_id).exists():
        raise EventNotFound("No event of yours has that id or slug.")
    return event


def find_api_token(token: BearerToken, scope: Scope) -> ApiToken:
    """
    Return the live API token that was shown, and note that it was used.

    :raises InvalidToken: if there is none, or it was revoked, or has expired
    :raises InsufficientScope: if it is for other things
    """
    now = clock.now()
    found = ApiToken.objects.filter(digest=token.digest, revoked_at=None).first()
    if found is None or (found.expires_at is not None and found.expires_at <= now):
        raise InvalidToken("The token is unknown, was revoked, or has expired.")
    if found.last_used_at is None or now - found.last_used_at >= _USE_IS_NOTED_EVERY:
        ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
    if scope not in found.scopes:
        raise InsufficientScope(f"This needs a token with the scope {scope.value}.")
    return found
