"""The tables of the door: its devices and their scans."""

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from events.models import ApiToken, Event, Organizer
from ticketing.clock import zone_named
from ticketing.ids import new_id


class Device(models.Model):
    """A scanner at a gate. It may validate tickets of its events, and nothing else."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organizer = models.ForeignKey(
        Organizer,
        on_delete=models.CASCADE,
        related_name="devices",
        verbose_name=_("organizer"),
    )
    name = models.CharField(_("name"), max_length=100)
    gate = models.CharField(_("gate"), max_length=50, blank=True)
    all_events = models.BooleanField(
        _("all events"),
        default=False,
        help_text=_("Also those that the organizer makes later."),
    )
    events = models.ManyToManyField(
        Event, related_name="devices", blank=True, verbose_name=_("events")
    )
    is_supervisor = models.BooleanField(
        _("supervisor"),
        default=False,
        db_default=False,
        help_text=_(
            "May find guests by name, admit them by hand, and undo a check-in within 15 minutes."
        ),
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(_("begins with"), max_length=12, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, editable=False)
    # When it last asked for the state of the door, to the minute. NULL: never.
    last_seen_at = models.DateTimeField(_("last seen at"), null=True, editable=False)

    class Meta:
        verbose_name = _("door device")
        verbose_name_plural = _("door devices")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class DevicePairing(models.Model):
    """A code by which a phone becomes a device, once. Only its digest is stored."""

    device = models.OneToOneField(
        Device, on_delete=models.CASCADE, primary_key=True, related_name="pairing"
    )
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.device_id)


class ScanResult(models.TextChoices):
    # The first entry of a ticket. A later one, by the rule of re-entry, is readmitted.
    ADMITTED = "admitted", _("admitted")
    READMITTED = "readmitted", _("admitted again")
    EXITED = "exited", _("went out")
    ALREADY_USED = "already_used", _("already used")
    REVOKED = "revoked", _("revoked")
    WRONG_EVENT = "wrong_event", _("wrong event")
    EVENT_CANCELLED = "event_cancelled", _("event cancelled")
    NOT_YET_OPEN = "not_yet_open", _("not yet open")
    CLOSED = "closed", _("closed")
    WRONG_GATE = "wrong_gate", _("wrong gate")
    NOT_INSIDE = "not_inside", _("not inside")
    # The server would have let the guest through, but a device that was offline did not.
    TURNED_AWAY = "turned_away", _("turned away")
    INVALID_CODE = "invalid_code", _("invalid code")
    UNKNOWN_TICKET = "unknown_ticket", _("unknown ticket")


ENTRIES: Final = frozenset({ScanResult.ADMITTED, ScanResult.READMITTED})
# All other results are refusals.
LET_THROUGH: Final = ENTRIES | {ScanResult.EXITED}
# The scans of guests whom a device let in, and the server would not have. Their result is the
# server's: a refusal. They count as conflicts, not as refused.
LET_IN_AGAINST_RULES: Final = Q(conflict=True) & ~Q(result__in=LET_THROUGH)


class Direction(models.TextChoices):
    ENTRY = "entry", _("entry")
    EXIT = "exit", _("exit")


class Decision(models.TextChoices):
    """What a device that was offline has told the guest."""

    ADMITTED = "admitted", _("admitted")
    REFUSED = "refused", _("refused")


class Scan(models.Model):
    """
    One attempt at a gate, let through or refused.

    A row changes by an undo, and when a device that was offline reports its decision late.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Chosen by the scanner, so that a retry of its request counts as the same scan.
    scan_id = models.UUIDField(editable=False)
    # The scanner, as `device:…`, `token:…` or `user:…`. Two scanners may choose the same scan_id.
    scanned_by = models.CharField(max_length=60, editable=False)
    device = models.ForeignKey(
        Device, on_delete=models.PROTECT, null=True, verbose_name=_("door device")
    )
    api_token = models.ForeignKey(ApiToken, on_delete=models.SET_NULL, null=True, db_index=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, db_index=False
    )
    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, null=True, verbose_name=_("event"), db_index=False
    )
    ticket = models.ForeignKey(
        "tickets.Ticket",
        on_delete=models.PROTECT,
        related_name="scans",
        null=True,
        verbose_name=_("ticket"),
    )
    result = models.CharField(_("result"), max_length=16, choices=ScanResult.choices)
    direction = models.CharField(
        _("direction"),
        max_length=5,
        choices=Direction.choices,
        default=Direction.ENTRY,
        db_default=Direction.ENTRY,
    )
    # Empty: the server decided while the guest was waiting.
    decision = models.CharField(
        _("decision of the device"),
        max_length=8,
        choices=Decision.choices,
        blank=True,
        default="",
        db_default="",
    )
    # A device that was offline let somebody in against the ticket's state or the gate's rules.
    conflict = models.BooleanField(_("conflict"), default=False, db_default=False)
    # The local day of an entry by the rule "once on each day".
    entry_day = models.DateField(null=True, editable=False)
    gate = models.CharField(_("gate"), max_length=50, blank=True)
    code = models.CharField(_("code"), max_length=300)
    scanned_at = models.DateTimeField(_("scanned at"))
    recorded_at = models.DateTimeField(_("recorded at"))
    # An admission that was undone stays on record, but it does not count any more.
    undone_at = models.DateTimeField(_("undone at"), null=True)
    # The actor that undid it, as `device:…`, `token:…` or `user:…`.
    undone_by = models.CharField(max_length=60, default="", db_default="", editable=False)
    # Somebody has looked at a conflict. It stays one.
    acknowledged_at = models.DateTimeField(_("acknowledged at"), null=True, editable=False)
    # The actor that did, as `user:…`.
    acknowledged_by = models.CharField(max_length=60, default="", db_default="", editable=False)

    class Meta:
        verbose_name = _("scan")
        verbose_name_plural = _("scans")
        ordering = ["-recorded_at", "-id"]
        indexes = [
            models.Index(fields=["event", "-recorded_at"], name="scans_of_an_event"),
            models.Index(fields=["-recorded_at", "-id"], name="scans_by_age"),
            # Partial indexes, because devices make nearly all scans.
            models.Index(
                fields=["api_token"],
                condition=Q(api_token__isnull=False),
                name="scans_with_an_api_token",
            ),
            models.Index(fields=["user"], condition=Q(user__isnull=False), name="scans_by_a_user"),
            models.Index(
                fields=["event", "undone_at"],
                condition=Q(undone_at__isnull=False),
                name="scans_that_were_undone",
            ),
            models.Index(
                fields=["event", "-recorded_at"],
                condition=Q(conflict=True),
                name="scans_in_conflict",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["scanned_by", "scan_id"], name="a_scan_is_recorded_once"
            ),
            models.UniqueConstraint(
                fields=["ticket"],
                condition=Q(result=ScanResult.ADMITTED, undone_at__isnull=True),
                name="a_ticket_admits_once_until_undone",
            ),
            models.UniqueConstraint(
                fields=["ticket", "entry_day"],
                condition=Q(entry_day__isnull=False, undone_at__isnull=True),
                name="a_ticket_enters_once_a_day_until_undone",
            ),
        ]

    def __str__(self) -> str:
        zone = zone_named(self.event.timezone) if self.event else None
        recorded_at = timezone.localtime(self.recorded_at, zone)
        return f"{self.get_result_display()} {recorded_at:%H:%M:%S}"
