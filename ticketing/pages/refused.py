"""Pages for buyers when something is refused or fails, and the answer to a form that is forged."""

from http import HTTPStatus
from math import ceil
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.csrf import csrf_failure

from ticketing.pages.shop import is_shop_page, language_for, show_private_page

# By status: what happened, and what to do next.
_WORDS: Final[dict[int, tuple[Promise, Promise]]] = {
    HTTPStatus.BAD_REQUEST: (
        _("We could not read this request"),
        _("Go back, reload the page and try again."),
    ),
    HTTPStatus.FORBIDDEN: (
        _("This form could not be sent"),
        _(
            "The page was open for too long, or the browser blocks cookies. Allow cookies of this"
            " site, go back, reload the page and try again. Nothing was reserved or charged."
        ),
    ),
    HTTPStatus.NOT_FOUND: (
        _("Page not found"),
        _("The address is wrong, or the page no longer exists."),
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        _("The form is too large"),
        _("The form contains more data than we accept. Go back, shorten it and try again."),
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        _("Many requests come from your network"),
        _("Nothing was reserved or charged. Wait a moment, then go back and try again."),
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        _("Something went wrong"),
        _("The error was logged. Try again in a moment: repeating a step is safe."),
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        _("The ticket office is busy"),
        _("Try again in a moment: repeating a step is safe."),
    ),
}


def show_refused(request: HttpRequest, status: int, *, seconds: int = 0) -> HttpResponse:
    """
    Return the page for a status of HTTP, in the reader's language.

    :param seconds: after how long a retry may succeed, or 0 if that is not known
    """
    heading, why = _WORDS[status]
    context = {"heading": heading, "why": why, "minutes": ceil(seconds / 60)}
    # The middleware that sets the language may not have run yet.
    with translation.override(language_for(request)):
        page = show_private_page(request, "pages/refused.html", context, status=status)
    if seconds:
        page.headers["Retry-After"] = str(seconds)
    return page


def answer_forged_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without its CSRF token: a buyer's page, or the admin's."""
    if is_shop_page(request.path_info):
        return show_refused(request, HTTPStatus.FORBIDDEN)
    return csrf_failure(request, reason)
