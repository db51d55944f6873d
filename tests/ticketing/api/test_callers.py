"""The address of a caller does not depend on what the caller claims."""

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils.crypto import salted_hmac

from ticketing.api.callers import client_address, client_digest, client_origin

PROXY = "10.0.0.7"
UNKNOWN = "0.0.0.0"  # noqa: S104 - nothing is bound to it


def request_from(forwarded: str | None = None, *, peer: str = PROXY) -> HttpRequest:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return RequestFactory().get("/events", headers=headers, REMOTE_ADDR=peer)


def test_without_trusted_proxies_x_forwarded_for_is_ignored():
    assert client_address(request_from("203.0.113.9", peer="198.51.100.4")) == "198.51.100.4"


@pytest.mark.parametrize("claimed", ["", "6.6.6.6, ", "6.6.6.6, 7.7.7.7, ", "unknown, , ", "::1,"])
@pytest.mark.parametrize(("hops", "appended"), [(1, ""), (2, ", 10.0.0.9")])
def test_behind_trusted_proxies_only_their_own_entries_count(
    settings, claimed: str, hops: int, appended: str
):
    settings.TRUSTED_PROXY_HOPS = hops

    assert client_address(request_from(f"{claimed}203.0.113.9{appended}")) == "203.0.113.9"


@pytest.mark.parametrize("forwarded", [None, "", " ", "unknown", "203.0.113", "6.6.6.6, _hidden"])
def test_without_a_valid_entry_the_address_of_the_peer_is_used(settings, forwarded: str | None):
    settings.TRUSTED_PROXY_HOPS = 1

    assert client_address(request_from(forwarded)) == PROXY


def test_a_request_past_fewer_proxies_than_ours_has_the_address_of_its_peer(settings):
    settings.TRUSTED_PROXY_HOPS = 2

    assert client_address(request_from("203.0.113.9")) == PROXY


@pytest.mark.parametrize(
    ("peer", "address"),
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
def test_an_address_is_read_in_every_spelling(peer: str, address: str):
    assert client_address(request_from(peer=peer)) == address


@pytest.mark.parametrize("peer", ["", "unix:", "localhost"])
def test_all_peers_without_an_address_share_one(peer: str):
    assert client_address(request_from(peer=peer)) == UNKNOWN
    assert client_address(HttpRequest()) == UNKNOWN


def test_a_digest_differs_by_address_and_by_secret_key(settings):
    first, second = request_from(peer="203.0.113.9"), request_from(peer="203.0.113.10")
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
def test_ipv6_addresses_of_one_subscriber_or_site_share_their_digests(
    first: str,
    second: str,
    *,
    same_address: bool,
    same_network: bool,
):
    one, other = client_origin(request_from(peer=first)), client_origin(request_from(peer=second))

    assert (one.address == other.address) is same_address
    assert (one.network == other.network) is same_network
    assert one.address == client_digest(request_from(peer=first))


def test_an_ipv4_address_has_no_network():
    assert client_origin(request_from(peer="203.0.113.9")).network == ""


@pytest.mark.parametrize(
    "text", ["1.2.3.04", "1.2.3", "1.2.3.4.5", "256.1.1.1", "١.2.3.4", "1.2\0"]
)
def test_a_text_that_pythons_ipaddress_refuses_is_not_an_address(text: str):
    assert client_address(request_from(peer=text)) == UNKNOWN


def test_a_digest_equals_that_of_the_previous_release(settings):
    settings.SECRET_KEY = "a secret of both releases"
    made = salted_hmac("ticketing.api.callers", PROXY, settings.SECRET_KEY, algorithm="sha256")

    assert client_digest(request_from()) == made.hexdigest()[:16]
