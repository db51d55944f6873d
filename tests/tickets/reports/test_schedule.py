"""Scheduled reports: for each recipient with the right, once for each period."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from events.models import Event, Membership, Role
from tests.make import SOMEBODY, make_event, make_user
from tests.queue import RecordingQueue
from tests.race import race
from ticketing import clock
from ticketing.models import Act, ActType
from ticketing.queue.messages import Message
from tickets.reports import schedule
from tickets.reports.models import Export, ScheduledReport
from tickets.reports.rights import may_export
from tickets.reports.schedule import end_report, make_due_reports, next_due, period_before

pytestmark = pytest.mark.django_db(transaction=True)

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
# A Monday, 10:00 in UTC and 7:00 in São Paulo.
MONDAY = datetime(2026, 11, 30, 10, tzinfo=UTC)


def make_report(event: Event, **fields: Any) -> ScheduledReport:
    wanted: dict[str, Any] = {
        "kind": "orders",
        "frequency": "weekly",
        "created_at": clock.now(),
        "next_at": MONDAY,
    }
    report = ScheduledReport.objects.create(
        organizer=event.organizer, event=event, **(wanted | fields)
    )
    report.recipients.add(make_user(organizer=event.organizer, is_staff=True))
    return report


@pytest.mark.parametrize(
    ("frequency", "due", "since"),
    [
        ("daily", "2026-11-28T07:00", "2026-11-27"),
        ("weekly", "2026-11-30T07:00", "2026-11-23"),
        ("monthly", "2026-12-01T07:00", "2026-11-01"),
    ],
)
def test_a_report_is_due_at_seven_after_its_day_its_week_or_its_month(
    frequency: str, due: str, since: str
):
    evening = datetime(2026, 11, 27, 21, tzinfo=SAO_PAULO)

    due_at = next_due(frequency, after=evening, zone=SAO_PAULO)
    start, end = period_before(frequency, due_at=due_at, zone=SAO_PAULO)

    assert due_at == datetime.fromisoformat(due).replace(tzinfo=SAO_PAULO)
    assert start == datetime.fromisoformat(since).replace(tzinfo=SAO_PAULO)
    assert end == due_at.replace(hour=0)


@pytest.mark.parametrize("frequency", ["daily", "weekly", "monthly"])
def test_on_its_own_day_a_report_is_due_until_seven(frequency: str):
    # A Monday, and the first day of a month.
    seven = datetime(2027, 2, 1, 7, tzinfo=SAO_PAULO)

    before = next_due(frequency, after=seven - timedelta(seconds=1), zone=SAO_PAULO)

    assert before == seven < next_due(frequency, after=seven, zone=SAO_PAULO)


@pytest.mark.parametrize("frequency", ["daily", "weekly", "monthly"])
def test_periods_follow_each_other_without_a_gap_over_years(frequency: str):
    zone = ZoneInfo("America/New_York")
    due_at = next_due(frequency, after=MONDAY, zone=zone)
    _, end = period_before(frequency, due_at=due_at, zone=zone)

    for _ in range(60):
        due_at = next_due(frequency, after=due_at, zone=zone)
        since, until = period_before(frequency, due_at=due_at, zone=zone)
        assert since == end
        assert since < until < due_at
        end = until


def test_a_due_report_is_made_for_each_recipient_who_may_export(queue: RecordingQueue):
    event = make_event()
    report = make_report(event, file_format="csv", language="en")
    viewer = make_user(organizer=event.organizer, role=Role.VIEWER, is_staff=True)
    limited = make_user(organizer=event.organizer, role=Role.FINANCE, is_staff=True)
    Membership.objects.filter(user=limited).update(only_some_events=True)
    report.recipients.add(viewer, limited, make_user(is_staff=True))

    assert make_due_reports(now=MONDAY - timedelta(seconds=1)) == 0
    assert make_due_reports(now=MONDAY) == 1

    export = Export.objects.get()
    assert (export.kind, export.event, export.schedule) == ("orders", event, report)
    assert (export.file_format, export.language, export.due_at) == ("csv", "en", MONDAY)
    assert export.expires_at == MONDAY + timedelta(days=7)
    assert export.since == datetime(2026, 11, 23, tzinfo=SAO_PAULO)
    assert export.until == datetime(2026, 11, 30, tzinfo=SAO_PAULO)
    assert queue.sent == [(Message.WRITE_EXPORT, {"export_id": str(export.pk)})]
    assert ScheduledReport.objects.get().next_at == MONDAY + timedelta(days=7)


def test_a_report_is_never_made_twice_for_a_period_also_not_by_two_processes_at_once():
    make_report(make_event())

    race(*[lambda: make_due_reports(now=MONDAY)] * 4)
    make_due_reports(now=MONDAY + timedelta(hours=1))

    assert Export.objects.count() == 1


def test_a_run_makes_all_reports_that_are_due_but_those_that_another_process_has_made(
    monkeypatch: pytest.MonkeyPatch,
):
    first, second, third = (make_report(make_event()) for _ in range(3))
    ScheduledReport.objects.filter(pk=first.pk).update(next_at=MONDAY - timedelta(days=7))

    def while_the_second_is_made(*arguments: Any, **named: Any) -> bool:
        ScheduledReport.objects.filter(pk=second.pk).update(next_at=MONDAY + timedelta(days=7))
        return may_export(*arguments, **named)

    monkeypatch.setattr(schedule, "may_export", while_the_second_is_made)

    assert make_due_reports(now=MONDAY) == 2
    assert set(Export.objects.values_list("schedule", flat=True)) == {first.pk, third.pk}


def test_periods_that_were_missed_are_made_one_after_the_other():
    make_report(make_event(), frequency="daily")
    later = MONDAY + timedelta(days=2)

    made = [make_due_reports(now=later) for _ in range(4)]

    assert made == [1, 1, 1, 0]
    days = Export.objects.order_by("since").values_list("since", flat=True)
    assert [day.astimezone(SAO_PAULO).day for day in days if day] == [29, 30, 1]


def test_a_report_that_is_stopped_leaves_its_files_and_an_act():
    report = make_report(make_event())
    make_due_reports(now=MONDAY)
    report_id = report.pk

    end_report(report=report, actor=SOMEBODY, now=MONDAY)

    assert make_due_reports(now=MONDAY + timedelta(days=30)) == 0
    assert Export.objects.get().schedule is None
    assert Act.objects.get(subject_id=report_id).type == ActType.REPORT_ENDED
