"""A proxy between our processes and the local AWS. It makes services fail, hang or vanish."""

import asyncio
import re
from contextlib import suppress
from threading import Thread
from typing import Final

from ticketing.stack.serving import LOOPBACK, free_port

FAILS: Final = "fails"
HANGS: Final = "hangs"
VANISHES: Final = "vanishes"
_SERVICE = re.compile(rb"/(sqs|s3|ses|sts)/aws4_request|%2F(s3)%2Faws4_request")
_UNAVAILABLE: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)
_CHUNK: Final = 65_536


class FaultProxy:
    """Forwards bytes. A connection belongs to the AWS service that its first request names."""

    def __init__(self, target_port: int) -> None:
        self.port = free_port()
        self._target_port = target_port
        self._faults: dict[str, str] = {}
        self._open: dict[str, set[asyncio.StreamWriter]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        self._thread.start()
        serving = asyncio.start_server(self._serve, LOOPBACK, self.port, backlog=1024)
        asyncio.run_coroutine_threadsafe(serving, self._loop).result(5)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def break_service(self, service: str, how: str) -> None:
        """Begin a fault of a service. Open connections are closed, or hang with `HANGS`."""
        self._loop.call_soon_threadsafe(self._begin, service, how)

    def heal(self, service: str) -> None:
        self._loop.call_soon_threadsafe(self._end, service)

    def _begin(self, service: str, how: str) -> None:
        self._faults[service] = how
        if how != HANGS:
            self._cut(service)

    def _end(self, service: str) -> None:
        # Hanging requests are lost for good, as after the failover of a load balancer.
        self._faults.pop(service, None)
        self._cut(service)

    def _cut(self, service: str) -> None:
        for writer in self._open.pop(service, set()):
            writer.transport.abort()

    async def _serve(self, near: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await near.readuntil(b"\r\n\r\n")
            found = _SERVICE.search(head)
            service = (found.group(1) or found.group(2)).decode() if found else "other"
            fault = self._faults.get(service)
            if fault == FAILS:
                out.write(_UNAVAILABLE)
                await out.drain()
            elif fault != VANISHES:
                await self._pass_on(service, head, near, out)
        out.close()

    async def _pass_on(
        self, service: str, head: bytes, near: asyncio.StreamReader, out: asyncio.StreamWriter
    ) -> None:
        far, there = await asyncio.open_connection(LOOPBACK, self._target_port)
        mine = self._open.setdefault(service, set())
        mine |= {out, there}
        there.write(head)
        try:
            await asyncio.gather(self._copy(service, near, there), self._copy(service, far, out))
        finally:
            mine -= {out, there}
            there.close()

    async def _copy(
        self, service: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> None:
        while data := await source.read(_CHUNK):
            while self._faults.get(service) == HANGS:  # noqa: ASYNC110 - `heal` closes the connection
                await asyncio.sleep(0.05)
            sink.write(data)
            await sink.drain()
        sink.close()
