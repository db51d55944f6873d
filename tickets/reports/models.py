"""The models of exports and of scheduled reports."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models import Event, Organizer
from ticketing.ids import new_id
from ticketing.tables.columns import FileFormat


class ExportKind(models.TextChoices):
    ATTENDEES = "attendees", _("attendees")
    TICKETS = "tickets", _("tickets")
    ORDERS = "orders", _("orders")
    ADMISSIONS = "admissions", _("admissions")
    LEDGER = "ledger", _("ledger")


# Kinds that may also be about all events of an organizer.
OF_ALL_EVENTS = (ExportKind.ORDERS, ExportKind.LEDGER)
# Kinds whose rows have a moment by which they can be limited.
OF_A_PERIOD = (ExportKind.ORDERS, ExportKind.ADMISSIONS, ExportKind.LEDGER)
_NEEDS_NO_EVENT = Q(kind__in=OF_ALL_EVENTS) | Q(event__isnull=False)


class Frequency(models.TextChoices):
    DAILY = "daily", _("daily")
    WEEKLY = "weekly", _("weekly")
    MONTHLY = "monthly", _("monthly")


class ScheduledReport(models.Model):
    """
    An export that is made for each recipient again and again, and announced by mail.

    Each is about the day, the week from Monday, or the month before `next_at`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organizer = models.ForeignKey(
        Organizer,
        on_delete=models.CASCADE,
        related_name="scheduled_reports",
        verbose_name=_("organizer"),
    )
    event = models.ForeignKey(
        Event,
        on_delete=models.CASCADE,
        related_name="scheduled_reports",
        null=True,
        blank=True,
        verbose_name=_("event"),
        help_text=_("Empty: all events, for orders and the ledger."),
    )
    kind = models.CharField(_("content"), max_length=12, choices=ExportKind.choices)
    file_format = models.CharField(
        _("format"), max_length=4, choices=FileFormat.choices, default=FileFormat.XLSX
    )
    language = models.CharField(
        _("language"), max_length=8, choices=settings.LANGUAGES, default="pt-br"
    )
    frequency = models.CharField(
        _("frequency"), max_length=8, choices=Frequency.choices, default=Frequency.WEEKLY
    )
    recipients = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        related_name="scheduled_reports",
        verbose_name=_("recipients"),
        help_text=_("Members who may export. Each gets a mail with a link."),
    )
    created_at = models.DateTimeField(_("created at"), editable=False)
    # When the next report is due. One conditional UPDATE of it decides which process makes it.
    next_at = models.DateTimeField(_("next report"), editable=False)

    class Meta:
        verbose_name = _("scheduled report")
        verbose_name_plural = _("scheduled reports")
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["next_at"], name="reports_by_next_time")]
        constraints = [
            models.CheckConstraint(condition=_NEEDS_NO_EVENT, name="report_has_its_event"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.get_frequency_display()}"


class Export(models.Model):
    """
    A file that a worker writes to S3 in several steps, and that is deleted at `expires_at`.

    `ask_again_at` is always set: while it is being written or mailed it is the time of the next
    try, and after that the time at which it is deleted.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organizer = models.ForeignKey(
        Organizer, on_delete=models.CASCADE, related_name="exports", verbose_name=_("organizer")
    )
    event = models.ForeignKey(
        Event,
        on_delete=models.CASCADE,
        related_name="exports",
        null=True,
        blank=True,
        verbose_name=_("event"),
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="exports",
        verbose_name=_("asked by"),
    )
    kind = models.CharField(_("content"), max_length=12, choices=ExportKind.choices)
    file_format = models.CharField(
        _("format"), max_length=4, choices=FileFormat.choices, default=FileFormat.XLSX
    )
    language = models.CharField(
        _("language"), max_length=8, choices=settings.LANGUAGES, default="pt-br"
    )
    since = models.DateTimeField(_("from"), null=True, blank=True)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    schedule = models.ForeignKey(
        ScheduledReport, on_delete=models.SET_NULL, related_name="exports", null=True
    )
    # Set for a scheduled report only: the moment for which it was made.
    due_at = models.DateTimeField(null=True, editable=False)
    asked_at = models.DateTimeField(_("asked at"))
    rows = models.PositiveIntegerField(_("rows"), default=0)
    # What the next step needs: the place in the table, the state of the file, the id of the S3
    # upload with the tags of its parts, and the bytes that are too few for a part.
    place = models.JSONField(null=True, editable=False)
    file_state = models.JSONField(null=True, editable=False)
    upload = models.CharField(max_length=1024, default="", blank=True, editable=False)
    parts = models.JSONField(default=list, editable=False)
    tail = models.BinaryField(default=b"", editable=False)
    object_name = models.CharField(max_length=100, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True)
    failed_at = models.DateTimeField(_("given up at"), null=True)
    mailed_at = models.DateTimeField(_("mailed at"), null=True)
    expires_at = models.DateTimeField(_("deleted at"))
    # A worker writes the file until then: a repeated message must not write it too.
    leased_until = models.DateTimeField(null=True, editable=False)
    asks = models.PositiveSmallIntegerField(default=0, editable=False)
    ask_again_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering = ["-asked_at", "-id"]
        indexes = [
            models.Index(fields=["organizer", "-asked_at"], name="exports_of_an_organizer"),
            models.Index(fields=["ask_again_at"], name="exports_still_asking"),
        ]
        constraints = [
            models.CheckConstraint(condition=_NEEDS_NO_EVENT, name="export_has_its_event"),
            models.CheckConstraint(
                condition=Q(kind__in=ExportKind.values), name="export_kind_is_known"
            ),
            models.UniqueConstraint(
                fields=["schedule", "asked_by", "due_at"], name="one_report_per_period"
            ),
        ]

    def __str__(self) -> str:
        about = self.event or self.organizer
        return f"{self.get_kind_display()}: {about}"
