"""The model of an order's items."""

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from events.models import TicketType


class OrderItem(models.Model):
    """A quantity of one ticket type in an order, at the price at which it was reserved."""

    order = models.ForeignKey(
        "orders.Order", on_delete=models.PROTECT, related_name="items", db_index=False
    )
    ticket_type = models.ForeignKey(
        TicketType,
        on_delete=models.PROTECT,
        related_name="order_items",
        verbose_name=_("ticket type"),
    )
    quantity = models.PositiveSmallIntegerField(_("quantity"))
    unit_price = models.DecimalField(_("unit price"), max_digits=10, decimal_places=2)
    # The price without the order's promo code. NULL if the order has none.
    list_price = models.DecimalField(_("list price"), max_digits=10, decimal_places=2, null=True)
    # How many tickets of a paid order were refunded one by one, and are back on sale.
    returned = models.PositiveSmallIntegerField(_("returned"), default=0, db_default=0)

    class Meta:
        verbose_name = _("item")
        verbose_name_plural = _("items")
        constraints = [
            models.UniqueConstraint(fields=["order", "ticket_type"], name="one_item_per_type"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="item_is_not_empty"),
            models.CheckConstraint(
                condition=Q(returned__lte=F("quantity")), name="returned_was_sold"
            ),
            models.CheckConstraint(
                condition=Q(list_price__isnull=True) | Q(list_price__gte=F("unit_price")),
                name="discount_is_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.ticket_type_id}"

    @property
    def full_price(self) -> Decimal:
        """Return the price of one ticket without the order's promo code."""
        return self.unit_price if self.list_price is None else self.list_price

    @property
    def discount(self) -> Decimal:
        """Return what the order's promo code has taken off the price of one ticket."""
        return self.full_price - self.unit_price
