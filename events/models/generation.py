"""Which Redis is believed."""

from django.db import models
from django.db.models import Q


class InventoryGeneration(models.Model):
    """The one row that names the Redis whose memory we trust. It changes when Redis lost it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    stamp = models.CharField(max_length=40)
    # How often the audit has found that Redis disagreed with the record, and read it again.
    drifts = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="there_is_one_generation"),
        ]

    def __str__(self) -> str:
        return self.stamp
