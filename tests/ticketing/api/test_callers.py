"""Whose address a request has, whatever its sender claims."""

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils.crypto import salted_hmac

from ticketing.api.callers import client_address, client_digest, client_origin

PROXY = "10.0.0.7"
NOWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound to it


def asked(forwarded: str | None = None, *, peer: str = PROXY) -> HttpRequest:
    told = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return RequestFactory().get("/events", headers=told, REMOTE_ADDR=peer)


def test_without_proxies_of_ours_what_the_caller_claims_counts_for_nothing():
    assert client_address(asked("203.0.113.9", peer="198.51.100.4")) == "198.51.100.4"


@pytest.mark.parametrize("claimed", ["", "6.6.6.6, ", "6.6.6.6, 7.7.7.7, ", "unknown, , ", "::1,"])
@pytest.mark.parametrize(("hops", "appended"), [(1, ""), (2, ", 10.0.0.9")])
def test_behind_proxies_only_what_they_appended_counts(
    settings, claimed: str, hops: int, appended: str
):
    settings.TRUSTED_PROXY_HOPS = hops

    assert client_address(asked(f"{claimed}203.0.113.9{appended}")) == "203.0.113.9"


@pytest.mark.parametrize("forwarded", [None, "", " ", "unknown", "203.0.113", "6.6.6.6, _hidden"])
def test_an_entry_that_is_no_address_leaves_the_peers(settings, forwarded: str | None):
    settings.TRUSTED_PROXY_HOPS = 1

    assert client_address(asked(forwarded)) == PROXY


def test_who_came_by_fewer_proxies_than_ours_is_his_peer(settings):
    settings.TRUSTED_PROXY_HOPS = 2

    assert client_address(asked("203.0.113.9")) == PROXY


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ("203.0.113.9:51034", "203.0.113.9"),
        ("2001:db8:1:2:aaaa:bbbb:cccc:dddd", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("[2001:db8:1:2::1]:51034", "2001:db8:1:2::"),
        ("[2001:db8:1:2::1]", "2001:db8:1:2::"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::"),
    ],
)
def test_an_address_is_read_in_every_spelling(told: str, address: str):
    assert client_address(asked(peer=told)) == address


@pytest.mark.parametrize("peer", ["", "unix:", "localhost"])
def test_a_peer_without_an_address_is_somebody_nonetheless(peer: str):
    assert client_address(asked(peer=peer)) == NOWHERE
    assert client_address(HttpRequest()) == NOWHERE


def test_a_digest_tells_addresses_apart_and_needs_our_secret(settings):
    first, second = asked(peer="203.0.113.9"), asked(peer="203.0.113.10")
    digest = client_digest(first)

    assert digest == client_digest(first) != client_digest(second)
    assert len(digest) == 16
    settings.SECRET_KEY = "another"
    assert client_digest(first) != digest


@pytest.mark.parametrize(
    ("first", "second", "same_address", "same_network"),
    [
        ("2001:db8:1:200::1", "2001:db8:1:200:ffff::", True, True),
        ("2001:db8:1:200::1", "2001:db8:1:2ff::1", False, True),
        ("2001:db8:1:200::1", "2001:db8:1:300::1", False, False),
        ("203.0.113.9", "::ffff:203.0.113.9", True, True),
    ],
)
def test_an_ipv6_address_has_a_network_around_it(
    first: str,
    second: str,
    *,
    same_address: bool,
    same_network: bool,
):
    one, other = client_origin(asked(peer=first)), client_origin(asked(peer=second))

    assert (one.address == other.address) is same_address
    assert (one.network == other.network) is same_network
    assert one.address == client_digest(asked(peer=first))


def test_an_ipv4_address_has_no_network():
    assert client_origin(asked(peer="203.0.113.9")).network == ""


@pytest.mark.parametrize(
    "text", ["1.2.3.04", "1.2.3", "1.2.3.4.5", "256.1.1.1", "١.2.3.4", "1.2\0"]
)
def test_what_is_no_address_to_python_is_none_on_the_short_way(text: str):
    assert client_address(asked(peer=text)) == NOWHERE


def test_a_digest_is_the_one_that_the_previous_release_made(settings):
    settings.SECRET_KEY = "a secret of both releases"
    made = salted_hmac("ticketing.api.callers", PROXY, settings.SECRET_KEY, algorithm="sha256")

    assert client_digest(asked()) == made.hexdigest()[:16]
