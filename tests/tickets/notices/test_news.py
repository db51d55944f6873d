"""Looking for news: for whom, since when, how often, and when old notices are deleted."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from events.models import Event, Membership
from orders.sales_summary import summarize_sales
from tests.make import make_event, make_user
from tests.moments import NOON
from tests.queue import RecordingQueue
from tests.race import locked
from tests.tickets.notices.test_members import choose, member_of, sell
from ticketing.queue.messages import Message
from tickets.notices import news
from tickets.notices.member_models import DailySummary, MemberNotice, NoticeChoice
from tickets.notices.members import newly_sold_out, zone_of_organizer
from tickets.notices.news import (
    LAG,
    PAUSE,
    forget_member_notices,
    look_for_news,
    write_daily_summaries,
)

pytestmark = pytest.mark.django_db(transaction=True)

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
EIGHT = timedelta(hours=8)


def members_of(event: Event, count: int) -> list[Membership]:
    users = [make_user(organizer=event.organizer, is_staff=True) for _ in range(count)]
    return [Membership.objects.get(user=user) for user in users]


def told(membership: Membership) -> list[tuple[str, str]]:
    """Return from when to when a member was told of sales."""
    details = membership.notices.filter(kind="sales").order_by("asked_at")
    return [(each["since"], each["until"]) for each in details.values_list("details", flat=True)]


def test_each_sale_is_told_once_in_the_time_in_which_it_was_paid(queue: RecordingQueue):
    event = make_event()
    membership = member_of(event.organizer)
    choose(membership, now=NOON, each_sale=True)
    first = NOON + LAG + MINUTE
    second, third = first + PAUSE, first + 2 * PAUSE
    # At the first moment of each time. The last of them begins with the third look.
    for at in (NOON, first - LAG, third - LAG):
        sell(event, at=at)
    queue.sent.clear()

    counts = [look_for_news(now=now) for now in (first, second - MINUTE, second, third)]

    assert counts == [1, 0, 1, 0]
    assert told(membership) == [
        (NOON.isoformat(), (first - LAG).isoformat()),
        ((first - LAG).isoformat(), (second - LAG).isoformat()),
    ]
    assert queue.sent == [
        (Message.SEND_MEMBER_NOTICE, {"notice_id": str(each.pk)})
        for each in membership.notices.order_by("asked_at")
    ]
    assert NoticeChoice.objects.get().told_until == third - LAG
    assert look_for_news(now=third + MINUTE) == 1


def test_sales_that_are_older_than_a_day_when_a_look_comes_are_no_news(queue: RecordingQueue):
    event = make_event()
    membership = member_of(event.organizer)
    choose(membership, now=NOON, each_sale=True)
    late = NOON + 3 * DAY
    sell(event, at=late - DAY - SECOND)
    old = look_for_news(now=late)
    NoticeChoice.objects.update(told_until=NOON, looks_at=late)
    sell(event, at=late - DAY)

    assert (old, look_for_news(now=late)) == (0, 1)
    assert told(membership) == [((late - DAY).isoformat(), (late - LAG).isoformat())]


def test_a_member_is_told_only_of_what_was_chosen(queue: RecordingQueue):
    event = make_event(capacity=1)
    sales, sold_out, nothing = members_of(event, 3)
    choose(sales, now=NOON, each_sale=True)
    choose(sold_out, now=NOON, sold_out=True)
    choose(nothing, now=NOON)
    sell(event, at=NOON + MINUTE)

    assert look_for_news(now=NOON + MINUTE + LAG + SECOND) == 2

    kinds = dict(MemberNotice.objects.values_list("membership", "kind"))
    assert kinds == {sales.pk: "sales", sold_out.pk: "sold_out"}


def test_a_member_is_looked_at_once_a_minute_and_those_who_wait_longest_come_first(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(news, "BATCH", 2)
    members = members_of(make_event(), 3)
    for place, membership in enumerate(members):
        choose(membership, now=NOON - place * SECOND, each_sale=True)
    looked = []

    for now in (NOON, NOON + SECOND, NOON + MINUTE - SECOND, NOON + MINUTE):
        before = dict(NoticeChoice.objects.values_list("pk", "looks_at"))
        look_for_news(now=now)
        after = dict(NoticeChoice.objects.values_list("pk", "looks_at"))
        looked.append([pk for pk in after if after[pk] != before[pk]])
        assert {after[pk] for pk in looked[-1]} <= {now + MINUTE}

    first, second, third = (membership.pk for membership in members)
    both = sorted([second, third])
    assert [sorted(each) for each in looked] == [both, [first], [], both]


def test_a_wish_that_ends_during_a_run_ends_the_looks(monkeypatch: pytest.MonkeyPatch):
    first, second = members_of(make_event(), 2)
    choose(first, now=NOON, sold_out=True)
    choose(second, now=NOON + SECOND, sold_out=True)

    def while_the_second_ends_its_wish(membership: Membership, **others: Any) -> list[UUID]:
        choose(second, now=NOON + MINUTE)
        return newly_sold_out(membership, **others)

    monkeypatch.setattr(news, "newly_sold_out", while_the_second_ends_its_wish)
    look_for_news(now=NOON + MINUTE)

    assert NoticeChoice.objects.get(membership=second).looks_at is None


def test_a_run_waits_for_no_other_and_for_nobody_who_changes_the_member(queue: RecordingQueue):
    event = make_event(timezone="UTC")
    membership = member_of(event.organizer)
    choose(membership, now=MIDNIGHT, each_sale=True, daily_summary=True)
    now = MIDNIGHT + DAY + EIGHT
    sell(event, at=now - 3 * MINUTE)
    summarize_sales(now=now)

    with locked(NoticeChoice.objects.get()):
        looked = look_for_news(now=now)
    with locked(DailySummary.objects.get()):
        written = write_daily_summaries(now=now)
    with locked(membership):
        assert (looked, written, look_for_news(now=now)) == (0, 0, 1)
    assert write_daily_summaries(now=now) == 1


def test_a_summary_that_another_run_writes_meanwhile_is_not_written_again(
    monkeypatch: pytest.MonkeyPatch,
):
    first, second = (member_of(make_event(timezone="UTC").organizer) for _ in range(2))
    for membership in (first, second):
        choose(membership, now=MIDNIGHT, daily_summary=True)
    now = MIDNIGHT + DAY + EIGHT
    summarize_sales(now=now)
    rows = DailySummary.objects.order_by("pk")
    rows.filter(organizer=first.organizer).update(due_at=MIDNIGHT)

    def while_the_other_is_written(organizer_id: UUID) -> Any:
        rows.filter(organizer=second.organizer).update(written_at=MIDNIGHT)
        return zone_of_organizer(organizer_id)

    monkeypatch.setattr(news, "zone_of_organizer", while_the_other_is_written)

    assert write_daily_summaries(now=now) == 1
    assert MemberNotice.objects.get().membership == first


def test_the_summary_of_an_organizer_goes_to_its_members_who_want_it(queue: RecordingQueue):
    event, elsewhere = make_event(timezone="UTC"), make_event(timezone="UTC")
    wants, wants_other_mails = members_of(event, 2)
    (stranger,) = members_of(elsewhere, 1)
    choose(wants, now=MIDNIGHT, daily_summary=True)
    choose(wants_other_mails, now=MIDNIGHT, each_sale=True)
    choose(stranger, now=MIDNIGHT + 3 * DAY, daily_summary=True)
    morning = MIDNIGHT + DAY + EIGHT
    summarize_sales(now=morning)
    queue.sent.clear()

    counts = [write_daily_summaries(now=now) for now in (morning - SECOND, morning, morning)]

    assert counts == [0, 1, 0]
    notice = MemberNotice.objects.get()
    assert (notice.membership, notice.kind, notice.cause) == (wants, "daily", "2026-11-21")
    assert notice.details == {"first_day": "2026-11-20", "last_day": "2026-11-20", "zone": "UTC"}
    assert queue.sent == [(Message.SEND_MEMBER_NOTICE, {"notice_id": str(notice.pk)})]
    written = DailySummary.objects.filter(organizer=event.organizer).order_by("day")
    assert [(each.day, each.written_at) for each in written] == [
        (date(2026, 11, 21), morning),
        (date(2026, 11, 22), None),
    ]


def test_a_summary_covers_a_month_at_most(queue: RecordingQueue):
    event = make_event(timezone="UTC")
    choose(member_of(event.organizer), now=MIDNIGHT, daily_summary=True)
    late = MIDNIGHT + 60 * DAY + EIGHT
    summarize_sales(now=late)

    write_daily_summaries(now=late)

    details = MemberNotice.objects.get().details
    days = [date.fromisoformat(details[name]) for name in ("first_day", "last_day")]
    assert days == [date(2026, 12, 19), date(2027, 1, 18)]
    assert (days[1] - days[0]).days + 1 == 31


def test_written_summaries_take_the_place_of_none_that_is_due(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(news, "BATCH", 1)
    first, second = (member_of(make_event(timezone="UTC").organizer) for _ in range(2))
    for membership in (first, second):
        choose(membership, now=MIDNIGHT, daily_summary=True)
    morning = MIDNIGHT + DAY + EIGHT
    summarize_sales(now=morning)
    DailySummary.objects.filter(organizer=first.organizer).update(due_at=morning - MINUTE)

    assert [write_daily_summaries(now=morning) for _ in range(3)] == [1, 1, 0]


def test_notices_are_kept_for_sixty_days(queue: RecordingQueue):
    membership = member_of(make_event(timezone="UTC").organizer)
    now = NOON + 60 * DAY
    ages = [NOON - SECOND, NOON, now]
    for place, at in enumerate(ages):
        for kind in ("sales", "daily", "sold_out"):
            MemberNotice.objects.create(
                membership=membership, kind=kind, cause=str(place), asked_at=at, ask_again_at=at
            )
        DailySummary.objects.create(
            organizer=membership.organizer,
            day=date(2026, 1, 1 + place),
            first_day=date(2026, 1, 1),
            due_at=at,
            written_at=at,
        )
    waiting = DailySummary.objects.create(
        organizer=membership.organizer,
        day=date(2026, 1, 9),
        first_day=date(2026, 1, 9),
        due_at=NOON - 9 * DAY,
    )

    forget_member_notices(now=now)

    kept = MemberNotice.objects.order_by("asked_at", "kind").values_list("cause", "kind")
    assert list(kept) == [
        ("0", "sold_out"),
        *[(cause, kind) for cause in ("1", "2") for kind in ("daily", "sales", "sold_out")],
    ]
    summaries = DailySummary.objects.exclude(pk=waiting.pk).order_by("day")
    assert [each.written_at for each in summaries] == ages[1:]
    assert DailySummary.objects.filter(pk=waiting.pk).exists()
