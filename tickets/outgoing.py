"""Sending a mail from the row that asks for it: its lease, its recipient's limit, its failures."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from django.db import models, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils.translation import gettext_lazy as _

from ticketing.letters import HtmlMail
from ticketing.mail_lease import lease_row
from ticketing.mail_limit import WINDOW, book_mail
from ticketing.mailing import MailRefused, describe_failure, send_mail

logger = logging.getLogger(__name__)

# A failing mail is given up after both so many attempts and so much time. Attempts alone end too
# early while SES is away for an hour; time alone ends too early while the queue stands still.
_MIN_ATTEMPTS: Final = 20
_MIN_TRYING: Final = timedelta(days=3)
_LONGEST_REASON: Final = 300


class OutgoingMail(models.Model):
    """
    The columns of a row that asks for one mail.

    Until `sent_at` or `failed_at` is set, the sweep sends the row's message again when it is
    overdue. Staff resolve a `failed_at`: they correct the address, or send the mail again.
    """

    asked_at = models.DateTimeField(_("asked at"))
    sent_at = models.DateTimeField(_("sent at"), null=True)
    failed_at = models.DateTimeField(_("given up at"), null=True)
    # Why the last attempt failed, in the words of SES.
    failure = models.CharField(_("reason"), max_length=300, blank=True, default="", db_default="")
    attempts = models.PositiveIntegerField(_("failed attempts"), default=0, db_default=0)
    # When the recipient's limit allows the mail, booked once per mail: `ticketing.mail_limit`.
    goes_at = models.DateTimeField(_("put off until"), null=True)
    # A worker is sending the mail until then: a repeated message must not send it too.
    leased_until = models.DateTimeField(null=True, editable=False)
    asks = models.PositiveSmallIntegerField(default=0, editable=False)
    ask_again_at = models.DateTimeField(editable=False)

    class Meta:
        abstract = True


Row = TypeVar("Row", bound=OutgoingMail)


def lease_mail(rows: QuerySet[Row], *, address: Callable[[Row], str], now: datetime) -> Row | None:
    """
    Lease the one row of `rows` if it still asks for its mail, and book the mail for its recipient.

    Return the row if the caller must send its mail now, with `send_leased_mail`. Return None if
    another worker sends it, if it was sent or given up, or if the recipient's limit puts it off.
    """
    with transaction.atomic(durable=True):
        if not lease_row(rows, now=now):
            return None
        row = rows.get()
        if not address(row):
            # Staff sold the tickets without an email address, and print them.
            close_mail(row, now=now)
            return None
        return row if _may_send_now(row, address, now) else None


# Records in the same transaction that a mail was sent (True) or given up (False).
Record = Callable[[bool], None]


def record_nothing(_was_sent: bool, /) -> None:  # noqa: FBT001 - as `Record` is called
    """Record nothing: the row alone tells what happened to its mail."""


def send_leased_mail(
    row: OutgoingMail,
    compose: Callable[[], HtmlMail],
    *,
    now: datetime,
    record: Record = record_nothing,
) -> None:
    """
    Send the mail of a leased row, and note that it was sent.

    No transaction is open during the call to SES. If the worker crashes after the mail and before
    the note, the recipient gets the mail twice, which is better than never. A mail that SES refuses
    for good is given up at once; a mail that fails otherwise, after days of attempts.

    :raises Exception: if a retry may succeed
    """
    try:
        send_mail(compose())
    except MailRefused as refused:
        give_up_mail(row, str(refused), now=now, record=record)
        return
    except Exception as error:
        # All errors: the lease must end, so that the retry by SQS need not wait for it.
        if _note_failure(row, error, now, record):
            return
        raise
    # If `asked_at` changed meanwhile, this mail may lack what was asked for since. Then `sent_at`
    # stays NULL, so that the message of the newer request sends another mail.
    same = When(asked_at=row.asked_at, then=Value(now))
    with transaction.atomic(durable=True):
        _only(row).update(leased_until=None, goes_at=None, sent_at=Case(same))
        record(True)  # noqa: FBT003 - the only argument


def close_mail(row: OutgoingMail, *, now: datetime) -> None:
    """Note that a leased row needs no mail any more."""
    _only(row).update(sent_at=now, leased_until=None)


@transaction.atomic(durable=True)
def give_up_mail(
    row: OutgoingMail, why: str, *, now: datetime, record: Record = record_nothing
) -> None:
    """Stop trying to send a mail, until staff resolve it. `why` is shown to them."""
    # A newer request may have another address or content: only the mail that failed is given up.
    requested_since = ~Q(asked_at=row.asked_at)
    _only(row).filter(requested_since).update(leased_until=None)
    given_up = (
        _only(row)
        .exclude(requested_since)
        .update(
            leased_until=None,
            goes_at=None,
            failed_at=now,
            attempts=F("attempts") + 1,
            failure=_tidy(why),
        )
    )
    if given_up:
        record(False)  # noqa: FBT003 - the only argument
        logger.error("A mail was given up: %s %s.", type(row).__name__, row.pk)


def _may_send_now(row: Row, address: Callable[[Row], str], now: datetime) -> bool:
    """Book the mail under its recipient's limit, unless it is booked. Return whether to send it."""
    goes_at = row.goes_at
    # A booking older than the window does not count any more: book the mail again.
    if goes_at is None or goes_at <= now - WINDOW:
        goes_at = book_mail(address=address(row), now=now)
    if goes_at <= now:
        _only(row).update(goes_at=goes_at)
        return True
    # The sweep sends the message at that time.
    _only(row).update(goes_at=goes_at, ask_again_at=goes_at, leased_until=None)
    return False


def _note_failure(row: OutgoingMail, error: Exception, now: datetime, record: Record) -> bool:
    """Count an attempt that failed. Return whether it was the last one."""
    if row.attempts + 1 >= _MIN_ATTEMPTS and now - row.asked_at >= _MIN_TRYING:
        give_up_mail(row, describe_failure(error), now=now, record=record)
        return True
    _only(row).update(
        leased_until=None, attempts=F("attempts") + 1, failure=_tidy(describe_failure(error))
    )
    return False


def _only(row: OutgoingMail) -> QuerySet[OutgoingMail]:
    return type(row)._default_manager.filter(pk=row.pk)  # noqa: SLF001 - as Django's own code does


def _tidy(why: str) -> str:
    return why.replace("\0", "")[:_LONGEST_REASON]
