"""The interface of a payment gateway, a simulated gateway, and the calls to the configured one."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any, Final, Protocol, Self, runtime_checkable
from uuid import UUID

from django.conf import settings
from django.core.checks import CheckMessage, Warning  # noqa: A004 - that is its name
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models import Sum
from django.utils.module_loading import import_string

from orders.checkout import Checkout, ShowsCheckout
from orders.models import GATEWAY_METHODS, Payment, Refund
from orders.pix_gateway import PixGateway
from orders.simulated_charges import SimulatedCharge, SimulatedRefund
from orders.simulated_pix import SimulatedPixGateway, is_paid_by_pix
from ticketing.errors import Unavailable

# For each token that is charged: how many calls fail without a response before the charge is made.
_LOST_RESPONSES: Final = {"tok_approved": 0, "tok_unstable": 2}
_DECLINED: Final = "tok_declined"
_CENT: Final = Decimal("0.01")
# One statement counts the call and makes the charge, so a repeated call never charges twice.
_CHARGE: Final = """
INSERT INTO orders_simulatedcharge AS charge (payment_id, attempts, charged_at)
VALUES (%(payment)s, 1, CASE WHEN 0 >= %(lost)s THEN %(now)s::timestamptz END)
ON CONFLICT (payment_id) DO UPDATE SET
  attempts = charge.attempts + 1,
  charged_at = coalesce(
    charge.charged_at, CASE WHEN charge.attempts >= %(lost)s THEN %(now)s::timestamptz END)
RETURNING attempts
"""


class GatewayAway(Unavailable):
    """The gateway did not respond. The charge may or may not have happened."""

    code = "gateway_away"
    title = "The payment gateway does not answer"


@dataclass(frozen=True, slots=True)
class Charge:
    """
    The gateway's response to a charge. With a decline code, no money was taken.

    `fee` is what the provider keeps of the amount, in its currency, rounded to cents; 0 if it is
    not known. It is entered in the ledger beside the charge. A refund does not give it back.
    """

    decline_code: str = ""
    fee: Decimal = Decimal(0)


@runtime_checkable
class PaymentGateway(Protocol):
    """
    What the sale needs of a payment provider. `PAYMENT_GATEWAY` names the class that is used.

    Each process makes one instance, without arguments, when it starts and before a worker forks.
    So open connections in the methods, not in `__init__`.
    """

    def accepts(self, *, method: str, token: str) -> bool:
        """Return whether the token can be valid, judged by its form, without a network call."""

    def charge(self, payment: Payment, *, now: datetime) -> Charge:
        """
        Charge the payment. A repeated call with the same payment id returns the first response.

        A call without a response may have charged. An implementation must charge within two minutes
        of a call or never: use the provider's timeouts, or cancel a charge that takes longer. A
        failed payment is undone once more after that time (`orders.payment.LATEST_CHARGE`).

        :raises GatewayAway: if the gateway did not respond
        """

    def refund(self, payment: Payment, *, refund_id: UUID, amount: Decimal, now: datetime) -> None:
        """
        Refund `amount` of a charge, if there was one. A repeat of one `refund_id` does nothing.

        If there was no charge, the call must leave no trace: the same call after a late charge must
        refund that charge. So if the provider would store the response "no such charge" under an
        idempotency key, look for the charge first instead of sending `refund_id` as the key.

        :raises GatewayAway: if the gateway did not respond
        """


class SimulatedGateway(SimulatedPixGateway):
    """
    Takes no money. The payment's token decides the result.

    `tok_approved` is charged, `tok_declined` is declined, and `tok_unstable` is charged after two
    calls without a response. Its Pix is paid by a button: `SimulatedPixGateway`. Of each charge it
    keeps `SIMULATED_FEE_PERCENT`.
    """

    checkout = Checkout(template="orders/pay_card.html", is_test=True)

    # Checked in `__new__`, so that no subclass, wrapper or alias of this class avoids the check.
    def __new__(cls, *_arguments: object, **_named: object) -> Self:
        if not settings.ALLOW_SIMULATED_PAYMENTS:
            raise ImproperlyConfigured(
                "PAYMENT_GATEWAY is the simulated gateway: it charges nobody, and anyone can buy"
                " with tok_approved. Name a real gateway, or set ALLOW_SIMULATED_PAYMENTS=true for"
                " a demonstration."
            )
        return super().__new__(cls)

    def accepts(self, *, method: str, token: str) -> bool:
        return token == _DECLINED or token in _LOST_RESPONSES

    def charge(self, payment: Payment, *, now: datetime) -> Charge:
        if is_paid_by_pix(payment):
            taken = self.take_pix_over(payment)
            return Charge(fee=simulated_fee(payment.amount)) if taken else Charge("pix_not_paid")
        lost = _LOST_RESPONSES.get(payment.token)
        with connection.cursor() as cursor:
            cursor.execute(_CHARGE, {"payment": payment.pk, "lost": lost, "now": now})
            (attempts,) = cursor.fetchone()
        if lost is None:
            return Charge(decline_code="card_declined")
        if attempts <= lost:
            raise GatewayAway(f"Attempt {attempts} had no answer.")
        return Charge(fee=simulated_fee(payment.amount))

    def refund(self, payment: Payment, *, refund_id: UUID, amount: Decimal, now: datetime) -> None:
        if is_paid_by_pix(payment):
            # The money came before any call of `charge`, and that call may never have come.
            self.take_pix_over(payment)
        charged = SimulatedCharge.objects.filter(payment_id=payment.pk, charged_at__isnull=False)
        if not charged.exists():
            return
        new = SimulatedRefund(refund_id=refund_id, payment_id=payment.pk, amount=amount)
        SimulatedRefund.objects.bulk_create([new], ignore_conflicts=True)
        refunded = SimulatedRefund.objects.filter(payment_id=payment.pk).aggregate(Sum("amount"))
        if refunded["amount__sum"] >= payment.amount:
            charged.filter(refunded_at=None).update(refunded_at=now)


def simulated_fee(amount: Decimal) -> Decimal:
    """Return what the simulated gateway keeps of a charge."""
    share: Decimal = amount * settings.SIMULATED_FEE_PERCENT / 100
    return share.quantize(_CENT, ROUND_HALF_UP)


@cache
def get_gateway() -> PaymentGateway:
    """
    Return the gateway that `PAYMENT_GATEWAY` names. Each process has one.

    :raises ImproperlyConfigured: if it cannot be imported, is no gateway, or is the simulated one
        where that is not allowed
    """
    try:
        make = import_string(settings.PAYMENT_GATEWAY)
    except ImportError as error:
        raise ImproperlyConfigured(f"PAYMENT_GATEWAY cannot be imported: {error}") from error
    gateway = make()
    if not isinstance(gateway, PaymentGateway):
        raise ImproperlyConfigured(
            f"PAYMENT_GATEWAY: {settings.PAYMENT_GATEWAY} lacks methods of"
            " orders.gateway.PaymentGateway."
        )
    return gateway


def get_pix_gateway() -> PixGateway | None:
    """Return the configured gateway if it takes Pix."""
    gateway = get_gateway()
    return gateway if isinstance(gateway, PixGateway) else None


def get_checkout() -> Checkout | None:
    """Return the configured gateway's part of the page of an order, if pages may show one."""
    gateway = get_gateway()
    if not isinstance(gateway, ShowsCheckout):
        return None
    is_shown = settings.SHOW_TEST_PAYMENTS or not gateway.checkout.is_test
    return gateway.checkout if is_shown else None


def warn_about_test_payments(**_options: Any) -> list[CheckMessage]:
    """Warn in `check --deploy` of a shop in which nobody has to pay."""
    if not settings.SHOW_TEST_PAYMENTS:
        return []
    return [
        Warning(
            "SHOW_TEST_PAYMENTS is set: with the simulated gateway, every visitor of the shop takes"
            " tickets without paying.",
            hint="Unset it, unless this is a demonstration without real events.",
            id="orders.W001",
        )
    ]


def charge(payment: Payment, *, now: datetime) -> Charge:
    """
    Charge the payment of an order, unless it is free or staff took the money themselves.

    :raises GatewayAway: if the gateway did not respond; the caller must retry
    """
    if payment.method not in GATEWAY_METHODS:
        return Charge()
    return get_gateway().charge(payment, now=now)


def undo_charge(payment: Payment, *, now: datetime) -> None:
    """
    Refund the whole charge of a failed payment, if there was one. A repeat does nothing.

    :raises GatewayAway: if the gateway did not respond; the caller must retry
    """
    if payment.method in GATEWAY_METHODS:
        get_gateway().refund(payment, refund_id=payment.pk, amount=payment.amount, now=now)


def refund(owed: Refund, *, now: datetime) -> None:
    """
    Return the money of one refund to the buyer. A repeat does nothing.

    What staff took in cash they give back by hand: there is nothing to call.

    :raises GatewayAway: if the gateway did not respond; the caller must retry
    """
    if owed.payment.method in GATEWAY_METHODS:
        get_gateway().refund(owed.payment, refund_id=owed.pk, amount=owed.amount, now=now)
