"""Public pages that are rendered once for many readers. What belongs to one reader is filled in."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CSRF_SECRET_LENGTH, get_token
from django.utils import translation

from ticketing.pages.shop import NOT_STORED

# Nobody can guess them, and so write them into a text that a page shows.
_CSRF: Final = secrets.token_hex(16)
_FORM_KEY: Final = secrets.token_hex(16)
_OWN: Final = secrets.token_hex(16)
_CSRF_BYTES: Final = CSRF_SECRET_LENGTH // 2
_MARKS: Final = re.compile(f"({_CSRF}|{_FORM_KEY}|{_OWN})".encode())
# Threads that need a page wait for the one that renders it, instead of rendering it too.
_rendering: Final = Lock()
_READ_METHODS: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class KeptPage:
    """A rendered page without what belongs to one reader: pieces, and the marks between them."""

    pieces: list[bytes]
    headers: dict[str, str]


def is_for_all(request: HttpRequest) -> bool:
    """Return whether the request asks for a page that depends on its address and language alone."""
    return request.method in _READ_METHODS and not request.META.get("QUERY_STRING")


def show_kept(
    request: HttpRequest,
    pages: dict[str, KeptPage],
    render: Callable[[Mapping[str, Any]], HttpResponse],
    *,
    new_form_key: Callable[[], str] = str,
    own: str = "",
) -> HttpResponse:
    """
    Return the page of a request that `is_for_all`, from `pages` or rendered now.

    `pages` must not outlive what the page shows. `render` gets a template context with marks, in
    the places of the reader's CSRF token (`csrf_token`), of a new key of a form (`form_key`) and of
    `own`: HTML for this reader alone, with which the page is not stored.
    """
    key = f"{translation.get_language()} {request.path}"
    if key not in pages:
        with _rendering:
            # Another thread may have rendered it meanwhile.
            if key not in pages:
                rendered = render({"csrf_token": _CSRF, "form_key": _FORM_KEY, "own": _OWN})
                pages[key] = KeptPage(_MARKS.split(rendered.content), dict(rendered.headers))
    kept = pages[key]
    fillers: dict[bytes, Callable[[], str]] = {
        _CSRF.encode(): partial(_csrf_token, request),
        _FORM_KEY.encode(): new_form_key,
        _OWN.encode(): lambda: own,
    }
    headers = kept.headers | {"Cache-Control": NOT_STORED} if own else kept.headers
    return HttpResponse(_fill(kept.pieces, fillers), headers=headers)


def _fill(pieces: list[bytes], fillers: Mapping[bytes, Callable[[], str]]) -> bytes:
    filled = pieces.copy()
    for place in range(1, len(filled), 2):
        filled[place] = fillers[filled[place]]().encode()
    return b"".join(filled)


def _csrf_token(request: HttpRequest) -> str:
    if "CSRF_COOKIE" in request.META:
        return get_token(request)
    # Django draws each character of a secret and of its mask, which costs more than all else here.
    # The mask hides a secret that is sent again and again (BREACH): a new one needs none.
    secret = secrets.token_hex(_CSRF_BYTES)
    request.META |= {"CSRF_COOKIE": secret, "CSRF_COOKIE_NEEDS_UPDATE": True}
    return secret
