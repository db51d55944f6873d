"""The tables of tickets, their deliveries, door devices and scans."""

from decimal import Decimal
from typing import Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from events.models import ApiToken, Event, Organizer, TicketType
from orders.models import Order, OrderItem
from ticketing.clock import zone_named
from ticketing.ids import new_id
from tickets.door_marks import DoorMark
from tickets.order_list_record import OrderListMail
from tickets.outgoing import OutgoingMail
from tickets.refund_request_record import RefundRequest, RequestState
from tickets.retention_record import ErasedEvent, ErasureRun
from tickets.scan_slots import ScanSlot
from tickets.transfer_record import Transfer, TransferMail, TransferMailKind

__all__ = [
    "Delivery", "Device", "DevicePairing", "DoorMark", "ErasedEvent", "ErasureRun", "OrderListMail",
    "RefundRequest", "RequestState", "Scan", "ScanResult", "ScanSlot", "Ticket", "TicketQuerySet",
    "TicketStatus", "Transfer", "TransferMail", "TransferMailKind",
]  # fmt: skip


class TicketStatus(models.TextChoices):
    VALID = "valid", _("valid")
    USED = "used", _("used")
    REVOKED = "revoked", _("revoked")


class TicketQuerySet(models.QuerySet["Ticket"]):
    def of_order(self, order_id: UUID) -> Self:
        """
        Return one order's tickets in the order of its items, then of their positions.

        Replaced tickets are left out; their replacements are included.
        """
        of_order = self.filter(order_id=order_id, replaced_by=None)
        return of_order.order_by("order_item_id", "position")


class Ticket(models.Model):
    """The right of one person to enter once."""

    # At the sale derived from order, type and position, so that settling twice gives the same ids.
    id = models.UUIDField(primary_key=True, editable=False)
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="tickets", verbose_name=_("order")
    )
    order_item = models.ForeignKey(
        OrderItem, on_delete=models.PROTECT, related_name="tickets", db_index=False
    )
    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="tickets", verbose_name=_("event")
    )
    ticket_type = models.ForeignKey(
        TicketType,
        on_delete=models.PROTECT,
        related_name="tickets",
        verbose_name=_("ticket type"),
    )
    position = models.PositiveSmallIntegerField(_("position"))
    # Within its order, kept by a replacement: `ticket_codes`. NULL in the previous release's rows.
    number = models.SmallIntegerField(_("number"), null=True, editable=False)
    # The text inside the QR code.
    code = models.CharField(_("code"), max_length=200)
    # The name of the QR code in S3, without ".png". Empty in rows of the previous release.
    object_name = models.CharField(
        max_length=100, blank=True, default="", db_default="", editable=False
    )
    holder_name = models.CharField(_("holder's name"), max_length=200)
    # What the ticket is worth since it was exchanged. NULL: the price of its order item.
    exchanged_price = models.DecimalField(
        _("price"), max_digits=10, decimal_places=2, null=True, editable=False
    )
    status = models.CharField(
        _("status"), max_length=8, choices=TicketStatus.choices, default=TicketStatus.VALID
    )
    created_at = models.DateTimeField(_("created at"))
    used_at = models.DateTimeField(_("used at"), null=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True)
    # Since then, its place is on sale again and its price is owed to the buyer.
    refunded_at = models.DateTimeField(_("refunded at"), null=True)
    replaced_by = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        related_name="replaces",
        verbose_name=_("replaced by"),
    )

    # By which its holder got it from the buyer: only the holder gets its code. A replacement keeps
    # it. NULL: the ticket is the buyer's.
    transfer = models.ForeignKey(
        Transfer,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        editable=False,
    )

    objects = TicketQuerySet.as_manager()

    class Meta:
        verbose_name = _("ticket")
        verbose_name_plural = _("tickets")
        ordering = ["-created_at", "order_item_id", "position"]
        indexes = [
            models.Index(fields=["-created_at"], name="tickets_by_age"),
            # The check-in list, a page at a time.
            models.Index(
                fields=["event", "holder_name", "order", "number"], name="tickets_by_holder"
            ),
            models.Index(
                fields=["refunded_at"],
                condition=Q(refunded_at__isnull=False),
                name="tickets_by_refund",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["order_item", "position"],
                condition=Q(replaced_by__isnull=True),
                name="one_ticket_per_place_paid",
            ),
            models.UniqueConstraint(
                fields=["order", "number"],
                condition=Q(replaced_by__isnull=True),
                name="one_ticket_per_number",
            ),
            models.CheckConstraint(
                condition=Q(status=TicketStatus.REVOKED)
                | Q(refunded_at__isnull=True, replaced_by__isnull=True),
                name="what_is_gone_admits_nobody",
            ),
            models.CheckConstraint(
                condition=Q(status=TicketStatus.USED, used_at__isnull=False)
                | Q(status=TicketStatus.VALID, used_at__isnull=True)
                | Q(status=TicketStatus.REVOKED),
                name="used_has_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return self.holder_name

    @property
    def price(self) -> Decimal:
        """Return what the buyer has paid for the ticket, and gets back if it is refunded."""
        known = self.exchanged_price
        return self.order_item.unit_price if known is None else known


class Delivery(OutgoingMail):
    """The one mail that carries an order's tickets, and its state."""

    order = models.OneToOneField(
        Order, on_delete=models.PROTECT, related_name="delivery", verbose_name=_("order")
    )
    codes_stored_at = models.DateTimeField(_("codes stored at"), null=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            models.Index(
                fields=["ask_again_at"],
                condition=Q(sent_at__isnull=True),
                name="deliveries_still_asking",
            ),
            models.Index(
                fields=["failed_at"],
                condition=Q(failed_at__isnull=False),
                name="deliveries_given_up",
            ),
        ]

    def __str__(self) -> str:
        return self.order.code


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
        help_text=_("May undo a check-in within 15 minutes."),
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
    ADMITTED = "admitted", _("admitted")
    ALREADY_USED = "already_used", _("already used")
    REVOKED = "revoked", _("revoked")
    WRONG_EVENT = "wrong_event", _("wrong event")
    EVENT_CANCELLED = "event_cancelled", _("event cancelled")
    NOT_YET_OPEN = "not_yet_open", _("not yet open")
    CLOSED = "closed", _("closed")
    INVALID_CODE = "invalid_code", _("invalid code")
    UNKNOWN_TICKET = "unknown_ticket", _("unknown ticket")


class Scan(models.Model):
    """One attempt at a gate, admitted or refused. The only change to a row is an undo."""

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
        Ticket,
        on_delete=models.PROTECT,
        related_name="scans",
        null=True,
        verbose_name=_("ticket"),
    )
    result = models.CharField(_("result"), max_length=16, choices=ScanResult.choices)
    gate = models.CharField(_("gate"), max_length=50, blank=True)
    code = models.CharField(_("code"), max_length=300)
    scanned_at = models.DateTimeField(_("scanned at"))
    recorded_at = models.DateTimeField(_("recorded at"))
    # An admission that was undone stays on record, but it does not count any more.
    undone_at = models.DateTimeField(_("undone at"), null=True)
    # The actor that undid it, as `device:…`, `token:…` or `user:…`.
    undone_by = models.CharField(max_length=60, default="", db_default="", editable=False)

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
        ]

    def __str__(self) -> str:
        zone = zone_named(self.event.timezone) if self.event else None
        recorded_at = timezone.localtime(self.recorded_at, zone)
        return f"{self.get_result_display()} {recorded_at:%H:%M:%S}"
