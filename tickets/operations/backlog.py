"""Measure the work that waits and its age, which show that workers are too few or fail."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.db.models import Count, Exists, Min, OuterRef, Sum
from django.db.models.functions import Greatest

from events.models import TicketType
from orders.models import Order, OrderStatus, Refund
from ticketing.aws import aws_client
from ticketing.models import FailedMessage
from ticketing.queue.dead_letters import dead_letter_url
from tickets.models import Delivery, TransferMail
from tickets.notices.models import Notice
from tickets.notices.reminder_models import Reminder
from tickets.webhooks.sending import oldest_due_webhook

_COUNTS = {
    "waiting": "ApproximateNumberOfMessages",
    "in_hand": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """
    The messages of one queue, as counted by SQS: approximate.

    `dead` are those that SQS gave up, also those that we have collected and staff have not sent
    again.
    """

    waiting: int
    in_hand: int
    delayed: int
    dead: int


@dataclass(frozen=True, slots=True)
class OldestWork:
    """
    The seconds for which the oldest order and the oldest mail have waited, or None.

    They come from PostgreSQL: SQS reports the age of its oldest message to CloudWatch only, and a
    message may be lost, unlike the row that asks for the work.
    """

    order_processing: float | None
    mail_unsent: float | None

    @property
    def message(self) -> float | None:
        """Return the longer of the two waits, or None if there is none."""
        ages = [age for age in (self.order_processing, self.mail_unsent) if age is not None]
        return max(ages, default=None)


@dataclass(frozen=True, slots=True)
class Sales:
    """The sales of all events since the beginning, counted in PostgreSQL."""

    orders: int
    capacity: int
    promised: int
    sold: int


def measure_queues() -> dict[str, QueueDepth]:
    """Return the depth of each queue. A queue for which SQS returns an error is left out."""
    depths = {}
    dead = _collected_dead()
    for queue, url in settings.SQS_QUEUE_URLS.items():
        try:
            counts = _count(url)
            uncollected = _count(dead_letter_url(queue))["waiting"]
        except (BotoCoreError, ClientError):
            continue
        depths[queue] = QueueDepth(**counts, dead=uncollected + dead[queue])
    return depths


def measure_oldest_work(*, now: datetime) -> OldestWork:
    """Return how long the oldest order and the oldest mail have waited."""
    processing = Order.objects.filter(status=OrderStatus.PROCESSING)
    tickets = Delivery.objects.filter(sent_at=None, failed_at=None)
    # A notice about a refund is not late while the money is still owed.
    owed = Refund.objects.filter(pk=OuterRef("cause"), refunded_at=None)
    notices = Notice.objects.filter(~Exists(owed), sent_at=None, failed_at=None)
    asked = Min(Greatest("asked_at", "goes_at"))
    others = (
        rows.objects.filter(sent_at=None, failed_at=None) for rows in (Reminder, TransferMail)
    )
    unsent = [
        rows.exclude(goes_at__gt=now).aggregate(oldest=asked)["oldest"]
        for rows in (tickets, notices, *others)
    ]
    return OldestWork(
        _age(processing.aggregate(oldest=Min("processing_at"))["oldest"], now),
        _age(min(filter(None, unsent), default=None), now),
    )


def count_mails_given_up() -> int:
    """Return how many mails to buyers are not tried any more, until staff resolve it."""
    tickets = Delivery.objects.filter(failed_at__isnull=False, order__status=OrderStatus.PAID)
    return tickets.count() + Notice.objects.filter(failed_at__isnull=False).count()


def measure_webhook_lag(*, now: datetime) -> float:
    """Return how many seconds late the oldest due webhook is. One that waits for a retry is not."""
    return _age(oldest_due_webhook(now=now), now) or 0.0


def measure_sales() -> Sales:
    """Count the orders and tickets sold."""
    # Each sale writes one delivery, which is never deleted. The table of orders is larger.
    columns = ("capacity", "promised", "sold")
    totals = TicketType.objects.aggregate(**{column: Sum(column) for column in columns})
    return Sales(Delivery.objects.count(), *(totals[column] or 0 for column in columns))


def _age(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else round(max(0.0, (now - moment).total_seconds()), 1)


def _collected_dead() -> Counter[str]:
    dead = FailedMessage.objects.filter(died_at__isnull=False, sent_again_at=None)
    return Counter(dict(dead.values_list("queue").annotate(Count("pk"))))


def _count(url: str) -> dict[str, int]:
    found = aws_client("sqs").get_queue_attributes(
        QueueUrl=url, AttributeNames=list(_COUNTS.values())
    )["Attributes"]
    return {name: int(found.get(attribute, 0)) for name, attribute in _COUNTS.items()}
