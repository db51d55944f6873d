"""The models of events, and of the words by which a search finds them."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from events.models.organizers import Organizer
from ticketing.clock import ZONES, validate_plausible_date
from ticketing.ids import new_id
from ticketing.text import LONGEST_SLUG, check_line

DEFAULT_HOLD_SECONDS = 15 * 60
LONGEST_HOLD_SECONDS = 24 * 60 * 60
LARGEST_CAPACITY = 1_000_000
LARGEST_PER_ORDER = 100


def known_timezone(name: str) -> None:
    """
    Check that a time zone has a name of the IANA.

    :raises ValidationError: if there is no such time zone
    """
    if name not in ZONES:
        raise ValidationError(_("This is not an IANA time zone."), code="unknown_timezone")


class NextNumber(Func):
    """The next value of a sequence in PostgreSQL."""

    function = "nextval"


# The words of an event that a search can match, by a function that a migration creates. Only the
# previous release searches by the index on it; this release searches `EventWords`.
EVENT_WORDS = Func(
    "name",
    "venue",
    "city",
    "description",
    function="event_words",
    output_field=SearchVectorField(),
)


class EventStatus(models.TextChoices):
    DRAFT = "draft", _("draft")
    PUBLISHED = "published", _("published")
    CANCELLED = "cancelled", _("cancelled")


class HolderNames(models.TextChoices):
    """Whether buyers name the holder of each ticket."""

    NOT_ASKED = "no", _("not asked")
    OPTIONAL = "optional", _("optional")
    REQUIRED = "required", _("required before the payment")


class Reentry(models.TextChoices):
    """How often one ticket admits."""

    NEVER = "never", _("no: each ticket admits once")
    ALWAYS = "always", _("yes, after a scan at the exit")
    ONCE_A_DAY = "once_a_day", _("once on each day")


class Event(models.Model):
    """An event of an organizer, with its place, its times and the rules of its sale."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # For QR codes, where a UUID would be too long, and for advisory locks, which need an integer.
    number = models.PositiveIntegerField(
        unique=True, editable=False, db_default=NextNumber(models.Value("event_number"))
    )
    organizer = models.ForeignKey(
        Organizer,
        on_delete=models.PROTECT,
        related_name="events",
        verbose_name=_("organizer"),
    )
    slug = models.SlugField(
        _("address on the site"),
        max_length=LONGEST_SLUG,
        unique=True,
        help_text=_("Lowercase letters, digits and hyphens."),
        validators=[
            RegexValidator(r"^[a-z0-9]+(?:-[a-z0-9]+)*\Z", _("Use a-z, 0-9 and single hyphens.")),
            RegexValidator(
                r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z",
                _("This looks like an id. Use words."),
                inverse_match=True,
            ),
        ],
    )
    name = models.CharField(_("name"), max_length=200, validators=[check_line])
    description = models.TextField(_("description"), max_length=20_000, blank=True)
    status = models.CharField(
        _("status"),
        max_length=12,
        choices=EventStatus.choices,
        default=EventStatus.DRAFT,
        editable=False,
    )
    venue = models.CharField(_("venue"), max_length=200, validators=[check_line])
    address = models.CharField(_("address"), max_length=300, blank=True, validators=[check_line])
    city = models.CharField(_("city"), max_length=100, validators=[check_line])
    timezone = models.CharField(
        _("time zone"), max_length=64, default="America/Sao_Paulo", validators=[known_timezone]
    )
    starts_at = models.DateTimeField(_("starts at"), validators=[validate_plausible_date])
    ends_at = models.DateTimeField(_("ends at"), validators=[validate_plausible_date])
    sales_start_at = models.DateTimeField(
        _("sales start at"), null=True, blank=True, validators=[validate_plausible_date]
    )
    sales_end_at = models.DateTimeField(
        _("sales end at"), null=True, blank=True, validators=[validate_plausible_date]
    )
    checkin_starts_at = models.DateTimeField(
        _("check-in starts at"),
        null=True,
        blank=True,
        validators=[validate_plausible_date],
        help_text=_(
            "Before it no gate opens. Empty: check-in works at any time. A good choice: 4 hours"
            " before the event starts."
        ),
    )
    checkin_ends_at = models.DateTimeField(
        _("check-in ends at"),
        null=True,
        blank=True,
        validators=[validate_plausible_date],
        help_text=_("From it on no gate opens. A good choice: when the event ends."),
    )
    reentry = models.CharField(
        _("re-entry"),
        max_length=10,
        choices=Reentry.choices,
        default=Reentry.NEVER,
        db_default=Reentry.NEVER,
        help_text=_("Whether a guest who has left may enter again with the same ticket."),
    )
    confirm_first = models.BooleanField(
        _("confirm each admission"),
        default=False,
        db_default=False,
        help_text=_(
            "The scanner waits for a tap after each ticket. Without it, staff scan on without one."
        ),
    )
    max_per_order = models.PositiveSmallIntegerField(
        _("tickets per order"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(LARGEST_PER_ORDER)],
    )
    # Reserved and paid tickets count. Empty: the limit in the settings applies.
    max_per_customer = models.PositiveIntegerField(
        _("tickets per customer"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(LARGEST_CAPACITY)],
        help_text=_(
            "Reserved and paid ones, of one email address, over the whole sale."
            " Empty: the site's limit. 0: no limit."
        ),
    )
    max_per_address = models.PositiveIntegerField(
        _("tickets per network address"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(LARGEST_CAPACITY)],
        help_text=_(
            "The same, of one network address. A mobile network puts many people behind one."
            " Empty: the site's limit. 0: no limit."
        ),
    )
    requires_proof_of_work = models.BooleanField(
        _("requires proof of work"),
        default=False,
        db_default=False,
        help_text=_(
            "The buyer's browser must compute for a second before it may reserve. It makes robots"
            " pay; the shop must support it."
        ),
    )
    hold_seconds = models.PositiveIntegerField(
        _("time to pay"),
        default=DEFAULT_HOLD_SECONDS,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_HOLD_SECONDS)],
        help_text=_("How long tickets are set aside for a buyer who has not paid yet."),
    )
    confirms_free_orders = models.BooleanField(
        _("free orders confirm the email address"),
        default=True,
        db_default=True,
        help_text=_(
            "Who orders free tickets gets a mail with a link first, and the tickets after a click"
            " on it. Without this, anybody can have tickets sent to anybody's address."
        ),
    )
    allows_transfers = models.BooleanField(
        _("buyers may transfer tickets"),
        default=True,
        db_default=True,
        help_text=_(
            "A buyer offers a ticket to another person by mail. The person who accepts it gets a"
            " new code, and the old one stops working. That person may hand the ticket on in turn,"
            " a few times at most."
        ),
    )
    # Empty: until the event starts.
    answers_until = models.DateTimeField(
        _("answers can be changed until"),
        null=True,
        blank=True,
        validators=[validate_plausible_date],
        help_text=_("Until then buyers may answer your questions. Empty: until the event starts."),
    )
    holder_names = models.CharField(
        _("names on the tickets"),
        max_length=8,
        choices=HolderNames.choices,
        default=HolderNames.NOT_ASKED,
        db_default=HolderNames.NOT_ASKED,
        help_text=_(
            "Buyers may name the person of each ticket on the page of the order. A ticket without a"
            " name has the buyer's. Not asked: buyers can still correct the names after the"
            " payment, if they may transfer tickets."
        ),
    )
    # Empty: as long as answers to the questions.
    names_until = models.DateTimeField(
        _("names can be changed until"),
        null=True,
        blank=True,
        validators=[validate_plausible_date],
        help_text=_(
            "A ticket whose name changes after the payment gets a new code. Empty: as long as"
            " answers can be changed."
        ),
    )
    image_url = models.URLField(_("image"), max_length=500, blank=True)
    currency = models.CharField(
        _("currency"),
        max_length=3,
        default="BRL",
        validators=[RegexValidator(r"^[A-Z]{3}\Z", _("Use an ISO 4217 code, such as BRL."))],
    )
    # Data of the organizer's own system. Only the organizer sees it.
    external_id = models.CharField(
        max_length=100, blank=True, default="", db_default="", editable=False
    )
    metadata = models.JSONField(
        default=dict, db_default=Value({}, models.JSONField()), editable=False
    )
    # Raised by each rebuild of the stock. An order is refused if its hold is of an older epoch.
    epoch = models.BigIntegerField(default=0, editable=False)
    # Raised by a trigger at each change that a buyer could notice.
    revision = models.BigIntegerField(db_default=1, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, editable=False)
    # What the organizer wrote to the buyers when the event was cancelled. Their mails contain it.
    cancellation_note = models.TextField(
        _("sentence to the buyers"),
        max_length=500,
        blank=True,
        default="",
        db_default="",
        editable=False,
    )
    # When a cancelled event had no open reservations and no payments to refund any more.
    wound_up_at = models.DateTimeField(_("wound up at"), null=True, editable=False)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-starts_at", "id"]
        indexes = [
            models.Index(fields=["status", "starts_at", "id"], name="events_in_the_catalogue"),
            models.Index(fields=["status", "ends_at"], name="events_still_on_sale"),
            models.Index(
                fields=["organizer", "external_id"],
                condition=~Q(external_id=""),
                name="events_by_external_id",
            ),
            GinIndex(EVENT_WORDS, name="events_by_words"),
            models.Index(
                fields=["cancelled_at"],
                condition=Q(status="cancelled", wound_up_at__isnull=True),
                name="events_to_wind_up",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="ends_after_it_starts",
                violation_error_message=_("The event must end after it starts."),
            ),
            models.CheckConstraint(
                condition=Q(checkin_ends_at__gt=F("checkin_starts_at"))
                | Q(checkin_starts_at__isnull=True)
                | Q(checkin_ends_at__isnull=True),
                name="checkin_ends_after_it_starts",
                violation_error_message=_("Check-in must end after it starts."),
            ),
            models.CheckConstraint(
                condition=Q(status__in=EventStatus.values), name="event_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(reentry__in=Reentry.values), name="event_reentry_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class EventWords(models.Model):
    """
    The words of an event that a search can match. Triggers write them.

    They have their own table, because a column of `Event` would be read with each event and
    compared by its triggers at each change.
    """

    event = models.OneToOneField(
        Event, primary_key=True, on_delete=models.CASCADE, related_name="search"
    )
    words = SearchVectorField()

    class Meta:
        verbose_name = _("words of an event")
        verbose_name_plural = _("words of events")
        indexes = [
            # Without `fastupdate`: each search would have to read its list of pending entries.
            GinIndex(fields=["words"], name="words_of_events", fastupdate=False),
        ]

    def __str__(self) -> str:
        return str(self.event_id)
