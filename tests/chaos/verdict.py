"""Checks every promise after a chaos run, in the database, Redis, S3 and the mailbox."""

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
from tests.chaos.crowd import Observed
from ticketing.queue.health import find_fault

_PATIENCE_SECONDS: Final = 240
# Longer than a webhook worker's lease, and than the pause after an endpoint that did not respond.
_LONGEST_WEBHOOK_PAUSE: Final = timedelta(seconds=150)
_POLL_SECONDS: Final = 30
# Counts reservations and unpaid orders, open payments and refunds, unsent mails, and events whose
# cancellation is not finished.
_UNFINISHED: Final = """
SELECT
  (SELECT count(*) FROM orders_order WHERE status IN ('reserved', 'processing')),
  (SELECT count(*) FROM orders_payment WHERE status IN ('pending', 'refunding'))
    + (SELECT count(*) FROM orders_refund WHERE refunded_at IS NULL),
  (SELECT count(*) FROM tickets_delivery WHERE sent_at IS NULL),
  (SELECT count(*) FROM events_event WHERE status = 'cancelled' AND wound_up_at IS NULL)
"""


def open_record(arena: Arena) -> None:
    """Set up Django with the arena's settings, so that its models use the arena's database."""
    os.environ.update(arena.env)
    import django  # noqa: PLC0415 - the imports below need the settings

    django.setup()


def wait_until_quiet() -> dict[str, int]:
    """Wait until no work is unfinished. Return the counts of unfinished work after a timeout."""
    from django.db import connection  # noqa: PLC0415 - as above

    names = ["orders", "payments or refunds", "mails", "event cancellations"]
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_UNFINISHED)
            open_now = dict(zip(names, cursor.fetchone(), strict=True))
        if not any(open_now.values()) or time.monotonic() > deadline:
            return {name: count for name, count in open_now.items() if count}
        time.sleep(0.5)


def violations(arena: Arena, observed: Observed) -> list[str]:
    """Return one line for each broken promise."""
    return [
        *_record(),
        *_responses(observed),
        *_money(),
        *_ledger(),
        *_codes(arena),
        *_ticket_mails(arena),
        *_doors(observed),
        *_webhooks(arena),
        *_processes(arena),
        *live_stock(),
    ]


def figures(arena: Arena) -> dict[str, Any]:
    """Return the figures of the run's final state, for the report."""
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
        "webhook requests": {each.name: each.requests for each in arena.receivers},
    }


def _record() -> Iterator[str]:
    from events.models import Event  # noqa: PLC0415
    from tests.engine.world import check_record  # noqa: PLC0415

    for event in Event.objects.all():
        try:
            check_record(event.pk)
        except AssertionError as broken:
            yield f"{event.name}: {broken}"


def _responses(observed: Observed) -> Iterator[str]:
    from orders.models import Order  # noqa: PLC0415

    found = {
        str(pk): (code, status, str(event))
        for pk, code, status, event in Order.objects.values_list("pk", "code", "status", "event_id")
    }
    for order_id, token in observed.reserved.items():
        if order_id not in found:
            yield f"an order that got a 201 response does not exist: {order_id}"
            continue
        code, status, event = found[order_id]
        allowed = {"expired", "cancelled"}
        if token == "tok_declined":
            allowed = {"payment_failed"}
        elif token:
            allowed = {"paid"}
        if token and event in observed.cancelled_events:
            allowed = {"refunded", "payment_failed"}
        if status not in allowed:
            payment = f"was paid with {token}" if token else "was not paid"
            yield f"{code} {payment}, but its status is {status}"
    for order_id in observed.cancelled:
        if found[order_id][1] != "cancelled":
            yield f"{found[order_id][0]} was cancelled, but its status is {found[order_id][1]}"


def _money() -> Iterator[str]:
    from orders.models import Payment  # noqa: PLC0415
    from orders.simulated_charges import SimulatedCharge  # noqa: PLC0415

    charged = set(
        SimulatedCharge.objects.filter(charged_at__isnull=False, refunded_at=None).values_list(
            "payment_id", flat=True
        )
    )
    for pk, code, status in Payment.objects.values_list("pk", "order__code", "order__status"):
        if (pk in charged) != (status == "paid"):
            money = "charged and not refunded" if pk in charged else "not charged, or refunded"
            yield f"the status of {code} is {status}, but its money was {money}"


def _ledger() -> Iterator[str]:
    from orders.ledger import find_ledger_faults  # noqa: PLC0415

    yield from find_ledger_faults()


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
            yield f"another ticket has the same code: {ticket.pk}"
        seen.add(ticket.code)
        if ticket.order.status == "paid" and f"{object_name(ticket)}.png" not in stored:
            yield f"{ticket.order.code}/{ticket.position} has no QR code in S3"


def _ticket_mails(arena: Arena) -> Iterator[str]:
    from orders.models import Order  # noqa: PLC0415

    sent = _mails(arena)
    for code, email in Order.objects.filter(status="paid").values_list("code", "customer_email"):
        if not sent[email]:
            yield f"{code} is paid, but {email} got no mail"


def _mails(arena: Arena) -> Counter[str]:
    to = re.compile(r"[\w.+-]+@[\w.-]+")
    found: Counter[str] = Counter()
    for file in arena.folder.mailbox.glob("*.eml"):
        with file.open("rb") as mail:
            head = message_from_bytes(mail.read(4096), policy=default)
        found[to.findall(str(head["To"]))[-1]] += 1
    return found


def _doors(observed: Observed) -> Iterator[str]:
    from tickets.models import Scan  # noqa: PLC0415

    # The crowd counts each scan once, also when it retried it. So a count above one means that two
    # different scans admitted the ticket.
    for ticket, times in observed.admitted.items():
        if times > 1:
            yield f"{ticket} was admitted {times} times"
    recorded = set(
        map(str, Scan.objects.filter(result="admitted").values_list("ticket_id", flat=True))
    )
    for ticket in observed.admitted.keys() - recorded:
        yield f"{ticket} was admitted, but no scan records it"


def _webhooks(arena: Arena) -> Iterator[str]:
    """Check that each paid order has a webhook for each receiver, confirmed or being retried."""
    from orders.models import Order  # noqa: PLC0415
    from ticketing import clock  # noqa: PLC0415
    from tickets.webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage  # noqa: PLC0415
    from tickets.webhooks.sending import webhook_id  # noqa: PLC0415

    paid = set(Order.objects.exclude(paid_at=None).values_list("pk", flat=True))
    for receiver in arena.receivers:
        endpoint = WebhookEndpoint.objects.get(url=receiver.url)
        messages = WebhookMessage.objects.filter(endpoint=endpoint)
        announced = messages.filter(type="order.paid").values_list("subject", flat=True)
        for order_id in paid - set(announced):
            yield f"{order_id} was paid, but there is no webhook for the {receiver.name} receiver"
        for message in messages:
            if message.delivered_at is None and message.next_attempt_at is None:
                yield f"a webhook was given up after {message.attempts} attempts: {message.pk}"
            if message.delivered_at and webhook_id(message) not in receiver.confirmed:
                yield f"a webhook counts as delivered, but no receiver confirmed it: {message.pk}"
        now = clock.now()
        overdue = messages.filter(next_attempt_at__lt=now - _LONGEST_WEBHOOK_PAUSE)
        lately = WebhookAttempt.objects.filter(
            message__endpoint=endpoint, at__gt=now - _LONGEST_WEBHOOK_PAUSE
        )
        if overdue.exists() and not lately.exists():
            yield f"webhooks for the {receiver.name} receiver are due, but no worker sends them"


def _processes(arena: Arena) -> Iterator[str]:
    """Check that no process died by itself, and that all workers poll their queues."""
    for dead in arena.died:
        if dead.name in (*WEBS, *WORKERS):
            yield (
                f"{dead.name} ended by itself with exit code {dead.exit_code} during: {dead.during}"
            )
    if fault := find_fault(arena.folder.metrics, within=_POLL_SECONDS, now=time.time()):
        yield fault


def live_stock() -> Iterator[str]:
    """Check that Redis counts as many tickets left as the database."""
    from events.catalogue import left_by_type  # noqa: PLC0415
    from events.models import TicketType  # noqa: PLC0415
    from tests.engine.world import truly_left  # noqa: PLC0415

    kinds = list(TicketType.objects.filter(event__status="published"))
    shown = left_by_type({kind.event_id for kind in kinds})
    for kind in kinds:
        if shown[kind.pk] != truly_left(kind):
            yield (
                f"ticket type {kind.pk}: Redis has {shown[kind.pk]} tickets left,"
                f" the database {truly_left(kind)}"
            )
