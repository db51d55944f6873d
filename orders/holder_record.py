"""The model of the names that a buyer gives to the tickets of an order before it is paid."""

from django.db import models
from django.db.models import Q


class HolderName(models.Model):
    """
    Who shall get one ticket of an order that has none yet. At the sale it moves to the ticket.

    The ticket is named by its item and its position. A place without a row gets the buyer's name.
    """

    item = models.ForeignKey(
        "orders.OrderItem", on_delete=models.PROTECT, related_name="holder_names", db_index=False
    )
    # From 1 to the item's quantity.
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "position"], name="one_name_per_place"),
            models.CheckConstraint(condition=Q(position__gte=1), name="named_place_is_a_ticket"),
        ]

    def __str__(self) -> str:
        return self.name
