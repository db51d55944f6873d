"""Organizers, their events, and the kinds of tickets on sale."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from ticketing.clock import ZONES, refuse_other_ages
from ticketing.ids import new_id
from ticketing.text import refuse_control_characters

DEFAULT_HOLD_SECONDS = 15 * 60
LARGEST_CAPACITY = 1_000_000
# Of an event. A trigger of the database holds this number too.
MOST_TICKET_TYPES = 50


def known_timezone(name: str) -> None:
    """
    Accept an IANA name and nothing else.

    :raises ValidationError: if there is no such zone
    """
    if name not in ZONES:
        raise ValidationError(_("This is not an IANA time zone."), code="unknown_timezone")


def refuse_other_schemes(url: str) -> None:
    """
    Accept an address that a browser can show on a page.

    :raises ValidationError: if it is neither http nor https
    """
    if url and not url.startswith(("https://", "http://")):
        raise ValidationError(_("Give an http or https address."), code="invalid")


class NextNumber(Func):
    """The next value of a sequence of the database."""

    function = "nextval"


# All words by which a visitor may look for an event. The function is made by a migration. The index
# on it serves the previous release; this one searches `EventWords`.
EVENT_WORDS = Func(
    "name",
    "venue",
    "city",
    "description",
    function="event_words",
    output_field=SearchVectorField(),
)


class Organizer(models.Model):
    """Who puts events on, and whose they are."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=200, validators=[refuse_control_characters])
    email = models.EmailField(_("email"), help_text=_("Buyers' answers to our mails go here."))
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="organizers"
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    # What its slow webhook receivers have cost, as a moment: it owes the time until then.
    couriers_owed_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("organizer")
        verbose_name_plural = _("organizers")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user acts for an organizer."""

    organizer = models.ForeignKey(
        Organizer,
        on_delete=models.CASCADE,
        related_name="memberships",
        verbose_name=_("organizer"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="memberships",
        verbose_name=_("user"),
    )

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(fields=["organizer", "user"], name="one_membership_each"),
        ]

    def __str__(self) -> str:
        return f"{self.user} @ {self.organizer}"


class Scope(models.TextChoices):
    """What a token may be used for."""

    EVENTS_WRITE = "events:write", _("create, change, publish and cancel events")
    ORDERS_READ = "orders:read", _("see orders, their buyers and their tickets")
    ORDERS_WRITE = "orders:write", _("reserve for many customers from one address")
    ORDERS_REFUND = "orders:refund", _("refund orders")
    TICKETS_WRITE = "tickets:write", _("send, replace and revoke tickets")
    TICKETS_VALIDATE = "tickets:validate", _("check tickets in at the door")
    REPORTS_READ = "reports:read", _("see sales and attendance")
    WEBHOOKS_WRITE = "webhooks:write", _("make webhooks")
    DEVICES_WRITE = "devices:write", _("make, pair and revoke door devices")


def all_scopes() -> list[str]:
    return list(Scope.values)


class ApiToken(models.Model):
    """Lets an organizer's own systems act for it. Only a digest of the token is kept."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organizer = models.ForeignKey(
        Organizer,
        on_delete=models.CASCADE,
        related_name="api_tokens",
        verbose_name=_("organizer"),
    )
    name = models.CharField(_("name"), max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("begins with"), max_length=12, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=20, choices=Scope.choices),
        verbose_name=_("may"),
        default=all_scopes,
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    expires_at = models.DateTimeField(
        _("expires at"), null=True, blank=True, help_text=_("Empty means never.")
    )
    # To the minute: not every request is worth a write.
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"


class EventStatus(models.TextChoices):
    DRAFT = "draft", _("draft")
    PUBLISHED = "published", _("published")
    CANCELLED = "cancelled", _("cancelled")


class Event(models.Model):
    """Something people come to, at a place and a time."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # In the QR code, where a UUID would be too long, and for advisory locks.
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
        max_length=80,
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
    name = models.CharField(_("name"), max_length=200, validators=[refuse_control_characters])
    description = models.TextField(_("description"), max_length=20_000, blank=True)
    status = models.CharField(
        _("status"),
        max_length=12,
        choices=EventStatus.choices,
        default=EventStatus.DRAFT,
        editable=False,
    )
    venue = models.CharField(_("venue"), max_length=200, validators=[refuse_control_characters])
    address = models.CharField(
        _("address"), max_length=300, blank=True, validators=[refuse_control_characters]
    )
    city = models.CharField(_("city"), max_length=100, validators=[refuse_control_characters])
    timezone = models.CharField(
        _("time zone"), max_length=64, default="America/Sao_Paulo", validators=[known_timezone]
    )
    starts_at = models.DateTimeField(_("starts at"), validators=[refuse_other_ages])
    ends_at = models.DateTimeField(_("ends at"), validators=[refuse_other_ages])
    sales_start_at = models.DateTimeField(
        _("sales start at"), null=True, blank=True, validators=[refuse_other_ages]
    )
    sales_end_at = models.DateTimeField(
        _("sales end at"), null=True, blank=True, validators=[refuse_other_ages]
    )
    checkin_starts_at = models.DateTimeField(
        _("check-in starts at"),
        null=True,
        blank=True,
        validators=[refuse_other_ages],
        help_text=_(
            "Before it no gate opens. Empty: check-in works at any time. A good choice: 4 hours"
            " before the event starts."
        ),
    )
    checkin_ends_at = models.DateTimeField(
        _("check-in ends at"),
        null=True,
        blank=True,
        validators=[refuse_other_ages],
        help_text=_("From it on no gate opens. A good choice: when the event ends."),
    )
    max_per_order = models.PositiveSmallIntegerField(
        _("tickets per order"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
    )
    # Paid tickets count too. Empty: what the settings say.
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
        _("reservation lasts (seconds)"),
        default=DEFAULT_HOLD_SECONDS,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 60 * 60)],
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
    image_url = models.URLField(_("image"), max_length=500, blank=True)
    currency = models.CharField(
        _("currency"),
        max_length=3,
        default="BRL",
        validators=[RegexValidator(r"^[A-Z]{3}\Z", _("Use an ISO 4217 code, such as BRL."))],
    )
    # What the organizer's own system keeps with it, and only the organizer sees.
    external_id = models.CharField(
        max_length=100, blank=True, default="", db_default="", editable=False
    )
    metadata = models.JSONField(
        default=dict, db_default=Value({}, models.JSONField()), editable=False
    )
    # Raised by each rebuild of the live stock: what was taken in an older one does not count.
    epoch = models.BigIntegerField(default=0, editable=False)
    # Counted by the database whenever anything changes that a buyer could notice.
    revision = models.BigIntegerField(db_default=1, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, editable=False)
    # When a cancelled event had given every reservation and every payment back.
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
                condition=Q(ends_at__gt=F("starts_at")), name="ends_after_it_starts"
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
        ]

    def __str__(self) -> str:
        return self.name


class EventWords(models.Model):
    """
    The words of an event, ready to be searched. The database itself keeps them.

    They have a table of their own: beside the event they would be read with it, and compared at
    each of its changes.
    """

    event = models.OneToOneField(
        Event, primary_key=True, on_delete=models.CASCADE, related_name="search"
    )
    words = SearchVectorField()

    class Meta:
        verbose_name = _("words of an event")
        verbose_name_plural = _("words of events")
        indexes = [
            # Without a list of rows still to be indexed, which each search would have to read.
            GinIndex(fields=["words"], name="words_of_events", fastupdate=False),
        ]

    def __str__(self) -> str:
        return str(self.event_id)


class TicketType(models.Model):
    """
    One kind of ticket at one event: its price, how many there are, and how many are gone.

    `promised` counts tickets behind an accepted payment, `sold` those whose charge went through.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.ForeignKey(
        Event,
        on_delete=models.PROTECT,
        related_name="ticket_types",
        verbose_name=_("event"),
    )
    number = models.PositiveSmallIntegerField(editable=False)
    name = models.CharField(_("name"), max_length=100, validators=[refuse_control_characters])
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
        _("sales start at"), null=True, blank=True, validators=[refuse_other_ages]
    )
    sales_end_at = models.DateTimeField(
        _("sales end at"), null=True, blank=True, validators=[refuse_other_ages]
    )
    max_per_order = models.PositiveSmallIntegerField(
        _("tickets per order"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
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


class InventoryGeneration(models.Model):
    """The one row that names the Redis whose memory we trust. It changes when Redis lost it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    stamp = models.CharField(max_length=40)
    # How often the audit has found that Redis disagreed with the record, and read it again.
    drifts = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="there_is_one_generation"),
        ]

    def __str__(self) -> str:
        return self.stamp
