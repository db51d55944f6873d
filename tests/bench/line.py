"""The line behind the sale: what the workers do in a second, and how long a buyer waits."""

import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import psutil
from django.db import connection
from django.db.models import Max, Min

from events.models import Event, Organizer
from orders.insertion import Customer
from orders.models import Order
from orders.payment import confirm_payment
from orders.pricing import WantedTickets
from orders.reservation import reserve_tickets
from tests.bench.data import make_event
from tests.bench.stack import BenchStack
from ticketing import clock
from ticketing.ids import new_id
from ticketing.stack.environment import PROJECT
from ticketing.stack.previous_release import NoHistory, ReleaseNotFetched
from tickets.models import Delivery

_QUANTITY: Final = 2
_PATIENCE_SECONDS: Final = 120
_BUSY_RATE: Final = 4.0


def measure_throughput(
    stack: BenchStack, organizer: Organizer, *, orders: int, repeats: int
) -> dict[str, Any]:
    """
    Let a worker and a mailer work off a backlog; compare with its parts alone on all cores.

    In turn with them, on the same stores, the workers of the previous release do the same.
    """
    try:
        previous = stack.unpack_previous_release()
    except (NoHistory, ReleaseNotFetched):
        previous = None
    rates, rates_before, floors = [], [], []
    for number in range(repeats):
        if previous is not None:
            event = make_event(organizer, number=number)
            rates_before.append(_work_off(stack, event, orders, source=previous))
        event = make_event(organizer, number=number)
        rates.append(_work_off(stack, event, orders, source=PROJECT))
        floors.append(_measure_parts(Order.objects.filter(event=event).earliest("created_at")))
    found = {
        "rate": round(statistics.median(rates), 1),
        "range": [round(min(rates), 1), round(max(rates), 1)],
        "floor": round(statistics.median(floors), 1),
        "floor range": [round(min(floors), 1), round(max(floors), 1)],
        "ratio": round(statistics.median(rates) / statistics.median(floors), 2),
    }
    if rates_before:
        before = statistics.median(rates_before)
        found["previous release"] = round(before, 1)
        found["against previous"] = round(statistics.median(rates) / before, 2)
    return found


def _work_off(stack: BenchStack, event: Event, orders: int, *, source: Path) -> float:
    """Return how many orders a second become tickets in the mail."""
    for _ in range(orders):
        _buy(event)
    stack.start_workers(source=source)
    # Looking costs what the workers could use.
    _wait(lambda: _sent(event) >= orders, every=0.5)
    stack.stop_workers()
    # They load their code first; the clock runs from the first mail.
    sent_at = Delivery.objects.filter(order__event=event).aggregate(
        first=Min("sent_at"), last=Max("sent_at")
    )
    return (orders - 1) / float((sent_at["last"] - sent_at["first"]).total_seconds())


def measure_latency(stack: BenchStack, organizer: Organizer) -> dict[str, Any]:
    """Measure from the payment's commit to tickets that are ready, idle and busy."""
    stack.start_workers()
    event = make_event(organizer, number=0)
    _wait_for_codes(_buy(event))
    try:
        idle = [_time_one(event) for _ in range(30)]
        stop = threading.Event()
        crowd = threading.Thread(target=_keep_busy, args=(event, stop))
        crowd.start()
        time.sleep(2)
        busy = [_time_one(event) for _ in range(30)]
        stop.set()
        crowd.join()
    finally:
        stack.stop_workers()
    return {
        "idle": _spell(idle),
        f"with {_BUSY_RATE:g} other orders a second": _spell(busy),
    }


def _keep_busy(event: Event, stop: threading.Event) -> None:
    while not stop.wait(1 / _BUSY_RATE):
        _buy(event)
    connection.close()


def _spell(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"median {statistics.median(ordered):.2f} s, p99 {ordered[-1]:.2f} s"


def _time_one(event: Event) -> float:
    order = _buy(event)
    began = time.monotonic()
    _wait_for_codes(order)
    return time.monotonic() - began


def _wait_for_codes(order: Order) -> None:
    ready = Delivery.objects.filter(order=order, codes_stored_at__isnull=False)
    _wait(ready.exists)


def _buy(event: Event) -> Order:
    kind = event.ticket_types.get()
    reservation = reserve_tickets(
        event_id=event.pk,
        wanted=[WantedTickets(kind.pk, _QUANTITY)],
        # One customer would meet the limits of tickets and of mails.
        customer=Customer("Ana Souza", f"ana-{new_id()}@example.com", "pt-br"),
        now=clock.now(),
    )
    order = Order.objects.get(pk=reservation.order_id)
    confirm_payment(order=order, method="card", token="tok_approved", now=clock.now())
    return order


def _sent(event: Event) -> int:
    return Delivery.objects.filter(order__event=event, sent_at__isnull=False).count()


def _wait(look: Any, *, every: float = 0.02) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Nothing came in {_PATIENCE_SECONDS} seconds.")
        time.sleep(every)


def _measure_parts(order: Order) -> float:
    """Return how many orders a second the parts alone would make, on as many cores as there are."""
    command = [sys.executable, "-m", "tests.bench.parts", str(order.pk)]
    alone = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
        for _ in range(psutil.cpu_count() or 1)
    ]
    return sum(1 / float(each.communicate()[0].split()[-1]) for each in alone)
