"""Buyers, doors and an organizer, who note what they were told."""

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

# A buyer whose payment got no answer asks again, so long.
_STUBBORN_SECONDS: Final = 120
_TIMEOUT_SECONDS: Final = 10
_KEPT_ON_SALE: Final = 6
# Between two scans at a door, and between two acts of the organizer.
_PAUSE_SECONDS: Final = 0.25
_CAPACITY: Final = 150


class NoAnswer(Exception):
    """Nobody knows whether it happened."""


@dataclass
class Told:
    """What the crowd was told. The verdict holds the system to it."""

    lock: Lock = field(default_factory=Lock)
    # Order → the token it was paid with, once the payment was accepted.
    reserved: dict[str, str | None] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    admitted: Counter[str] = field(default_factory=Counter)
    called_off: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    on_their_way: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=500))
    to_enter: deque[str] = field(default_factory=lambda: deque(maxlen=500))


class Caller:
    """One client of both web servers. It goes to the other one when this one is gone."""

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
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            self._connection = None
            raise NoAnswer from error


class Crowd:
    """Threads that live until they are told to stop."""

    def __init__(
        self, *, ports: list[int], api_token: str, buyers: int, rate: float, seed: int
    ) -> None:
        self.told = Told()
        self.stop_now = Flag()
        self.on_sale: list[str] = []
        self.events: list[str] = []
        self._ports = ports
        self._api_token = api_token
        # A buyer thinks so long on average, that all of them make `rate` orders a second.
        self._pause = buyers / rate
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._threads = [
            *(Thread(target=self._live, args=(self._buy, n)) for n in range(buyers)),
            *(Thread(target=self._live, args=(self._admit, n)) for n in range(2)),
            Thread(target=self._live, args=(self._organize, 0)),
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
            thread.join(_STUBBORN_SECONDS + 30)

    def _live(self, act: Callable[[Caller, random.Random], None], number: int) -> None:
        caller = Caller(self._ports)
        own = random.Random(self._random.random() + number)  # noqa: S311 - no secret
        next_turn = time.monotonic()
        mean = self._pause if act == self._buy else _PAUSE_SECONDS
        while not self.stop_now.wait(max(0, next_turn - time.monotonic())):
            # Who was held up does not hurry afterwards.
            next_turn = max(next_turn + own.random() * 2 * mean, time.monotonic() - mean)
            try:
                act(caller, own)
            except NoAnswer:
                self._note("no answer")
                time.sleep(0.2)

    def _note(self, answer: str) -> None:
        with self.told.lock:
            self.told.answers[answer] += 1

    def _buy(self, caller: Caller, own: random.Random) -> None:
        quantity = own.choices([1, 2, 3], [75, 15, 10])[0]
        order = self.reserve(caller, own.choice(self.on_sale), quantity)
        if order is None:
            return
        will = own.random()
        if will < 0.5:
            return  # he leaves
        if will < 0.6:
            self._cancel(caller, order)
            return
        token = own.choices(["tok_approved", "tok_declined", "tok_unstable"], [86, 9, 5])[0]
        if self.pay(caller, order, token) and token == "tok_approved":
            self.told.on_their_way.append((order["id"], order["access_token"]))

    def reserve(self, caller: Caller, event: str, quantity: int) -> dict[str, Any] | None:
        customer = {"name": "Ana Souza", "email": f"ana+{uuid4().hex[:12]}@example.com"}
        wish = {"event": event, "quantity": quantity, "customer": customer}
        status, order = caller.call("POST", "/orders", wish)
        self._note(f"reserve: {status} {order.get('code', '') if status != 201 else ''}".strip())
        if status != 201:
            if order.get("code") in ("sold_out", "event_not_on_sale") and len(self.on_sale) > 1:
                with self.told.lock:
                    if event in self.on_sale and self._is_gone(caller, event):
                        self.on_sale.remove(event)
            return None
        with self.told.lock:
            self.told.reserved[order["id"]] = None
        return order

    def _is_gone(self, caller: Caller, event: str) -> bool:
        status, found = caller.call("GET", f"/events/{event}")
        return status == 200 and (found["sold_out"] or found["status"] != "published")

    def pay(self, caller: Caller, order: dict[str, Any], token: str) -> bool:
        deadline = time.monotonic() + _STUBBORN_SECONDS
        path = f"/orders/{order['id']}"
        while time.monotonic() < deadline:
            try:
                status, answer = caller.call(
                    "POST",
                    f"{path}/payment",
                    {"method": "card", "token": token},
                    order["access_token"],
                )
                self._note(
                    f"pay: {status} {answer.get('code', '') if status != 202 else ''}".strip()
                )
                if status == 202:
                    with self.told.lock:
                        self.told.reserved[order["id"]] = token
                    return True
                if status < 500:
                    # Refused; or an earlier call of ours was accepted, and its answer was lost.
                    return self._was_accepted(caller, order, token)
            except NoAnswer:
                self._note("no answer")
            time.sleep(0.3)
        return False

    def _was_accepted(self, caller: Caller, order: dict[str, Any], token: str) -> bool:
        _, found = caller.call("GET", f"/orders/{order['id']}", token=order["access_token"])
        if found.get("payment") is None:
            return False
        with self.told.lock:
            self.told.reserved[order["id"]] = token
        return True

    def _cancel(self, caller: Caller, order: dict[str, Any]) -> None:
        status, _ = caller.call("POST", f"/orders/{order['id']}/cancel", {}, order["access_token"])
        self._note(f"cancel: {status}")
        if status == 200:
            with self.told.lock:
                self.told.cancelled.add(order["id"])

    def _fetch_tickets(self, caller: Caller) -> None:
        """Let the people of one paid order come to the door, if their tickets are there."""
        with suppress(IndexError):
            order_id, token = self.told.on_their_way.popleft()
            status, found = caller.call("GET", f"/orders/{order_id}/ticket", token=token)
            if status == 200 and found["tickets_ready"]:
                self.told.to_enter.extend(ticket["code"] for ticket in found["tickets"])
            elif status != 404:
                self.told.on_their_way.append((order_id, token))

    def _admit(self, caller: Caller, own: random.Random) -> None:
        """Scan somebody; now and then somebody whom the other gate may have let in just now."""
        if len(self.told.to_enter) < 20:
            self._fetch_tickets(caller)
        if len(self.told.to_enter) < 2:
            return
        # Seldom one that was scanned before, or is being scanned at the other gate.
        code = self.told.to_enter[0] if own.random() < 0.3 else self.told.to_enter.popleft()
        scan = {"code": code, "scan_id": str(uuid4()), "gate": str(own.randint(1, 2))}
        for _ in range(60):
            try:
                status, answer = caller.call("POST", "/tickets/validate", scan, self._api_token)
            except NoAnswer:
                self._note("no answer")
                time.sleep(0.2)
                continue
            self._note(f"scan: {status} {answer.get('code', '')}".strip())
            if status < 500:
                if status == 200:
                    with self.told.lock:
                        self.told.admitted[answer["ticket"]["id"]] += 1
                return
            time.sleep(0.2)

    def _organize(self, _: Caller, own: random.Random) -> None:
        """Keep enough on sale; change a capacity; rarely call one off."""
        organizer = Caller(self._ports, self._api_token)
        if len(self.on_sale) < _KEPT_ON_SALE:
            self._create_event(organizer)
        will, event = own.random(), own.choice(self.on_sale)
        if will < 0.05:
            wish = {"ticket_types": [{"name": "Pista", "capacity": own.randint(100, 250)}]}
            status, said = organizer.call("PATCH", f"/events/{event}", wish)
            self._note(f"capacity: {status} {said.get('code', '')}".strip())
        elif will < 0.055 and len(self.on_sale) > 2:
            status, __ = organizer.call("PATCH", f"/events/{event}", {"status": "cancelled"})
            self._note(f"call off: {status}")
            if status == 200:
                with self.told.lock:
                    self.told.called_off.add(event)
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
