"""The metrics of requests, tasks and AWS, and adding up the counts of several processes."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.urls import get_resolver
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from orders.gateway import GatewayAway
from tests.make import make_processing_order, make_reserved_order, make_ticket_type
from tests.queue import RecordingQueue
from tests.worker import pretended_queues
from ticketing.management.commands.serve_metrics import answer_prometheus
from ticketing.queue.messages import Message
from ticketing.telemetry.metrics import register_counts
from ticketing.telemetry.middleware import spell_route

TOKEN = "a-token-of-prometheus"


class Counts:
    """The increase of each series since this object was created."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        register_counts(self.registry)
        self.before = self._read()

    def read(self) -> dict[tuple[str, ...], float]:
        return {
            series: value - self.before.get(series, 0)
            for series, value in self._read().items()
            if value != self.before.get(series, 0)
        }

    def of(self, name: str) -> dict[tuple[str, ...], float]:
        return {series[1:]: value for series, value in self.read().items() if series[0] == name}

    def _read(self) -> dict[tuple[str, ...], float]:
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in self.registry.collect()
            for sample in family.samples
        }


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "metrics"


def reservation_request(event: object) -> dict[str, Any]:
    customer = {"name": "Ana", "email": "ana@example.com"}
    return {"event": str(event), "quantity": 1, "customer": customer}


@pytest.mark.django_db(transaction=True)
def test_reservations_are_counted_by_their_responses(api: APIClient, counts: Counts):
    kind = make_ticket_type(capacity=1)
    for _ in range(3):
        api.post("/orders", reservation_request(kind.event_id))
    api.post("/orders", reservation_request("no-such-event"))
    api.post("/orders", {"event": str(kind.event_id)})

    assert counts.of("bilheteria_http_requests_total") == {
        ("POST", "/orders", "201", ""): 1,
        ("POST", "/orders", "409", "sold_out"): 2,
        ("POST", "/orders", "404", "not_found"): 1,
        ("POST", "/orders", "400", "invalid_request"): 1,
    }
    assert counts.of("bilheteria_http_request_seconds_count") == {("POST", "/orders"): 5}


@pytest.mark.django_db(transaction=True)
def test_a_replayed_refusal_is_counted_with_its_code(api: APIClient, counts: Counts):
    key = {"idempotency-key": str(uuid4())}
    for _ in range(2):
        api.post("/orders", reservation_request("no-such-event"), headers=key)

    assert counts.of("bilheteria_http_requests_total") == {
        ("POST", "/orders", "404", "not_found"): 2
    }


@pytest.mark.django_db(transaction=True)
def test_no_id_and_no_text_of_a_request_becomes_a_label(api: APIClient, counts: Counts):
    order = make_reserved_order()
    api.get(f"/orders/{order.pk}")
    api.get("/a-path-that-does-not-exist")
    api.generic("MADEUP", "/events")

    assert set(counts.of("bilheteria_http_requests_total")) == {
        ("GET", "/orders/{order_id}", "401", "not_authenticated"),
        ("GET", "none", "404", "not_found"),
        ("other", "/events", "405", "method_not_allowed"),
    }


def test_every_route_is_spelled_without_signs_of_regular_expressions():
    spelled = [spell_route(route) for route in _routes(get_resolver())]

    assert "/orders/{order_id}/payment" in spelled
    assert "/admin/orders/order/{object_id}/change/" in spelled
    assert [name for name in spelled if not re.fullmatch(r"/[\w/{}.-]*", name)] == []


@pytest.mark.django_db(transaction=True)
def test_tasks_are_timed_and_their_failures_counted(counts: Counts, queue: RecordingQueue):
    body = {"order_id": str(make_processing_order(token="tok_unstable").pk)}
    for _ in range(2):
        with pytest.raises(GatewayAway):
            queue.run(Message.SETTLE_ORDER, body)
    queue.run(Message.SETTLE_ORDER, body)

    assert counts.of("bilheteria_task_seconds_count") == {
        ("tickets.settle_order",): 3,
        # The next steps, run in the same task.
        ("tickets.issue_codes",): 1,
        ("tickets.deliver_tickets",): 1,
    }
    assert counts.of("bilheteria_task_failures_total") == {
        ("tickets.settle_order", "GatewayAway"): 2
    }


def test_calls_to_aws_that_fail_or_get_no_response_are_counted(counts: Counts):
    with pretended_queues():
        s3 = boto3.client("s3")
        s3.create_bucket(
            Bucket="there", CreateBucketConfiguration={"LocationConstraint": "sa-east-1"}
        )
        with pytest.raises(ClientError):
            s3.put_object(Bucket="not-there", Key="a", Body=b"")
    unreachable = boto3.client(
        "ses",
        region_name="sa-east-1",
        endpoint_url="http://127.0.0.1:1",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(EndpointConnectionError):
        unreachable.send_raw_email(RawMessage={"Data": b"x"})

    assert counts.of("bilheteria_aws_errors_total") == {
        ("s3", "PutObject", "NoSuchBucket"): 1,
        ("ses", "SendRawEmail", "EndpointConnectionError"): 1,
    }


def test_the_counts_of_all_processes_are_added_up_also_of_ended_ones(folder: Path):
    count = (
        "import django; django.setup();"
        "from ticketing.telemetry.metrics import count_task;"
        "count_task(task='tickets.expire', seconds=0.5, error=None)"
    )
    forks = count + (
        ";import os; child = os.fork() or os._exit("
        "count_task(task='tickets.expire', seconds=0.5, error=None) or 0);"
        "os.waitpid(child, 0)"
    )
    for program in (count, forks):
        run(folder, "-c", program)

    page = run(
        folder,
        "-c",
        "import django; django.setup();"
        "from prometheus_client import CollectorRegistry, generate_latest;"
        "from ticketing.telemetry.metrics import register_counts;"
        "registry = CollectorRegistry(); register_counts(registry);"
        "print(generate_latest(registry).decode())",
    )

    families = {family.name: family for family in text_string_to_metric_families(page)}
    samples = {sample.name: sample.value for sample in families["bilheteria_task_seconds"].samples}
    assert samples["bilheteria_task_seconds_count"] == 3
    assert samples["bilheteria_task_seconds_sum"] == 1.5
    # The file names have the host name, because two containers may share the folder.
    assert all(re.search(r"_[\w.-]+-\d+\.db$", file.name) for file in folder.iterdir())


@pytest.mark.parametrize(
    ("path", "shown", "status"),
    [
        ("/metrics", f"Bearer {TOKEN}", "200 OK"),
        ("/metrics", "Bearer wrong", "404 Not Found"),
        ("/metrics", "", "404 Not Found"),
        ("/", f"Bearer {TOKEN}", "404 Not Found"),
    ],
)
@override_settings(METRICS_TOKEN=TOKEN)
def test_the_metrics_of_workers_need_the_token(path: str, shown: str, status: str):
    statuses: list[str] = []
    environ = {"PATH_INFO": path, "HTTP_AUTHORIZATION": shown, "wsgi.input": BytesIO()}

    def start(status: str, *_headers: Any) -> Any:
        statuses.append(status)

    page = b"".join(answer_prometheus(environ, start))

    assert statuses == [status]
    assert (b"bilheteria_task_seconds" in page) == (status == "200 OK")


@pytest.mark.parametrize(
    ("missing", "message"),
    [("METRICS_DIR", "Set PROMETHEUS_MULTIPROC_DIR"), ("METRICS_TOKEN", "Set METRICS_TOKEN")],
)
def test_metrics_are_not_served_without_a_folder_or_a_token(missing: str, message: str):
    given = {"METRICS_DIR": "somewhere", "METRICS_TOKEN": TOKEN, missing: ""}

    with override_settings(**given), pytest.raises(CommandError, match=message):
        call_command("serve_metrics", "--port", "0")


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        env=os.environ
        | {
            "PROMETHEUS_MULTIPROC_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _routes(resolver: Any, before: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from _routes(pattern, route)
        else:
            yield route
