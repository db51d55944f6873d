"""The keys of the wallets: what is read from them, and what stops a process at its start."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from environ import Env

from config.settings.wallets import read_wallets
from tests.tickets.wallet.keys import (
    ACCOUNT,
    ISSUER,
    PASS_TYPE,
    TEAM,
    key_pem,
    make_authority,
    make_certificate,
    pem,
    wallet_keys,
)
from ticketing import clock
from tickets.wallet.keys import apple_keys, check_wallets, google_keys


def test_without_variables_no_wallet_is_offered():
    assert apple_keys() is None
    assert google_keys() is None


def test_the_ids_are_read_from_the_certificate_and_the_file(settings: Any):
    settings.WALLET_KEYS = wallet_keys()

    apple, google = apple_keys(), google_keys()

    assert apple is not None
    assert (apple.pass_type, apple.team) == (PASS_TYPE, TEAM)
    assert google is not None
    assert (google.issuer, google.email) == (ISSUER, ACCOUNT)
    assert "PRIVATE" not in repr(apple) + repr(google)


@pytest.mark.parametrize("name", wallet_keys())
def test_half_of_a_wallets_variables_stops_a_process(name: str, monkeypatch: pytest.MonkeyPatch):
    for each, value in wallet_keys({name: ""}).items():
        monkeypatch.setenv(each, value)

    with pytest.raises(ImproperlyConfigured, match=f"Set {name} too"):
        read_wallets(Env())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"APPLE_PASS_CERTIFICATE": "x"}, "APPLE_PASS_CERTIFICATE is no certificate"),
        ({"APPLE_PASS_KEY": "s3cret"}, "APPLE_PASS_KEY is no private key"),
        ({"APPLE_PASS_KEY": key_pem(2)}, "APPLE_PASS_KEY is not the key of"),
        ({"APPLE_WWDR_CERTIFICATE": pem(make_authority(3))}, "has not issued"),
        (
            {"APPLE_PASS_CERTIFICATE": pem(make_certificate(with_ids=False))},
            "no certificate of a Pass Type ID",
        ),
        ({"GOOGLE_WALLET_ISSUER_ID": "issuer"}, "GOOGLE_WALLET_ISSUER_ID is a number"),
        ({"GOOGLE_WALLET_SERVICE_ACCOUNT": '{"private_key": "s3cret"}'}, "must be the JSON file"),
        (
            {"GOOGLE_WALLET_SERVICE_ACCOUNT": '{"client_email": "a", "private_key": "s3cret"}'},
            "is no private key",
        ),
    ],
)
def test_unusable_keys_stop_a_process_without_being_shown(
    wrong: dict[str, str], message: str, settings: Any
):
    settings.WALLET_KEYS = wallet_keys(wrong)

    with pytest.raises(ImproperlyConfigured, match=message) as stopped:
        check_wallets()

    assert "s3cret" not in f"{stopped.value!r} {stopped.value.__cause__!r}"


def test_an_expired_certificate_is_known(settings: Any):
    settings.WALLET_KEYS = wallet_keys({"APPLE_PASS_CERTIFICATE": pem(make_certificate(days=-10))})

    keys = apple_keys()

    assert keys is not None
    assert not keys.is_valid(clock.now())
