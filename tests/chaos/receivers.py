"""Two systems of the organizer's own that webhooks go to: one slow, one slow and out of order."""

import random
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from ticketing.stack.serving import LOOPBACK, free_port

# Longer than a courier waits for an answer.
_FOREVER_SECONDS: Final = 8.0


@dataclass
class Receiver:
    """Takes webhooks, slowly, and remembers those for which it said so."""

    name: str
    # Of the requests: how many get no answer, how many a 503.
    silent: float
    failing: float
    port: int = field(default_factory=free_port)
    taken: set[str] = field(default_factory=set)
    asked: int = 0
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

    def take(self, identity: str) -> int:
        """Return the status of the answer, after a while."""
        chance = random.random()  # noqa: S311 - no secret
        with self.lock:
            self.asked += 1
        if chance < self.silent:
            time.sleep(_FOREVER_SECONDS)
            return 204
        time.sleep(random.uniform(0.1, 2.0))  # noqa: S311 - no secret
        if chance < self.silent + self.failing:
            return 503
        # Noted before the answer: one that is lost on its way counts as given.
        with self.lock:
            self.taken.add(identity)
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
        """Be silent about couriers that hang up, or were killed."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.receiver.take(self.headers["webhook-id"]))
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass
