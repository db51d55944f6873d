"""Encrypting secrets at rest, by a key that is derived from `SECRET_KEY`."""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ticketing.api.callers import secrets_in_use

_INFO = b"ticketing.sign_in.sealing"


class Unreadable(Exception):
    """The text was sealed by a `SECRET_KEY` that is not in use any more, or it was changed."""


def seal(secret: bytes) -> str:
    """Return `secret` encrypted by the current key."""
    return _ciphers().encrypt(secret).decode()


def unseal(sealed: str) -> bytes:
    """
    Return what was sealed by one of the keys in use.

    :raises Unreadable: if no key fits
    """
    try:
        return _ciphers().decrypt(sealed.encode())
    except InvalidToken as error:
        raise Unreadable from error


def _ciphers() -> MultiFernet:
    return MultiFernet([Fernet(_key_from(secret)) for secret in secrets_in_use()])


def _key_from(secret: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(secret.encode())
    return urlsafe_b64encode(derived)
