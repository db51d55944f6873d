"""The model of the generation: which data in Redis is valid."""

from django.db import models
from django.db.models import Q


class InventoryGeneration(models.Model):
    """The only row of its table. Its stamp changes when Redis has lost its data."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    stamp = models.CharField(max_length=40)
    # How many times an audit has found a drift and rebuilt the stock.
    drifts = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="there_is_one_generation"),
        ]

    def __str__(self) -> str:
        return self.stamp
