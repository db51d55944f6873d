"""
Sending HTTP requests to URLs that organizers choose, with time limits and to public addresses only.

Without these checks an organizer could make us send requests to servers that only we can reach,
such as the metadata service of the cloud (server-side request forgery). Therefore the host name is
resolved once, all its addresses are checked, and the connection is made to a checked address.
Redirects are not followed.
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
# For the whole exchange, also if the server sends one byte at a time.
_ALL_SECONDS: Final = 10
_LONGEST_RESPONSE: Final = 1_000
# Networks that Python's `is_global` accepts (or accepted in 3.11) but that lead to another address
# or to a host of the cloud: IPv4 embedded in IPv6 (RFC 6052, 8215, 4291, 2765), site-local (3879),
# segment routing (9602), anycast of 6to4 (7526) and of DNS64 (8880), and a server of Azure.
_REFUSED_NETWORKS: Final = [
    ipaddress.ip_network(network)
    for network in (
        *("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96", "fec0::/10", "5f00::/16"),
        *("192.88.99.0/24", "192.0.0.0/24", "168.63.129.16/32"),
    )
]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class ReceiverResponse:
    """The response of a server, cut off. If `status` is None, `error` says why there was none."""

    status: int | None
    text: str
    error: str
    milliseconds: int


class AddressRefused(Exception):
    """We do not send to this URL. The text tells the organizer why."""


def post_json(url: str, body: bytes, headers: Mapping[str, str]) -> ReceiverResponse:
    """Send a POST request to a URL of an organizer. Failures are returned, not raised."""
    started = time.monotonic()
    status, text, error = None, "", ""
    try:
        status, text = _exchange(url, body, headers)
    except AddressRefused as refused:
        error = str(refused)
    except (OSError, HTTPException, ValueError) as failed:
        error = f"{type(failed).__name__}: {failed}".replace("\0", "")[:300]
    return ReceiverResponse(status, text, error, round((time.monotonic() - started) * 1000))


def check_address(url: str) -> None:
    """
    Check a URL without resolving its host name.

    :raises AddressRefused: if we do not send to it
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _allowed_networks()):
        raise AddressRefused("Give an https address.")
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise AddressRefused("Give an address with a host, without a user name or a password.")
    with suppress(ValueError):
        _refuse_private_address(ipaddress.ip_address(parts.hostname))


def _exchange(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    check_address(url)
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    sock = socket.create_connection((_resolve(host, port), port), timeout=_CONNECT_SECONDS)
    if parts.scheme == "https":
        sock = _tls_context().wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    sock.settimeout(_READ_SECONDS)
    # The timeout of the socket restarts with each byte, so a timer limits the whole exchange.
    timer = threading.Timer(_ALL_SECONDS, _shut_down, [sock])
    timer.daemon = True
    timer.start()
    try:
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
        connection = HTTPConnection(host, port)
        connection.sock = sock
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, {**headers, "Connection": "close"})
        response = connection.getresponse()
        text = response.read(_LONGEST_RESPONSE)
        response.close()
        return response.status, text.decode("utf-8", "replace").replace("\0", "")
    finally:
        timer.cancel()
        sock.close()


def _resolve(host: str, port: int) -> str:
    # In a thread, because the timeout of the system's resolver is long and cannot be set.
    lookup = _resolver_threads().submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = lookup.result(_LOOK_UP_SECONDS)
    finally:
        # A lookup that still waits for a thread must not delay the lookups of others.
        lookup.cancel()
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    # Check all addresses: a name with a public and a private address is an attack.
    for address in addresses:
        _refuse_private_address(address)
    return str(addresses[0])


def _refuse_private_address(address: Address) -> None:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in _allowed_networks()):
        return
    if (
        not address.is_global
        or address.is_multicast
        or any(address in network for network in _REFUSED_NETWORKS)
        or (isinstance(address, ipaddress.IPv6Address) and (address.sixtofour or address.teredo))
    ):
        # The text leaves out the address: it would reveal which hosts our network has.
        raise AddressRefused("This is not a public address.")


def _allowed_networks() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(network) for network in settings.WEBHOOK_ALLOWED_NETWORKS]


@cache
def _resolver_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(64, thread_name_prefix="resolver")


@cache
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _shut_down(sock: socket.socket) -> None:
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
