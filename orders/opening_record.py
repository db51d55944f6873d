"""The model of the first time that a buyer's mailed link was opened."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from ticketing.ids import new_id


class LinkOpening(models.Model):
    """
    When the link to an order that was mailed to one address was opened first.

    Later openings write nothing, and nothing is stored of the browser or its network address.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(
        "orders.Order",
        on_delete=models.PROTECT,
        related_name="link_openings",
        verbose_name=_("order"),
        # The constraint has the index.
        db_index=False,
    )
    # Of the link's token. A corrected address has another link.
    digest = models.CharField(max_length=64, editable=False)
    opened_at = models.DateTimeField(_("opened at"))

    class Meta:
        verbose_name = _("opened link")
        verbose_name_plural = _("opened links")
        constraints = [
            models.UniqueConstraint(fields=["order", "digest"], name="one_first_opening_of_a_link"),
        ]

    def __str__(self) -> str:
        return f"{self.opened_at:%Y-%m-%d %H:%M}"
