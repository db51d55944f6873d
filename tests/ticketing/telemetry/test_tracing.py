"""A trace joins a request and its task, and contains no personal data."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.make import as_bearer, make_processing_order, make_reservation
from tests.worker import fetch, obey, pretended_queues
from ticketing.queue import messages
from ticketing.queue.messages import _send
from ticketing.telemetry.tracing import (
    DiscreetExporter,
    instrument_requests,
    instrument_tasks,
    make_provider,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch, queue: object) -> Iterator[InMemorySpanExporter]:
    """Trace this process, and send its messages to the mock of SQS."""
    monkeypatch.setattr(messages, "_send", _send)
    exported = InMemorySpanExporter()
    provider = make_provider(SimpleSpanProcessor(DiscreetExporter(exported)))
    instrument_requests(provider)
    instrument_tasks(provider)
    yield exported
    kind: Any
    for kind in (DjangoInstrumentor, CeleryInstrumentor, BotocoreInstrumentor):
        kind().uninstrument()


def find(spans: InMemorySpanExporter, name: str) -> Any:
    (found,) = [span for span in spans.get_finished_spans() if span.name == name]
    return found


def test_one_trace_joins_the_request_that_confirms_a_payment_and_the_task_that_settles_it(
    spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
):
    # Without next steps, the task sends a message.
    monkeypatch.setattr("ticketing.queue.next_steps._TASK_SECONDS", 0)
    reservation = make_reservation()
    with pretended_queues():
        response = as_bearer(reservation.token.text).post(
            f"/orders/{reservation.order_id}/payment",
            {"method": "card", "token": "tok_approved"},
            headers={"x-request-id": "a-request-of-a-buyer"},
        )
        obey(fetch("sale"))

    request = find(spans, "POST /orders/{order_id}/payment")
    sent = find(spans, "apply_async/tickets.settle_order")
    settled = find(spans, "run/tickets.settle_order")
    sent_next = find(spans, "apply_async/tickets.issue_codes")
    assert response.status_code == 202
    assert request.parent is None
    assert [span.parent.span_id for span in (sent, settled, sent_next)] == [
        span.context.span_id for span in (request, sent, settled)
    ]
    assert len({span.context.trace_id for span in (request, sent, settled, sent_next)}) == 1
    assert request.attributes["bilheteria.request_id"] == "a-request-of-a-buyer"
    assert request.attributes["http.route"] == "/orders/{order_id}/payment"


def test_a_request_that_a_shortcut_answers_has_a_span(spans: InMemorySpanExporter):
    as_bearer("dev_of-an-unknown-device").post("/tickets/validate", {"code": "T1:FORGED"})

    assert find(spans, "POST /tickets/validate").attributes["http.status_code"] == 401


def test_no_span_contains_personal_data_or_secrets(spans: InMemorySpanExporter):
    with pretended_queues():
        reservation = make_reservation()
        buyer = as_bearer(reservation.token.text)
        buyer.get(
            f"/orders/{reservation.order_id}?email=ana@example.com",
            headers={"user-agent": "Ana's telephone"},
        )
        make_processing_order(token="tok_unstable")
        obey(fetch("sale"))

    exported = [span.to_json() for span in spans.get_finished_spans()]
    failed = find(spans, "run/tickets.settle_order")
    assert [event.attributes["exception.message"] for event in failed.events] == [
        "Attempt 1 had no answer."
    ]
    for secret in (reservation.token.text, "example.com", "telephone", "127.0.0.1"):
        assert [span for span in exported if secret in span] == []


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:1"])
@pytest.mark.parametrize(
    "program", ["import config.wsgi", "import config.celery as c; c.trace_this_process()"]
)
def test_without_an_endpoint_no_tracing_of_opentelemetry_is_imported(program: str, endpoint: str):
    # redis-py imports OpenTelemetry's metrics if they are installed, so only traces are checked.
    check = "names = {'opentelemetry.sdk.trace', 'opentelemetry.instrumentation'};"
    check += "print(names & sys.modules.keys() != set(), flush=True); os._exit(0)"
    done = subprocess.run(
        [sys.executable, "-c", f"import django, os, sys; django.setup(); {program}; {check}"],
        cwd=settings.BASE_DIR,
        env={
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == f"{bool(endpoint)}\n", done.stderr
