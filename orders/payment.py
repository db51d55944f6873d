"""Confirming payment: the buyer commits, and the order goes to the queue."""

from collections.abc import Callable
from datetime import datetime, timedelta
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
from orders.limits import MaxPerCustomerExceeded, check_customer_may_own
from orders.models import (
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
    """Past reserving, or its event is cancelled."""

    code = "order_not_payable"
    title = "This order cannot be paid any more"


class ReservationExpired(Conflict):
    """Too late; nothing was charged."""

    code = "reservation_expired"
    title = "The reservation has run out"


class PaymentNotAccepted(Invalid):
    """The method or the token does not fit the order."""

    code = "payment_not_accepted"
    title = "This payment cannot be taken"

    def __init__(self, detail: str, *, pointer: str) -> None:
        super().__init__(detail)
        self.pointer = pointer


class PaymentTokenMissing(PaymentNotAccepted):
    """A payment by card or Pix names what is to be charged."""

    code = "required"
    title = "This payment needs a token"


# After a payment has failed, a charge of it may still be under way: a worker may have read the
# order just before the failure was committed, which may be one task's hard time limit (50 s) after
# that task read the clock; it may then run for 50 s itself; and a gateway may act on a call for
# 2 minutes after it came (see `PaymentGateway.charge`). The rest is room for clocks that differ.
LATEST_CHARGE: Final = timedelta(minutes=5)

# Every way in which `confirm_payment` says no.
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
    Promise the buyer's tickets and ask for the charge. Nothing is charged here.

    Redis is not asked: the reservation is in time if the database's clock says so. `store_response`
    stores the response in the transaction that moves the order.

    :raises PaymentTokenMissing: if there is no token, and the order is not free
    :raises PaymentNotAccepted: if the gateway does not know the token, or the order is free
    :raises ReservationExpired: if its time is up
    :raises OrderNotPayable: if the order is past reserving
    :raises SoldOut: if the tickets are not there after all; the order stays as it was
    :raises MaxPerCustomerExceeded: if the customer owns too many others; the order stays as it was
    """
    _check_means(order, method, token)
    payment = _start_processing(order, method, token, now, store_response)
    if payment is None:
        raise refuse_payment(order, now)
    retime_hold(
        event_id=order.event_id, order_id=order.pk, milliseconds=PROCESSING_HOLD_MILLISECONDS
    )
    return payment


def refuse_payment(order: Order, now: datetime) -> Conflict:
    """Return why an order that was not moved cannot be paid. What has run out ends now."""
    if order.status == OrderStatus.RESERVED:
        # Its tickets need not wait for the cleanup.
        decisions = decide_holds(event_id=order.event_id, order_ids=[order.pk], now=now)
        try_to_apply_decisions(event_id=order.event_id, decisions=decisions)
        order.refresh_from_db(fields=["status"])
    if order.status == OrderStatus.EXPIRED:
        return ReservationExpired(f"It ended at {order.reserved_until.isoformat()}.")
    if order.status == OrderStatus.RESERVED:
        return OrderNotPayable("Its event is not on sale any more.")
    return OrderNotPayable(f"The order is {order.status}.")


def approve_payment(*, order_id: UUID, now: datetime) -> bool:
    """
    Note that an order is paid, in the transaction that writes its tickets.

    Return whether we were the one who did: another worker may have settled it.
    """
    if not move_order(order_id, was=OrderStatus.PROCESSING, becomes=OrderStatus.PAID, paid_at=now):
        return False
    Payment.objects.filter(order_id=order_id).update(status=PaymentStatus.APPROVED, decided_at=now)
    return True


def fail_payment(*, order: Order, decline_code: str, now: datetime) -> None:
    """
    Note that the payment failed and give the tickets back. Twice is once.

    A charge of it may still be under way in another worker. So the payment asks to be undone once
    more, when no charge can follow any more.
    """
    _give_back(order, decline_code, now)
    # Not only when we moved it: the one before us may have died before this line.
    release_holds(event_id=order.event_id, order_ids=[order.pk])


@transaction.atomic(durable=True)
def note_undo(*, payment: Payment, now: datetime) -> None:
    """Note that a failed payment was undone, unless a charge of it may still follow."""
    Payment.objects.filter(pk=payment.pk, undo_at__lte=now, undone_at=None).update(undone_at=now)


def quantities_of(order_id: UUID) -> dict[UUID, int]:
    """Return how many tickets of each type an order is for that is not paid: none came back."""
    return dict(
        OrderItem.objects.filter(order_id=order_id).values_list("ticket_type_id", "quantity")
    )


def _check_means(order: Order, method: str, token: str) -> None:
    if (method == PaymentMethod.FREE) != (order.total == 0):
        raise PaymentNotAccepted(
            "A free order takes the method `free`."
            if order.total == 0
            else "This order is not free: pay by `card` or `pix`.",
            pointer="#/method",
        )
    if method != PaymentMethod.FREE and not token:
        raise PaymentTokenMissing("A payment that is not free needs a token.", pointer="#/token")
    if method != PaymentMethod.FREE and not get_gateway().accepts(method=method, token=token):
        raise PaymentNotAccepted("The payment gateway does not know this token.", pointer="#/token")


@transaction.atomic(durable=True)
def _start_processing(
    order: Order,
    method: str,
    token: str,
    now: datetime,
    store_response: Callable[[], None],
) -> Payment | None:
    # Before any row: who cancels the event or rebuilds its stock has it alone.
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
    # Last: these are the rows that every buyer of the event waits for.
    promise_tickets(quantities_of(order.pk))
    send_after_commit(Message.SETTLE_ORDER, order_id=order.pk)
    return payment


@transaction.atomic(durable=True)
def _give_back(order: Order, decline_code: str, now: datetime) -> None:
    if move_order(
        order.pk, was=OrderStatus.PROCESSING, becomes=OrderStatus.PAYMENT_FAILED, closed_at=now
    ):
        Payment.objects.filter(order_id=order.pk).update(
            status=PaymentStatus.DECLINED,
            decline_code=decline_code,
            decided_at=now,
            undo_at=None if order.payment.method == PaymentMethod.FREE else now + LATEST_CHARGE,
            asks=0,
            ask_again_at=now + LATEST_CHARGE,
        )
        return_promised(quantities_of(order.pk))
