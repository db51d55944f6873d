"""
The limit of mails to one recipient in an hour, over all kinds of mail and all events.

Each mail books the time at which it may be sent. A mail over the limit is delayed and not lost, and
mails that are requested later cannot delay it further.
"""

import math
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils.crypto import salted_hmac

from ticketing.addresses import counted_address
from ticketing.database.locks import Lock, lock_until_commit
from ticketing.errors import TooMany
from ticketing.models import BookedMail

WINDOW: Final = timedelta(hours=1)
_DIGEST_LENGTH: Final = 32


class TooManyMails(TooMany):
    """The recipient has got the most mails that one recipient gets in an hour."""

    code = "too_many_mails"
    title = "Too many mails to this address"


def book_mail(*, address: str, now: datetime) -> datetime:
    """
    Book the next mail to an address in the open transaction. Return when it may be sent.

    An advisory lock of the recipient, held until the transaction ends, makes bookings wait for each
    other.
    """
    limit: int = settings.MAILS_PER_RECIPIENT_PER_HOUR
    if not limit:
        return now
    digest = _digest(address)
    lock_until_commit(Lock.MAIL_RECIPIENT, _lock_key(digest))
    recent = BookedMail.objects.filter(recipient=digest, goes_at__gt=now - WINDOW)
    # One more mail may be sent when this mail leaves the window.
    last = recent.order_by("-goes_at").values_list("goes_at", flat=True)[limit - 1 : limit]
    goes_at = max(now, *(moment + WINDOW for moment in last)) if last else now
    BookedMail.objects.create(recipient=digest, goes_at=goes_at)
    return goes_at


def book_mail_now(*, address: str, now: datetime) -> None:
    """
    Book a mail that is useless if it is delayed. A refusal must roll back the open transaction.

    :raises TooManyMails: if it may not be sent now
    """
    goes_at = book_mail(address=address, now=now)
    if goes_at > now:
        refusal = TooManyMails(
            "This address has got too many mails in the last hour. Use the last one, or retry"
            " later."
        )
        refusal.retry_after = math.ceil((goes_at - now).total_seconds())
        raise refusal


def forget_booked_mails(*, now: datetime) -> None:
    """Delete bookings that are older than the window."""
    BookedMail.objects.filter(goes_at__lt=now - WINDOW).delete()


def _digest(address: str) -> str:
    # The digest is keyed, so that nobody can find an address in the table by trying addresses.
    keyed = salted_hmac("ticketing.mail_limit", counted_address(address), algorithm="sha256")
    return keyed.hexdigest()[:_DIGEST_LENGTH]


def _lock_key(digest: str) -> int:
    # PostgreSQL takes a signed 32-bit number.
    return int(digest[:8], 16) - (1 << 31)
