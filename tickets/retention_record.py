"""The tables of the erasure by time: its runs, and the events that are finished."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models import Event, Organizer
from ticketing.ids import new_id


class ErasureRun(models.Model):
    """
    What one run of the periodic task has erased of one organizer.

    A run whose process died has no `finished_at`. The next run goes on with its row.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organizer = models.ForeignKey(
        Organizer, on_delete=models.CASCADE, related_name="erasure_runs", db_index=False
    )
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)
    orders = models.PositiveIntegerField(_("orders"), default=0)

    class Meta:
        verbose_name = _("erasure of buyers")
        verbose_name_plural = _("erasures of buyers")
        ordering = ["-started_at", "-id"]
        indexes = [
            models.Index(fields=["organizer", "-started_at"], name="erasures_of_an_organizer"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organizer"],
                condition=Q(finished_at__isnull=True),
                name="one_erasure_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organizer_id} {self.started_at:%Y-%m-%d}"


class ErasedEvent(models.Model):
    """
    An event whose buyers are all erased, so that no run looks at its orders again.

    It counts only while the event still ends at `ended_at`: an event that was moved to a later date
    has new buyers.
    """

    event = models.OneToOneField(
        Event, on_delete=models.CASCADE, primary_key=True, related_name="erased"
    )
    ended_at = models.DateTimeField()
    erased_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.event_id)
