"""Simulated buyers, a door and an organizer, which keep sending requests during a deployment."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from threading import Condition, Event, Thread
from typing import Any, Final
from uuid import uuid4

import requests

from tests.system.release import wait_until

_TIMEOUT: Final = 60
_JOURNEYS: Final = ("enter", "cancel", "refund all", "refund one")


@dataclass
class Bought:
    """An order that was created, and what its buyer did with it."""

    id: str
    journey: str
    phase: str


@dataclass
class Shop:
    """Several buyers at once. Their requests go to the web processes in rotation."""

    event: str
    api_token: str
    device_token: str
    webs: list[str]
    phase: str = "start"
    bought: list[Bought] = field(default_factory=list)
    finished: Counter[str] = field(default_factory=Counter)
    responses: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    put_off: Counter[str] = field(default_factory=Counter)
    _in_flight: Counter[str] = field(default_factory=Counter)
    _turn: int = 0
    _changed: Condition = field(default_factory=Condition)

    @contextmanager
    def open(self, *, buyers: int) -> Iterator[None]:
        """Let buyers buy until the end of the block, then wait until each has finished."""
        closing = Event()
        threads = [Thread(target=self._buy_on, args=(n, closing)) for n in range(buyers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            closing.set()
            for thread in threads:
                thread.join()

    def sell(self, phase: str, *, journeys: int) -> None:
        """Start a phase, and wait until this many journeys that began in it are finished."""
        self.phase = phase
        wait_until(
            lambda: bool(self.wrong) or self.finished[phase] >= journeys,
            f"{journeys} journeys are finished in the phase {phase!r}: {self.finished}",
        )
        assert not self.wrong, self.wrong

    def take_out(self, url: str) -> None:
        """Send no further requests to a web process, and wait for its open ones."""
        with self._changed:
            self.webs.remove(url)
            assert self._changed.wait_for(lambda: not self._in_flight[url], timeout=_TIMEOUT)

    def send(
        self, method: str, path: str, expected: int, *, token: str = "", **body: Any
    ) -> dict[str, Any]:
        """Send a request to the next web process. Record every unexpected response in `wrong`."""
        with self._changed:
            self._turn += 1
            url = self.webs[self._turn % len(self.webs)]
            self._in_flight[url] += 1
        try:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            response = requests.request(
                method, f"{url}{path}", headers=headers, timeout=_TIMEOUT, **body
            )
        except requests.RequestException as error:
            self.wrong.append(f"{method} {path} at {url} in the phase {self.phase!r}: {error}")
            raise
        finally:
            with self._changed:
                self._in_flight[url] -= 1
                self._changed.notify_all()
        self.responses[url, response.status_code] += 1
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and _is_put_off(response):
            self.put_off[self.phase] += 1
            return self.send(method, path, expected, token=token, **body)
        if response.status_code != expected:
            self.wrong.append(
                f"{method} {path} at {url} in the phase {self.phase!r}:"
                f" {response.status_code} {response.text[:500]}"
            )
            raise UnexpectedResponse
        document: dict[str, Any] = response.json()
        return document

    def _buy_on(self, number: int, closing: Event) -> None:
        while not closing.is_set() and not self.wrong:
            try:
                self._buy(_JOURNEYS[number % len(_JOURNEYS)], closing)
            except (UnexpectedResponse, requests.RequestException):
                # Recorded in `wrong`, which fails the test.
                return
            except AssertionError as error:
                self.wrong.append(str(error))
                return
            number += 1

    def _buy(self, journey: str, closing: Event) -> None:
        phase, quantity = self.phase, 2 if journey == "refund one" else 1
        reservation = {
            "event": self.event,
            "quantity": quantity,
            "customer": {"name": "Ana Souza", "email": f"ana-{uuid4().hex}@example.com"},
        }
        order = self.send("POST", "/orders", 201, json=reservation)
        self.bought.append(Bought(order["id"], journey, phase))
        path, buyer = f"/orders/{order['id']}", order["access_token"]
        if journey == "cancel":
            self.send("POST", f"{path}/cancel", 200, token=buyer)
        else:
            self._pay(path, buyer, closing)
            tickets = self.send("GET", f"{path}/ticket", 200, token=buyer)["tickets"]
            assert len(tickets) == quantity, tickets
            if journey == "enter":
                self._enter(tickets[0])
            else:
                # Both releases accept `tickets`; only the new one knows `full`.
                refunded = tickets[:1] if journey == "refund one" else tickets
                chosen = {"tickets": [ticket["id"] for ticket in refunded]}
                self.send("POST", f"{path}/refund", 202, token=self.api_token, json=chosen)
        self.finished[phase] += 1

    def _pay(self, path: str, buyer: str, closing: Event) -> None:
        payment = {"method": "pix", "token": "tok_approved"}
        self.send("POST", f"{path}/payment", 202, token=buyer, json=payment)

        def has_tickets() -> bool:
            found = self.send("GET", path, 200, token=buyer)
            closing.wait(0.2)
            return bool(found["tickets_ready"])

        wait_until(has_tickets, f"{path} has its tickets")

    def _enter(self, ticket: dict[str, Any]) -> None:
        scan = {"code": ticket["code"], "event": self.event}
        first = self.send("POST", "/tickets/validate", 200, token=self.device_token, json=scan)
        assert first["result"] == "admitted", first
        self.send("POST", "/tickets/validate", 409, token=self.device_token, json=scan)


def _is_put_off(response: requests.Response) -> bool:
    # The `detail` of both releases for a stock that is being rebuilt.
    return bool(response.json().get("detail") == "The stock is being read again. Try once more.")


class UnexpectedResponse(Exception):
    """A response that a buyer must not get. It is recorded in `Shop.wrong`."""
