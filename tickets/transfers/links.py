"""The link by which a transfer's new holder accepts it, and sees the ticket afterwards."""

from typing import Final
from urllib.parse import urlencode

from django.conf import settings

from ticketing.mailed_tokens import MailedToken
from tickets.models import Transfer

_TOKEN: Final = MailedToken("trf_", "tickets.transfers")


def transfer_path(transfer: Transfer) -> str:
    """Return the path of a transfer's page. The path alone gives no access."""
    return f"/transfer/{transfer.pk}/"


def transfer_link(transfer: Transfer, page: str = "") -> str:
    """
    Return the address of a transfer's page, or of a page below it, with the token that opens it.

    Only a mail to the new holder may carry it. The token is derived and not stored.
    """
    token = urlencode({"token": _TOKEN.derive(transfer.pk, transfer.email)})
    return f"{settings.PUBLIC_URL}{transfer_path(transfer)}{page}?{token}"


def opens_transfer(transfer: Transfer, token: str) -> bool:
    """Return whether a token opens the page of a transfer."""
    return _TOKEN.is_valid(token, transfer.pk, transfer.email)
