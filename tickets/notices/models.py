"""The tables of notices to buyers. Those of notices to members and reminders are registered too."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orders.models import Order
from ticketing.ids import new_id
from tickets.notices.member_models import NoticeChoice  # noqa: F401 - registers the models
from tickets.notices.reminder_models import Reminder  # noqa: F401 - registers the models
from tickets.outgoing import OutgoingMail


class NoticeKind(models.TextChoices):
    EVENT_CANCELLED = "event_cancelled", _("event cancelled")
    EVENT_CHANGED = "event_changed", _("event changed")
    REFUND = "refund", _("refund")
    PAYMENT_DECLINED = "payment_declined", _("payment declined")
    PIX_RETURNED = "pix_returned", _("Pix returned")


class Notice(OutgoingMail):
    """One mail to the buyer of an order about one cause, and its state."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(_("about"), max_length=16, choices=NoticeKind.choices)
    order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        related_name="notices",
        verbose_name=_("order"),
        # The unique constraint begins with it.
        db_index=False,
    )
    # The id of the `Refund`, of the `ChangeForBuyers`, or of the order itself.
    cause = models.UUIDField(editable=False)
    # Ids and amounts. No personal data.
    details = models.JSONField(default=dict, editable=False)

    class Meta:
        verbose_name = _("notice to a buyer")
        verbose_name_plural = _("notices to buyers")
        ordering = ["-asked_at", "-id"]
        indexes = [
            models.Index(fields=["-asked_at", "-id"], name="notices_by_age"),
            models.Index(
                fields=["ask_again_at"],
                condition=Q(sent_at__isnull=True),
                name="notices_still_asking",
            ),
            models.Index(
                fields=["failed_at"],
                condition=Q(failed_at__isnull=False),
                name="notices_given_up",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["order", "kind", "cause"], name="a_cause_is_told_once"),
            models.CheckConstraint(
                condition=Q(kind__in=NoticeKind.values), name="notice_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order.code}: {self.get_kind_display()}"
