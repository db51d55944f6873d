"""The model of what buyers may ask back, of one event or of all events of an organizer."""

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models.events import Event
from events.models.organizers import Organizer
from ticketing.ids import new_id

# Article 49 of the Brazilian consumer code: who buys at a distance may withdraw within seven days.
LEGAL_DAYS = 7
_MOST_DAYS = 365


class RefundMode(models.TextChoices):
    NONE = "none", _("no refunds by request")
    APPROVAL = "approval", _("on approval")
    AUTOMATIC = "auto", _("at once, without approval")


class RefundPolicy(models.Model):
    """
    Whether buyers may ask for their money, and until when. Without a row they may not.

    The row of an event holds for it alone. The row without an event holds for all other events of
    the organizer.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organizer = models.ForeignKey(
        Organizer,
        on_delete=models.CASCADE,
        related_name="refund_policies",
        verbose_name=_("organizer"),
    )
    event = models.OneToOneField(
        Event,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="refund_policy",
        verbose_name=_("event"),
        help_text=_("Empty: for all events that have no policy of their own."),
    )
    mode = models.CharField(
        _("refunds"), max_length=8, choices=RefundMode.choices, default=RefundMode.APPROVAL
    )
    days_after_purchase = models.PositiveSmallIntegerField(
        _("days after the purchase"),
        null=True,
        blank=True,
        default=LEGAL_DAYS,
        validators=[MaxValueValidator(_MOST_DAYS)],
        help_text=_(
            "Until so many days after the payment. We recommend 7: who buys on the internet in"
            " Brazil may withdraw within 7 days (Código de Defesa do Consumidor, Lei 8.078/1990,"
            " art. 49). Empty: as long as the next field allows."
        ),
    )
    days_before_start = models.PositiveSmallIntegerField(
        _("days before the event"),
        default=2,
        validators=[MaxValueValidator(_MOST_DAYS)],
        help_text=_(
            "Until so many days before the event starts, so that the places can be sold again."
            " 0: until it starts."
        ),
    )

    class Meta:
        verbose_name = _("refund policy")
        verbose_name_plural = _("refund policies")
        ordering = ["organizer", "event"]
        constraints = [
            models.UniqueConstraint(
                fields=["organizer"],
                condition=Q(event__isnull=True),
                name="one_refund_policy_for_all_events",
                violation_error_message=_(
                    "There is a policy for all events already. Change that one."
                ),
            ),
            models.CheckConstraint(
                condition=Q(mode__in=RefundMode.values), name="refund_mode_is_known"
            ),
        ]

    def __str__(self) -> str:
        return str(self.event) if self.event_id else str(_("all events"))
