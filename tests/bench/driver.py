"""A load driver with little cost of its own: keep-alive connections and prepared requests."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ticketing.stack.serving import LOOPBACK

CONNECTIONS: Final = 16


@dataclass(frozen=True)
class Load:
    """The requests of one load, the expected status, and the requests of its floor."""

    name: str
    requests: Callable[[], bytes]
    expected: int
    floor: Callable[[], bytes]
    # Called before each repeat.
    before: Callable[[], object] = lambda: None
    # The duration of each repeat, or None for the duration from the command line.
    seconds: float | None = None


@dataclass
class Measured:
    """The result of one repeat: the time of each response, and the number of each status."""

    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return len(self.milliseconds) / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def make_request(  # noqa: PLR0913 - the parts of a request
    method: str,
    path: str,
    *,
    body: bytes = b"",
    token: str = "",
    address: str = "",
    packed: bool = False,
) -> bytes:
    """Return the bytes of a request. With `packed` the response may be compressed."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    if body:
        lines.append("Content-Type: application/json")
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if packed:
        lines.append("Accept-Encoding: gzip")
    if address:
        lines.append(f"X-Forwarded-For: {address}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def drive(port: int, next_request: Callable[[], bytes], *, seconds: float) -> Measured:
    """Send requests on all connections for `seconds`, on each one after the other."""
    return asyncio.run(_drive(port, next_request, seconds))


async def _drive(port: int, next_request: Callable[[], bytes], seconds: float) -> Measured:
    measured = Measured()
    began = time.perf_counter()
    connections = [
        _use_connection(port, next_request, began + seconds, measured) for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*connections)
    measured.seconds = time.perf_counter() - began
    return measured


async def _use_connection(
    port: int, next_request: Callable[[], bytes], until: float, measured: Measured
) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        while (sent := time.perf_counter()) < until:
            writer.write(next_request())
            head = await reader.readuntil(b"\r\n\r\n")
            measured.statuses[int(head[9:12])] += 1
            await _read_body(reader, head.lower())
            measured.milliseconds.append((time.perf_counter() - sent) * 1000)
    finally:
        writer.close()


async def _read_body(reader: asyncio.StreamReader, head: bytes) -> None:
    if b"transfer-encoding: chunked" in head:
        await reader.readuntil(b"0\r\n\r\n")
        return
    start = head.index(b"content-length:") + len(b"content-length:")
    await reader.readexactly(int(head[start : head.index(b"\r\n", start)]))
