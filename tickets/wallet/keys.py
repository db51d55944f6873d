"""The certificates and keys of the wallets, read from the settings and checked at the start."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_PASS_TYPE: Final = NameOID.USER_ID
_TEAM: Final = NameOID.ORGANIZATIONAL_UNIT_NAME


@dataclass(frozen=True, slots=True)
class AppleKeys:
    """What signs Apple's passes. The ids are those in the certificate."""

    pass_type: str
    team: str
    certificate: x509.Certificate
    authority: x509.Certificate
    key: RSAPrivateKey = field(repr=False)

    def is_valid(self, now: datetime) -> bool:
        """Return whether phones accept the certificate now: Apple's are valid for a year."""
        return self.certificate.not_valid_before_utc <= now < self.certificate.not_valid_after_utc


@dataclass(frozen=True, slots=True)
class GoogleKeys:
    """What signs the links to Google's wallet."""

    issuer: str
    email: str
    key: RSAPrivateKey = field(repr=False)


def apple_keys() -> AppleKeys | None:
    """
    Return the configured keys, or None if passes for Apple's wallet are not offered.

    :raises ImproperlyConfigured: if they cannot be used
    """
    texts = settings.WALLET_KEYS
    if not texts["APPLE_PASS_CERTIFICATE"]:
        return None
    return _read_apple(
        texts["APPLE_PASS_CERTIFICATE"], texts["APPLE_PASS_KEY"], texts["APPLE_WWDR_CERTIFICATE"]
    )


def google_keys() -> GoogleKeys | None:
    """
    Return the configured keys, or None if passes for Google's wallet are not offered.

    :raises ImproperlyConfigured: if they cannot be used
    """
    texts = settings.WALLET_KEYS
    if not texts["GOOGLE_WALLET_ISSUER_ID"]:
        return None
    return _read_google(texts["GOOGLE_WALLET_ISSUER_ID"], texts["GOOGLE_WALLET_SERVICE_ACCOUNT"])


def check_wallets() -> None:
    """
    Read the keys of both wallets, when a process starts.

    :raises ImproperlyConfigured: if they cannot be used
    """
    apple_keys()
    google_keys()


@lru_cache(maxsize=2)
def _read_apple(certificate: str, key: str, authority: str) -> AppleKeys:
    own = _read_certificate("APPLE_PASS_CERTIFICATE", certificate)
    apples = _read_certificate("APPLE_WWDR_CERTIFICATE", authority)
    private = _read_key("APPLE_PASS_KEY", _with_lines(key))
    if private.public_key() != own.public_key():
        raise ImproperlyConfigured("APPLE_PASS_KEY is not the key of APPLE_PASS_CERTIFICATE.")
    try:
        own.verify_directly_issued_by(apples)
    except (InvalidSignature, TypeError, ValueError) as error:
        raise ImproperlyConfigured(
            "APPLE_WWDR_CERTIFICATE has not issued APPLE_PASS_CERTIFICATE. Apple has several of"
            " them: take the one that the certificate names as its issuer."
        ) from error
    return AppleKeys(
        pass_type=_name_in(own, _PASS_TYPE),
        team=_name_in(own, _TEAM),
        certificate=own,
        authority=apples,
        key=private,
    )


@lru_cache(maxsize=2)
def _read_google(issuer: str, account: str) -> GoogleKeys:
    name = "GOOGLE_WALLET_SERVICE_ACCOUNT"
    if not (issuer.isascii() and issuer.isdecimal()):
        raise ImproperlyConfigured("GOOGLE_WALLET_ISSUER_ID is a number of Google's console.")
    try:
        content = json.loads(account)
        email, key = str(content["client_email"]), str(content["private_key"])
    except (KeyError, TypeError, ValueError):
        # Without the cause: its text may contain the key.
        raise ImproperlyConfigured(
            f"{name} must be the JSON file of a service account's key, in one line."
        ) from None
    return GoogleKeys(issuer=issuer, email=email, key=_read_key(name, key))


def _read_certificate(name: str, text: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_with_lines(text).encode())
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is no certificate in PEM.") from error


def _read_key(name: str, text: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (TypeError, ValueError):
        # Without the cause: its text may contain the key.
        raise ImproperlyConfigured(f"{name} is no private key in PEM without a password.") from None
    if not isinstance(key, RSAPrivateKey):
        raise ImproperlyConfigured(f"{name} must be an RSA key.")
    return key


def _name_in(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    if not found:
        raise ImproperlyConfigured(
            "APPLE_PASS_CERTIFICATE is no certificate of a Pass Type ID: its subject lacks the ids"
            " of the pass type and the team."
        )
    return str(found[0].value)


def _with_lines(text: str) -> str:
    """Return PEM with its line breaks, which a variable of one line has as a backslash and an n."""
    return text.replace("\\n", "\n")
