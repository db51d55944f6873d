"""A small SQS server on a real socket that fails in the ways that a test chooses."""

import base64
import json
import socket
import struct
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from ticketing.stack.serving import LOOPBACK, free_port

REGION = "sa-east-1"


@dataclass
class BrokenSqs:
    """The server. A call uses the operation's next misbehavior, or works if there is none."""

    port: int = field(default_factory=free_port)
    # By operation. Each serves one call, in this order.
    misbehaviors: defaultdict[str, deque[Callable[["Handler"], None]]] = field(
        default_factory=lambda: defaultdict(deque)
    )
    # By operation. It serves every call when `misbehaviors` has none left for the operation.
    always: dict[str, Callable[["Handler"], None]] = field(default_factory=dict)
    # By queue name, which is the last part of the queue's URL.
    messages: defaultdict[str, deque[dict[str, Any]]] = field(
        default_factory=lambda: defaultdict(deque)
    )
    # The number of calls by (operation, queue name).
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    # Each call's operation and request body, oldest first.
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def queue_url(self, queue: str) -> str:
        return f"{self.url}/000000000000/{queue}"

    def put(self, queue: str, body: str) -> None:
        with self.lock:
            number = f"{queue}-{time.monotonic_ns()}"
            self.messages[queue].append(
                {
                    "MessageId": number,
                    "ReceiptHandle": f"handle-{number}",
                    "Body": body,
                    "Attributes": {"ApproximateReceiveCount": "1"},
                }
            )

    @contextmanager
    def serving(self) -> Iterator["BrokenSqs"]:
        server = _Server((LOOPBACK, self.port), Handler)
        server.sqs = self
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    sqs: BrokenSqs

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing when a client closes its connection early."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.operation = self.headers["X-Amz-Target"].partition(".")[2]
        self.parsed = json.loads(body)
        self.queue = self.parsed["QueueUrl"].rsplit("/", 1)[-1]
        sqs = self.server.sqs
        with sqs.lock:
            sqs.calls[self.operation, self.queue] += 1
            sqs.asked.append((self.operation, self.parsed))
            waiting = sqs.misbehaviors[self.operation]
            misbehave = waiting.popleft() if waiting else sqs.always.get(self.operation)
        (misbehave or obey)(self)

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass


def obey(handler: Handler) -> None:
    """Respond as SQS does."""
    sqs = handler.server.sqs
    found: dict[str, Any] = {}
    if handler.operation == "ReceiveMessage":
        with sqs.lock:
            waiting = sqs.messages[handler.queue]
            wanted = min(len(waiting), handler.parsed["MaxNumberOfMessages"])
            found = {"Messages": [waiting.popleft() for _ in range(wanted)]}
        if not found["Messages"]:
            # The real SQS waits for a message too, but longer.
            time.sleep(0.05)
    elif handler.operation in {"ChangeMessageVisibilityBatch", "DeleteMessageBatch"}:
        ids = [{"Id": entry["Id"]} for entry in handler.parsed["Entries"]]
        found = {"Successful": ids, "Failed": []}
    elif handler.operation == "GetQueueAttributes":
        found = {"Attributes": {"ApproximateNumberOfMessages": "0", "RedrivePolicy": "{}"}}
    elif handler.operation == "SendMessage":
        found = {"MessageId": "1", "MD5OfMessageBody": ""}
    handler.answer(200, json.dumps(found).encode())


def say(status: int, body: bytes = b"") -> Callable[[Handler], None]:
    """Return a misbehavior that sends this response."""
    return lambda handler: handler.answer(status, body)


def reset(handler: Handler) -> None:
    """Reset the TCP connection without a response."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def hang_up(handler: Handler) -> None:
    """Close the connection without a response."""
    handler.close_connection = True


def break_off(handler: Handler) -> None:
    """Close the connection in the middle of the response's body."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"Mess')
    handler.close_connection = True


def hang(handler: Handler) -> None:
    """Send no response until the client closes the connection, for a minute at most."""
    handler.connection.settimeout(60)
    handler.connection.recv(1)
    handler.close_connection = True


def write_letter(task: str, *, queue: str = "sale", **ids: str) -> str:
    """Return the body of an SQS message for a task, encoded as Celery and kombu do."""
    arguments = base64.b64encode(json.dumps([[], ids, {}]).encode()).decode()
    envelope = {
        "body": arguments,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            "task": task,
            "id": str(uuid4()),
            "lang": "py",
            "argsrepr": "",
            "kwargsrepr": "",
        },
        "properties": {
            "body_encoding": "base64",
            "delivery_info": {"exchange": queue, "routing_key": queue},
            "delivery_tag": str(uuid4()),
        },
    }
    return base64.b64encode(json.dumps(envelope).encode()).decode()
