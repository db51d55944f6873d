"""Access: which organizers an API token or a signed-in user may act for."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import F, Q, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from events.catalogue import find_event
from events.models import ApiToken, Event, Membership, Organizer, Role, Scope
from events.roles import RIGHT_OF_SCOPE, RIGHTS, Right, roles_with
from events.second_factor import memberships_in_force, refuse_without_second_factor
from ticketing import clock
from ticketing.actors import Actor, user_actor
from ticketing.api.authentication import BearerToken
from ticketing.errors import Forbidden, NotFound, Unauthenticated
from ticketing.models import ActorKind, User
from ticketing.staff import is_staff_now
from ticketing.tokens import TokenKind

# `last_used_at` is written at most this often, so that most requests write nothing.
_LAST_USED_PRECISION = timedelta(minutes=1)


class NotAuthenticated(Unauthenticated):
    """The request has no token and no signed-in user."""

    code = "not_authenticated"
    title = "Say who you are"


class InvalidToken(Unauthenticated):
    """The token is unknown, was revoked, or has expired."""

    code = "invalid_token"
    title = "We do not know this token"


class NotForThisCaller(Forbidden):
    """The caller is known, but is a token of another kind or a user without an organizer."""

    code = "permission_denied"
    title = "You may not do this"


class InsufficientScope(Forbidden):
    """The token is valid, but does not have the scope that the operation needs."""

    code = "insufficient_scope"
    title = "The token does not have the required scope"


class OrganizerNotFound(NotFound):
    """The organizer does not exist, or the caller does not act for it."""

    code = "organizer_not_found"
    title = "You act for no such organizer"


class EventNotFound(NotFound):
    """The event does not exist, or the caller may not see it: the response is the same."""

    code = "not_found"
    title = "There is nothing here"


@dataclass(frozen=True, slots=True)
class HeldRights:
    """The rights of a user: at one event at least, and at every event of one organizer at least."""

    somewhere: frozenset[Right] = frozenset()
    everywhere: frozenset[Right] = frozenset()


def organizers_of(
    user: User | AnonymousUser, right: Right = Right.SEE_EVENTS
) -> QuerySet[Organizer]:
    """
    Return the organizers for which `user` has `right` at every event: all for a superuser.

    A member who is not staff acts for no organizer, neither in the admin nor in the API.
    """
    if not is_staff_now(user):
        return Organizer.objects.none()
    if user.is_superuser:
        return Organizer.objects.all()
    whole = _memberships_with(right, user).filter(only_some_events=False)
    return Organizer.objects.filter(memberships__in=whole)


def seen_organizers(
    user: User | AnonymousUser, right: Right = Right.SEE_EVENTS
) -> QuerySet[Organizer]:
    """Return the organizers for which `user` has `right` at every event or at some."""
    if not is_staff_now(user):
        return Organizer.objects.none()
    if user.is_superuser:
        return Organizer.objects.all()
    return Organizer.objects.filter(memberships__in=_memberships_with(right, user))


def held_rights(user: User | AnonymousUser) -> HeldRights:
    """Return which rights `user` has for at least one organizer."""
    if not is_staff_now(user):
        return HeldRights()
    if user.is_superuser:
        return HeldRights(frozenset(Right), frozenset(Right))
    somewhere, everywhere = set[Right](), set[Right]()
    memberships = memberships_in_force(user).values_list("role", "only_some_events")
    for role, is_limited in memberships.distinct():
        somewhere |= RIGHTS[Role(role)]
        if not is_limited:
            everywhere |= RIGHTS[Role(role)]
    return HeldRights(frozenset(somewhere), frozenset(everywhere))


def has_right_somewhere(user: User | AnonymousUser, right: Right) -> bool:
    """Return whether `user` has `right` for an organizer or, if limited, for some of its events."""
    return right in held_rights(user).somewhere


def within_rights(
    rows: QuerySet[Any],
    user: User | AnonymousUser,
    right: Right,
    *,
    organizer_path: str,
    event_path: str | None,
) -> QuerySet[Any]:
    """
    Return those of `rows` for which `user` has `right`.

    :param organizer_path: the lookup from a row to its organizer, or "pk" if it is one
    :param event_path: the lookup from a row to its event, or "pk" if it is one. None if the rows
        belong to no event: members who are limited to some events have no right to them.
    """
    if not is_staff_now(user):
        return rows.none()
    if user.is_superuser:
        return rows
    own = Q(**{f"{organizer_path}__in": organizers_of(user, right)})
    if event_path is not None:
        own |= Q(**{f"{event_path}__in": chosen_events(user, right)})
    return rows.filter(own)


def chosen_events(user: User, right: Right) -> QuerySet[Event]:
    """Return the events for which `user` has `right` as a member limited to some events."""
    limited = _memberships_with(right, user).filter(only_some_events=True)
    return Event.objects.filter(
        limited_members__in=limited, limited_members__organizer=F("organizer")
    )


def _memberships_with(right: Right, user: User) -> QuerySet[Membership]:
    return memberships_in_force(user).filter(role__in=roles_with(right))


def acting_organizers(request: Request, scope: Scope) -> QuerySet[Organizer]:
    """
    Return the organizers for which the caller has `scope`, by API token or by admin session.

    A session has the scopes of its member's role. The result may be empty for a session: also for
    that of a member who is limited to some events (`rows_acted_for` has rows of these events).

    :raises NotAuthenticated: if the request has no credentials
    :raises InvalidToken: if the token is unknown, was revoked, or has expired
    :raises NotForThisCaller: if the token is not an API token
    :raises InsufficientScope: if the token does not have the scope
    :raises SecondFactorRequired: if the session's user has to set up a second factor
    """
    if isinstance(request.auth, BearerToken):
        if request.auth.kind != TokenKind.API:
            raise NotForThisCaller(
                "This operation needs an organizer's API token, or a session of the admin."
            )
        api_token = find_api_token(request.auth, scope)
        organizers = Organizer.objects.filter(pk=api_token.organizer_id)
    elif request.user.is_authenticated:
        refuse_without_second_factor(request.user)
        organizers = organizers_of(request.user, RIGHT_OF_SCOPE[scope])
    else:
        raise NotAuthenticated("Send an API token, or sign in to the admin.")
    return organizers


def choose_organizer(organizers: QuerySet[Organizer], wanted: UUID | None) -> Organizer:
    """
    Return the organizer of a request: the one that it names in `organizer`, else the only one.

    :raises OrganizerNotFound: if the named organizer is not among `organizers`
    :raises NotForThisCaller: if the caller acts for no organizer
    :raises ValidationError: if the caller acts for several and names none
    """
    candidates = list((organizers.filter(pk=wanted) if wanted else organizers)[:2])
    if not candidates:
        if wanted:
            raise OrganizerNotFound(
                "You act for no organizer of that id. Omit `organizer`, or send the id of one of"
                " yours."
            )
        raise NotForThisCaller("You act for no organizer. Ask a superuser to make you a member.")
    if len(candidates) > 1:
        raise ValidationError(
            {"organizer": "You act for several organizers. Send the id of one of them."}
        )
    return candidates[0]


def actor_of(request: Request) -> Actor:
    """Return the API token or the user that sent the request. Check access before the call."""
    if isinstance(request.auth, BearerToken):
        token = ApiToken.objects.only("pk", "name").get(digest=request.auth.digest)
        return Actor(ActorKind.TOKEN, str(token.pk), token.name)
    return user_actor(request.user)


def rows_acted_for(
    rows: QuerySet[Any], request: Request, scope: Scope, *, organizer_path: str, event_path: str
) -> QuerySet[Any]:
    """
    Return those of `rows` for which the caller has `scope`, by API token or by admin session.

    :param organizer_path, event_path: as of `within_rights`
    :raises NotAuthenticated, InvalidToken, NotForThisCaller, InsufficientScope: as
        `acting_organizers` does
    """
    organizers = acting_organizers(request, scope)
    if isinstance(request.auth, BearerToken):
        return rows.filter(**{f"{organizer_path}__in": organizers})
    return within_rights(
        rows,
        request.user,
        RIGHT_OF_SCOPE[scope],
        organizer_path=organizer_path,
        event_path=event_path,
    )


def events_acted_for(request: Request, scope: Scope) -> QuerySet[Event]:
    """
    Return the events for which the caller has `scope`.

    :raises NotAuthenticated, InvalidToken, NotForThisCaller, InsufficientScope: as
        `acting_organizers` does
    """
    return rows_acted_for(
        Event.objects.all(), request, scope, organizer_path="organizer", event_path="pk"
    )


def may_act_for(request: Request, event_id: UUID, scope: Scope) -> bool:
    """Return whether the caller has `scope` for an event. An unknown caller has not."""
    try:
        return events_acted_for(request, scope).filter(pk=event_id).exists()
    except (Unauthenticated, Forbidden):
        return False


def event_acted_for(request: Request, reference: str, scope: Scope) -> Event:
    """
    Return the event with that id or slug, if the caller has `scope` for it.

    :raises NotAuthenticated, InvalidToken, NotForThisCaller, InsufficientScope: as
        `acting_organizers` does
    :raises EventNotFound: if there is no such event, or it is not the caller's
    """
    events = events_acted_for(request, scope)
    event = find_event(reference)
    if event is None or not events.filter(pk=event.pk).exists():
        raise EventNotFound("You have no event with that id or slug.")
    return event


def find_api_token(token: BearerToken, scope: Scope) -> ApiToken:
    """
    Return the API token of a request, and write when it was last used.

    :raises InvalidToken: if the token is unknown, was revoked, or has expired
    :raises InsufficientScope: if the token does not have the scope
    """
    now = clock.now()
    found = ApiToken.objects.filter(digest=token.digest, revoked_at=None).first()
    if found is None or (found.expires_at is not None and found.expires_at <= now):
        raise InvalidToken("The token is unknown, was revoked, or has expired. Send another one.")
    if found.last_used_at is None or now - found.last_used_at >= _LAST_USED_PRECISION:
        ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
    if scope not in found.scopes:
        raise InsufficientScope(f"Send a token with the scope {scope.value}.")
    return found
