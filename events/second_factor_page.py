"""Leads members who have to set up two-factor sign-in to its page, before all others."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from events.second_factor import has_to_set_up

_ADMIN: Final = "/admin/"
# Signing in and out, setting it up, and the translations that its page loads.
_OPEN: Final = ("login/", "logout/", "password_reset/", "reset/", "security/", "jsi18n/")
_READ_METHODS: Final = frozenset({"GET", "HEAD"})


class SecondFactorMiddleware:
    """
    Redirect each other page of the admin to the set-up.

    This leads people. What keeps data from them is `events.access`: without a second factor a
    member has no rights at an organizer that requires it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        page = request.path_info.removeprefix(_ADMIN)
        is_gated = page != request.path_info and not page.startswith(_OPEN)
        if is_gated and request.user.is_active and has_to_set_up(request.user):
            wanted = request.get_full_path() if request.method in _READ_METHODS else _ADMIN
            return redirect(f"{reverse('set_up_security')}?{urlencode({'next': wanted})}")
        return self.get_response(request)
