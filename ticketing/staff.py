"""Who is staff: may enter the admin, and may call the API with the admin's session."""

from typing import TypeGuard

from django.contrib.auth.models import AnonymousUser

from ticketing.models import User


def is_staff_now(user: User | AnonymousUser) -> TypeGuard[User]:
    """Say whether `user` is staff at this moment. A session says only that they once signed in."""
    return user.is_active and user.is_staff
