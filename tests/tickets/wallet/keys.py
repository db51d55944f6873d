"""Certificates and keys for tests of passes: an authority, a certificate that it issued, a key."""

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from ticketing import clock

PASS_TYPE, TEAM, ISSUER = "pass.com.example.tickets", "TEAM123456", "3388000000022"
ACCOUNT = "tickets@example.iam.gserviceaccount.com"


@cache
def make_key(number: int) -> rsa.RSAPrivateKey:
    """Return the key of that number, the same at each call."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def make_authority(number: int = 0) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Authority {number}")])
    return _build(name, name, number, number, ca=True)


@cache
def make_certificate(*, with_ids: bool = True, days: int = 365) -> x509.Certificate:
    """Return a certificate of key 1, issued by authority 0."""
    ids = [
        x509.NameAttribute(NameOID.USER_ID, PASS_TYPE),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, TEAM),
    ]
    common = x509.NameAttribute(NameOID.COMMON_NAME, f"Pass Type ID: {PASS_TYPE}")
    subject = x509.Name([*(ids if with_ids else []), common])
    return _build(subject, make_authority().subject, 1, 0, days=days)


def wallet_keys(
    others: Mapping[str, str] = MappingProxyType({}), *, apple: bool = True, google: bool = True
) -> dict[str, str]:
    """Return the setting of usable keys, with other values for some of its variables."""
    values = {
        "APPLE_PASS_CERTIFICATE": pem(make_certificate()) if apple else "",
        # As a variable of one line has it.
        "APPLE_PASS_KEY": key_pem(1).replace("\n", "\\n") if apple else "",
        "APPLE_WWDR_CERTIFICATE": pem(make_authority()) if apple else "",
        "GOOGLE_WALLET_ISSUER_ID": ISSUER if google else "",
        "GOOGLE_WALLET_SERVICE_ACCOUNT": json.dumps(
            {"type": "service_account", "client_email": ACCOUNT, "private_key": key_pem(2)}
        )
        if google
        else "",
    }
    return values | dict(others)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def key_pem(number: int) -> str:
    key = make_key(number)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _build(  # noqa: PLR0913 - a certificate has many parts
    subject: x509.Name,
    issuer: x509.Name,
    key: int,
    issuers_key: int,
    *,
    days: int = 365,
    ca: bool = False,
) -> x509.Certificate:
    begin = clock.now() - timedelta(days=400)
    builder = x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=make_key(key).public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=begin,
        not_valid_after=begin + timedelta(days=400 + days),
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(make_key(issuers_key), SHA256())
