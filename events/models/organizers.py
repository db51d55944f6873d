"""The models of organizers, their members and their API tokens."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from ticketing.ids import new_id
from ticketing.pages.accent import COLOR
from ticketing.pages.embedding import LONGEST_ORIGIN
from ticketing.text import LONGEST_SLUG, check_line

# All of them are in one header of each embedded page, and proxies limit its size.
MOST_EMBEDDING_ORIGINS = 10
# The first month is for refunds that are still on their way, and for the accounts of the event.
FEWEST_MONTHS_KEPT = 1
MOST_MONTHS_KEPT = 120


class Organizer(models.Model):
    """An organizer runs events and sees only its own data."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=200, validators=[check_line])
    email = models.EmailField(_("email"), help_text=_("Buyers' answers to our mails go here."))
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="organizers"
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    requires_second_factor = models.BooleanField(
        _("members must use two-factor sign-in"),
        default=False,
        db_default=False,
        help_text=_(
            "A member without it is led to its set-up at the next click, you too. API tokens and"
            " door devices are not affected."
        ),
    )
    accent_color = models.CharField(
        _("color"),
        max_length=7,
        blank=True,
        default="",
        db_default="",
        validators=[COLOR],
        help_text=_(
            "Of the buttons and links on the pages of your events, such as #B83A27. It is made"
            " darker or brighter where it could not be read. Empty: the site's color."
        ),
    )
    # The random part of its address, and the size in which pages show it, in CSS pixels:
    # `events.logos`. Empty: it has none.
    logo = models.CharField(
        _("logo"), max_length=22, blank=True, default="", db_default="", editable=False
    )
    logo_width = models.PositiveSmallIntegerField(null=True, editable=False)
    logo_height = models.PositiveSmallIntegerField(null=True, editable=False)
    # As `tidy_origin` returns them. Empty: no site may.
    embedding_origins = ArrayField(
        models.CharField(max_length=LONGEST_ORIGIN),
        verbose_name=_("sites that may embed your events"),
        blank=True,
        default=list,
        db_default=[],
        size=MOST_EMBEDDING_ORIGINS,
    )
    # So long after the end of an event, its buyers are erased. NULL: they are kept.
    erases_after_months = models.PositiveSmallIntegerField(
        _("months until buyers are erased"),
        null=True,
        blank=True,
        validators=[MinValueValidator(FEWEST_MONTHS_KEPT), MaxValueValidator(MOST_MONTHS_KEPT)],
        editable=False,
    )
    # For the address of its public pages. It has one once its first terms are saved.
    slug = models.SlugField(  # noqa: DJ001 - unique, so that it cannot be empty
        _("address on the site"), max_length=LONGEST_SLUG, null=True, unique=True, editable=False
    )
    # The number of the `TermsVersion` in force. NULL: it has none.
    terms_number = models.PositiveIntegerField(_("version of the terms"), null=True, editable=False)
    requires_terms = models.BooleanField(
        _("buyers must accept the terms"), default=False, db_default=False, editable=False
    )

    class Meta:
        verbose_name = _("organizer")
        verbose_name_plural = _("organizers")
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    erases_after_months__range=(FEWEST_MONTHS_KEPT, MOST_MONTHS_KEPT)
                ),
                name="buyers_are_kept_for_a_while",
            ),
            models.CheckConstraint(
                condition=models.Q(requires_terms=False) | models.Q(terms_number__isnull=False),
                name="only_existing_terms_are_required",
            ),
            models.CheckConstraint(
                condition=models.Q(logo="")
                | models.Q(logo_width__isnull=False, logo_height__isnull=False),
                name="a_logo_has_a_size",
            ),
            models.CheckConstraint(
                condition=models.Q(embedding_origins__len__lte=MOST_EMBEDDING_ORIGINS),
                name="few_sites_may_embed",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a member does for an organizer. `events/roles.py` says what each role may do."""

    OWNER = "owner", _("owner")
    MANAGER = "manager", _("manager")
    FINANCE = "finance", _("finance")
    DOOR = "door", _("door supervisor")
    VIEWER = "viewer", _("viewer")


class Membership(models.Model):
    """Lets a user act for an organizer. The user must be staff as well."""

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
    # The members of the first release could do everything.
    role = models.CharField(
        _("role"),
        max_length=10,
        choices=Role.choices,
        default=Role.OWNER,
        db_default=Role.OWNER,
    )
    only_some_events = models.BooleanField(
        _("only some events"),
        default=False,
        db_default=False,
        help_text=_("The member sees only the events chosen here, and makes no new ones."),
    )
    events = models.ManyToManyField(
        "events.Event", verbose_name=_("events"), blank=True, related_name="limited_members"
    )

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(fields=["organizer", "user"], name="one_membership_each"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="role_is_known"),
            models.CheckConstraint(
                condition=models.Q(only_some_events=False) | ~models.Q(role=Role.OWNER),
                name="owner_has_all_events",
                violation_error_message=_("An owner has all events. Choose another role."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} @ {self.organizer}"


class Scope(models.TextChoices):
    """What an API token may be used for."""

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
    """Return all scopes. Migrations import this function."""
    return list(Scope.values)


class ApiToken(models.Model):
    """A token with which an organizer's own systems act for it. Only its digest is stored."""

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
    # Written once a minute at most, so that most requests write nothing.
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"
