"""Make scheduled reports: once for each period and recipient, however often beat asks."""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction

from ticketing.actors import Actor, record_act
from ticketing.models import ActType
from tickets.reports.asking import KEPT_SCHEDULED, add_export
from tickets.reports.models import Export, Frequency, ScheduledReport
from tickets.reports.rights import may_export
from tickets.reports.tables import zone_of_export

# Reports are made at that hour of the event's time zone: the people who read them begin to work.
_HOUR: Final = time(7)
_BATCH: Final = 100


def make_due_reports(*, now: datetime) -> int:
    """
    Make an export for each recipient of each report that is due. Return how many were made.

    A recipient who may not export any more gets none. Periods that were missed while no process ran
    are made one after the other.
    """
    due = ScheduledReport.objects.filter(next_at__lte=now).order_by("next_at", "pk")
    reports = list(due.select_related("organizer", "event")[:_BATCH])
    return sum(_make(report, now) for report in reports)


@transaction.atomic(durable=True)
def end_report(*, report: ScheduledReport, actor: Actor, now: datetime) -> None:
    """Delete a scheduled report. Exports that it has made stay until they expire."""
    record_act(
        act=ActType.REPORT_ENDED,
        actor=actor,
        subject_id=report.pk,
        organizer_id=report.organizer_id,
        at=now,
    )
    report.delete()


def next_due(frequency: str, *, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first time after `after` at which a report of this frequency is due."""
    due = _due_from(frequency, after.astimezone(zone).date(), zone)
    return due if due > after else _due_from(frequency, due.date() + timedelta(days=1), zone)


def period_before(frequency: str, *, due_at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the beginning and the end of the period that a report due at `due_at` is about."""
    end = due_at.astimezone(zone).date()
    if frequency == Frequency.MONTHLY:
        start = (end - timedelta(days=1)).replace(day=1)
    else:
        start = end - timedelta(days=7 if frequency == Frequency.WEEKLY else 1)
    return datetime.combine(start, time(), zone), datetime.combine(end, time(), zone)


def _due_from(frequency: str, day: date, zone: ZoneInfo) -> datetime:
    """Return when a report is due on the first day from `day` on that is one of its days."""
    if frequency == Frequency.WEEKLY:
        day += timedelta(days=-day.weekday() % 7)
    elif frequency == Frequency.MONTHLY and day.day > 1:
        day = (day.replace(day=1) + timedelta(days=31)).replace(day=1)
    return datetime.combine(day, _HOUR, zone)


@transaction.atomic(durable=True)
def _make(report: ScheduledReport, now: datetime) -> int:
    zone, due_at = zone_of_export(report), report.next_at
    following = next_due(report.frequency, after=due_at, zone=zone)
    # Decides which process makes the report of this period, and that none makes it twice.
    taken = ScheduledReport.objects.filter(pk=report.pk, next_at=due_at)
    if not taken.update(next_at=following):
        return 0
    since, until = period_before(report.frequency, due_at=due_at, zone=zone)
    recipients = [
        user
        for user in report.recipients.order_by("pk")
        if may_export(user, organizer_id=report.organizer_id, event_id=report.event_id)
    ]
    for user in recipients:
        export = Export(
            organizer=report.organizer,
            event=report.event,
            asked_by=user,
            kind=report.kind,
            file_format=report.file_format,
            language=report.language,
            since=since,
            until=until,
            schedule=report,
            due_at=due_at,
        )
        add_export(export=export, kept=KEPT_SCHEDULED, now=now)
    return len(recipients)
