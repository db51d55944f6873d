"""
Traces from a request through the queue to the mail. Imported only if the settings enable traces.

A span has the operation, its duration and whether it failed. It has no personal data and no
arguments.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Span, Status

from ticketing.api.requests import request_id_of
from ticketing.telemetry.middleware import spell_route
from ticketing.telemetry.redaction import redact_text

_REQUEST_ID: Final = "bilheteria.request_id"
# All other attributes are removed: the instrumentation adds IP addresses, user agents, arguments
# and queries.
_EXPORTED: Final = frozenset(
    {
        _REQUEST_ID,
        "celery.action",
        "celery.state",
        "celery.task_name",
        "http.method",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "http.status_code",
        "messaging.destination",
        "messaging.message.id",
        "rpc.method",
        "rpc.service",
        "rpc.system",
        "aws.region",
        "aws.request_id",
        "error.type",
    }
)


class DiscreetExporter(SpanExporter):
    """Removes personal data and secrets from spans, and passes them to another exporter."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_make_discreet(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def trace_requests() -> None:
    """Trace this web process. Call it before Django creates its middleware."""
    provider = _send_by_otlp()
    instrument_requests(provider)
    instrument_tasks(provider)


def trace_tasks() -> None:
    """Trace this worker or beat process."""
    instrument_tasks(_send_by_otlp())


def make_provider(processor: SpanProcessor) -> TracerProvider:
    """Return the provider of spans of this process."""
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: settings.TRACES_SERVICE}))
    provider.add_span_processor(processor)
    return provider


def instrument_requests(provider: TracerProvider) -> None:
    """Make a span for each request. Its middleware comes first, so that shortcuts get spans."""
    DjangoInstrumentor().instrument(tracer_provider=provider, response_hook=_name_request)


def instrument_tasks(provider: TracerProvider) -> None:
    """Make a span for each message, each task and each call to AWS."""
    CeleryInstrumentor().instrument(  # type: ignore[no-untyped-call]
        tracer_provider=provider
    )
    BotocoreInstrumentor().instrument(  # type: ignore[no-untyped-call]
        tracer_provider=provider
    )


def _send_by_otlp() -> TracerProvider:
    return make_provider(BatchSpanProcessor(DiscreetExporter(OTLPSpanExporter())))


def _name_request(span: Span, request: HttpRequest, response: HttpResponseBase) -> None:
    span.set_attribute(_REQUEST_ID, request_id_of(request))
    if request.resolver_match:
        route = spell_route(request.resolver_match.route)
        span.set_attribute("http.route", route)
        span.update_name(f"{request.method} {route}")


def _make_discreet(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={
            name: value for name, value in (span.attributes or {}).items() if name in _EXPORTED
        },
        events=[
            Event(event.name, _redact(event.attributes or {}), event.timestamp)
            for event in span.events
        ],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code, redact_text(span.status.description or "") or None),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _redact(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: redact_text(value) if isinstance(value, str) else value
        for name, value in attributes.items()
    }
