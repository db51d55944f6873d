"""Tokens of mailed links. Each is derived from a row and its email address, and never stored."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.utils.crypto import salted_hmac

from ticketing.api.callers import secrets_in_use


@dataclass(frozen=True, slots=True)
class MailedToken:
    """
    One kind of tokens. Two purposes have different tokens for the same row.

    When the address of the row changes, the tokens in earlier mails stop working.
    """

    # Redaction of logs recognizes the tokens by it.
    prefix: str
    purpose: str

    def derive(self, row_id: UUID, address: str) -> str:
        """Return the token. Only a mail to that address may carry it."""
        return self._derive(row_id, address, settings.SECRET_KEY)

    def is_valid(self, token: str, row_id: UUID, address: str) -> bool:
        """Return whether a token from a request is the one of a row, by a key that is in use."""
        sent = token.encode(errors="replace")
        return any(
            hmac.compare_digest(sent, self._derive(row_id, address, secret).encode())
            for secret in secrets_in_use()
        )

    def _derive(self, row_id: UUID, address: str, secret: str) -> str:
        subject = f"{row_id}:{address}"
        keyed = salted_hmac(self.purpose, subject, secret, algorithm="sha256")
        return self.prefix + keyed.hexdigest()
