"""The tables of notices to members: what each member chose, the mails, and the daily summaries."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models import Membership, Organizer
from ticketing.ids import new_id
from tickets.outgoing import OutgoingMail


class NoticeChoice(models.Model):
    """Which mails a member wants about the sales of an organizer, and until when it was told."""

    membership = models.OneToOneField(
        Membership, on_delete=models.CASCADE, primary_key=True, related_name="notice_choice"
    )
    each_sale = models.BooleanField(_("each sale"), default=False)
    daily_summary = models.BooleanField(_("daily summary"), default=False)
    sold_out = models.BooleanField(_("sold out"), default=False)
    language = models.CharField(
        _("language"), max_length=8, choices=settings.LANGUAGES, default="pt-br"
    )
    # Sales before this moment were told, or are no news.
    told_until = models.DateTimeField()
    # After a mail about sales, the next one comes at this moment at the earliest.
    quiet_until = models.DateTimeField(null=True)
    # When to look for sales again. NULL if the member wants neither sales nor sold-out notices.
    looks_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("choice of notices")
        verbose_name_plural = _("choices of notices")
        indexes = [
            models.Index(
                fields=["looks_at"], condition=Q(looks_at__isnull=False), name="choices_to_look_at"
            ),
        ]

    def __str__(self) -> str:
        return str(self.membership)


class MemberNoticeKind(models.TextChoices):
    SALES = "sales", _("sales")
    SOLD_OUT = "sold_out", _("sold out")
    DAILY = "daily", _("daily summary")


class MemberNotice(OutgoingMail):
    """One mail to a member of an organizer about one cause, and its state."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    membership = models.ForeignKey(
        Membership, on_delete=models.CASCADE, related_name="notices", db_index=False
    )
    kind = models.CharField(_("about"), max_length=8, choices=MemberNoticeKind.choices)
    # The id of the ticket type that is sold out, the end of the time of the sales, or the day.
    cause = models.CharField(max_length=40)
    # Moments and dates in ISO 8601. No personal data.
    details = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("notice to a member")
        verbose_name_plural = _("notices to members")
        indexes = [
            models.Index(
                fields=["ask_again_at"],
                condition=Q(sent_at__isnull=True),
                name="member_notices_still_asking",
            ),
            models.Index(fields=["asked_at"], name="member_notices_by_age"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["membership", "kind", "cause"], name="a_member_is_told_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=MemberNoticeKind.values), name="member_notice_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.cause}"


class DailySummary(models.Model):
    """The summary that an organizer's members get on one morning. The last row is the next one."""

    organizer = models.ForeignKey(
        Organizer, on_delete=models.CASCADE, related_name="daily_summaries", db_index=False
    )
    # The morning of the mail, and the first day that it tells about: usually the day before.
    day = models.DateField()
    first_day = models.DateField()
    # Eight o'clock of `day` in the organizer's time zone.
    due_at = models.DateTimeField()
    # Since then, each member who wants the summary has a row for its mail.
    written_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(written_at__isnull=True), name="summaries_to_write"
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["organizer", "day"], name="one_summary_a_day"),
            models.UniqueConstraint(
                fields=["organizer"],
                condition=Q(written_at__isnull=True),
                name="one_summary_is_next",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organizer_id} {self.day}"
