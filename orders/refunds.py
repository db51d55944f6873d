"""Record the money that is owed to a buyer, and return it through the payment gateway."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import F, Sum

from orders.changes import touch_order
from orders.gateway import refund
from orders.models import OrderItem, OrderStatus, Payment, PaymentStatus, Refund
from orders.state import move_order
from ticketing.queue.messages import next_retry_at


def count_returned(quantities: Mapping[int, int]) -> None:
    """
    Count tickets of order items as refunded one by one.

    It runs in the transaction that revokes the tickets. The caller has locked the order's row.
    """
    for item_id, quantity in sorted(quantities.items()):
        OrderItem.objects.filter(pk=item_id).update(returned=F("returned") + quantity)


def record_partial_refund(*, order_id: UUID, amount: Decimal, now: datetime) -> Refund:
    """
    Record a refund of a part of a paid order, and return it.

    It runs in the transaction that revokes the tickets. The caller has locked the order's row.
    """
    touch_order(order_id=order_id, now=now)
    return _add_refund(Payment.objects.get(order_id=order_id), amount, now)


def record_rest_as_refund(*, order_id: UUID, now: datetime) -> Refund:
    """
    Move a paid order to `refunded`, and record a refund of the rest. Return that refund.

    The rest is the payment less all earlier refunds. It runs in the transaction that revokes the
    tickets. The caller has locked the order's row.
    """
    move_order(order_id, was=OrderStatus.PAID, becomes=OrderStatus.REFUNDED, closed_at=now)
    payments = Payment.objects.filter(order_id=order_id)
    payments.update(status=PaymentStatus.REFUNDING)
    payment = payments.get()
    return _add_refund(payment, rest_of_payment(payment), now)


def rest_of_payment(payment: Payment) -> Decimal:
    """Return what a refund of the whole order still owes: the payment less all earlier refunds."""
    earlier: Decimal = payment.refunds.aggregate(Sum("amount"))["amount__sum"] or Decimal(0)
    return payment.amount - earlier


def return_money(*, order_id: UUID, now: datetime) -> None:
    """
    Return the money of an order's open refunds to the buyer. A repeat does nothing.

    :raises GatewayAway: if the gateway did not respond; SQS delivers the message again
    """
    owed = Refund.objects.filter(payment__order_id=order_id, refunded_at=None)
    for one in owed.select_related("payment").order_by("created_at", "pk"):
        refund(one, now=now)
        _record_return(one, now)


def _add_refund(payment: Payment, amount: Decimal, now: datetime) -> Refund:
    # A trigger enters it in the ledger.
    return Refund.objects.create(
        payment=payment, amount=amount, created_at=now, ask_again_at=next_retry_at(0, now=now)
    )


@transaction.atomic(durable=True)
def _record_return(returned: Refund, now: datetime) -> None:
    Refund.objects.filter(pk=returned.pk, refunded_at=None).update(refunded_at=now)
    if not Refund.objects.filter(payment_id=returned.payment_id, refunded_at=None).exists():
        Payment.objects.filter(pk=returned.payment_id, status=PaymentStatus.REFUNDING).update(
            status=PaymentStatus.REFUNDED, refunded_at=now
        )
    touch_order(order_id=returned.payment.order_id, now=now)
