"""The page that asks a person to wait and retry, with status 429."""

from http import HTTPStatus
from math import ceil

from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.functional import Promise


def show_wait(request: HttpRequest, *, why: Promise, seconds: int) -> HttpResponse:
    """Return the page in the reader's language, with the reason and the time to wait."""
    if not hasattr(request, "user"):
        # The request was refused before the authentication middleware ran.
        request.user = AnonymousUser()
    with translation.override(translation.get_language_from_request(request)):
        shown = admin.site.each_context(request) | {"why": why, "minutes": ceil(seconds / 60)}
        page = render(request, "admin/wait.html", shown, status=HTTPStatus.TOO_MANY_REQUESTS)
    page.headers["Retry-After"] = str(seconds)
    return page
