"""Forms of buyers' pages: a form that is sent twice acts once, and both get the first result."""

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest

from ticketing.api.idempotency import (
    KeyInUse,
    ResponseStore,
    ShownOnce,
    find_stored,
    restore_secret,
)
from ticketing.database.locks import try_lock

# The hidden field of each form that acts.
FIELD: Final = "form_key"
_KEY_BYTES: Final = 24
# A second click of an impatient buyer waits for the first one's result: 3 seconds at most.
_TRIES: Final = 30
_PAUSE_SECONDS: Final = 0.1


def new_form_key() -> str:
    """Return the key of a form that is shown now."""
    return secrets.token_urlsafe(_KEY_BYTES)


def act_once(
    request: HttpRequest,
    act: Callable[[ResponseStore], dict[str, Any]],
    *,
    shown_once: ShownOnce | None = None,
) -> dict[str, Any]:
    """
    Act on a sent form and return the result, or return the stored result of the same form.

    `act` stores its result with `ResponseStore.store` in the transaction of its change. A form with
    another content is another form: a buyer who goes back and changes it wants something else. A
    refusal is not stored: a repeat may succeed.

    :raises KeyInUse: if the same form is still being worked on
    :raises AccessTokenLost: if the secret of the first result cannot be derived again
    """
    digest = _digest(request)
    for _ in range(_TRIES):
        with try_lock(int(digest[:15], 16)) as locked:
            if locked:
                stored = find_stored([digest])
                if stored is None:
                    return act(ResponseStore(digest, digest, secrets.token_hex(16), shown_once))
                result: dict[str, Any] = json.loads(stored.body)
                if stored.salt and shown_once is not None:
                    result[shown_once.member] = restore_secret(stored, result, shown_once)
                return result
        time.sleep(_PAUSE_SECONDS)
    raise KeyInUse("The same form was sent before and is still being worked on. Send it again.")


def _digest(request: HttpRequest) -> str:
    """
    Return what identifies a sent form: the browser, the page and the content with its key.

    Browsers are told apart by the cookie that protects forms, which no other site knows.
    """
    content = sorted(
        (name, request.POST.getlist(name)) for name in request.POST if name != "csrfmiddlewaretoken"
    )
    parts = ["form", request.META.get("CSRF_COOKIE", ""), request.path, json.dumps(content)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
