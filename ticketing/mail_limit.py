"""
How many mails one recipient gets in an hour, of all kinds and from all events.

Each mail books the moment at which it may go. So a mail over the limit is delayed and not lost, and
later requests for mails cannot delay it further.
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
    """The recipient has had as many mails as one gets in an hour."""

    code = "too_many_mails"
    title = "Too many mails to this address"


def book_mail(*, address: str, now: datetime) -> datetime:
    """
    Return when the next mail to an address may go: now, or later. The open transaction keeps it.

    Two at once wait for each other by a lock of that recipient, which ends with the transaction.
    """
    limit: int = settings.MAILS_PER_RECIPIENT_PER_HOUR
    if not limit:
        return now
    digest = _digest(address)
    lock_until_commit(Lock.MAIL_RECIPIENT, _lock_key(digest))
    recent = BookedMail.objects.filter(recipient=digest, goes_at__gt=now - WINDOW)
    # The mail that leaves the window last before there is room for one more.
    last = recent.order_by("-goes_at").values_list("goes_at", flat=True)[limit - 1 : limit]
    goes_at = max(now, *(moment + WINDOW for moment in last)) if last else now
    BookedMail.objects.create(recipient=digest, goes_at=goes_at)
    return goes_at


def book_mail_now(*, address: str, now: datetime) -> None:
    """
    Book a mail that is worth nothing later. The open transaction rolls back if it is refused.

    :raises TooManyMails: if it may not go now
    """
    goes_at = book_mail(address=address, now=now)
    if goes_at > now:
        refusal = TooManyMails("Use the last mail that we sent there, or wait.")
        refusal.retry_after = math.ceil((goes_at - now).total_seconds())
        raise refusal


def forget_booked_mails(*, now: datetime) -> None:
    """Clear away what no longer counts."""
    BookedMail.objects.filter(goes_at__lt=now - WINDOW).delete()


def _digest(address: str) -> str:
    # Keyed, so that the table reveals no address.
    keyed = salted_hmac("ticketing.mail_limit", counted_address(address), algorithm="sha256")
    return keyed.hexdigest()[:_DIGEST_LENGTH]


def _lock_key(digest: str) -> int:
    # PostgreSQL's four bytes with a sign.
    return int(digest[:8], 16) - (1 << 31)
