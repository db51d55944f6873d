"""Refunds: the money that is owed to a buyer, and its return."""

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
    Count tickets of order items as returned, in the transaction that revokes them.

    The caller holds the order's row.
    """
    for item_id, quantity in sorted(quantities.items()):
        OrderItem.objects.filter(pk=item_id).update(returned=F("returned") + quantity)


def owe_part(*, order_id: UUID, amount: Decimal, now: datetime) -> None:
    """
    Owe the buyer a part of the money of a paid order, in the transaction that revokes the tickets.

    The caller holds the order's row.
    """
    touch_order(order_id=order_id, now=now)
    _owe(Payment.objects.get(order_id=order_id), amount, now)


def owe_rest(*, order_id: UUID, now: datetime) -> Decimal:
    """
    End a paid order and owe its buyer what no earlier refund was about. Return how much that is.

    It is a part of the transaction that revokes the tickets. The caller holds the order's row.
    """
    move_order(order_id, was=OrderStatus.PAID, becomes=OrderStatus.REFUNDED, closed_at=now)
    payments = Payment.objects.filter(order_id=order_id)
    payments.update(status=PaymentStatus.REFUNDING)
    payment = payments.get()
    earlier = payment.refunds.aggregate(Sum("amount"))["amount__sum"] or Decimal(0)
    rest: Decimal = payment.amount - earlier
    _owe(payment, rest, now)
    return rest


def return_money(*, order_id: UUID, now: datetime) -> None:
    """
    Give the money back that is owed for an order. Twice is once.

    :raises GatewayAway: if the gateway gave no answer; the message comes back
    """
    owed = Refund.objects.filter(payment__order_id=order_id, refunded_at=None)
    for one in owed.select_related("payment").order_by("created_at", "pk"):
        refund(one, now=now)
        _note_return(one, now)


def _owe(payment: Payment, amount: Decimal, now: datetime) -> None:
    Refund.objects.create(
        payment=payment, amount=amount, created_at=now, ask_again_at=next_retry_at(0, now=now)
    )


@transaction.atomic(durable=True)
def _note_return(returned: Refund, now: datetime) -> None:
    Refund.objects.filter(pk=returned.pk, refunded_at=None).update(refunded_at=now)
    if not Refund.objects.filter(payment_id=returned.payment_id, refunded_at=None).exists():
        Payment.objects.filter(pk=returned.payment_id, status=PaymentStatus.REFUNDING).update(
            status=PaymentStatus.REFUNDED, refunded_at=now
        )
    touch_order(order_id=returned.payment.order_id, now=now)
