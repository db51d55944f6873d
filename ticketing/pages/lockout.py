"""The page shown after too many failed sign-ins, and deleting old sign-ins and their failures."""

from datetime import datetime
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy

from ticketing.pages.waiting import show_wait

_WHY = gettext_lazy(
    "The password was wrong too many times. To keep your account safe, nobody can sign in with this"
    " name from here for a while."
)


def answer_locked_out(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, Any]
) -> HttpResponse:
    """Return the waiting page instead of the sign-in page. Attempts do not prolong the wait."""
    return show_wait(request, why=_WHY, seconds=int(settings.AXES_COOLOFF_TIME.total_seconds()))


def forget_failures_of(*, user_name: str) -> None:
    """Unlock a user name everywhere: its password is another one now."""
    AccessAttempt.objects.filter(username=user_name).delete()


def forget_sessions(*, now: datetime) -> None:
    """Delete sessions that have ended. Each sign-in makes one."""
    Session.objects.filter(expire_date__lt=now).delete()


def forget_failed_sign_ins(*, now: datetime) -> None:
    """Delete failures that no longer count, because they contain IP addresses and user names."""
    AccessAttempt.objects.filter(attempt_time__lt=now - settings.AXES_COOLOFF_TIME).delete()
