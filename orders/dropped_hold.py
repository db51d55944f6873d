"""The model of holds that were dropped because no order was written for them."""

from django.db import models


class DroppedHold(models.Model):
    """
    The id of a hold that was released because no order or exchange was written for it.

    The row stops a slow request, which took the hold, from writing one with that id.
    """

    order_id = models.UUIDField(primary_key=True)
    dropped_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.order_id)
