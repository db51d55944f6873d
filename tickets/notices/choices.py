"""Choose which mails a member gets about the sales of an organizer."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from events.models import Membership
from ticketing.actors import Actor, record_act
from ticketing.field_changes import FieldChange, details_of
from ticketing.models import ActType
from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from tickets.mail_request import new_mail_request
from tickets.notices.member_models import MemberNotice, MemberNoticeKind, NoticeChoice
from tickets.notices.members import newly_sold_out, summary_of_next_morning


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a member wants to be told by mail, and in which language."""

    each_sale: bool
    daily_summary: bool
    sold_out: bool
    language: str


@transaction.atomic
def choose_notices(*, membership: Membership, chosen: Chosen, actor: Actor, now: datetime) -> None:
    """
    Store what a member wants to be told by mail. What happened before is no news.

    Mails to the member that were given up are tried again: the address may be right by now.
    """
    new = NoticeChoice(membership=membership, told_until=now)
    NoticeChoice.objects.bulk_create([new], ignore_conflicts=True)
    # The lock makes a look at the same moment wait, which would tell of older sales.
    choice = NoticeChoice.objects.select_for_update().get(membership=membership)
    _record(membership, choice, chosen, actor, now)
    if chosen.each_sale and not choice.each_sale:
        choice.told_until, choice.quiet_until = now, None
    if chosen.sold_out and not choice.sold_out:
        _note_known(membership, now)
    choice.each_sale, choice.daily_summary = chosen.each_sale, chosen.daily_summary
    choice.sold_out, choice.language = chosen.sold_out, chosen.language
    choice.looks_at = now if chosen.each_sale or chosen.sold_out else None
    choice.save()
    if chosen.daily_summary:
        summary_of_next_morning(organizer_id=membership.organizer_id, now=now)
    given_up = MemberNotice.objects.filter(membership=membership, failed_at__isnull=False)
    for notice_id in list(given_up.values_list("pk", flat=True)):
        MemberNotice.objects.filter(pk=notice_id).update(**new_mail_request(now=now), goes_at=None)
        send_after_commit(Message.SEND_MEMBER_NOTICE, notice_id=notice_id)


def _record(
    membership: Membership, choice: NoticeChoice, chosen: Chosen, actor: Actor, now: datetime
) -> None:
    """Record what the choice changes. The names of the fields are those of the page."""
    changes = [
        change
        for change in (
            FieldChange("Each sale", choice.each_sale, chosen.each_sale),
            FieldChange("Daily summary", choice.daily_summary, chosen.daily_summary),
            FieldChange("Sold out", choice.sold_out, chosen.sold_out),
        )
        if change.before != change.after
    ]
    if not changes:
        return
    record_act(
        act=ActType.NOTICES_CHOSEN,
        actor=actor,
        subject_id=membership.organizer_id,
        organizer_id=membership.organizer_id,
        at=now,
        details={"user": membership.user_id, **details_of(changes)},
    )


def _note_known(membership: Membership, now: datetime) -> None:
    """Note the types that are sold out already as told."""
    MemberNotice.objects.bulk_create(
        MemberNotice(
            membership=membership,
            kind=MemberNoticeKind.SOLD_OUT,
            cause=str(kind_id),
            asked_at=now,
            sent_at=now,
            ask_again_at=next_retry_at(0, now=now),
        )
        for kind_id in newly_sold_out(membership, now=now)
    )
