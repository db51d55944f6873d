"""Sending the mail that a row asks for once, though its message may arrive at several workers."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Case, Q, QuerySet, Value, When

from ticketing.letters import HtmlMail
from ticketing.mailing import MailRefused, send_mail

# Longer than the time limit of a task, so that no other worker sends while the task runs.
LEASE: Final = timedelta(seconds=90)
_LONGEST_REASON: Final = 300


def lease_row(rows: QuerySet[Any], *, now: datetime) -> bool:
    """Lease the one row of `rows`. Return False if it needs no mail, or another worker has it."""
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    return bool(rows.filter(free, sent_at=None, failed_at=None).update(leased_until=now + LEASE))


def send_and_note(row: Any, compose: Callable[[], HtmlMail], *, now: datetime) -> None:
    """
    Send the mail of a leased row, and note that it was sent, or that SES refused it for good.

    No transaction is open during the call to SES. If the worker dies after the mail and before the
    note, the recipient gets the mail twice. If it was requested anew meanwhile, perhaps with
    another content, that mail is still to be sent.

    :raises Exception: if a retry may succeed
    """
    rows = type(row)._default_manager.filter(pk=row.pk)  # noqa: SLF001 - as Django's own code does
    try:
        send_mail(compose())
    except MailRefused as refused:
        rows.update(leased_until=None)
        reason = str(refused)[:_LONGEST_REASON]
        rows.filter(asked_at=row.asked_at).update(failed_at=now, failure=reason)
        return
    except Exception:
        # SQS delivers the message again, and that retry must not wait for this lease.
        rows.update(leased_until=None)
        raise
    unchanged = When(asked_at=row.asked_at, then=Value(now))
    rows.update(leased_until=None, sent_at=Case(unchanged, default=None))
