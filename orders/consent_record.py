"""The model of what a buyer agreed to: the terms of sale, and apart from them news by mail."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models import TermsVersion


class ConsentWay(models.TextChoices):
    """Where the buyer agreed."""

    API = "api", _("API")
    SHOP = "shop", _("shop")
    BOX_OFFICE = "desk", _("box office")


class Consent(models.Model):
    """
    What the buyer of an order agreed to, when and where, with the version that was in force.

    A table of its own, because most orders have none, and paying for them needs no second insert.
    """

    order = models.OneToOneField(
        "orders.Order",
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="consent",
        verbose_name=_("order"),
    )
    # NULL if the organizer had no terms.
    terms = models.ForeignKey(
        TermsVersion,
        on_delete=models.PROTECT,
        null=True,
        related_name="consents",
        verbose_name=_("version of the terms"),
        db_index=False,
    )
    accepted_at = models.DateTimeField(_("terms accepted at"), null=True)
    # News are never a condition of a sale: the buyer agreed to them apart.
    news_at = models.DateTimeField(_("agreed to news at"), null=True)
    news_ended_at = models.DateTimeField(_("consent to news withdrawn at"), null=True)
    way = models.CharField(_("by way of"), max_length=8, choices=ConsentWay.choices)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(terms__isnull=False),
                name="what_was_accepted_is_known",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=False) | Q(news_at__isnull=False),
                name="consent_is_not_empty",
            ),
            models.CheckConstraint(
                condition=Q(news_ended_at__isnull=True) | Q(news_at__isnull=False),
                name="only_given_consent_is_withdrawn",
            ),
            models.CheckConstraint(
                condition=Q(way__in=ConsentWay.values), name="way_of_consent_is_known"
            ),
        ]

    def __str__(self) -> str:
        return str(self.order_id)

    @property
    def agrees_to_news(self) -> bool:
        """Return whether who made the order agreed to news, and that was not withdrawn."""
        return self.news_at is not None and self.news_ended_at is None

    @property
    def takes_news(self) -> bool:
        """
        Return whether the reader of the order's address may be sent news now.

        Before the payment, anybody may have typed somebody else's address. So a consent counts once
        its order is paid. It still counts after a refund. A free order is paid when its address is
        confirmed, if the event asks for that.
        """
        return self.agrees_to_news and self.order.paid_at is not None
