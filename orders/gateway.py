"""The payment gateway: what we ask of one, and a simulated one."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Final, Protocol, Self, runtime_checkable
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models import Sum
from django.utils.module_loading import import_string

from orders.models import Payment, PaymentMethod, Refund
from orders.simulated_charges import SimulatedCharge, SimulatedRefund
from ticketing.errors import Unavailable

# By token: how many calls have no answer before the charge is made. No other token is charged.
_LOST_ANSWERS: Final = {"tok_approved": 0, "tok_unstable": 2}
_DECLINED: Final = "tok_declined"
# One statement counts the call and makes the charge, and a repeat charges no second time.
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
    """There was no answer; the charge may or may not have happened."""

    code = "gateway_away"
    title = "The payment gateway does not answer"


@dataclass(frozen=True, slots=True)
class Charge:
    """What the gateway did. A charge with a decline code took no money."""

    decline_code: str = ""


@runtime_checkable
class PaymentGateway(Protocol):
    """
    What the sale needs of whoever takes the money. Name one in `PAYMENT_GATEWAY`.

    One is made without arguments when a process starts, before a worker forks: open connections
    in the methods, not in `__init__`.
    """

    def accepts(self, *, method: str, token: str) -> bool:
        """Say whether `token` can be one of ours, without asking anybody."""

    def charge(self, payment: Payment, *, now: datetime) -> Charge:
        """
        Take the money. The payment's id makes a repeated call return the first answer.

        Nobody knows whether a call without an answer has charged. A gateway charges within two
        minutes of a call or never: use its own time-outs, or cancel what takes longer. What
        failed is undone once more after that time (`orders.payment.LATEST_CHARGE`).

        :raises GatewayAway: if there was no answer
        """

    def refund(self, payment: Payment, *, refund_id: UUID, amount: Decimal, now: datetime) -> None:
        """
        Give so much of a charge back, if there was one. With the same `refund_id`, twice is once.

        Where there was no charge, nothing is remembered: the same call, after a charge has come
        late, gives that one back. So do not send `refund_id` as an idempotency key to a gateway
        that would repeat the answer "no such charge"; look for the charge first.

        :raises GatewayAway: if there was no answer
        """


class SimulatedGateway:
    """
    Takes no money. Its tokens say what it does.

    `tok_approved` is charged, `tok_declined` is not, `tok_unstable` is charged after two calls
    without an answer.
    """

    # In the making, so that no subclass, wrapper or other name of this class avoids the question.
    def __new__(cls, *_arguments: object, **_named: object) -> Self:
        if not settings.ALLOW_SIMULATED_PAYMENTS:
            raise ImproperlyConfigured(
                "PAYMENT_GATEWAY is the simulated gateway: it charges nobody, and anyone can buy"
                " with tok_approved. Name a real gateway, or set ALLOW_SIMULATED_PAYMENTS=true for"
                " a demonstration."
            )
        return super().__new__(cls)

    def accepts(self, *, method: str, token: str) -> bool:
        return token == _DECLINED or token in _LOST_ANSWERS

    def charge(self, payment: Payment, *, now: datetime) -> Charge:
        lost = _LOST_ANSWERS.get(payment.token)
        with connection.cursor() as cursor:
            cursor.execute(_CHARGE, {"payment": payment.pk, "lost": lost, "now": now})
            (attempts,) = cursor.fetchone()
        if lost is None:
            return Charge(decline_code="card_declined")
        if attempts <= lost:
            raise GatewayAway(f"Attempt {attempts} had no answer.")
        return Charge()

    def refund(self, payment: Payment, *, refund_id: UUID, amount: Decimal, now: datetime) -> None:
        charged = SimulatedCharge.objects.filter(payment_id=payment.pk, charged_at__isnull=False)
        if not charged.exists():
            return
        back = SimulatedRefund(refund_id=refund_id, payment_id=payment.pk, amount=amount)
        SimulatedRefund.objects.bulk_create([back], ignore_conflicts=True)
        returned = SimulatedRefund.objects.filter(payment_id=payment.pk).aggregate(Sum("amount"))
        if returned["amount__sum"] >= payment.amount:
            charged.filter(refunded_at=None).update(refunded_at=now)


@cache
def get_gateway() -> PaymentGateway:
    """
    Return the gateway that the settings name.

    :raises ImproperlyConfigured: if there is none of that name, or the simulated one is not allowed
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


def charge(payment: Payment, *, now: datetime) -> Charge:
    """
    Take the money for one order. A free order costs nobody anything.

    :raises GatewayAway: if there was no answer; ask again
    """
    if payment.method == PaymentMethod.FREE:
        return Charge()
    return get_gateway().charge(payment, now=now)


def undo_charge(payment: Payment, *, now: datetime) -> None:
    """
    Give back all the money of an order that got no tickets, if any was taken. Twice is once.

    :raises GatewayAway: if there was no answer; ask again
    """
    if payment.method != PaymentMethod.FREE:
        get_gateway().refund(payment, refund_id=payment.pk, amount=payment.amount, now=now)


def refund(owed: Refund, *, now: datetime) -> None:
    """
    Give back what is owed. Twice is once.

    :raises GatewayAway: if there was no answer; ask again
    """
    if owed.payment.method != PaymentMethod.FREE:
        get_gateway().refund(owed.payment, refund_id=owed.pk, amount=owed.amount, now=now)
