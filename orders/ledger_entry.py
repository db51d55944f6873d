"""The model of the ledger: each amount that was charged, refunded or withheld, for good."""

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from events.models import Event, Organizer


class EntryKind(models.TextChoices):
    """Why an amount moved. A fee is what the payment provider keeps of a charge."""

    CHARGE = "charge", _("charge")
    REFUND = "refund", _("refund")
    FEE = "fee", _("fee")


class LedgerEntry(models.Model):
    """
    One amount that an organizer gained or lost. A trigger refuses to change or delete a row.

    Triggers write all entries: `enter_charge` those of a charge and of its fee in the transaction
    that approves a payment, `enter_refund` in the one that records a refund. An entry has no
    personal data, so it stays when a buyer's data is erased.
    """

    id = models.UUIDField(primary_key=True, db_default=RandomUUID(), editable=False)
    # Without foreign keys in the database: they would lock these rows at each sale. The order's own
    # keys keep its event, and that event keeps its organizer.
    organizer = models.ForeignKey(
        Organizer,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("organizer"),
        db_constraint=False,
        db_index=False,
    )
    event = models.ForeignKey(
        Event,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("event"),
        db_constraint=False,
        db_index=False,
    )
    order = models.ForeignKey(
        "orders.Order",
        on_delete=models.PROTECT,
        related_name="ledger",
        verbose_name=_("order"),
    )
    kind = models.CharField(_("kind"), max_length=8, choices=EntryKind.choices)
    # The payment that was approved (also for its fee), the refund that was recorded, or the
    # difference in cash.
    cause = models.UUIDField(editable=False)
    # Without choices: a new method needs no migration.
    method = models.CharField(_("method"), max_length=16)
    # Positive if the organizer gained it, negative if the organizer lost it.
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    # When the buyer was charged, or when the refund was decided.
    at = models.DateTimeField(_("at"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["organizer", "at", "id"], name="ledger_of_an_organizer"),
            models.Index(fields=["event", "at", "id"], name="ledger_of_an_event"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["cause", "kind"], name="one_entry_per_cause"),
            models.CheckConstraint(
                condition=Q(kind=EntryKind.CHARGE, amount__gt=0)
                | Q(kind=EntryKind.REFUND, amount__lt=0)
                # A fee may be given back.
                | (Q(kind=EntryKind.FEE) & ~Q(amount=0)),
                name="entry_has_the_sign_of_its_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount} {self.currency}"
