"""The model of what staff note of an order that they sold or gave at the box office."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class BoxOfficeMethod(models.TextChoices):
    """How staff sell. Values of `PaymentMethod`, which the payment gateway never sees."""

    CASH = "cash", _("cash")
    # Eight characters at most: a longer column would break the prepared statements of the
    # previous release.
    COMPLIMENTARY = "gift", _("complimentary")


class BoxOfficeSale(models.Model):
    """
    Marks an order as sold or given by staff, with the reason.

    A table of its own, because few orders have a record, and most orders need no second insert.
    """

    order = models.OneToOneField(
        "orders.Order",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="box_office_sale",
        verbose_name=_("order"),
    )
    # Of the form or of the guest list's line, so that a repeat of it sells nothing more.
    key = models.UUIDField(unique=True, editable=False)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("user"),
    )

    class Meta:
        verbose_name = _("box-office sale")
        verbose_name_plural = _("box-office sales")

    def __str__(self) -> str:
        return self.reason
