"""The model of refunds."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ticketing.ids import new_id


class Refund(models.Model):
    """
    Money that is owed to a buyer: the whole payment or a part of it.

    Until `refunded_at` is set, the sweep sends the order's message again at `ask_again_at`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    payment = models.ForeignKey(
        "orders.Payment",
        on_delete=models.PROTECT,
        related_name="refunds",
        verbose_name=_("payment"),
    )
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    created_at = models.DateTimeField(_("created at"))
    refunded_at = models.DateTimeField(_("refunded at"), null=True)
    asks = models.PositiveSmallIntegerField(default=0, editable=False)
    ask_again_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(
                fields=["ask_again_at"],
                condition=Q(refunded_at__isnull=True),
                name="refunds_still_asking",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="refund_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.amount}"
