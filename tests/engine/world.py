"""Let time pass for one event, run the repairs, and check its invariants. For engine tests."""

from datetime import timedelta
from uuid import UUID

from django.core import mail
from django.db import connection
from django.db.models import F, Sum
from redis import Redis

from events.catalogue import left_by_type
from events.models import ChangeForBuyers, Event, InventoryGeneration, TicketType
from events.stock import generation
from orders.email_confirmation import EmailConfirmation
from orders.models import (
    GATEWAY_METHODS,
    GuestList,
    Order,
    OrderItem,
    OrderStatus,
    Payment,
    PaymentStatus,
    PixCharge,
    PixState,
    Refund,
)
from orders.simulated_charges import SimulatedCharge, SimulatedPix
from tests.queue import RecordingQueue
from tickets.models import Delivery, Ticket
from tickets.notices.models import Notice
from tickets.tasks import audit_task, expire_task, retry_waiting_work_task

HOLDS_STOCK = [OrderStatus.RESERVED, OrderStatus.PROCESSING, OrderStatus.PAID]


def let_pass(redis: Redis, event_id: UUID, time: timedelta) -> None:
    """Simulate the passing of `time` for an event: move its deadlines and leases into the past."""
    lease = f"{{event:{event_id}}}:rebuild"
    if redis.pttl(lease) <= time.total_seconds() * 1000:
        redis.delete(lease)
    key = f"{{event:{event_id}}}:due"
    for order in redis.zscan_iter(key):
        redis.zincrby(key, -time.total_seconds() * 1000, order[0])
    of_event = Order.objects.filter(event_id=event_id)
    of_event.update(reserved_until=F("reserved_until") - time)
    Payment.objects.filter(order__in=of_event).update(
        ask_again_at=F("ask_again_at") - time, undo_at=F("undo_at") - time
    )
    owed = Refund.objects.filter(payment__order__in=of_event)
    owed.update(ask_again_at=F("ask_again_at") - time)
    pix = PixCharge.objects.filter(order__in=of_event)
    pix.update(ask_again_at=F("ask_again_at") - time, expires_at=F("expires_at") - time)
    deliveries = Delivery.objects.filter(order__in=of_event)
    deliveries.update(ask_again_at=F("ask_again_at") - time)
    deliveries.update(leased_until=F("leased_until") - time)
    for waiting in (
        Notice.objects.filter(order__in=of_event),
        GuestList.objects.filter(event_id=event_id),
    ):
        waiting.update(ask_again_at=F("ask_again_at") - time)
        waiting.update(leased_until=F("leased_until") - time)
    ChangeForBuyers.objects.filter(event_id=event_id).update(ask_again_at=F("ask_again_at") - time)
    confirmations = EmailConfirmation.objects.filter(order__in=of_event)
    confirmations.update(ask_again_at=F("ask_again_at") - time)
    confirmations.update(leased_until=F("leased_until") - time)


def clean_up() -> None:
    """Run the cleanup, which beat requests every five seconds."""
    expire_task()


def sweep(queue: RecordingQueue) -> None:
    """Run the sweep, which beat requests every thirty seconds, and then the messages it sent."""
    retry_waiting_work_task()
    queue.run_all()


def audit_twice() -> None:
    """Run the audit as often as it needs to rebuild a stock that differs."""
    audit_task()
    audit_task()


def left(kind: TicketType) -> int:
    """Return how many tickets are left, as buyers see it."""
    return left_by_type([kind.event_id])[kind.pk]


def truly_left(kind: TicketType) -> int:
    """Return how many tickets are left, computed from the orders, without any counter."""
    unpaid = [OrderStatus.RESERVED, OrderStatus.PROCESSING]
    items = OrderItem.objects.filter(ticket_type=kind, order__status__in=unpaid)
    taken = items.aggregate(n=Sum("quantity", default=0))["n"]
    # Of paid orders by their tickets, which may have another type than was ordered.
    tickets = Ticket.objects.filter(ticket_type=kind, refunded_at=None, replaced_by=None)
    capacity = TicketType.objects.values_list("capacity", flat=True).get(pk=kind.pk)
    return int(capacity - taken - tickets.count())


def check_record(event_id: UUID) -> None:
    """Check the invariants that PostgreSQL must fulfill at every moment."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [event_id])
        counts = cursor.fetchall()
        cursor.execute(_INCONSISTENT_TICKETS, [event_id])
        inconsistent = cursor.fetchall()
    for capacity, promised, sold, reserved, processing, _, valid in counts:
        taken, accepted = reserved + processing + valid, processing + valid
        assert taken <= capacity, f"oversold: {taken} of {capacity}"
        assert promised == accepted, f"{promised} promised, {accepted} in accepted orders"
        assert sold == valid, f"{sold} sold, {valid} tickets"
    # Of all types together: an exchanged ticket has another type than its order's item.
    paid, valid = (sum(row[place] for row in counts) for place in (5, 6))
    assert paid == valid, f"{paid} in paid orders, {valid} tickets"
    assert not inconsistent, inconsistent


_COUNTS = """
SELECT k.capacity, k.promised, k.sold,
  coalesce(sum(i.quantity) FILTER (WHERE o.status = 'reserved'), 0),
  coalesce(sum(i.quantity) FILTER (WHERE o.status = 'processing'), 0),
  coalesce(sum(i.quantity - i.returned) FILTER (WHERE o.status = 'paid'), 0),
  (SELECT count(*) FROM tickets_ticket t WHERE t.ticket_type_id = k.id
    AND t.refunded_at IS NULL AND t.replaced_by_id IS NULL)
FROM events_tickettype k
LEFT JOIN orders_orderitem i ON i.ticket_type_id = k.id
LEFT JOIN orders_order o ON o.id = i.order_id
WHERE k.event_id = %s GROUP BY k.id
"""
# Tickets of an order that is not paid, and tickets whose status does not match their admissions.
_INCONSISTENT_TICKETS = """
SELECT o.code, o.status, t.position, t.status, s.admitted
FROM tickets_ticket t JOIN orders_order o ON o.id = t.order_id, LATERAL (
  SELECT count(*) AS admitted FROM tickets_scan s
  WHERE s.ticket_id = t.id AND s.result = 'admitted' AND s.undone_at IS NULL) s
WHERE t.event_id = %s AND (
  o.status NOT IN ('paid', 'refunded') OR (o.status = 'refunded' AND t.status <> 'revoked')
  OR s.admitted > 1 OR (t.status = 'used' AND s.admitted <> 1)
  OR (t.status = 'valid' AND s.admitted > 0))
"""


def check_redis(redis: Redis, event_id: UUID) -> None:
    """
    Check that a live stock never shows more tickets than are left.

    A stock of an older epoch or generation is not checked, nor one in a Redis that has lost its
    scripts: no order can be written with a hold of such a stock.
    """
    found = redis.hgetall(f"{{event:{event_id}}}:left")
    stamp = InventoryGeneration.objects.values_list("stamp", flat=True).first()
    epoch = Event.objects.values_list("epoch", flat=True).get(pk=event_id)
    if not found or found.get("generation") != stamp or int(found["epoch"]) != epoch:
        return
    if not generation._is_loaded(stamp or ""):
        return
    for kind in TicketType.objects.filter(event_id=event_id):
        shown = int(found.get(str(kind.pk), 0))
        assert shown <= truly_left(kind), f"Redis shows {shown}, {truly_left(kind)} are left"


def check_whole(event_id: UUID) -> None:
    """Check the invariants that must hold after the faults have ended and the repairs have run."""
    check_record(event_id)
    event = Event.objects.get(pk=event_id)
    for order in Order.objects.filter(event_id=event_id):
        assert order.status != OrderStatus.PROCESSING, f"{order.code} is stuck"
        check_pix(order)
        payment = Payment.objects.filter(order=order).order_by("pk").first()
        if payment is None:
            continue
        assert payment.status not in (PaymentStatus.PENDING, PaymentStatus.REFUNDING)
        charged = SimulatedCharge.objects.filter(
            payment_id=payment.pk, charged_at__isnull=False, refunded_at=None
        ).exists()
        paid = order.status == OrderStatus.PAID
        due = paid and payment.method in GATEWAY_METHODS
        assert charged == due, f"{order.status}, but charged: {charged}"
        if paid:
            delivery = Delivery.objects.get(order=order)
            assert delivery.codes_stored_at, f"{order.code} has no codes"
            assert delivery.sent_at, f"the tickets of {order.code} were not mailed"
            mails = [each for each in mail.outbox if order.code in str(each.body)]
            assert mails, f"no mail of {order.code}"
    if event.status == "published":
        known = set(event.ticket_types.values_list("pk", flat=True))
        assert left_by_type([event_id]).keys() == known
        for kind in event.ticket_types.all():
            assert left(kind) == truly_left(kind), f"{left(kind)} shown, {truly_left(kind)} left"
    else:
        assert not Order.objects.filter(event=event, status__in=HOLDS_STOCK).exists()
        assert event.wound_up_at


def check_pix(order: Order) -> None:
    """Check that nothing waits for an order's Pix, and that its money is here or given back."""
    pix = PixCharge.objects.filter(order=order).first()
    assert pix is None or pix.state not in (PixState.WAITING, PixState.RETURNING), pix.state
    paid = SimulatedPix.objects.filter(pix_id=order.pk, paid_at__isnull=False).first()
    if paid is None:
        return
    # Money that a payment has taken is a charge, which `check_whole` checks.
    taken = SimulatedCharge.objects.filter(payment_id__in=_payment_by_pix(order)).exists()
    returned = paid.returned_at is not None
    assert taken != returned, f"the Pix of {order.code} is taken: {taken}, returned: {returned}"


def _payment_by_pix(order: Order) -> list[UUID]:
    payments = Payment.objects.filter(order=order, token__startswith="pix_")
    return list(payments.values_list("pk", flat=True))
