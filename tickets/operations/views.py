"""The views for operators' tools: readiness and metrics."""

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

_READ_METHODS = ("GET", "HEAD")


class QueueShown(serializers.Serializer[Any]):
    """The messages of a queue, as counted by SQS: approximate."""

    waiting = serializers.IntegerField()
    in_hand = serializers.IntegerField(help_text="Taken by a worker that has not finished.")
    delayed = serializers.IntegerField(help_text="Not for workers before a later time.")
    dead = serializers.IntegerField(help_text="In the dead-letter queue.")


class BacklogShown(serializers.Serializer[Any]):
    """The work that waits, and how long the oldest has waited."""

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
    """A service that does not answer is `away` in `checks`."""

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
        """Return whether the process can serve: the services that it needs answer."""
        may_see_details = may_see_metrics(request.headers.get("Authorization", ""))
        try:
            checks = check_readiness()
        except NotReady as away:
            raise (away if may_see_details else NotReady()) from None
        if not may_see_details:
            return Response({"status": OK})
        return Response({"status": OK, "checks": checks, "backlog": _describe_backlog()})


def metrics(request: HttpRequest) -> HttpResponseBase:
    """Return the metrics to Prometheus, if the request has the token `METRICS_TOKEN`."""
    if request.method not in _READ_METHODS:
        return method_not_allowed(request, *_READ_METHODS)
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
            "How long the oldest work of a kind has waited, counted in PostgreSQL.",
            labels=["work"],
        )
        oldest = measure_oldest_work(now=clock.now())
        waits.add_metric(["order_processing"], oldest.order_processing or 0)
        waits.add_metric(["mail_unsent"], oldest.mail_unsent or 0)
        yield waits
        yield GaugeMetricFamily(
            "bilheteria_mails_given_up",
            "Mails to buyers that were given up, until staff correct the address or resend them.",
            value=count_mails_given_up(),
        )
        yield GaugeMetricFamily(
            "bilheteria_webhook_lag_seconds",
            "How late the oldest due webhook is. A webhook that waits for its retry is not due.",
            value=measure_webhook_lag(now=clock.now()),
        )
        yield CounterMetricFamily(
            "bilheteria_stock_drifts",
            "How often the stock in Redis differed from PostgreSQL and was rebuilt.",
            value=count_drifts(),
        )


class _Sales(Collector):
    def collect(self) -> Iterator[Metric]:
        sales = measure_sales()
        yield CounterMetricFamily(
            "bilheteria_sales",
            "Orders ever paid, counted in PostgreSQL, including those refunded later.",
            value=sales.orders,
        )
        tickets = GaugeMetricFamily(
            "bilheteria_tickets",
            "Tickets of all events, counted in PostgreSQL: capacity, promised, and sold.",
            labels=["state"],
        )
        for state in ("capacity", "promised", "sold"):
            tickets.add_metric([state], getattr(sales, state))
        yield tickets
