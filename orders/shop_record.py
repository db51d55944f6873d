"""What an organizer's own shop keeps with the orders that it reserves."""

from django.db import models
from django.db.models import Q


class ShopRecord(models.Model):
    """
    Which API token reserved an order, and what its shop calls it.

    A row of its own: few orders have one, and the insert of the others stays as it is.
    """

    order = models.OneToOneField(
        "orders.Order", on_delete=models.CASCADE, primary_key=True, related_name="shop_record"
    )
    # An id, not a foreign key: the orders of a deleted token remain.
    api_token = models.UUIDField()
    external_id = models.CharField(max_length=100, blank=True)
    metadata = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(
                fields=["external_id"],
                condition=~Q(external_id=""),
                name="orders_by_external_id",
            ),
        ]

    def __str__(self) -> str:
        return self.external_id
