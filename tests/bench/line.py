"""Measures the workers: paid orders per second, and a buyer's wait from the payment to tickets."""

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
    Measure how fast a worker and a mail worker process a backlog of paid orders.

    The floor runs only the necessary parts, on all cores. The workers of the previous release
    process backlogs in turn with ours, on the same servers.
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
    """Return the orders per second from a paid order to sent tickets."""
    for _ in range(orders):
        _buy(event)
    stack.start_workers(source=source)
    # Rarely, because each query takes CPU from the workers.
    _wait(lambda: _sent(event) >= orders, every=0.5)
    stack.stop_workers()
    # From the first mail, because the workers load their code before it.
    sent_at = Delivery.objects.filter(order__event=event).aggregate(
        first=Min("sent_at"), last=Max("sent_at")
    )
    return (orders - 1) / float((sent_at["last"] - sent_at["first"]).total_seconds())


def measure_latency(stack: BenchStack, organizer: Organizer) -> dict[str, Any]:
    """Measure the time from a payment's commit to ready tickets, without and with other orders."""
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
        "idle": _summary(idle),
        f"with {_BUSY_RATE:g} other orders a second": _summary(busy),
    }


def _keep_busy(event: Event, stop: threading.Event) -> None:
    while not stop.wait(1 / _BUSY_RATE):
        _buy(event)
    connection.close()


def _summary(seconds: list[float]) -> str:
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
        # A new customer each time: one customer would reach the limits of tickets and of mails.
        customer=Customer("Ana Souza", f"ana-{new_id()}@example.com", "pt-br"),
        now=clock.now(),
    )
    order = Order.objects.get(pk=reservation.order_id)
    confirm_payment(order=order, method="card", token="tok_approved", now=clock.now())
    return order


def _sent(event: Event) -> int:
    return Delivery.objects.filter(order__event=event, sent_at__isnull=False).count()


def _wait(holds: Any, *, every: float = 0.02) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"The workers are not finished after {_PATIENCE_SECONDS} seconds.")
        time.sleep(every)


def _measure_parts(order: Order) -> float:
    """Return the orders per second of the necessary parts alone, with one process for each core."""
    command = [sys.executable, "-m", "tests.bench.parts", str(order.pk)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
        for _ in range(psutil.cpu_count() or 1)
    ]
    return sum(1 / float(process.communicate()[0].split()[-1]) for process in processes)
