"""The check for staff: they may use the admin, and the API with a session of the admin."""

from typing import TypeGuard

from django.contrib.auth.models import AnonymousUser

from ticketing.models import User


def is_staff_now(user: User | AnonymousUser) -> TypeGuard[User]:
    """
    Return whether a user is active staff now.

    A session alone does not prove it: the user may have lost the right after signing in.
    """
    return user.is_active and user.is_staff
