"""The row that records how far the email confirmation of a free order has come."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class EmailConfirmation(models.Model):
    """
    The mail that asks the buyer of a free order to confirm the address, and its progress.

    While the mail is neither sent, refused nor needless, the sweep sends its message again.
    `confirmed_at` is set in the transaction that moves the order to `processing`.
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
    # SES refused the mail for good: no retry follows until staff correct the address.
    failed_at = models.DateTimeField(_("given up at"), null=True)
    failure = models.CharField(_("reason"), max_length=300, blank=True)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    # Until then one worker sends the mail, and other workers must not.
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
