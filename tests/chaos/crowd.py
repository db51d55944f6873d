"""Simulated buyers, doors and an organizer. They record the responses that they get."""

import http.client
import json
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Lock, Thread
from typing import Any, Final
from uuid import uuid4

from ticketing.stack.serving import LOOPBACK

# How long a buyer retries a payment that got no response.
_RETRY_SECONDS: Final = 120
_TIMEOUT_SECONDS: Final = 10
_KEPT_ON_SALE: Final = 6
# The average pause between two scans at a door, and between two changes by the organizer.
_PAUSE_SECONDS: Final = 0.25
_CAPACITY: Final = 150


class NoResponse(Exception):
    """A request got no response: it may or may not have had its effect."""


@dataclass
class Observed:
    """What responses said. The verdict compares it with the final state of the system."""

    lock: Lock = field(default_factory=Lock)
    # By the order's id: the token of its accepted payment, or None.
    reserved: dict[str, str | None] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    admitted: Counter[str] = field(default_factory=Counter)
    cancelled_events: set[str] = field(default_factory=set)
    responses: Counter[str] = field(default_factory=Counter)
    # Ids and access tokens of paid orders whose tickets were not scanned yet.
    paid_orders: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=500))
    # Codes to scan.
    codes: deque[str] = field(default_factory=lambda: deque(maxlen=500))


class Caller:
    """A client of both web servers. It switches to the other one after an error."""

    def __init__(self, ports: list[int], token: str = "") -> None:
        self._ports = random.sample(ports, len(ports))
        self._token = token
        self._connection: http.client.HTTPConnection | None = None

    def call(
        self, method: str, path: str, body: object = None, token: str = ""
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Content-Type": "application/json"}
        if bearer := token or self._token:
            headers["Authorization"] = f"Bearer {bearer}"
        if self._connection is None:
            self._ports.reverse()
            self._connection = http.client.HTTPConnection(
                LOOPBACK, self._ports[0], timeout=_TIMEOUT_SECONDS
            )
        try:
            text = None if body is None else json.dumps(body)
            self._connection.request(method, path, text, headers)
            response = self._connection.getresponse()
            return response.status, json.loads(response.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            self._connection = None
            raise NoResponse from error


class Crowd:
    """Threads that act as buyers, doors and the organizer until `stop`."""

    def __init__(
        self, *, ports: list[int], api_token: str, buyers: int, rate: float, seed: int
    ) -> None:
        self.observed = Observed()
        self.stop_now = Flag()
        self.on_sale: list[str] = []
        self.events: list[str] = []
        self._ports = ports
        self._api_token = api_token
        # The average pause of a buyer, so that all buyers together try `rate` orders a second.
        self._pause = buyers / rate
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._threads = [
            *(Thread(target=self._repeat, args=(self._buy, n)) for n in range(buyers)),
            *(Thread(target=self._repeat, args=(self._admit, n)) for n in range(2)),
            Thread(target=self._repeat, args=(self._organize, 0)),
        ]

    def start(self) -> None:
        organizer = Caller(self._ports, self._api_token)
        while len(self.on_sale) < _KEPT_ON_SALE:
            self._create_event(organizer)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self.stop_now.set()
        for thread in self._threads:
            thread.join(_RETRY_SECONDS + 30)

    def _repeat(self, act: Callable[[Caller, random.Random], None], number: int) -> None:
        caller = Caller(self._ports)
        own = random.Random(self._random.random() + number)  # noqa: S311 - no secret
        next_turn = time.monotonic()
        mean = self._pause if act == self._buy else _PAUSE_SECONDS
        while not self.stop_now.wait(max(0, next_turn - time.monotonic())):
            # After a delay the missed turns are not made up for.
            next_turn = max(next_turn + own.random() * 2 * mean, time.monotonic() - mean)
            try:
                act(caller, own)
            except NoResponse:
                self._note("no response")
                time.sleep(0.2)

    def _note(self, response: str) -> None:
        with self.observed.lock:
            self.observed.responses[response] += 1

    def _buy(self, caller: Caller, own: random.Random) -> None:
        quantity = own.choices([1, 2, 3], [75, 15, 10])[0]
        order = self.reserve(caller, own.choice(self.on_sale), quantity)
        if order is None:
            return
        chance = own.random()
        if chance < 0.5:
            return  # The buyer leaves, and the reservation expires.
        if chance < 0.6:
            self._cancel(caller, order)
            return
        token = own.choices(["tok_approved", "tok_declined", "tok_unstable"], [86, 9, 5])[0]
        if self.pay(caller, order, token) and token == "tok_approved":
            self.observed.paid_orders.append((order["id"], order["access_token"]))

    def reserve(self, caller: Caller, event: str, quantity: int) -> dict[str, Any] | None:
        customer = {"name": "Ana Souza", "email": f"ana+{uuid4().hex[:12]}@example.com"}
        body = {"event": event, "quantity": quantity, "customer": customer}
        status, order = caller.call("POST", "/orders", body)
        self._note(f"reserve: {status} {order.get('code', '') if status != 201 else ''}".strip())
        if status != 201:
            if order.get("code") in ("sold_out", "event_not_on_sale") and len(self.on_sale) > 1:
                with self.observed.lock:
                    if event in self.on_sale and self._is_over(caller, event):
                        self.on_sale.remove(event)
            return None
        with self.observed.lock:
            self.observed.reserved[order["id"]] = None
        return order

    def _is_over(self, caller: Caller, event: str) -> bool:
        status, found = caller.call("GET", f"/events/{event}")
        return status == 200 and (found["sold_out"] or found["status"] != "published")

    def pay(self, caller: Caller, order: dict[str, Any], token: str) -> bool:
        deadline = time.monotonic() + _RETRY_SECONDS
        path = f"/orders/{order['id']}"
        while time.monotonic() < deadline:
            try:
                status, response = caller.call(
                    "POST",
                    f"{path}/payment",
                    {"method": "card", "token": token},
                    order["access_token"],
                )
                self._note(
                    f"pay: {status} {response.get('code', '') if status != 202 else ''}".strip()
                )
                if status == 202:
                    with self.observed.lock:
                        self.observed.reserved[order["id"]] = token
                    return True
                if status < 500:
                    # Refused, or an earlier request was accepted and its response was lost.
                    return self._was_accepted(caller, order, token)
            except NoResponse:
                self._note("no response")
            time.sleep(0.3)
        return False

    def _was_accepted(self, caller: Caller, order: dict[str, Any], token: str) -> bool:
        _, found = caller.call("GET", f"/orders/{order['id']}", token=order["access_token"])
        if found.get("payment") is None:
            return False
        with self.observed.lock:
            self.observed.reserved[order["id"]] = token
        return True

    def _cancel(self, caller: Caller, order: dict[str, Any]) -> None:
        status, _ = caller.call("POST", f"/orders/{order['id']}/cancel", {}, order["access_token"])
        self._note(f"cancel: {status}")
        if status == 200:
            with self.observed.lock:
                self.observed.cancelled.add(order["id"])

    def _fetch_tickets(self, caller: Caller) -> None:
        """Fetch the codes of one paid order for the doors, if its tickets are ready."""
        with suppress(IndexError):
            order_id, token = self.observed.paid_orders.popleft()
            status, found = caller.call("GET", f"/orders/{order_id}/ticket", token=token)
            if status == 200 and found["tickets_ready"]:
                self.observed.codes.extend(ticket["code"] for ticket in found["tickets"])
            elif status != 404:
                self.observed.paid_orders.append((order_id, token))

    def _admit(self, caller: Caller, own: random.Random) -> None:
        """Scan one ticket, sometimes one that the other door scans at the same time."""
        if len(self.observed.codes) < 20:
            self._fetch_tickets(caller)
        if len(self.observed.codes) < 2:
            return
        # In 30 % the code stays in the queue, so that it is scanned once more.
        code = self.observed.codes[0] if own.random() < 0.3 else self.observed.codes.popleft()
        scan = {"code": code, "scan_id": str(uuid4()), "gate": str(own.randint(1, 2))}
        for _ in range(60):
            try:
                status, response = caller.call("POST", "/tickets/validate", scan, self._api_token)
            except NoResponse:
                self._note("no response")
                time.sleep(0.2)
                continue
            self._note(f"scan: {status} {response.get('code', '')}".strip())
            if status < 500:
                if status == 200:
                    with self.observed.lock:
                        self.observed.admitted[response["ticket"]["id"]] += 1
                return
            time.sleep(0.2)

    def _organize(self, _: Caller, own: random.Random) -> None:
        """Keep enough events on sale, sometimes change a capacity, rarely cancel an event."""
        organizer = Caller(self._ports, self._api_token)
        if len(self.on_sale) < _KEPT_ON_SALE:
            self._create_event(organizer)
        chance, event = own.random(), own.choice(self.on_sale)
        if chance < 0.05:
            body = {"ticket_types": [{"name": "Pista", "capacity": own.randint(100, 250)}]}
            status, response = organizer.call("PATCH", f"/events/{event}", body)
            self._note(f"capacity: {status} {response.get('code', '')}".strip())
        elif chance < 0.055 and len(self.on_sale) > 2:
            status, __ = organizer.call("PATCH", f"/events/{event}", {"status": "cancelled"})
            self._note(f"cancel event: {status}")
            if status == 200:
                with self.observed.lock:
                    self.observed.cancelled_events.add(event)
                    if event in self.on_sale:
                        self.on_sale.remove(event)

    def _create_event(self, caller: Caller) -> None:
        event = self.create_event(caller, _CAPACITY)
        if event:
            self.on_sale.append(event)

    def create_event(self, caller: Caller, capacity: int) -> str | None:
        status, event = caller.call(
            "POST",
            "/events",
            {
                "name": f"Festival {len(self.events)}",
                "status": "published",
                "venue": "Circo Voador",
                "city": "Rio de Janeiro",
                "starts_at": "2099-05-01T20:00:00-03:00",
                "ends_at": "2099-05-01T23:00:00-03:00",
                "ticket_types": [{"name": "Pista", "capacity": capacity, "price": "10.00"}],
            },
        )
        self._note(f"create: {status}")
        if status != 201:
            return None
        self.events.append(event["id"])
        return str(event["id"])
