"""The models of exchanged tickets, and of the money that staff took or gave by hand for one."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from events.models import TicketType
from ticketing.ids import new_id


class TicketExchange(models.Model):
    """
    Marks that a sold ticket became one of another type of its event.

    The order's item stays what the buyer ordered. `order_item` and `position` name the ticket,
    whatever replaced it since. `id` is also that of the hold which took the new place.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    order = models.ForeignKey(
        "orders.Order",
        on_delete=models.PROTECT,
        related_name="exchanges",
        verbose_name=_("order"),
    )
    # These three without foreign keys in the database: the foreign keys of tickets keep their rows.
    order_item = models.ForeignKey(
        "orders.OrderItem",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    position = models.PositiveSmallIntegerField(_("position"))
    from_type = models.ForeignKey(
        TicketType,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    to_type = models.ForeignKey(
        TicketType,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    # What the ticket was worth, and is worth since: a refund of it returns that.
    price_before = models.DecimalField(max_digits=10, decimal_places=2)
    price_after = models.DecimalField(max_digits=10, decimal_places=2)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("exchanged ticket")
        verbose_name_plural = _("exchanged tickets")
        indexes = [models.Index(fields=["at"], name="exchanges_by_age")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(from_type=F("to_type")), name="exchange_changes_the_type"
            ),
            models.CheckConstraint(
                condition=Q(price_before__gte=0, price_after__gte=0),
                name="exchanged_price_is_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_type_id} → {self.to_type_id}"


class CashDifference(models.Model):
    """
    Money that staff took for a ticket of a paid order by hand, or gave back, beside its payment.

    A trigger enters it in the ledger.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(
        "orders.Order",
        on_delete=models.PROTECT,
        related_name="cash_differences",
        verbose_name=_("order"),
    )
    order_item = models.ForeignKey(
        "orders.OrderItem",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    position = models.PositiveSmallIntegerField(_("position"))
    # Positive: staff took it. Negative: staff gave it back.
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("difference in cash")
        verbose_name_plural = _("differences in cash")
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="cash_difference_is_an_amount"),
        ]

    def __str__(self) -> str:
        return f"{self.amount}"
