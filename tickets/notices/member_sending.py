"""Send notices to members."""

from datetime import datetime
from uuid import UUID

from ticketing.staff import is_staff_now
from tickets.notices.member_mails import compose_member_mail
from tickets.notices.member_models import MemberNotice, MemberNoticeKind, NoticeChoice
from tickets.outgoing import close_mail, lease_mail, send_leased_mail


def send_member_notice(*, notice_id: UUID, now: datetime) -> None:
    """
    Mail a notice to the member, and note that it was sent.

    The member gets no mail if the membership or the wish ended meanwhile, or if the account has no
    address.

    :raises Exception: if the mail was not sent and a retry may succeed
    """
    notices = MemberNotice.objects.filter(pk=notice_id)
    unsent = notices.select_related("membership__user").filter(sent_at=None).first()
    if unsent is None:
        return
    if not _is_wanted(unsent):
        close_mail(unsent, now=now)
        return
    notice = lease_mail(
        notices.select_related(
            "membership__user", "membership__organizer", "membership__notice_choice"
        ),
        address=lambda row: row.membership.user.email,
        now=now,
    )
    if notice is None:
        return
    mail = compose_member_mail(notice=notice)
    if mail is None:
        # A day without sales.
        close_mail(notice, now=now)
        return
    send_leased_mail(notice, lambda: mail, now=now)


def _is_wanted(notice: MemberNotice) -> bool:
    user = notice.membership.user
    if not is_staff_now(user):
        return False
    column = {
        MemberNoticeKind.SALES.value: "each_sale",
        MemberNoticeKind.SOLD_OUT.value: "sold_out",
        MemberNoticeKind.DAILY.value: "daily_summary",
    }[notice.kind]
    wanted = NoticeChoice.objects.filter(membership=notice.membership_id, **{column: True})
    return wanted.exists()
