"""End-to-end tests: a whole local stack with web, workers and beat, driven over HTTP."""

import json
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import psutil
import psycopg
import pytest
import requests
from celery import Celery

from tests.sqs import write_message
from ticketing.queue.messages import QUEUES, Message
from ticketing.stack.demo import Target, walk
from ticketing.stack.environment import Folder, inherited_environment, read_env
from ticketing.stack.programs import Programs
from ticketing.stack.run import reset
from ticketing.stack.running import RunningStack, running_stack
from ticketing.stack.services import Service, wait_for
from ticketing.stack.serving import LOOPBACK, free_port, get_url

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 60
QUICK = {"SQS_VISIBILITY_SECONDS": "4", "SQS_BACKOFF_SECONDS": "1,1,1"}
PROCESSES = ["postgres", "valkey", "aws", "web", "worker", "mailer", "refunder", "courier", "beat"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Start one stack for all tests of this file. It restarts processes that a test kills."""
    directory = tmp_path_factory.mktemp("stack")
    with running_stack(directory, restart=True, overrides=QUICK) as running:
        yield running
        processes = everything_of(running)
    psutil.wait_procs(processes, timeout=10)
    assert [process for process in processes if process.is_running()] == []
    reset(running.folder)


def everything_of(stack: RunningStack) -> list[psutil.Process]:
    """Return each process of a stack with all its descendants."""
    roots = [psutil.Process(stack.pid(name)) for name in PROCESSES]
    return [each for root in roots for each in (root, *root.children(recursive=True))]


def create_event(stack: RunningStack, *, capacity: int) -> str:
    response = requests.post(
        f"{stack.url}/events",
        headers={"Authorization": f"Bearer {stack.addresses['api_token']}"},
        json={
            "name": "Concerto",
            "status": "published",
            "venue": "Sala Cecília Meireles",
            "city": "Rio de Janeiro",
            "starts_at": "2099-05-01T20:00:00-03:00",
            "ends_at": "2099-05-01T23:00:00-03:00",
            "capacity": capacity,
            "price": "10.00",
        },
        timeout=30,
    )
    assert response.status_code == 201, response.text
    return response.json()["id"]


def reserve(
    stack: RunningStack, event: str, headers: dict[str, str] | None = None
) -> requests.Response:
    reservation = {
        "event": event,
        "quantity": 1,
        "customer": {"name": "Ana", "email": "ana@example.com"},
    }
    return requests.post(f"{stack.url}/orders", json=reservation, headers=headers, timeout=60)


def pay(stack: RunningStack, order: dict[str, Any], token: str = "tok_approved") -> None:
    response = requests.post(
        f"{stack.url}/orders/{order['id']}/payment",
        headers={"Authorization": f"Bearer {order['access_token']}"},
        json={"method": "pix", "token": token},
        timeout=30,
    )
    assert response.status_code == 202, response.text


def wait_for_tickets(stack: RunningStack, order: dict[str, Any]) -> dict[str, Any]:
    """Wait until the order has its tickets. Fail with its last state after some time."""
    headers = {"Authorization": f"Bearer {order['access_token']}"}
    deadline = time.monotonic() + PATIENCE_SECONDS
    found: dict[str, Any] = {}
    while time.monotonic() < deadline:
        found = requests.get(
            f"{stack.url}/orders/{order['id']}", headers=headers, timeout=30
        ).json()
        if found["tickets_ready"]:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{order['code']} has no tickets: {found}")


def wait_for_availability(stack: RunningStack, event: str, expected: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        available = requests.get(f"{stack.url}/events/{event}", timeout=30).json()["available"]
        if available == expected or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert available == expected


def test_an_order_walks_from_the_event_to_the_door(stack: RunningStack, tmp_path):
    walk(Target.of_stack(stack), keep=tmp_path)

    assert (tmp_path / "ticket.png").stat().st_size > 0
    assert b"Content-ID" in (tmp_path / "mail.eml").read_bytes()


def test_the_local_stack_sends_rate_limit_headers_as_production_does(stack: RunningStack):
    read = requests.get(f"{stack.url}/events", timeout=30)
    refused = requests.post(f"{stack.url}/orders", json={}, timeout=30)

    assert read.headers["RateLimit-Policy"] == '"read";q=9000000;w=60'
    assert read.headers["RateLimit"].startswith('"read";r=')
    assert refused.headers["RateLimit-Policy"] == '"reserve";q=9000000;w=60'


def test_an_order_is_retried_and_paid_after_the_gateway_failed_twice(
    stack: RunningStack,
):
    order = reserve(stack, create_event(stack, capacity=1)).json()

    pay(stack, order, "tok_unstable")

    assert wait_for_tickets(stack, order)["status"] == "paid"


def test_two_hundred_buyers_at_once_get_the_last_fifty_tickets(stack: RunningStack):
    event = create_event(stack, capacity=50)

    with ThreadPoolExecutor(200) as buyers:
        responses = list(buyers.map(lambda _: reserve(stack, event), range(200)))

    outcomes = Counter(
        (response.status_code, response.json().get("code", "")[:8]) for response in responses
    )
    reserved = sum(count for (status, _), count in outcomes.items() if status == 201)
    assert reserved == 50, outcomes
    assert outcomes[409, "sold_out"] == 150, outcomes
    assert requests.get(f"{stack.url}/events/{event}", timeout=30).json()["available"] == 0


def test_a_thousand_retries_through_two_deaths_of_the_server_make_one_order(stack: RunningStack):
    event = create_event(stack, capacity=100)
    key = {"Idempotency-Key": str(uuid4())}

    def retry_until_response(number: int) -> requests.Response:
        if number in {10, 500}:
            os.killpg(stack.pid("web"), signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            # The connection may be refused, or break in the middle of a response.
            with suppress(requests.RequestException):
                response = reserve(stack, event, headers=key)
                if response.status_code != 409:
                    return response
                assert response.json()["code"] == "idempotency_key_in_use"
            time.sleep(0.1)
        raise AssertionError(f"Retry number {number} got no response.")

    before = stack.pid("web")
    with ThreadPoolExecutor(20) as clients:
        responses = list(clients.map(retry_until_response, range(1000)))

    assert {response.status_code for response in responses} == {201}
    assert len({response.text for response in responses}) == 1
    assert stack.pid("web") != before
    organizer = {"Authorization": f"Bearer {stack.addresses['api_token']}"}
    orders = requests.get(f"{stack.url}/events/{event}/orders", headers=organizer, timeout=30)
    assert orders.json()["count"] == 1
    # The tickets that a killed server had held are released without help.
    wait_for_availability(stack, event, 99)


def test_a_chunked_request_body_is_read_like_any_other(stack: RunningStack):
    reservation = {
        "event": create_event(stack, capacity=1),
        "quantity": 1,
        "customer": {"name": "Ana", "email": "ana@example.com"},
    }
    body = json.dumps(reservation).encode()
    pieces = iter([body[:20], body[20:]])

    response = requests.post(
        f"{stack.url}/orders",
        data=pieces,
        headers={"Content-Type": "application/json"},
        timeout=30,
    )

    assert response.status_code == 201, response.text


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 314572800\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n50000\r\n" + b"x" * 0x50000 + b"\r\n",
    ],
)
def test_a_body_over_the_limit_is_refused_before_the_client_has_sent_it(
    stack: RunningStack, framing: bytes
):
    address = urlsplit(stack.url)
    head = (
        b"POST /i18n/setlang/ HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: multipart/form-data; boundary=part\r\n"
    )

    with socket.create_connection((address.hostname, address.port), timeout=30) as client:
        client.sendall(head + framing)
        response = client.recv(100)

    assert response.startswith(b"HTTP/1.1 413")


def test_fifty_scans_of_one_ticket_at_once_admit_one(stack: RunningStack):
    event = create_event(stack, capacity=1)
    order = reserve(stack, event).json()
    pay(stack, order)
    wait_for_tickets(stack, order)
    headers = {"Authorization": f"Bearer {order['access_token']}"}
    tickets = requests.get(
        f"{stack.url}/orders/{order['id']}/ticket", headers=headers, timeout=30
    ).json()["tickets"]

    def scan(_: int) -> str:
        response = requests.post(
            f"{stack.url}/tickets/validate",
            headers={"Authorization": f"Bearer {stack.addresses['api_token']}"},
            json={"code": tickets[0]["code"]},
            timeout=60,
        )
        document = response.json()
        return document.get("result") or document["code"]

    with ThreadPoolExecutor(50) as gates:
        results = Counter(gates.map(scan, range(50)))

    assert results == {"admitted": 1, "already_used": 49}


def test_orders_are_paid_although_their_worker_is_killed(stack: RunningStack):
    event = create_event(stack, capacity=30)
    orders = [reserve(stack, event).json() for _ in range(20)]
    worker = stack.pid("worker")

    with ThreadPoolExecutor(8) as buyers:
        list(buyers.map(lambda order: pay(stack, order), orders))
        os.killpg(worker, signal.SIGKILL)

    assert {wait_for_tickets(stack, order)["status"] for order in orders} == {"paid"}
    assert stack.pid("worker") != worker
    assert requests.get(f"{stack.url}/events/{event}", timeout=30).json()["available"] == 10


def test_a_worker_survives_the_death_of_its_children_and_their_orders_are_paid(
    stack: RunningStack,
):
    """The kernel kills a child in this way when memory is short."""
    event = create_event(stack, capacity=30)
    orders = [reserve(stack, event).json() for _ in range(20)]
    worker = psutil.Process(stack.pid("worker"))

    with ThreadPoolExecutor(8) as buyers:
        paying = [buyers.submit(pay, stack, order) for order in orders]
        for _ in range(5):
            for child in worker.children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    child.kill()
            time.sleep(0.2)
        for each in paying:
            each.result()

    assert {wait_for_tickets(stack, order)["status"] for order in orders} == {"paid"}
    assert stack.pid("worker") == worker.pid
    assert worker.is_running()


def test_a_message_that_always_fails_is_stored_as_failed_with_its_reason(stack: RunningStack):
    """The message names an order that does not exist, so its task always fails."""
    env = read_env(stack.folder)
    keys = {"access_key_id": "local", "secret_access_key": "local"}
    app = Celery(broker="sqs://", set_as_current=False)
    app.conf.broker_transport_options = {
        "region": env["AWS_DEFAULT_REGION"],
        "predefined_queues": {"sale": {"url": env["SQS_SALE_QUEUE_URL"], **keys}},
        "client-config": {"retries": {"total_max_attempts": 1}},
    }
    with pytest.MonkeyPatch.context() as patch, app.connection_for_write() as connection:
        patch.setenv("AWS_ENDPOINT_URL", env["AWS_ENDPOINT_URL"])
        unknown = {"order_id": "01890000-0000-7000-8000-000000000000"}
        app.send_task("tickets.settle_order", kwargs=unknown, queue="sale", connection=connection)

    failed: list[tuple[Any, ...]] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as record:
        while not failed and time.monotonic() < deadline:
            failed = record.execute(
                "SELECT message, about, reason, failures, queue FROM ticketing_failedmessage"
                " WHERE died_at IS NOT NULL"
            ).fetchall()
            time.sleep(0.2)

    message, about, reason, failures, queue = failed[0]
    assert (message, queue) == ("tickets.settle_order", "sale")
    assert about == f"order_id={unknown['order_id']}"
    assert reason.startswith("DoesNotExist")
    # The first attempt, and one retry for each backoff of the settings.
    assert failures == len(QUICK["SQS_BACKOFF_SECONDS"].split(",")) + 1


def test_a_payment_is_settled_at_once_while_two_thousand_refunds_wait(stack: RunningStack):
    """
    As after the cancellation of a large event: refunds have a queue of their own.

    None of the refunded orders exists, so their messages do nothing.
    """
    env = read_env(stack.folder)
    sqs = boto3.client(
        "sqs",
        endpoint_url=env["AWS_ENDPOINT_URL"],
        region_name=env["AWS_DEFAULT_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )
    url = env[f"SQS_{QUEUES[Message.RETURN_MONEY].upper()}_QUEUE_URL"]
    order = reserve(stack, create_event(stack, capacity=1)).json()
    bodies = [write_message("tickets.return_money", order_id=str(uuid4())) for _ in range(2000)]
    for start in range(0, len(bodies), 10):
        batch = enumerate(bodies[start : start + 10])
        entries = [{"Id": str(number), "MessageBody": body} for number, body in batch]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def waiting() -> int:
        name = "ApproximateNumberOfMessages"
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(found["Attributes"][name])

    at_first = waiting()
    pay(stack, order)
    assert wait_for_tickets(stack, order)["status"] == "paid"

    # More than half of the refunds still wait.
    assert waiting() > at_first / 2 > 100
    sqs.purge_queue(QueueUrl=url)


def test_a_worker_that_gets_sigterm_loses_no_message(stack: RunningStack):
    """As in a deployment: it finishes its tasks, and fetched messages return to the queue."""
    event = create_event(stack, capacity=50)
    # By default a child that replaces a killed one waits 30 s at shutdown for a result count that
    # never comes (`speed_up_shutdown` in config/celery.py).
    for child in psutil.Process(stack.pid("worker")).children():
        child.kill()
    early = reserve(stack, event).json()
    pay(stack, early)
    wait_for_tickets(stack, early)
    orders = [reserve(stack, event).json() for _ in range(30)]
    with ThreadPoolExecutor(8) as buyers:
        list(buyers.map(lambda order: pay(stack, order), orders))
    worker = psutil.Process(stack.pid("worker"))

    worker.terminate()
    worker.wait(timeout=30)

    log = (stack.folder.logs / "worker.log").read_text()
    assert "Warm shutdown" in log
    assert "Cold shutdown" not in log
    assert {wait_for_tickets(stack, order)["status"] for order in orders} == {"paid"}
    assert stack.pid("worker") != worker.pid


def test_every_server_listens_on_this_machine_only(stack: RunningStack):
    listening = set()
    for process in everything_of(stack):
        with suppress(psutil.NoSuchProcess):
            listening |= {
                connection.laddr.ip
                for connection in process.net_connections("inet")
                if connection.status == psutil.CONN_LISTEN
            }

    assert listening == {"127.0.0.1"}


def answers(port: int) -> bool:
    try:
        with get_url(f"http://{LOOPBACK}:{port}/healthz", timeout=3):
            return True
    except OSError:
        return False


def test_the_token_of_a_mailed_link_is_in_no_log(stack: RunningStack, tmp_path):
    """The web server of production hides it even if an operator logs each request and header."""
    order = reserve(stack, create_event(stack, capacity=5)).json()
    page, token = f"/o/{order['id']}/", order["access_token"]
    env = read_env(stack.folder) | {"LOG_REQUESTS": "true", "LOG_FORMAT": "json"}
    programs = Programs(Folder(tmp_path), {**inherited_environment(), **env})
    web = programs.web(port=(port := free_port()))
    web.command = [
        *web.command,
        *("--log-config", "config/granian.json", "--access-log"),
        *("--access-log-fmt", "%(path)s?%(query_string)s from %(header{referer})s"),
    ]
    web.start()
    try:
        wait_for(Service(web, "", lambda: answers(port)))
        link = f"http://{LOOPBACK}:{port}{page}?token={token}"
        moved = requests.get(link, headers={"Referer": link}, allow_redirects=False, timeout=30)
        shown = requests.get(
            f"http://{LOOPBACK}:{port}{page}",
            cookies={"order": moved.cookies["order"]},
            headers={"Referer": link},
            timeout=30,
        )
    finally:
        web.stop()

    logged = web.log.read_text()
    assert (moved.status_code, moved.headers["Location"], shown.status_code) == (303, page, 200)
    assert '"route": "/o/{order_id}/"' in logged
    assert f"{page}?token=ord_…" in logged
    assert token not in logged
    assert [log.name for log in stack.folder.logs.glob("*.log") if token in log.read_text()] == []
