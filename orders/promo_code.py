"""The model of promo codes."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from events.models import LARGEST_PER_ORDER, Event
from orders.promo_terms import PromoTerms
from ticketing.clock import validate_plausible_date
from ticketing.ids import new_id
from ticketing.text import check_line

LONGEST_PROMO_CODE = 32
# Each reservation with a limited code counts the orders that use it, so this bounds its work.
MOST_USES = 10_000
_FORM = r"^[A-Z0-9-]{3,32}\Z"


class PromoCode(models.Model):
    """
    A code that lowers prices of one event, or unlocks its hidden ticket types.

    It has no counter of its uses: the orders that use it are counted (`orders.promo_uses`).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="promo_codes", verbose_name=_("event")
    )
    # In capitals. It never changes: buyers know it, and orders have a copy.
    code = models.CharField(
        _("code"),
        max_length=LONGEST_PROMO_CODE,
        validators=[RegexValidator(_FORM, _("Use 3 to 32 letters A-Z, digits and hyphens."))],
    )
    note = models.CharField(
        _("note"),
        max_length=200,
        blank=True,
        default="",
        validators=[check_line],
        help_text=_("Only you see it: for whom the code is, for example."),
    )
    percent = models.DecimalField(
        _("discount in percent"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    amount = models.DecimalField(
        _("discount per ticket"),
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("An amount of money. A ticket never costs less than zero."),
    )
    max_uses = models.PositiveIntegerField(
        _("most uses"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_USES)],
        help_text=_("How many orders may have it. Empty: any number."),
    )
    valid_from = models.DateTimeField(
        _("valid from"), null=True, blank=True, validators=[validate_plausible_date]
    )
    valid_until = models.DateTimeField(
        _("valid until"), null=True, blank=True, validators=[validate_plausible_date]
    )
    # Ids without a foreign key: if the only type of a code is deleted, the code must not become
    # one for all types, as an emptied relation would say.
    ticket_types = ArrayField(
        models.UUIDField(), verbose_name=_("only for these ticket types"), default=list, blank=True
    )
    unlocked_types = ArrayField(
        models.UUIDField(), verbose_name=_("unlocks hidden ticket types"), default=list, blank=True
    )
    min_tickets = models.PositiveSmallIntegerField(
        _("fewest tickets in one order"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(LARGEST_PER_ORDER)],
    )
    max_tickets = models.PositiveSmallIntegerField(
        _("most tickets in one order"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LARGEST_PER_ORDER)],
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Nobody can use a code that is not active.")
    )
    # Raised by each change. An order is refused if it was priced by another revision.
    revision = models.BigIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("promo code")
        verbose_name_plural = _("promo codes")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["event", "-created_at", "-id"], name="promo_codes_of_an_event"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["event", "code"],
                name="one_promo_code_of_a_name",
                violation_error_message=_("This event already has that promo code."),
            ),
            models.CheckConstraint(condition=Q(code__regex=_FORM), name="promo_code_is_readable"),
            models.CheckConstraint(
                condition=Q(percent__isnull=True) | Q(amount__isnull=True),
                name="promo_code_has_one_discount",
                violation_error_message=_("Enter a percentage or an amount, not both."),
            ),
            models.CheckConstraint(
                condition=(Q(percent__isnull=True) | Q(percent__gte=0, percent__lte=100))
                & (Q(amount__isnull=True) | Q(amount__gte=0)),
                name="promo_code_lowers_prices",
                violation_error_message=_("A discount is 0 to 100 percent, or a positive amount."),
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_until__gt=F("valid_from")),
                name="promo_code_ends_after_it_starts",
                violation_error_message=_("The promo code must end after it starts."),
            ),
            models.CheckConstraint(
                condition=Q(min_tickets__gte=1)
                & (Q(max_tickets__isnull=True) | Q(max_tickets__gte=F("min_tickets"))),
                name="promo_code_allows_some_quantity",
                violation_error_message=_("The most tickets must not be fewer than the fewest."),
            ),
            models.CheckConstraint(
                condition=Q(max_uses__isnull=True) | Q(max_uses__gte=1, max_uses__lte=MOST_USES),
                name="promo_code_can_be_used",
            ),
        ]

    def __str__(self) -> str:
        return self.code


def terms_of(promo: PromoCode) -> PromoTerms:
    """Return what a promo code gives."""
    return PromoTerms(
        promo_code_id=promo.pk,
        code=promo.code,
        revision=promo.revision,
        percent=promo.percent,
        amount=promo.amount,
        valid_from=promo.valid_from,
        valid_until=promo.valid_until,
        ticket_types=frozenset(promo.ticket_types),
        unlocked_types=frozenset(promo.unlocked_types),
        min_tickets=promo.min_tickets,
        max_tickets=promo.max_tickets,
    )
