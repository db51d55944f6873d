"""Who may act for which organizer."""

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from events.models import Organizer
from ticketing.models import User


def organizers_of(user: User | AnonymousUser) -> QuerySet[Organizer]:
    """Return the organizers that `user` acts for: a superuser for all, a stranger for none."""
    if not user.is_active:
        return Organizer.objects.none()
    if user.is_superuser:
        return Organizer.objects.all()
    return Organizer.objects.filter(memberships__user_id=user.pk)
