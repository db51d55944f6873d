"""The model of changes of events that buyers are told about."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models.events import Event
from ticketing.ids import new_id


class ChangeForBuyers(models.Model):
    """
    A change of an event's date or place, about which its buyers get a mail.

    Until `told_at` is set, the sweep sends the message again at `ask_again_at`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.ForeignKey(
        Event,
        on_delete=models.CASCADE,
        related_name="changes_for_buyers",
        verbose_name=_("event"),
    )
    changed_at = models.DateTimeField(_("changed at"))
    # The old values of the fields that changed, by their names. Moments are in ISO 8601.
    before = models.JSONField()
    # Since then, each order paid before the change has a row for its mail.
    told_at = models.DateTimeField(_("told at"), null=True)
    asks = models.PositiveSmallIntegerField(default=0, editable=False)
    ask_again_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = _("change that buyers are told about")
        verbose_name_plural = _("changes that buyers are told about")
        indexes = [
            models.Index(
                fields=["ask_again_at"], condition=Q(told_at__isnull=True), name="changes_to_tell"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} {self.changed_at:%Y-%m-%d %H:%M}"
