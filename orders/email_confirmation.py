"""The record of a free order's confirmation."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class EmailConfirmation(models.Model):
    """
    The mail that asks a free order's buyer to confirm the address, and how far it has come.

    Until it is sent, refused or not needed any more, the sweep finds it overdue and sends its
    message again. Once `confirmed_at` is set, the order was confirmed with it.
    """

    order = models.OneToOneField(
        "orders.Order",
        on_delete=models.PROTECT,
        related_name="confirmation",
        verbose_name=_("order"),
    )
    asked_at = models.DateTimeField(_("asked at"))
    mails = models.PositiveSmallIntegerField(_("mails"), default=0)
    sent_at = models.DateTimeField(_("sent at"), null=True)
    # SES refused it for good. Staff correct the address, or the reservation ends.
    failed_at = models.DateTimeField(_("given up at"), null=True)
    failure = models.CharField(_("reason"), max_length=300, blank=True)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    # A worker is sending it until then: a repeated message must not send it too.
    leased_until = models.DateTimeField(null=True, editable=False)
    asks = models.PositiveSmallIntegerField(default=0, editable=False)
    ask_again_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = _("confirmation of the address")
        verbose_name_plural = _("confirmations of addresses")
        indexes = [
            models.Index(
                fields=["ask_again_at"],
                condition=Q(
                    sent_at__isnull=True, failed_at__isnull=True, confirmed_at__isnull=True
                ),
                name="confirmations_still_asking",
            ),
        ]

    def __str__(self) -> str:
        return str(self.order_id)
