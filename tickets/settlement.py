"""Settle an order: charge the buyer, then write the sale and its tickets."""

import hashlib
from datetime import datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

from django.db import transaction

from events.models import EventStatus
from events.stock.holds import release_holds, settle_hold
from events.stock.record import sell_tickets
from orders.answer_rules import Place
from orders.declines import EVENT_CANCELLED
from orders.gateway import charge, undo_charge
from orders.holders import take_names
from orders.models import Order, OrderItem, OrderStatus
from orders.payment import approve_payment, fail_payment, note_undo
from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from tickets.codes import CodeSubject, sign_code
from tickets.models import Delivery, Ticket
from tickets.notices.requests import request_decline_notice
from tickets.object_names import new_object_name


def settle_order(*, order_id: UUID, now: datetime) -> None:
    """
    Charge the buyer, then write the sale and its tickets in one transaction.

    The queue may deliver the same message twice; the order is settled once. The tickets were
    promised when the payment was accepted, so a charged buyer always gets tickets.

    :raises GatewayAway: if the gateway did not answer; SQS delivers the message again
    """
    order = Order.objects.select_related("payment", "event").get(pk=order_id)
    if order.status != OrderStatus.PROCESSING:
        _finish(order, now)
        return
    if order.event.status == EventStatus.CANCELLED:
        # An earlier worker may have charged the buyer and crashed.
        undo_charge(order.payment, now=now)
        _fail(order, EVENT_CANCELLED, now)
        return
    charged = charge(order.payment, now=now)
    if charged.decline_code:
        _fail(order, charged.decline_code, now)
        return
    if not _write_sale(order, charged.fee, now):
        order.refresh_from_db(fields=["status"])
        _finish(order, now)
        return
    # After the commit: until then its tickets must count as held. If the worker crashes here, the
    # cleanup settles the hold.
    settle_hold(event_id=order.event_id, order_id=order_id)


def ticket_id(order_id: UUID, ticket_type_id: UUID, position: int) -> UUID:
    """
    Return the id of one ticket of an order: the same at each call, and a UUIDv7 like all our ids.

    Its time is the order's. Its random part is a digest of the order, the ticket type and the
    position (RFC 9562, 5.7).
    """
    seed = order_id.bytes + ticket_type_id.bytes + position.to_bytes(4)
    digest = int.from_bytes(hashlib.sha256(seed).digest()[:16])
    value = (order_id.int >> 80 << 80) | (digest & ((1 << 80) - 1))
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)


def _fail(order: Order, decline_code: str, now: datetime) -> None:
    fail_payment(
        order=order,
        decline_code=decline_code,
        now=now,
        store_notice=partial(request_decline_notice, order_id=order.pk, now=now),
    )


def _finish(order: Order, now: datetime) -> None:
    """Complete an order that was settled or failed before: its worker may have crashed early."""
    if order.status == OrderStatus.PAYMENT_FAILED:
        # The gateway may have charged after the order failed, for this worker or a crashed one.
        undo_charge(order.payment, now=now)
        note_undo(payment=order.payment, now=now)
        release_holds(event_id=order.event_id, order_ids=[order.pk])
    else:
        _resend_next_message(order.pk)


@transaction.atomic(durable=True)
def _resend_next_message(order_id: UUID) -> None:
    delivery = Delivery.objects.filter(order_id=order_id).order_by("pk").first()
    if delivery is None:
        return
    if delivery.codes_stored_at is None:
        send_after_commit(Message.ISSUE_CODES, order_id=order_id)
    elif delivery.sent_at is None and delivery.failed_at is None:
        # The worker that stored the codes may have crashed before it mailed them.
        send_after_commit(Message.DELIVER_TICKETS, order_id=order_id)


@transaction.atomic(durable=True)
def _write_sale(order: Order, fee: Decimal, now: datetime) -> bool:
    if not approve_payment(order_id=order.pk, fee=fee, now=now):
        return False
    items = list(order.items.select_related("ticket_type").order_by("pk"))
    places = [(item, place) for item in items for place in range(1, item.quantity + 1)]
    # After the status has changed: a buyer who names a holder from now on finds the tickets.
    names = take_names(order)
    Ticket.objects.bulk_create(
        _make_ticket(order, item, place, number, name=names.get(Place(item.pk, place)), now=now)
        for number, (item, place) in enumerate(places, 1)
    )
    Delivery.objects.create(order=order, asked_at=now, ask_again_at=next_retry_at(0, now=now))
    # Last, so that these rows are locked briefly: every sale of the event updates them.
    sell_tickets({item.ticket_type_id: item.quantity for item in items})
    send_after_commit(Message.ISSUE_CODES, order_id=order.pk)
    return True


def _make_ticket(  # noqa: PLR0913 - a ticket has this many parts
    order: Order, item: OrderItem, position: int, number: int, *, name: str | None, now: datetime
) -> Ticket:
    identity = ticket_id(order.pk, item.ticket_type_id, position)
    subject = CodeSubject(
        event_id=order.event_id,
        event_number=order.event.number,
        type_number=item.ticket_type.number,
        valid_from=order.created_at,
        event_ends_at=order.event.ends_at,
    )
    return Ticket(
        pk=identity,
        order=order,
        order_item_id=item.pk,
        event_id=order.event_id,
        ticket_type_id=item.ticket_type_id,
        position=position,
        number=number,
        code=sign_code(subject, identity),
        object_name=new_object_name(event_id=order.event_id, ticket_id=identity),
        holder_name=name or order.customer_name,
        created_at=now,
    )
