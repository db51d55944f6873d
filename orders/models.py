"""Models of orders and payments."""

from decimal import Decimal
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Func, Q, Sum
from django.db.models.functions import Lower, Now
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from events.models import Event
from orders.answer_record import Answer
from orders.box_office_record import BoxOfficeMethod, BoxOfficeSale
from orders.consent_record import Consent, ConsentWay
from orders.dropped_hold import DroppedHold
from orders.email_confirmation import EmailConfirmation
from orders.exchange_record import CashDifference, TicketExchange
from orders.guest_list_record import GuestList
from orders.holder_record import HolderName
from orders.ledger_entry import LedgerEntry
from orders.opening_record import LinkOpening
from orders.order_item import OrderItem
from orders.pix_record import PixCharge, PixState
from orders.promo_code import LONGEST_PROMO_CODE, PromoCode
from orders.refund_record import Refund
from orders.sales_slots import SalesSlot
from orders.shop_record import ShopRecord
from orders.simulated_charges import SimulatedCharge, SimulatedPix
from ticketing.ids import new_id

__all__ = [
    "BUYER_METHODS", "OPEN_STATUSES", "Answer", "BoxOfficeMethod", "BoxOfficeSale",
    "CashDifference", "Consent", "ConsentWay", "DroppedHold", "EmailConfirmation", "GuestList",
    "HolderName", "LedgerEntry", "LinkOpening", "Order", "OrderItem", "OrderStatus", "Payment",
    "PaymentMethod", "PaymentStatus", "PixCharge", "PixState", "PromoCode", "Refund", "SalesSlot",
    "ShopRecord", "SimulatedCharge", "SimulatedPix", "TicketExchange",
]  # fmt: skip


class OrderStatus(models.TextChoices):
    RESERVED = "reserved", _("reserved")
    PROCESSING = "processing", _("processing")
    PAID = "paid", _("paid")
    PAYMENT_FAILED = "payment_failed", _("payment failed")
    EXPIRED = "expired", _("expired")
    CANCELLED = "cancelled", _("cancelled")
    REFUNDED = "refunded", _("refunded")


# The statuses of an order that still holds its tickets. The others have ended.
OPEN_STATUSES: Final = (OrderStatus.RESERVED, OrderStatus.PROCESSING, OrderStatus.PAID)
_HAS_BEEN_PAID = [OrderStatus.PAID, OrderStatus.REFUNDED]


class Order(models.Model):
    """What one buyer reserves and pays for, at one event, and its status."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.CharField(_("code"), max_length=8, editable=False)
    event = models.ForeignKey(
        Event,
        on_delete=models.PROTECT,
        related_name="orders",
        verbose_name=_("event"),
        db_index=False,
    )
    customer_name = models.CharField(_("customer's name"), max_length=200)
    customer_email = models.EmailField(_("customer's email"))
    language = models.CharField(
        _("language"), max_length=8, choices=settings.LANGUAGES, default="pt-br"
    )
    status = models.CharField(
        _("status"), max_length=16, choices=OrderStatus.choices, default=OrderStatus.RESERVED
    )
    currency = models.CharField(_("currency"), max_length=3)
    total = models.DecimalField(_("total"), max_digits=12, decimal_places=2)
    # Written with the order by the SQL function `reserve_with_promo`; the text is a copy.
    promo_code = models.ForeignKey(
        PromoCode,
        on_delete=models.PROTECT,
        null=True,
        related_name="orders",
        verbose_name=_("promo code"),
        db_index=False,
    )
    promo_text = models.CharField(
        _("promo code"), max_length=LONGEST_PROMO_CODE, default="", db_default=""
    )
    # The epoch of the stock in which the tickets were held.
    epoch = models.BigIntegerField(editable=False)
    access_token_digest = models.CharField(max_length=64, editable=False)
    # Keyed digests of the IP address that reserved (IPv6: its /64), and of an IPv6 address's /56.
    # The trigger `note_order_change` clears both when the order ends, and the task `tickets.forget`
    # after the event has ended.
    address_digest = models.CharField(max_length=16, default="", db_default="", editable=False)
    network_digest = models.CharField(max_length=16, default="", db_default="", editable=False)
    reserved_until = models.DateTimeField(_("reserved until"))
    created_at = models.DateTimeField(_("created at"))
    processing_at = models.DateTimeField(_("payment confirmed at"), null=True)
    paid_at = models.DateTimeField(_("paid at"), null=True)
    # When the order ended and its tickets went back on sale: expired, cancelled, failed, refunded.
    closed_at = models.DateTimeField(_("closed at"), null=True)
    # Set by the trigger `note_order_change`, with PostgreSQL's clock.
    modified_at = models.DateTimeField(_("modified at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(
                fields=["event", "reserved_until"],
                condition=Q(status__in=["reserved", "processing"]),
                name="open_orders_of_an_event",
            ),
            models.Index(
                fields=["reserved_until"],
                condition=Q(status=OrderStatus.RESERVED),
                name="reservations_running_out",
            ),
            # Only the previous release's `reserve_order` uses it. Remove both together.
            models.Index(
                Lower("customer_email"),
                condition=Q(status=OrderStatus.RESERVED),
                name="reservations_of_a_customer",
            ),
            models.Index(
                F("event"),
                Func("customer_email", function="counted_email"),
                condition=Q(status__in=["reserved", "processing", "paid"]),
                name="tickets_of_a_customer",
            ),
            models.Index(
                fields=["event", "address_digest"],
                condition=~Q(address_digest=""),
                name="tickets_of_an_address",
            ),
            models.Index(
                fields=["event", "network_digest"],
                condition=~Q(network_digest=""),
                name="tickets_of_a_network",
            ),
            models.Index(
                fields=["processing_at"],
                condition=Q(status=OrderStatus.PROCESSING),
                name="orders_being_processed",
            ),
            models.Index(fields=["event", "-created_at"], name="orders_of_an_event"),
            models.Index(fields=["event", "modified_at", "id"], name="orders_by_change"),
            models.Index(fields=["-created_at", "-id"], name="orders_by_age"),
            models.Index(fields=["customer_email"], name="orders_by_email"),
            # For the figures of the last minutes, and for the summary of those before.
            models.Index(
                fields=["paid_at"], condition=Q(paid_at__isnull=False), name="orders_by_payment"
            ),
            models.Index(
                fields=["closed_at"], condition=Q(closed_at__isnull=False), name="orders_by_end"
            ),
            models.Index(
                fields=["promo_code", "status"],
                condition=Q(promo_code__isnull=False),
                name="uses_of_a_promo_code",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["code"], name="one_order_per_code"),
            models.CheckConstraint(
                condition=Q(status__in=OrderStatus.values), name="order_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=_HAS_BEEN_PAID, paid_at__isnull=False)
                | (~Q(status__in=_HAS_BEEN_PAID) & Q(paid_at__isnull=True)),
                name="paid_has_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def refunded(self) -> Decimal:
        """Return the sum of the order's refunds, whether the money was returned yet or not."""
        payment: Payment | None = getattr(self, "payment", None)
        refunds = payment.refunds.all() if payment else []
        return sum((refund.amount for refund in refunds), Decimal(0))

    @cached_property
    def taken_by_hand(self) -> Decimal:
        """Return what staff took in cash for exchanged tickets, less what they gave back."""
        sums = self.cash_differences.aggregate(sum=Sum("amount", default=Decimal(0)))
        return Decimal(sums["sum"])

    @property
    def discount(self) -> Decimal:
        """
        Return what the order's promo code has taken off the total.

        Complimentary tickets are not a discount: their payment has the method `gift`.
        """
        return sum((item.quantity * item.discount for item in self.items.all()), Decimal(0))


class PaymentMethod(models.TextChoices):
    CARD = "card", _("card")
    PIX = "pix", "Pix"
    FREE = "free", _("free")
    # Staff sold or gave the tickets: `orders.box_office`.
    CASH = BoxOfficeMethod.CASH.value, BoxOfficeMethod.CASH.label
    COMPLIMENTARY = BoxOfficeMethod.COMPLIMENTARY.value, BoxOfficeMethod.COMPLIMENTARY.label


# Buyers send one of these. The gateway charges the first two.
BUYER_METHODS: Final = (PaymentMethod.CARD, PaymentMethod.PIX, PaymentMethod.FREE)
GATEWAY_METHODS: Final = (PaymentMethod.CARD, PaymentMethod.PIX)


class PaymentStatus(models.TextChoices):
    PENDING = "pending", _("pending")
    APPROVED = "approved", _("approved")
    DECLINED = "declined", _("declined")
    # The tickets are revoked, but the money is not returned yet.
    REFUNDING = "refunding", _("being refunded")
    REFUNDED = "refunded", _("refunded")


class Payment(models.Model):
    """
    The one attempt to charge the buyer of an order.

    While it is pending, the sweep sends the order's message again at `ask_again_at`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.OneToOneField(
        Order, on_delete=models.PROTECT, related_name="payment", verbose_name=_("order")
    )
    method = models.CharField(_("method"), max_length=8, choices=PaymentMethod.choices)
    token = models.CharField(max_length=200, blank=True, editable=False)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3)
    status = models.CharField(
        _("status"), max_length=12, choices=PaymentStatus.choices, default=PaymentStatus.PENDING
    )
    decline_code = models.CharField(_("decline code"), max_length=50, blank=True)
    # What the payment provider kept of the charge. A trigger enters it in the ledger.
    fee = models.DecimalField(
        _("fee"), max_digits=12, decimal_places=2, default=Decimal(0), db_default=Decimal(0)
    )
    created_at = models.DateTimeField(_("created at"))
    decided_at = models.DateTimeField(_("decided at"), null=True)
    refunded_at = models.DateTimeField(_("refunded at"), null=True)
    # When no charge of a failed payment can be in progress any more. The charge is undone once more
    # after this moment, and that last undo is recorded in `undone_at`.
    undo_at = models.DateTimeField(null=True, editable=False)
    undone_at = models.DateTimeField(_("charge undone at"), null=True)
    asks = models.PositiveSmallIntegerField(default=0, editable=False)
    ask_again_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        indexes = [
            models.Index(
                fields=["ask_again_at"],
                condition=Q(status=PaymentStatus.PENDING),
                name="payments_still_asking",
            ),
            models.Index(
                fields=["ask_again_at"],
                condition=Q(undo_at__isnull=False, undone_at__isnull=True),
                name="charges_still_to_undo",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=PaymentStatus.values), name="payment_status_is_known"
            ),
            models.CheckConstraint(condition=Q(fee__gte=0), name="fee_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.get_method_display()} {self.amount} {self.currency}"
