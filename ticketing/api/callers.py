"""From where a request comes, as far as we can believe it."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from socket import AF_INET, inet_pton
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

_FORWARDED: Final = "HTTP_X_FORWARDED_FOR"
# Everybody whose address nobody knows shares this one.
_NOWHERE: Final = "0.0.0.0"  # noqa: S104 - nothing is bound to it
# Some proxies write the port of the client too.
_WITH_PORT: Final = re.compile(r"\[(?P<six>[^]]+)\](?::\d+)?|(?P<four>[\d.]+):\d+")
# What one subscriber has of IPv6, to change his address in as he likes.
_SUBSCRIBER_BITS: Final = 64
# What many providers give a house: 256 of those.
_SITE_BITS: Final = 56
_DIGEST_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class Origin:
    """From where a request comes, where no address may be written down."""

    address: str
    # Empty for IPv4.
    network: str


def client_address(request: HttpRequest | Request) -> str:
    """
    Return the address of the caller. An IPv6 address stands for its /64.

    Each of our proxies appends whom it spoke with to X-Forwarded-For. What is to the left of those
    entries the caller has written himself: it counts for nothing.
    """
    own = _read_address(request.META.get("REMOTE_ADDR", "")) or _NOWHERE
    hops: int = settings.TRUSTED_PROXY_HOPS
    if not hops:
        return own
    entries = request.META.get(_FORWARDED, "").split(",")
    # With fewer entries it did not come by all of our proxies.
    return (_read_address(entries[-hops]) if len(entries) >= hops else None) or own


def client_digest(request: HttpRequest) -> str:
    """Return what tells addresses apart where none may be written down."""
    return _digest(client_address(request), settings.SECRET_KEY)


def client_digests(request: HttpRequest | Request) -> list[str]:
    """Return the digest of the caller's address by `SECRET_KEY`, then by each of its fallbacks."""
    address = client_address(request)
    return [_digest(address, secret) for secret in secrets_in_use()]


def secrets_in_use() -> list[str]:
    """Return the secrets that may have signed something still in use, the current one first."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def client_origin(request: HttpRequest | Request) -> Origin:
    """Return digests of the caller's address, and of the /56 that an IPv6 address is in."""
    address = client_address(request)
    network = _network_of(address)
    secret = settings.SECRET_KEY
    return Origin(_digest(address, secret), _digest(network, secret) if network else "")


# A few addresses ask again and again.
@lru_cache(maxsize=4096)
def _read_address(text: str) -> str | None:
    text = text.strip()
    if _is_plain_ipv4(text):
        return text
    if found := _WITH_PORT.fullmatch(text):
        text = found["six"] or found["four"]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address), _SUBSCRIBER_BITS), strict=False).network_address)


def _is_plain_ipv4(text: str) -> bool:
    # As `ipaddress` judges it, in a tenth of the time: in a crowd each address is a new one.
    try:
        inet_pton(AF_INET, text)
    except (OSError, ValueError):
        return False
    return True


@lru_cache(maxsize=4096)
def _network_of(address: str) -> str:
    if ":" not in address:
        return ""
    return str(IPv6Network((address, _SITE_BITS), strict=False))


@lru_cache(maxsize=4096)
def _digest(address: str, secret: str) -> str:
    # The same as Django's `salted_hmac`, which derives the key anew each time.
    keyed = hmac.digest(_key(secret), address.encode(), "sha256")
    return keyed.hex()[:_DIGEST_LENGTH]


@lru_cache(maxsize=16)
def _key(secret: str) -> bytes:
    return hashlib.sha256(b"ticketing.api.callers" + secret.encode()).digest()
