"""What operators' tools ask: can it serve, how much waits, and for how long?"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.stock.audit import count_drifts
from ticketing import clock
from ticketing.api.problems import method_not_allowed
from ticketing.api.schema import Problem, operation
from ticketing.health import AWAY, OK, NotReady, check_readiness
from ticketing.queue.figures import PollAges
from ticketing.telemetry.metrics import may_see_metrics, register_counts
from tickets.operations.backlog import (
    count_mails_given_up,
    measure_oldest_work,
    measure_queues,
    measure_sales,
    measure_webhook_lag,
)

_READING = ("GET", "HEAD")


class QueueShown(serializers.Serializer[Any]):
    """How much a queue holds, about, as SQS counts it."""

    waiting = serializers.IntegerField()
    in_hand = serializers.IntegerField(help_text="Handed to a worker that has not ended yet.")
    delayed = serializers.IntegerField(help_text="For later.")
    dead = serializers.IntegerField(help_text="In the dead-letter queue.")


class BacklogShown(serializers.Serializer[Any]):
    """What waits, and how long the oldest has waited."""

    queues = serializers.DictField(child=QueueShown(), help_text="By the name of the queue.")
    oldest_processing_seconds = serializers.FloatField(allow_null=True)
    oldest_message_seconds = serializers.FloatField(allow_null=True)


class ReadinessAnswer(serializers.Serializer[Any]):
    """
    The database, Redis, the queue and the storage answer.

    `checks` and `backlog` are for a caller with the token of `/metrics`.
    """

    status = serializers.ChoiceField(choices=[OK])
    checks = serializers.DictField(child=serializers.ChoiceField(choices=[OK]), required=False)
    backlog = BacklogShown(required=False)


class NotReadyProblem(Problem):
    """What does not answer is `away` in `checks`."""

    example = {"checks": {"database": OK, "redis": OK, "queue": AWAY, "storage": OK}}

    checks = serializers.DictField(
        child=serializers.ChoiceField(choices=[OK, AWAY]),
        required=False,
        help_text="For a caller with the token of `/metrics`.",
    )


class Readiness(APIView):
    authentication_classes = []

    @operation(
        "get_readiness",
        answers={200: ReadinessAnswer},
        refusals=[NotReady],
        problems={NotReady: NotReadyProblem},
        probe=True,
    )
    def get(self, request: Request) -> Response:
        """Say whether the process can serve: what it needs answers."""
        insider = may_see_metrics(request.headers.get("Authorization", ""))
        try:
            checks = check_readiness()
        except NotReady as away:
            raise (away if insider else NotReady()) from None
        if not insider:
            return Response({"status": OK})
        return Response({"status": OK, "checks": checks, "backlog": _describe_backlog()})


def metrics(request: HttpRequest) -> HttpResponseBase:
    """Show the figures to Prometheus, if it shows the token that the settings name."""
    if request.method not in _READING:
        return method_not_allowed(request, *_READING)
    if not may_see_metrics(request.headers.get("Authorization", "")):
        raise Http404
    registry = CollectorRegistry()
    registry.register(_Backlog())
    registry.register(_Sales())
    registry.register(PollAges())
    register_counts(registry)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _describe_backlog() -> dict[str, Any]:
    oldest = measure_oldest_work(now=clock.now())
    return {
        "queues": {name: asdict(depth) for name, depth in measure_queues().items()},
        "oldest_processing_seconds": oldest.order_processing,
        "oldest_message_seconds": oldest.message,
    }


class _Backlog(Collector):
    def collect(self) -> Iterator[Metric]:
        messages = GaugeMetricFamily(
            "bilheteria_queue_messages",
            "Messages of a queue, as SQS counts them.",
            labels=["queue", "state"],
        )
        for queue, depth in measure_queues().items():
            for state, count in asdict(depth).items():
                messages.add_metric([queue, state], count)
        yield messages
        waits = GaugeMetricFamily(
            "bilheteria_oldest_work_seconds",
            "How long the oldest piece of work has waited, by the record.",
            labels=["work"],
        )
        oldest = measure_oldest_work(now=clock.now())
        waits.add_metric(["order_processing"], oldest.order_processing or 0)
        waits.add_metric(["mail_unsent"], oldest.mail_unsent or 0)
        yield waits
        yield GaugeMetricFamily(
            "bilheteria_mails_given_up",
            "Orders whose tickets are not mailed any more, until staff mend that.",
            value=count_mails_given_up(),
        )
        yield GaugeMetricFamily(
            "bilheteria_webhook_lag_seconds",
            "How late the longest-waiting webhook is. One that waits for its next attempt is not.",
            value=measure_webhook_lag(now=clock.now()),
        )
        yield CounterMetricFamily(
            "bilheteria_stock_drifts",
            "How often what Redis said was left disagreed with the record, and was read again.",
            value=count_drifts(),
        )


class _Sales(Collector):
    def collect(self) -> Iterator[Metric]:
        sales = measure_sales()
        yield CounterMetricFamily(
            "bilheteria_sales",
            "Orders ever paid, by the record; those refunded later are among them.",
            value=sales.orders,
        )
        tickets = GaugeMetricFamily(
            "bilheteria_tickets",
            "Tickets of all events, by the record: that there are, accepted for payment, and sold.",
            labels=["state"],
        )
        for state in ("capacity", "promised", "sold"):
            tickets.add_metric([state], getattr(sales, state))
        yield tickets
