"""Reads and checks the secrets that sign tickets and webhooks. Each has an id, for its rotation."""

from collections.abc import Iterator
from typing import Final

from django.core.exceptions import ImproperlyConfigured
from environ import Env

# A ticket's code stores the key id in one byte.
_HIGHEST_ID: Final = 255
# The key id of webhook secrets that are derived from TICKET_SIGNING_SECRET. Other ids start at 1.
_INHERITED_ID: Final = 0
# The minimum length that Django's deployment check requires of SECRET_KEY.
_DJANGO_LENGTH: Final = 50
_KEY_LENGTH: Final = 40
_FEWEST_DIFFERENT: Final = 8
_SHARED: Final = "TICKET_SIGNING_SECRET"


def read_ticket_keys(env: Env) -> dict[int, str]:
    """
    Return the secret of each ticket signing key by its id. The first one signs new tickets.

    Without `TICKET_SIGNING_KEYS`, all of `TICKET_SIGNING_KEY_IDS` share `TICKET_SIGNING_SECRET`.

    :raises ImproperlyConfigured: if the variables are malformed or unset
    """
    keys = _read("TICKET_SIGNING_KEYS", env("TICKET_SIGNING_KEYS", default=""), lowest=0)
    ids = env("TICKET_SIGNING_KEY_IDS", default="").strip()
    secret = env("TICKET_SIGNING_SECRET", default="")
    if keys and ids:
        raise ImproperlyConfigured("Unset TICKET_SIGNING_KEY_IDS: TICKET_SIGNING_KEYS has the ids.")
    if keys:
        return keys
    if not secret:
        raise ImproperlyConfigured("Set TICKET_SIGNING_KEYS, or TICKET_SIGNING_SECRET.")
    pairs = ",".join(f"{key_id}:x" for key_id in ids.split(",")) if ids else "1:x"
    return dict.fromkeys(_read("TICKET_SIGNING_KEY_IDS", pairs, lowest=0), secret)


def read_webhook_keys(env: Env) -> dict[int, str]:
    """
    Return the secret of each webhook signing key by its id, the newest first.

    Key 0 is `TICKET_SIGNING_SECRET`, from which the first release derived its webhook secrets.

    :raises ImproperlyConfigured: if the variables are malformed or unset
    """
    keys = _read("WEBHOOK_SIGNING_KEYS", env("WEBHOOK_SIGNING_KEYS", default=""), lowest=1)
    inherited = env("TICKET_SIGNING_SECRET", default="")
    if inherited:
        keys[_INHERITED_ID] = inherited
    if not keys:
        raise ImproperlyConfigured("Set WEBHOOK_SIGNING_KEYS, such as 1:<secret>.")
    return keys


def check_secrets(env: Env) -> None:
    """
    Check that no secret is weak, an example, or used for two purposes.

    :raises ImproperlyConfigured: if a secret fails the check
    """
    owners: dict[str, str] = {}
    for name, secret, length in _secrets(env):
        if len(secret) < length or len(set(secret)) < _FEWEST_DIFFERENT:
            raise ImproperlyConfigured(f"{name} is weak: use {length} random characters or more.")
        if "change-me" in secret or "example" in secret:
            raise ImproperlyConfigured(
                f"{name} is an example. Replace it by random characters of your own."
            )
        owner = owners.setdefault(secret, name)
        # A deployment that changes from TICKET_SIGNING_KEY_IDS to TICKET_SIGNING_KEYS must list its
        # existing keys there, and these all have the secret TICKET_SIGNING_SECRET.
        inherited = owner == _SHARED and name.startswith("TICKET_SIGNING_KEYS")
        if owner != name and not inherited:
            raise ImproperlyConfigured(f"{name} must differ from {owner}.")


def _secrets(env: Env) -> Iterator[tuple[str, str, int]]:
    yield "SECRET_KEY", env("SECRET_KEY"), _DJANGO_LENGTH
    for secret in env.list("SECRET_KEY_FALLBACKS", default=[]):
        yield "SECRET_KEY_FALLBACKS", secret, _DJANGO_LENGTH
    ticket_keys, webhook_keys = read_ticket_keys(env), read_webhook_keys(env)
    if inherited := webhook_keys.pop(_INHERITED_ID, ""):
        yield _SHARED, inherited, _KEY_LENGTH
    if env("TICKET_SIGNING_KEYS", default="").strip():
        for key_id, secret in ticket_keys.items():
            yield f"TICKET_SIGNING_KEYS ({key_id})", secret, _KEY_LENGTH
    for key_id, secret in webhook_keys.items():
        yield f"WEBHOOK_SIGNING_KEYS ({key_id})", secret, _KEY_LENGTH


def _read(name: str, text: str, *, lowest: int) -> dict[int, str]:
    """Parse `id:secret` pairs, separated by commas. No error message contains a secret."""
    keys: dict[int, str] = {}
    for place, pair in enumerate(text.split(",") if text.strip() else [], start=1):
        number, _, secret = (part.strip() for part in pair.partition(":"))
        if not (number.isdecimal() and number.isascii() and secret):
            raise ImproperlyConfigured(
                f"{name}: entry {place} is not like 2:secret. Separate the entries by commas."
            )
        key_id = int(number)
        if not lowest <= key_id <= _HIGHEST_ID:
            raise ImproperlyConfigured(f"{name}: use ids from {lowest} to {_HIGHEST_ID}.")
        if key_id in keys:
            raise ImproperlyConfigured(f"{name} has the id {key_id} twice.")
        keys[key_id] = secret
    return keys
