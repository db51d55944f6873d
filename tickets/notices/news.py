"""
Find news for the members who want mails: sales, types that are sold out, and the daily summary.

No sale writes a row for it: a sale is a hot path. A look every minute reads what was sold.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from orders.figures_of_days import end_of_day, figures_are_complete
from orders.models import Order
from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from tickets.notices.member_models import (
    DailySummary,
    MemberNotice,
    MemberNoticeKind,
    NoticeChoice,
)
from tickets.notices.members import (
    events_of,
    newly_sold_out,
    summary_of_next_morning,
    zone_of_organizer,
)

# The most members, and the most summaries, in one run. The rest are first in the next run.
BATCH: Final = 200
# The moment of a sale is read before its transaction. It commits within a task's time limit.
LAG: Final = timedelta(minutes=2)
# At most one mail about sales in this time: a crowd must not fill a mailbox.
PAUSE: Final = timedelta(minutes=10)
# After a longer outage, older sales are no news.
_OLDEST: Final = timedelta(days=1)
_MOST_DAYS: Final = 31
_LOOK_EVERY: Final = timedelta(minutes=1)
_KEPT: Final = timedelta(days=60)


def look_for_news(*, now: datetime) -> int:
    """Write notices about what was sold, for a batch of members. Return how many were written."""
    due = NoticeChoice.objects.filter(looks_at__lte=now).order_by("looks_at")
    return sum(_look(pk, now) for (pk,) in due.values_list("pk")[:BATCH])


def write_daily_summaries(*, now: datetime) -> int:
    """
    Write the notices of the summaries that are due. Return how many summaries were written.

    A summary that is late covers all days since the one before. It waits until the figures of its
    days are complete.
    """
    due = DailySummary.objects.filter(written_at=None, due_at__lte=now).order_by("due_at")
    return sum(_write_summary(pk, now) for (pk,) in due.values_list("pk")[:BATCH])


def forget_member_notices(*, now: datetime) -> None:
    """Delete old notices and summaries. Those about sold-out types stay: each is told only once."""
    old = MemberNotice.objects.filter(asked_at__lt=now - _KEPT)
    old.exclude(kind=MemberNoticeKind.SOLD_OUT).delete()
    DailySummary.objects.filter(written_at__lt=now - _KEPT).delete()


@transaction.atomic(durable=True)
def _look(choice_id: int, now: datetime) -> int:
    locked = NoticeChoice.objects.select_for_update(skip_locked=True, of=("self",))
    choice = locked.select_related("membership").filter(pk=choice_id, looks_at__lte=now).first()
    if choice is None:
        # Another run is looking, or the member wants no more mails.
        return 0
    written = 0
    if choice.each_sale and (choice.quiet_until is None or choice.quiet_until <= now):
        written += _tell_sales(choice, now)
    if choice.sold_out:
        for kind_id in newly_sold_out(choice.membership, now=now):
            _write(choice.membership_id, MemberNoticeKind.SOLD_OUT, str(kind_id), {}, now)
            written += 1
    choice.looks_at = now + _LOOK_EVERY
    choice.save(update_fields=["told_until", "quiet_until", "looks_at"])
    return written


def _tell_sales(choice: NoticeChoice, now: datetime) -> int:
    since, until = max(choice.told_until, now - _OLDEST), now - LAG
    if until <= since:
        return 0
    choice.told_until = until
    sold = Order.objects.filter(paid_at__gte=since, paid_at__lt=until)
    if not sold.filter(event__in=events_of(choice.membership)).exists():
        return 0
    choice.quiet_until = now + PAUSE
    details = {"since": since.isoformat(), "until": until.isoformat()}
    _write(choice.membership_id, MemberNoticeKind.SALES, until.isoformat(), details, now)
    return 1


@transaction.atomic(durable=True)
def _write_summary(summary_id: int, now: datetime) -> int:
    locked = DailySummary.objects.select_for_update(skip_locked=True)
    summary = locked.filter(pk=summary_id, written_at=None).first()
    if summary is None:
        return 0
    zone = zone_of_organizer(summary.organizer_id)
    last_day = now.astimezone(zone).date() - timedelta(days=1)
    if not figures_are_complete(until=end_of_day(last_day, zone)):
        return 0
    choices = NoticeChoice.objects.filter(
        daily_summary=True, membership__organizer=summary.organizer_id
    )
    members: list[int] = list(choices.values_list("pk", flat=True))
    first_day = max(summary.first_day, last_day - timedelta(days=_MOST_DAYS - 1))
    details = {
        "first_day": min(first_day, last_day).isoformat(),
        "last_day": last_day.isoformat(),
        "zone": zone.key,
    }
    for membership_id in members:
        cause = summary.day.isoformat()
        _write(membership_id, MemberNoticeKind.DAILY, cause, details, now)
    DailySummary.objects.filter(pk=summary.pk).update(written_at=now)
    if members:
        summary_of_next_morning(organizer_id=summary.organizer_id, now=now)
    return 1


def _write(
    membership_id: int, kind: MemberNoticeKind, cause: str, details: dict[str, str], now: datetime
) -> None:
    notice = MemberNotice.objects.create(
        membership_id=membership_id,
        kind=kind,
        cause=cause,
        details=details,
        asked_at=now,
        ask_again_at=next_retry_at(0, now=now),
    )
    send_after_commit(Message.SEND_MEMBER_NOTICE, notice_id=notice.pk)
