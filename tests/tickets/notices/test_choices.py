"""Choosing mails: when news begin, what is on record, and which mails are tried again."""

from datetime import timedelta
from typing import Any

import pytest

from events.models import Membership, Role
from tests.make import make_event, make_paid_order, make_ticket_type, make_user
from tests.moments import NOON
from tests.queue import RecordingQueue
from tests.tickets.notices.test_members import choose, member_of
from ticketing import clock
from ticketing.ids import new_id
from ticketing.models import Act
from ticketing.queue.messages import Message
from tickets.notices.member_models import (
    DailySummary,
    MemberNotice,
    MemberNoticeKind,
    NoticeChoice,
)
from tickets.notices.members import newly_sold_out

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def choice_of(membership: Membership) -> NoticeChoice:
    return NoticeChoice.objects.get(membership=membership)


def two_members() -> tuple[Membership, Membership]:
    first = member_of(make_event().organizer)
    other = make_user(organizer=first.organizer, role=Role.MANAGER, email="outro@example.com")
    return first, Membership.objects.get(user=other)


def notice(membership: Membership, **fields: Any) -> MemberNotice:
    columns = {"kind": MemberNoticeKind.SALES, "cause": str(new_id()), "asked_at": NOON}
    return MemberNotice.objects.create(
        membership=membership, **(columns | {"ask_again_at": NOON} | fields)
    )


def test_a_choice_is_on_record_with_what_it_changes_and_a_repeat_is_not():
    membership, _other = two_members()

    for hour in range(2):
        choose(membership, now=NOON + hour * HOUR, each_sale=True, sold_out=True, language="en")
    choose(membership, now=NOON + 2 * HOUR, daily_summary=True, sold_out=True)

    acts = Act.objects.filter(type="organizer.notices_chosen").order_by("at")
    assert [(act.at, act.subject_id, act.organizer_id) for act in acts] == [
        (at, membership.organizer_id, membership.organizer_id) for at in (NOON, NOON + 2 * HOUR)
    ]
    assert {act.details["user"] for act in acts} == {membership.user_id}
    changed = [
        [(each["field"], each["from"], each["to"]) for each in act.details["changes"]]
        for act in acts
    ]
    assert changed == [
        [("Each sale", "False", "True"), ("Sold out", "False", "True")],
        [("Daily summary", "False", "True"), ("Each sale", "True", "False")],
    ]


@pytest.mark.parametrize(
    ("wanted", "looks"),
    [
        ({"each_sale": True}, True),
        ({"sold_out": True}, True),
        ({"daily_summary": True}, False),
        ({}, False),
    ],
)
def test_news_are_looked_for_only_if_the_member_wants_some(wanted: dict[str, bool], looks: bool):  # noqa: FBT001
    membership, other = two_members()
    choose(other, now=NOON)

    choose(membership, now=NOON + HOUR, language="en", **wanted)

    choice = choice_of(membership)
    assert choice.looks_at == (NOON + HOUR if looks else None)
    assert choice.language == "en"
    assert {name for name in ("each_sale", "sold_out", "daily_summary") if getattr(choice, name)} \
        == set(wanted)  # fmt: skip
    assert choice_of(other).looks_at is None


def test_sales_are_news_from_the_moment_at_which_a_member_begins_to_want_them():
    membership, _other = two_members()
    choose(membership, now=NOON, each_sale=True)
    told, quiet = NOON + MINUTE, NOON + 2 * MINUTE
    NoticeChoice.objects.update(told_until=told, quiet_until=quiet)

    def begins() -> tuple[Any, Any]:
        choice = choice_of(membership)
        return choice.told_until, choice.quiet_until

    choose(membership, now=NOON + HOUR, each_sale=True, sold_out=True)
    kept = begins()
    choose(membership, now=NOON + 2 * HOUR, sold_out=True)
    ended = begins()
    choose(membership, now=NOON + 3 * HOUR, each_sale=True, sold_out=True)

    assert kept == ended == (told, quiet)
    assert begins() == (NOON + 3 * HOUR, None)


def test_what_is_sold_out_when_a_member_begins_to_want_such_news_counts_as_told():
    membership, other = two_members()
    event, now = membership.organizer.events.get(), clock.now()
    before, after = (
        make_ticket_type(event=event, capacity=1, name=name) for name in ("Before", "After")
    )
    make_paid_order(ticket_type=before)

    choose(membership, now=now, sold_out=True)
    make_paid_order(ticket_type=after)
    choose(membership, now=now + HOUR, sold_out=True, each_sale=True)

    known = MemberNotice.objects.get()
    assert (known.membership, known.kind, known.cause) == (membership, "sold_out", str(before.pk))
    assert (known.asked_at, known.sent_at) == (now, now)
    assert newly_sold_out(membership, now=now) == [after.pk]
    # Another member, and a mail about something else, say nothing about it.
    notice(other, kind=MemberNoticeKind.SOLD_OUT, cause=str(after.pk))
    notice(membership, cause=str(after.pk))
    assert newly_sold_out(membership, now=now) == [after.pk]
    assert newly_sold_out(other, now=now) == [before.pk]


def test_types_of_events_that_are_over_or_not_on_sale_are_no_news():
    membership, _other = two_members()
    ends = clock.now().replace(microsecond=0) + 4 * HOUR
    over, soon, later, draft = (
        make_event(
            organizer=membership.organizer, capacity=1, starts_at=ends - HOUR, ends_at=ends + extra
        )
        for extra in (timedelta(0), MINUTE, 2 * MINUTE, HOUR)
    )
    for event in (later, draft):
        event.starts_at += MINUTE
        event.save(update_fields=["starts_at"])
    for event in (over, soon, later, draft):
        event.ticket_types.update(promised=1, sold=1)
    draft.status = "draft"
    draft.save(update_fields=["status"])

    assert newly_sold_out(membership, now=ends) == [
        event.ticket_types.get().pk for event in (soon, later)
    ]


def test_a_second_wish_for_the_summary_leaves_the_next_morning_as_it_is():
    membership, other = two_members()

    for each in (membership, other, other):
        choose(each, now=NOON, daily_summary=True)

    assert DailySummary.objects.get().organizer == membership.organizer


def test_a_choice_tries_the_mails_again_that_were_given_up_and_no_others(queue: RecordingQueue):
    membership, other = two_members()
    mine, theirs = (
        notice(each, failed_at=NOON, failure="refused", goes_at=NOON, attempts=20)
        for each in (membership, other)
    )
    sent, waiting = notice(membership, sent_at=NOON), notice(membership)
    before = list(MemberNotice.objects.exclude(pk=mine.pk).order_by("pk").values())
    queue.sent.clear()

    choose(membership, now=NOON + HOUR, each_sale=True)

    mine.refresh_from_db()
    assert (mine.failed_at, mine.failure, mine.goes_at) == (None, "", None)
    assert mine.asked_at == NOON + HOUR
    assert queue.sent == [(Message.SEND_MEMBER_NOTICE, {"notice_id": str(mine.pk)})]
    assert list(MemberNotice.objects.exclude(pk=mine.pk).order_by("pk").values()) == before
    assert {row["id"] for row in before} == {theirs.pk, sent.pk, waiting.pk}
