"""Write orders that are over already, many at once: for the demo's season."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction

from events.models import Event, TicketType
from orders.gateway import simulated_fee
from orders.holding import CODE_LENGTH
from orders.models import (
    Order,
    OrderItem,
    OrderStatus,
    Payment,
    PaymentMethod,
    PaymentStatus,
    Refund,
)
from ticketing.ids import new_code
from ticketing.tokens import TokenKind, make_token

_WITH_PAYMENT: Final = (OrderStatus.PAID, OrderStatus.REFUNDED, OrderStatus.PAYMENT_FAILED)


@dataclass(frozen=True, slots=True)
class PastOrder:
    """
    An order as it ended at `ended_at`: paid, refunded, declined, expired or cancelled.

    `returned` are the tickets of each type that were refunded one by one, at `returned_at`.
    """

    event: Event
    quantities: dict[TicketType, int]
    customer_name: str
    customer_email: str
    language: str
    status: OrderStatus
    method: PaymentMethod
    created_at: datetime
    ended_at: datetime
    returned: dict[TicketType, int]
    returned_at: datetime

    @property
    def total(self) -> Decimal:
        return _price_of(self.quantities)

    @property
    def was_paid(self) -> bool:
        return self.status in {OrderStatus.PAID, OrderStatus.REFUNDED}


@transaction.atomic
def write_past_orders(past: Sequence[PastOrder]) -> list[Order]:
    """
    Insert orders with their items, payments and refunds, and return them in the same sequence.

    It neither counts nor holds stock: the caller promises and sells what was paid, in the same
    transaction. Order codes must be free, which 30 bits make all but certain for some hundreds.
    """
    orders = Order.objects.bulk_create(_make_order(each) for each in past)
    OrderItem.objects.bulk_create(
        OrderItem(
            order=order,
            ticket_type=kind,
            quantity=quantity,
            unit_price=kind.price,
            returned=each.returned.get(kind, 0),
        )
        for order, each in zip(orders, past, strict=True)
        for kind, quantity in each.quantities.items()
    )
    paying = [
        (o, each) for o, each in zip(orders, past, strict=True) if each.status in _WITH_PAYMENT
    ]
    payments = Payment.objects.bulk_create(_make_payment(order, each) for order, each in paying)
    Refund.objects.bulk_create(
        Refund(
            payment=payment,
            amount=_price_of(each.returned),
            created_at=each.returned_at,
            refunded_at=each.returned_at,
            ask_again_at=each.returned_at,
        )
        for payment, (_order, each) in zip(payments, paying, strict=True)
        if each.returned
    )
    # Inserted as approved, because that is what the ledger enters, and moved on afterwards.
    for payment, (_order, each) in zip(payments, paying, strict=True):
        if each.status == OrderStatus.REFUNDED:
            Payment.objects.filter(pk=payment.pk).update(
                status=PaymentStatus.REFUNDED, refunded_at=each.returned_at
            )
    return orders


def _make_order(past: PastOrder) -> Order:
    closed_at = past.returned_at if past.status == OrderStatus.REFUNDED else past.ended_at
    return Order(
        event=past.event,
        code=new_code(CODE_LENGTH),
        customer_name=past.customer_name,
        customer_email=past.customer_email,
        language=past.language,
        status=past.status,
        currency=past.event.currency,
        total=past.total,
        epoch=0,
        # Nobody has the token: a buyer of the demo gets a link by mail only.
        access_token_digest=make_token(TokenKind.ORDER).digest,
        reserved_until=past.created_at,
        created_at=past.created_at,
        processing_at=past.ended_at if past.status in _WITH_PAYMENT else None,
        paid_at=past.ended_at if past.was_paid else None,
        closed_at=None if past.status == OrderStatus.PAID else closed_at,
    )


def _make_payment(order: Order, past: PastOrder) -> Payment:
    declined = past.status == OrderStatus.PAYMENT_FAILED
    return Payment(
        order=order,
        method=PaymentMethod.FREE if not past.total else past.method,
        amount=past.total,
        currency=order.currency,
        status=PaymentStatus.DECLINED if declined else PaymentStatus.APPROVED,
        decline_code="card_declined" if declined else "",
        fee=Decimal(0) if declined else simulated_fee(past.total),
        created_at=past.created_at,
        decided_at=past.ended_at,
        # The sweep asks again for payments that are pending. These are not.
        ask_again_at=past.ended_at,
    )


def _price_of(quantities: dict[TicketType, int]) -> Decimal:
    return sum((kind.price * quantity for kind, quantity in quantities.items()), Decimal(0))
