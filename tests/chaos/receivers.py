"""Two webhook receivers: one is slow, the other is slow and sometimes fails or hangs."""

import random
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from ticketing.stack.serving import LOOPBACK, free_port

# Longer than a webhook worker waits for a response.
_HANG_SECONDS: Final = 8.0


@dataclass
class Receiver:
    """Accepts webhooks slowly, and records the ids of those that it confirmed."""

    name: str
    # The shares of requests that get no response in time, and that get a 503.
    silent: float
    failing: float
    port: int = field(default_factory=free_port)
    confirmed: set[str] = field(default_factory=set)
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}/{self.name}"

    def start(self) -> None:
        self._server = _Server((LOOPBACK, self.port), _Handler)
        self._server.receiver = self
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def receive(self, webhook_id: str) -> int:
        """Wait, then return the status of the response."""
        chance = random.random()  # noqa: S311 - no secret
        with self.lock:
            self.requests += 1
        if chance < self.silent:
            time.sleep(_HANG_SECONDS)
            return 204
        time.sleep(random.uniform(0.1, 2.0))  # noqa: S311 - no secret
        if chance < self.silent + self.failing:
            return 503
        # Before the response is sent: it may be lost on the way to the webhook worker.
        with self.lock:
            self.confirmed.add(webhook_id)
        return 204


def make_receivers() -> list[Receiver]:
    return [
        Receiver("slow", silent=0.0, failing=0.0),
        Receiver("broken", silent=0.05, failing=0.1),
    ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    receiver: Receiver

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing about webhook workers that close their connection or are killed."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.receiver.receive(self.headers["webhook-id"]))
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        pass
