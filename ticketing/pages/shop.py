"""Pages for buyers: which pages these are, their language, and how each kind is shown."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import patch_vary_headers

# Besides the catalogue at "/". An app that adds pages for buyers adds their beginning here.
_PATHS: Final = ("/e/", "/o/", "/find", "/terms/", "/transfer")
_LANGUAGE: Final = "lang"
# What each language calls itself, and its name for browsers and search engines.
_LANGUAGES: Final = {"pt-br": ("Português", "pt-BR"), "en": ("English", "en")}
_YEAR_SECONDS: Final = 365 * 24 * 3600
# Parameters that a link to the same page in another language must not repeat.
_NOT_REPEATED: Final = ("token", _LANGUAGE)
# A browser may keep the page, for its back button, but asks before it shows it again.
REVALIDATED: Final = "private, no-cache"
# Of a response for one person alone. Responses get it that say nothing else.
NOT_STORED: Final = "private, no-store"


def is_shop_page(path: str) -> bool:
    """Say whether the path is of a page for buyers."""
    return path == "/" or path.startswith(_PATHS)


def language_for(request: HttpRequest) -> str:
    """Return the reader's language: of `?lang=`, else of the cookie, else of the browser."""
    return _chosen_language(request) or translation.get_language_from_request(request)


def show_public_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    """Render a page that everybody may see and search engines may list."""
    page = _show(request, template, {**context, "is_private": False}, status)
    page.headers["Cache-Control"] = REVALIDATED
    return page


def show_embedded_page(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, origins: Sequence[str]
) -> HttpResponse:
    """
    Render a public page that sites of these origins, and no others, may show in a frame.

    It sets no cookie: in a frame of another site browsers refuse it. So none of its forms may act.
    """
    shown = {**context, "is_private": True, "lang": _chosen_language(request)}
    page = _render(request, template, shown, HTTPStatus.OK)
    page.headers["Content-Security-Policy"] = _policy({"frame-ancestors": origins})
    page.headers["X-Robots-Tag"] = "noindex"
    page.headers["Cache-Control"] = REVALIDATED
    # The older header of the same purpose cannot name sites.
    page.xframe_options_exempt = True
    return page


def show_private_page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = HTTPStatus.OK,
    sources: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> HttpResponse:
    """
    Render a page of one person, which no cache stores and no search engine lists.

    :param sources: further origins for the Content-Security-Policy, by directive
    """
    page = _show(request, template, {**context, "is_private": True}, status)
    if sources:
        page.headers["Content-Security-Policy"] = _policy(sources)
    page.headers["X-Robots-Tag"] = "noindex"
    return page


def _show(
    request: HttpRequest, template: str, context: Mapping[str, Any], status: int
) -> HttpResponse:
    page = _render(request, template, context, status)
    if chosen := _chosen_language(request):
        page.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            chosen,
            max_age=_YEAR_SECONDS,
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    return page


def _render(
    request: HttpRequest, template: str, context: Mapping[str, Any], status: int
) -> HttpResponse:
    language = translation.get_language() or settings.LANGUAGE_CODE
    chosen = _chosen_language(request)
    # A page also answers with a slash at its end. Search engines get one address of it.
    address = f"{settings.PUBLIC_URL}{request.path.rstrip('/') or '/'}"
    frame = {
        "language": _LANGUAGES[language][1],
        "canonical": f"{address}?{_LANGUAGE}={chosen}" if chosen else address,
        "address": address,
        "languages": [
            {
                "name": name,
                "code": code,
                "is_current": each == language,
                "link": _in_language(request, each),
                "alternate": f"{address}?{_LANGUAGE}={each}",
            }
            for each, (name, code) in _LANGUAGES.items()
        ],
    }
    page = render(request, template, {**frame, **context}, status=status)
    page.headers["Content-Security-Policy"] = _policy({})
    # Not `no-referrer`: browsers would send `Origin: null` with the page's own forms.
    page.headers["Referrer-Policy"] = "same-origin"
    patch_vary_headers(page, ["Cookie", "Accept-Language"])
    return page


def _chosen_language(request: HttpRequest) -> str:
    chosen = request.GET.get(_LANGUAGE, "").lower()
    return chosen if chosen in _LANGUAGES else ""


def _in_language(request: HttpRequest, language: str) -> str:
    query = request.GET.copy()
    for name in _NOT_REPEATED:
        query.pop(name, None)
    query[_LANGUAGE] = language
    return f"{request.path}?{query.urlencode()}"


def _policy(sources: Mapping[str, Sequence[str]]) -> str:
    own = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "connect-src": ["'self'"],
        "worker-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "img-src": ["'self'", "data:", *settings.TICKETS_ORIGINS],
    }
    for directive, origins in sources.items():
        allowed = own.get(directive, [])
        own[directive] = [*(each for each in allowed if each != "'none'"), *origins]
    return "; ".join(" ".join([directive, *allowed]) for directive, allowed in own.items())
