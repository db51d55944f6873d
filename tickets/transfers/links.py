"""The link by which a transfer's new holder accepts it, and sees the ticket afterwards."""

import hmac
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.utils.crypto import salted_hmac

from ticketing.api.callers import secrets_in_use
from tickets.models import Transfer

# Redaction of logs recognizes these tokens by their prefix.
_PREFIX: Final = "trf_"


def transfer_path(transfer: Transfer) -> str:
    """Return the path of a transfer's page. The path alone gives no access."""
    return f"/transfer/{transfer.pk}/"


def transfer_link(transfer: Transfer) -> str:
    """
    Return the address of a transfer's page with the token that opens it.

    Only a mail to the new holder may carry it. The token is derived and not stored.
    """
    token = urlencode({"token": _derive(transfer, settings.SECRET_KEY)})
    return f"{settings.PUBLIC_URL}{transfer_path(transfer)}?{token}"


def opens_transfer(transfer: Transfer, token: str) -> bool:
    """Return whether a token opens the page of a transfer."""
    return any(
        hmac.compare_digest(token.encode(), _derive(transfer, secret).encode())
        for secret in secrets_in_use()
    )


def _derive(transfer: Transfer, secret: str) -> str:
    subject = f"{transfer.pk}:{transfer.email}"
    keyed = salted_hmac("tickets.transfers", subject, secret, algorithm="sha256")
    return _PREFIX + keyed.hexdigest()
