"""The tables of tickets, their deliveries, door devices and scans."""

from decimal import Decimal
from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models import Event, TicketType
from orders.models import Order, OrderItem
from tickets.door_marks import DoorMark
from tickets.door_record import (
    ENTRIES,
    LET_IN_AGAINST_RULES,
    LET_THROUGH,
    Decision,
    Device,
    DevicePairing,
    Direction,
    Scan,
    ScanResult,
)
from tickets.order_list_record import OrderListMail
from tickets.outgoing import OutgoingMail
from tickets.refund_request_record import RefundRequest, RequestState
from tickets.retention_record import ErasedEvent, ErasureRun
from tickets.scan_slots import ScanSlot
from tickets.transfer_record import Transfer, TransferMail, TransferMailKind

__all__ = [
    "ENTRIES", "LET_IN_AGAINST_RULES", "LET_THROUGH", "Decision", "Delivery", "Device",
    "DevicePairing", "Direction", "DoorMark", "ErasedEvent", "ErasureRun", "OrderListMail",
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
    # Whether the holder of a used ticket is inside. NULL, of the previous release: yes. It says
    # nothing of a ticket that is not used.
    inside = models.BooleanField(_("inside"), null=True, editable=False)
    # The time of its latest entry. NULL, of the previous release: `used_at`.
    last_entry_at = models.DateTimeField(_("last entry"), null=True, editable=False)
    # The gate of its latest entry, "" if that has no name. NULL: it was not stored.
    entry_gate = models.CharField(  # noqa: DJ001 - "" and NULL differ
        max_length=50, null=True, editable=False
    )
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
