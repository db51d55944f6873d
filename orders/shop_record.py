"""The model of what an organizer's own shop stores with the orders that it reserves."""

from django.db import models
from django.db.models import Q


class ShopRecord(models.Model):
    """
    The API token that reserved an order, and the shop's own id and metadata of it.

    A table of its own, because few orders have a record, and most orders need no second insert.
    """

    order = models.OneToOneField(
        "orders.Order", on_delete=models.CASCADE, primary_key=True, related_name="shop_record"
    )
    # An id, not a foreign key: the record must outlive the token.
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
