"""Serve the metrics of a machine's workers to Prometheus, where no web process runs."""

import socketserver
from collections.abc import Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from ticketing.queue.figures import PollAges
from ticketing.telemetry.metrics import may_see_metrics, register_counts


class Command(BaseCommand):
    help = (
        "Serve /metrics with the counts in PROMETHEUS_MULTIPROC_DIR. Requests need METRICS_TOKEN as"
        " a bearer token."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="0.0.0.0")  # noqa: S104 - for another machine
        parser.add_argument("--port", type=int, default=9100)

    def handle(self, *args: Any, **options: Any) -> None:
        for name, value, reason in (
            ("PROMETHEUS_MULTIPROC_DIR", settings.METRICS_DIR, "without it there are no counts"),
            ("METRICS_TOKEN", settings.METRICS_TOKEN, "without it each request is refused"),
        ):
            if not value:
                raise CommandError(f"Set {name}: {reason}.")
        with make_server(
            options["host"],
            options["port"],
            answer_prometheus,
            server_class=_Server,
            handler_class=_Quiet,
        ) as server:
            self.stdout.write(f"Metrics at http://{options['host']}:{server.server_port}/metrics")
            server.serve_forever()


def answer_prometheus(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    """Return the counts of all processes that share `PROMETHEUS_MULTIPROC_DIR`."""
    authorized = may_see_metrics(environ.get("HTTP_AUTHORIZATION", ""))
    if environ["PATH_INFO"].rstrip("/") != "/metrics" or not authorized:
        start("404 Not Found", [])
        return [b""]
    registry = CollectorRegistry()
    registry.register(PollAges())
    register_counts(registry)
    start("200 OK", [("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)])
    return [generate_latest(registry)]


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
        pass
