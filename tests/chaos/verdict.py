"""After the faults: every invariant, to the last ticket, by the record, Redis, S3 and the mail."""

import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any, Final

from tests.chaos.arena import WEBS, WORKERS, Arena
from tests.chaos.crowd import Told
from ticketing.queue.health import find_fault

_PATIENCE_SECONDS: Final = 240
# Longer than a courier's lease, and than an endpoint rests that answered nothing.
_COURIER_PATIENCE: Final = timedelta(seconds=150)
_POLL_SECONDS: Final = 30
# Nothing of an order waits any more, and no reservation stands.
_UNFINISHED: Final = """
SELECT
  (SELECT count(*) FROM orders_order WHERE status IN ('reserved', 'processing')),
  (SELECT count(*) FROM orders_payment WHERE status IN ('pending', 'refunding'))
    + (SELECT count(*) FROM orders_refund WHERE refunded_at IS NULL),
  (SELECT count(*) FROM tickets_delivery WHERE sent_at IS NULL),
  (SELECT count(*) FROM events_event WHERE status = 'cancelled' AND wound_up_at IS NULL)
"""


def open_record(arena: Arena) -> None:
    """Let Django's models speak to the arena's database."""
    os.environ.update(arena.env)
    import django  # noqa: PLC0415 - only now is it known where the database is

    django.setup()


def wait_until_quiet() -> dict[str, int]:
    """Wait until nothing is under way. Return what still is when patience ends."""
    from django.db import connection  # noqa: PLC0415 - as above

    names = ["open orders", "open payments", "unsent mails", "events not wound up"]
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_UNFINISHED)
            open_now = dict(zip(names, cursor.fetchone(), strict=True))
        if not any(open_now.values()) or time.monotonic() > deadline:
            return {name: count for name, count in open_now.items() if count}
        time.sleep(0.5)


def violations(arena: Arena, told: Told) -> list[str]:
    """Return a line for each broken promise, and none if all were kept."""
    return [
        *_record(),
        *_promises(told),
        *_money(),
        *_codes(arena),
        *_letters(arena),
        *_doors(told),
        *_webhooks(arena),
        *_processes(arena),
        *live_stock(),
    ]


def figures(arena: Arena) -> dict[str, Any]:
    """Return what the run left, in numbers."""
    from orders.models import Order  # noqa: PLC0415
    from tickets.models import Scan, Ticket  # noqa: PLC0415
    from tickets.webhooks.models import WebhookMessage  # noqa: PLC0415

    by_status = Counter(Order.objects.values_list("status", flat=True))
    sqs, dead = arena.sqs(), {}
    for queue in ("sale", "delivery", "refunds", "upkeep", "webhooks"):
        name = "ApproximateNumberOfMessages"
        found = sqs.get_queue_attributes(
            QueueUrl=f"{arena.queue_url(queue)}-dead", AttributeNames=[name]
        )
        dead[queue] = int(found["Attributes"][name])
    return {
        "orders": sum(by_status.values()),
        "orders by status": dict(sorted(by_status.items())),
        "tickets": Ticket.objects.count(),
        "admitted": Scan.objects.filter(result="admitted").count(),
        "messages in dead-letter queues": sum(dead.values()),
        "mails sent twice": sum(_mails(arena).values()) - len(_mails(arena)),
        "webhooks": WebhookMessage.objects.count(),
        "webhooks delivered": WebhookMessage.objects.exclude(delivered_at=None).count(),
        "webhook requests": {each.name: each.asked for each in arena.receivers},
    }


def _record() -> Iterator[str]:
    from events.models import Event  # noqa: PLC0415
    from tests.engine.world import check_record  # noqa: PLC0415

    for event in Event.objects.all():
        try:
            check_record(event.pk)
        except AssertionError as broken:
            yield f"{event.name}: {broken}"


def _promises(told: Told) -> Iterator[str]:
    from orders.models import Order  # noqa: PLC0415

    found = {
        str(pk): (code, status, str(event))
        for pk, code, status, event in Order.objects.values_list("pk", "code", "status", "event_id")
    }
    for order_id, token in told.reserved.items():
        if order_id not in found:
            yield f"an order that was answered with 201 is gone: {order_id}"
            continue
        code, status, event = found[order_id]
        allowed = {"expired", "cancelled"}
        if token == "tok_declined":
            allowed = {"payment_failed"}
        elif token:
            allowed = {"paid"}
        if token and event in told.called_off:
            allowed = {"refunded", "payment_failed"}
        if status not in allowed:
            yield f"{code} was paid with {token} and is {status}"
    for order_id in told.cancelled:
        if found[order_id][1] != "cancelled":
            yield f"{found[order_id][0]} was cancelled and is {found[order_id][1]}"


def _money() -> Iterator[str]:
    from orders.models import Payment  # noqa: PLC0415
    from orders.simulated_charges import SimulatedCharge  # noqa: PLC0415

    kept = set(
        SimulatedCharge.objects.filter(charged_at__isnull=False, refunded_at=None).values_list(
            "payment_id", flat=True
        )
    )
    for pk, code, status in Payment.objects.values_list("pk", "order__code", "order__status"):
        if (pk in kept) != (status == "paid"):
            yield f"{code} is {status}, and its money was {'kept' if pk in kept else 'not taken'}"


def _codes(arena: Arena) -> Iterator[str]:
    import boto3  # noqa: PLC0415
    from django.conf import settings  # noqa: PLC0415

    from tickets.models import Ticket  # noqa: PLC0415
    from tickets.object_names import object_name  # noqa: PLC0415

    s3 = boto3.client("s3", endpoint_url=arena.servers["aws"].url)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=settings.TICKETS_BUCKET)
    stored = {found["Key"] for page in pages for found in page.get("Contents", [])}
    seen: set[str] = set()
    for ticket in Ticket.objects.select_related("order"):
        if ticket.code in seen:
            yield f"two tickets have one code: {ticket.pk}"
        seen.add(ticket.code)
        if ticket.order.status == "paid" and f"{object_name(ticket)}.png" not in stored:
            yield f"{ticket.order.code}/{ticket.position} has no picture"


def _letters(arena: Arena) -> Iterator[str]:
    from orders.models import Order  # noqa: PLC0415

    sent = _mails(arena)
    for code, email in Order.objects.filter(status="paid").values_list("code", "customer_email"):
        if not sent[email]:
            yield f"{code} is paid, and {email} got no mail"


def _mails(arena: Arena) -> Counter[str]:
    to = re.compile(r"[\w.+-]+@[\w.-]+")
    found: Counter[str] = Counter()
    for file in arena.folder.mailbox.glob("*.eml"):
        with file.open("rb") as letter:
            head = message_from_bytes(letter.read(4096), policy=default)
        found[to.findall(str(head["To"]))[-1]] += 1
    return found


def _doors(told: Told) -> Iterator[str]:
    from tickets.models import Scan  # noqa: PLC0415

    # A repeat of one scan gets its first answer, so a door is told once a scan and no more.
    for ticket, times in told.admitted.items():
        if times > 1:
            yield f"{ticket} was admitted {times} times"
    recorded = set(
        map(str, Scan.objects.filter(result="admitted").values_list("ticket_id", flat=True))
    )
    for ticket in told.admitted.keys() - recorded:
        yield f"{ticket} was admitted, and no scan says so"


def _webhooks(arena: Arena) -> Iterator[str]:
    """Each sale is told to each receiver: it was taken, or it waits and somebody sends."""
    from orders.models import Order  # noqa: PLC0415
    from ticketing import clock  # noqa: PLC0415
    from tickets.webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage  # noqa: PLC0415
    from tickets.webhooks.sending import webhook_id  # noqa: PLC0415

    paid = set(Order.objects.exclude(paid_at=None).values_list("pk", flat=True))
    for receiver in arena.receivers:
        endpoint = WebhookEndpoint.objects.get(url=receiver.url)
        messages = WebhookMessage.objects.filter(endpoint=endpoint)
        told = messages.filter(type="order.paid").values_list("subject", flat=True)
        for order_id in paid - set(told):
            yield f"{order_id} was paid, and the {receiver.name} receiver is not told"
        for message in messages:
            if message.delivered_at is None and message.next_attempt_at is None:
                yield f"a webhook was given up after {message.attempts} attempts: {message.pk}"
            if message.delivered_at and webhook_id(message) not in receiver.taken:
                yield f"a webhook counts as delivered that nobody took: {message.pk}"
        now = clock.now()
        overdue = messages.filter(next_attempt_at__lt=now - _COURIER_PATIENCE)
        lately = WebhookAttempt.objects.filter(
            message__endpoint=endpoint, at__gt=now - _COURIER_PATIENCE
        )
        if overdue.exists() and not lately.exists():
            yield f"webhooks for the {receiver.name} receiver wait, and nobody sends them"


def _processes(arena: Arena) -> Iterator[str]:
    """None ended by itself, and all that live poll."""
    for dead in arena.died:
        if dead.name in (*WEBS, *WORKERS):
            yield f"{dead.name} ended by itself with {dead.exit_code} during: {dead.during}"
    if fault := find_fault(arena.folder.metrics, within=_POLL_SECONDS, now=time.time()):
        yield fault


def live_stock() -> Iterator[str]:
    from events.catalogue import left_by_type  # noqa: PLC0415
    from events.models import TicketType  # noqa: PLC0415
    from tests.engine.world import truly_left  # noqa: PLC0415

    kinds = list(TicketType.objects.filter(event__status="published"))
    shown = left_by_type({kind.event_id for kind in kinds})
    for kind in kinds:
        if shown[kind.pk] != truly_left(kind):
            yield f"{kind.pk}: {shown[kind.pk]} are shown, {truly_left(kind)} are left"
