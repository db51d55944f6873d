"""The model of ticket types."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from events.models.events import LARGEST_CAPACITY, LARGEST_PER_ORDER, Event
from ticketing.clock import validate_plausible_date
from ticketing.ids import new_id
from ticketing.text import check_line

# For each event. The trigger `cap_ticket_types` has the same number.
MOST_TICKET_TYPES = 50


class TicketType(models.Model):
    """
    One kind of ticket of one event, with its price, its capacity and its sales.

    `promised` counts tickets whose payment was accepted, `sold` those whose buyer was charged.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.ForeignKey(
        Event,
        on_delete=models.PROTECT,
        related_name="ticket_types",
        verbose_name=_("event"),
    )
    number = models.PositiveSmallIntegerField(editable=False)
    name = models.CharField(_("name"), max_length=100, validators=[check_line])
    price = models.DecimalField(
        _("price"),
        max_digits=10,
        decimal_places=2,
        validators=[MinValueValidator(0)],
    )
    capacity = models.PositiveIntegerField(
        _("capacity"), validators=[MinValueValidator(1), MaxValueValidator(LARGEST_CAPACITY)]
    )
    capacity_version = models.PositiveIntegerField(default=0, editable=False)
    promised = models.PositiveIntegerField(_("promised"), default=0, editable=False)
    sold = models.PositiveIntegerField(_("sold"), default=0, editable=False)
    sales_start_at = models.DateTimeField(
        _("sales start at"), null=True, blank=True, validators=[validate_plausible_date]
    )
    sales_end_at = models.DateTimeField(
        _("sales end at"), null=True, blank=True, validators=[validate_plausible_date]
    )
    max_per_order = models.PositiveSmallIntegerField(
        _("tickets per order"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LARGEST_PER_ORDER)],
    )
    is_hidden = models.BooleanField(
        _("hidden"),
        default=False,
        db_default=False,
        help_text=_("Only buyers with a promo code that unlocks it can see and buy it."),
    )

    class Meta:
        verbose_name = _("ticket type")
        verbose_name_plural = _("ticket types")
        ordering = ["event_id", "number"]
        constraints = [
            models.CheckConstraint(condition=Q(promised__lte=F("capacity")), name="never_oversold"),
            models.CheckConstraint(condition=Q(sold__lte=F("promised")), name="sold_was_promised"),
            models.CheckConstraint(condition=Q(price__gte=0), name="price_is_not_negative"),
            models.UniqueConstraint(
                fields=["event", "number"], name="one_number_per_type_of_an_event"
            ),
            models.UniqueConstraint(
                fields=["event", "name"],
                name="one_name_per_type_of_an_event",
                violation_error_message=_("This event already has a ticket type of that name."),
            ),
        ]

    def __str__(self) -> str:
        return self.name
