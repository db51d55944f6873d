"""
Asking a server that a stranger has named: never one of our own network, and not for long.

Whoever may name an address could else have us ask for what only we can reach (server-side request
forgery): the cloud's metadata, say. So the name is looked up once, each address is judged, and the
connection goes to the very one that was judged. Redirects are answers, not orders.
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

_LOOK_UP_SECONDS: Final = 5
_CONNECT_SECONDS: Final = 3
_READ_SECONDS: Final = 5
# From the first packet to the last, however slowly a server drips.
_ALL_SECONDS: Final = 10
_LONGEST_ANSWER: Final = 1_000
# What Python counts as global, or did in 3.11, and what leads to another address or to a host of a
# cloud's own: IPv4 in other clothes (RFC 6052, 8215, 4291, 2765), site-local (3879), segment
# routing (9602), the anycast of 6to4 (7526) and of DNS64 (8880), and Azure's own server.
_TRICKS: Final = [
    ipaddress.ip_network(network)
    for network in (
        *("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96", "fec0::/10", "5f00::/16"),
        *("192.88.99.0/24", "192.0.0.0/24", "168.63.129.16/32"),
    )
]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, cut short; or, without a status, why it said nothing."""

    status: int | None
    text: str
    error: str
    milliseconds: int


class AddressRefused(Exception):
    """We do not ask this server. The sentence says why, to whoever named it."""


def post_json(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send a body to a stranger's server. Whatever goes wrong is in the answer."""
    started = time.monotonic()
    status, text, error = None, "", ""
    try:
        status, text = _exchange(url, body, headers)
    except AddressRefused as refused:
        error = str(refused)
    except (OSError, HTTPException, ValueError) as failed:
        error = f"{type(failed).__name__}: {failed}".replace("\0", "")[:300]
    return Answer(status, text, error, round((time.monotonic() - started) * 1000))


def check_address(url: str) -> None:
    """
    Refuse what we would never ask, as far as the address itself tells.

    :raises AddressRefused: and why
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _allowed_networks()):
        raise AddressRefused("Give an https address.")
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise AddressRefused("Give a host, and no password in the address.")
    with suppress(ValueError):
        _judge(ipaddress.ip_address(parts.hostname))


def _exchange(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    check_address(url)
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    wire = socket.create_connection((_look_up(host, port), port), timeout=_CONNECT_SECONDS)
    if parts.scheme == "https":
        wire = _tls().wrap_socket(wire, server_hostname=host, do_handshake_on_connect=False)
    wire.settimeout(_READ_SECONDS)
    # Even a server that sends a byte a second is done with in time.
    alarm = threading.Timer(_ALL_SECONDS, _hang_up, [wire])
    alarm.daemon = True
    alarm.start()
    try:
        if isinstance(wire, ssl.SSLSocket):
            wire.do_handshake()
        connection = HTTPConnection(host, port)
        connection.sock = wire
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, {**headers, "Connection": "close"})
        answer = connection.getresponse()
        text = answer.read(_LONGEST_ANSWER)
        answer.close()
        return answer.status, text.decode("utf-8", "replace").replace("\0", "")
    finally:
        alarm.cancel()
        wire.close()


def _look_up(host: str, port: int) -> str:
    asking = _resolvers().submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    # A resolver of the system has a patience of its own, and it is long.
    try:
        found = asking.result(_LOOK_UP_SECONDS)
    finally:
        # What nobody waits for any more takes no other name's turn.
        asking.cancel()
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    # All of them: a name with a public and a private address is a trick.
    for address in addresses:
        _judge(address)
    return str(addresses[0])


def _judge(address: Address) -> None:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in _allowed_networks()):
        return
    if (
        not address.is_global
        or address.is_multicast
        or any(address in network for network in _TRICKS)
        or (isinstance(address, ipaddress.IPv6Address) and (address.sixtofour or address.teredo))
    ):
        # Not which: who names a host of our network would learn what is there.
        raise AddressRefused("This is not a public address.")


def _allowed_networks() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(network) for network in settings.WEBHOOK_ALLOWED_NETWORKS]


@cache
def _resolvers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(64, thread_name_prefix="resolver")


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _hang_up(wire: socket.socket) -> None:
    with suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
