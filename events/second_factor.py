"""The rule of an organizer that its members use two-factor sign-in."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from events.models import Membership
from ticketing.errors import Forbidden
from ticketing.models import User


class SecondFactorRequired(Forbidden):
    """The session is of a member who has to set up two-factor sign-in first."""

    code = "second_factor_required"
    title = "Your organizer requires two-factor sign-in"


def memberships_in_force(user: User) -> QuerySet[Membership]:
    """Return the memberships that give a user rights. Each check of rights begins with these."""
    rows = Membership.objects.filter(user_id=user.pk)
    if user.second_factor_since is None:
        return rows.filter(organizer__requires_second_factor=False)
    return rows


def has_to_set_up(user: User | AnonymousUser) -> bool:
    """Return whether an organizer of the user requires a second factor, and the user has none."""
    if not isinstance(user, User) or user.second_factor_since is not None:
        return False
    return Membership.objects.filter(user=user.pk, organizer__requires_second_factor=True).exists()


def refuse_without_second_factor(user: User | AnonymousUser) -> None:
    """
    Refuse a session of the API for which the admin would lead to the set-up.

    :raises SecondFactorRequired: if the user has to set up a second factor
    """
    if has_to_set_up(user):
        raise SecondFactorRequired(
            "Sign in to the admin, and set up two-factor sign-in. API tokens do not need it."
        )
