"""Finding the accounts of a mail address, and the mail address of an account."""

from uuid import UUID

from django.db.models import Q, QuerySet

from ticketing.models import User


def accounts_of(email: str) -> QuerySet[User]:
    """Return the accounts with that address or, made by an invitation, with it as their name."""
    return User.objects.filter(Q(email__iexact=email) | Q(username=email))


def address_of(user: User) -> str:
    """Return the address for mails to a user, or an empty text if it is not known."""
    return user.email or (user.username if "@" in user.username else "")


def user_subject(user: User) -> UUID:
    """Return the id of a user as the subject of an act: subjects are identified by UUIDs."""
    return UUID(int=user.pk)
