"""Confirm a payment: promise its tickets, and queue the charge. Record its result."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, Q

from events.models import Event, EventStatus
from events.stock.holds import release_holds, retime_hold, try_to_apply_decisions
from events.stock.record import (
    PROCESSING_HOLD_MILLISECONDS,
    DatabaseNow,
    SoldOut,
    promise_tickets,
    return_promised,
    share_event,
)
from orders.expiry import decide_holds
from orders.gateway import get_gateway
from orders.insertion import Reservation
from orders.limits import MaxPerCustomerExceeded, check_customer_may_own
from orders.models import (
    GATEWAY_METHODS,
    Order,
    OrderItem,
    OrderStatus,
    Payment,
    PaymentMethod,
    PaymentStatus,
)
from orders.state import move_order
from ticketing.errors import Conflict, Invalid
from ticketing.queue.messages import Message, next_retry_at, send_after_commit


class OrderNotPayable(Conflict):
    """The order is not a reservation any more, or its event is not on sale any more."""

    code = "order_not_payable"
    title = "This order cannot be paid any more"


class ReservationExpired(Conflict):
    """The payment came after the end of the reservation. Nothing was charged."""

    code = "reservation_expired"
    title = "The reservation has expired"


class PaymentNotAccepted(Invalid):
    """The payment method does not fit the order, or the gateway does not know the token."""

    code = "payment_not_accepted"
    title = "This payment is not accepted"

    def __init__(self, detail: str, *, pointer: str) -> None:
        super().__init__(detail)
        self.pointer = pointer


class PaymentTokenMissing(PaymentNotAccepted):
    """A payment by card or Pix needs a token, which tells the gateway what to charge."""

    code = "required"
    title = "This payment needs a token"


# How long after the failure of a payment a charge of it may still happen. A failing task may commit
# 50 s (the hard time limit of a task) after it read the clock. Just before that, another worker may
# have read the order, and may run for 50 s itself. A gateway may charge up to 2 minutes after it
# was called (see `PaymentGateway.charge`). The rest allows for clocks that differ.
LATEST_CHARGE: Final = timedelta(minutes=5)

# Every refusal that `confirm_payment` may raise.
REFUSALS = (
    MaxPerCustomerExceeded,
    OrderNotPayable,
    PaymentNotAccepted,
    ReservationExpired,
    SoldOut,
)


def confirm_payment(
    *,
    order: Order,
    method: str,
    token: str,
    now: datetime,
    store_response: Callable[[], None] = lambda: None,
) -> Payment:
    """
    Promise the buyer's tickets, and queue the charge. The worker charges, not this function.

    PostgreSQL's clock decides whether the reservation is in time; Redis is not needed.
    `store_response` stores the response in the transaction that moves the order.

    :raises PaymentTokenMissing: if the order is not free, and there is no token
    :raises PaymentNotAccepted: if the method does not fit the order's total, or the gateway does
        not know the token
    :raises ReservationExpired: if the reservation has expired
    :raises OrderNotPayable: if the order is not a reservation, or its event is not on sale any more
    :raises SoldOut: if too few tickets are left; the order does not change
    :raises MaxPerCustomerExceeded: if the customer owns too many tickets; the order does not change
    """
    _check_method_and_token(order, method, token)
    return _confirm(order, method, token, now, store_response)


def accept_arrived_pix(
    *, order: Order, token: str, now: datetime, store_arrival: Callable[[], None]
) -> Payment:
    """
    Promise the buyer's tickets for money that the gateway has received already.

    `token` is the gateway's, so its form is not checked. The worker's charge confirms the money.
    `store_arrival` runs in the transaction that moves the order.

    :raises ReservationExpired, OrderNotPayable, SoldOut, MaxPerCustomerExceeded: as
        `confirm_payment`; the caller returns the money
    """
    return _confirm(order, PaymentMethod.PIX, token, now, store_arrival)


def accept_box_office_payment(*, reservation: Reservation, method: str, now: datetime) -> None:
    """
    Promise the tickets of an order that staff sell, and queue its settlement.

    It runs in the transaction that wrote the reservation, which has the event's lock.

    :raises SoldOut: if too few tickets are left; the transaction must roll back
    """
    move_order(
        reservation.order_id,
        was=OrderStatus.RESERVED,
        becomes=OrderStatus.PROCESSING,
        processing_at=now,
    )
    Payment.objects.create(
        order_id=reservation.order_id,
        method=method,
        amount=reservation.total,
        currency=reservation.event.currency,
        created_at=now,
        ask_again_at=next_retry_at(0, now=now),
    )
    # Last, to hold these locks briefly: every payment of the event updates the same rows.
    promise_tickets({item.ticket_type.pk: item.quantity for item in reservation.items})
    send_after_commit(Message.SETTLE_ORDER, order_id=reservation.order_id)


def refuse_payment(order: Order, now: datetime) -> Conflict:
    """Return the refusal of an order that cannot be paid. A reservation past its time expires."""
    if order.status == OrderStatus.RESERVED:
        # Expire it now, so that its tickets are back on sale before the next cleanup.
        decisions = decide_holds(event_id=order.event_id, order_ids=[order.pk], now=now)
        try_to_apply_decisions(event_id=order.event_id, decisions=decisions)
        order.refresh_from_db(fields=["status"])
    if order.status == OrderStatus.EXPIRED:
        return ReservationExpired(
            f"The reservation ended at {order.reserved_until.isoformat()}. Make a new one."
        )
    if order.status == OrderStatus.RESERVED:
        return OrderNotPayable("The event of this order is not on sale any more.")
    return OrderNotPayable(f"The order is {order.status}. Only a reservation can be paid.")


def approve_payment(*, order_id: UUID, fee: Decimal = Decimal(0), now: datetime) -> bool:
    """
    Move an order to `paid`. It runs in the transaction that writes the order's tickets.

    `fee` is what the payment provider kept of the charge. Return False if the order was not
    `processing`: another worker may have settled it. A trigger enters charge and fee in the ledger.
    """
    if not move_order(order_id, was=OrderStatus.PROCESSING, becomes=OrderStatus.PAID, paid_at=now):
        return False
    Payment.objects.filter(order_id=order_id).update(
        status=PaymentStatus.APPROVED, decided_at=now, fee=fee
    )
    return True


def fail_payment(
    *,
    order: Order,
    decline_code: str,
    now: datetime,
    store_notice: Callable[[], None] = lambda: None,
) -> None:
    """
    Record that the payment failed, and put its tickets back on sale. A repeat changes nothing.

    `store_notice` asks for the buyer's mail in the transaction that moves the order.

    Another worker may be charging the same payment right now. So the payment is marked to be undone
    once more at a time when no charge can follow.
    """
    _record_failure(order, decline_code, now, store_notice)
    # On a repeat too: the process that moved the order may have died before this line.
    release_holds(event_id=order.event_id, order_ids=[order.pk])


@transaction.atomic(durable=True)
def note_undo(*, payment: Payment, now: datetime) -> None:
    """Record that a failed payment was undone, unless a charge of it may still follow."""
    Payment.objects.filter(pk=payment.pk, undo_at__lte=now, undone_at=None).update(undone_at=now)


def quantities_of(order_id: UUID) -> dict[UUID, int]:
    """Return an unpaid order's quantities by ticket type. They ignore refunds of single tickets."""
    return dict(
        OrderItem.objects.filter(order_id=order_id).values_list("ticket_type_id", "quantity")
    )


def _confirm(
    order: Order, method: str, token: str, now: datetime, store: Callable[[], None]
) -> Payment:
    payment = _start_processing(order, method, token, now, store)
    if payment is None:
        raise refuse_payment(order, now)
    retime_hold(
        event_id=order.event_id, order_id=order.pk, milliseconds=PROCESSING_HOLD_MILLISECONDS
    )
    return payment


def _check_method_and_token(order: Order, method: str, token: str) -> None:
    if (method == PaymentMethod.FREE) != (order.total == 0):
        raise PaymentNotAccepted(
            "This order is free: send the method `free`."
            if order.total == 0
            else "This order is not free: send the method `card` or `pix`.",
            pointer="#/method",
        )
    if method != PaymentMethod.FREE and not token:
        raise PaymentTokenMissing(
            "A payment by card or Pix needs a token: send `token`.", pointer="#/token"
        )
    if method != PaymentMethod.FREE and not get_gateway().accepts(method=method, token=token):
        raise PaymentNotAccepted(
            "The payment gateway does not know this token. Get a new one from the gateway.",
            pointer="#/token",
        )


@transaction.atomic(durable=True)
def _start_processing(
    order: Order,
    method: str,
    token: str,
    now: datetime,
    store_response: Callable[[], None],
) -> Payment | None:
    # Take the event's lock before any row lock: event cancellation and a rebuild of the stock take
    # it exclusively, and the other order would risk a deadlock.
    share_event(order.event.number)
    on_sale = Event.objects.filter(pk=order.event_id, status=EventStatus.PUBLISHED)
    moved = move_order(
        order.pk,
        was=OrderStatus.RESERVED,
        becomes=OrderStatus.PROCESSING,
        only_if=Q(reserved_until__gt=DatabaseNow()) & Q(Exists(on_sale)),
        processing_at=now,
    )
    if not moved:
        return None
    check_customer_may_own(order)
    payment = Payment.objects.create(
        order=order,
        method=method,
        token=token,
        amount=order.total,
        currency=order.currency,
        created_at=now,
        ask_again_at=next_retry_at(0, now=now),
    )
    store_response()
    # Last, to hold these locks briefly: every payment of the event updates the same rows.
    promise_tickets(quantities_of(order.pk))
    send_after_commit(Message.SETTLE_ORDER, order_id=order.pk)
    return payment


@transaction.atomic(durable=True)
def _record_failure(
    order: Order, decline_code: str, now: datetime, store_notice: Callable[[], None]
) -> None:
    if move_order(
        order.pk, was=OrderStatus.PROCESSING, becomes=OrderStatus.PAYMENT_FAILED, closed_at=now
    ):
        Payment.objects.filter(order_id=order.pk).update(
            status=PaymentStatus.DECLINED,
            decline_code=decline_code,
            decided_at=now,
            undo_at=now + LATEST_CHARGE if order.payment.method in GATEWAY_METHODS else None,
            asks=0,
            ask_again_at=now + LATEST_CHARGE,
        )
        store_notice()
        return_promised(quantities_of(order.pk))
