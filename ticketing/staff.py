"""Staff: they may use the admin, and the API with a session of the admin."""

from datetime import datetime
from typing import TypeGuard

from django.contrib.auth.models import AnonymousUser

from ticketing.models import User


def is_staff_now(user: User | AnonymousUser) -> TypeGuard[User]:
    """
    Return whether a user is active staff now.

    A session alone does not prove it: the user may have lost the right after signing in.
    """
    return user.is_active and user.is_staff


def close_first_steps(*, user_id: int, now: datetime) -> None:
    """Stop showing a user the list of first steps on the home page. A repeat changes nothing."""
    User.objects.filter(pk=user_id, first_steps_closed_at=None).update(first_steps_closed_at=now)


def closed_first_steps(user: User | AnonymousUser) -> bool:
    """Return whether a user has closed the list of first steps."""
    return isinstance(user, User) and user.first_steps_closed_at is not None
