"""Run the code of the quick starts against the real stack: it prints what its comments say."""

import html
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests

from tests.system.test_processes import PATIENCE_SECONDS, QUICK
from ticketing.stack.environment import PROJECT
from ticketing.stack.run import reset
from ticketing.stack.running import RunningStack, running_stack
from ticketing.stack.serving import free_port

# The comment after a line of code that prints is the expected output.
EXPECTED_OUTPUT = {"python": r"^ *print\(.*\)  # (.+)$", "sh": r"^[^#\n]*\S {2,}# (.+)$"}
COMMANDS = {"python": [sys.executable, "-c"], "sh": ["bash", "-euo", "pipefail", "-c"]}

pytestmark = pytest.mark.slow

README = PROJECT / "README.md"
CURL = PROJECT / "docs/quickstart-curl.md"
PYTHON = PROJECT / "docs/quickstart-python.md"
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Start a stack without orders, because the quick starts show figures."""
    with running_stack(tmp_path_factory.mktemp("stack"), overrides=QUICK) as running:
        yield running
    reset(running.folder)


def blocks_of(document: Path, language: str, *, until: str = "\\Z") -> str:
    """Return the code blocks of a document in one language, joined."""
    text = re.split(until, document.read_text())[0]
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))


def for_stack(stack: RunningStack, code: str, *, url: str | None = None) -> str:
    """Return the code for the addresses of this stack, in place of those of `make run`."""
    code = code.replace("http://127.0.0.1:8000", url or stack.url)
    return code.replace(".local/stack.json", str(stack.folder.stack))


def assert_prints_its_comments(language: str, script: str, folder: Path) -> None:
    """Run code, and compare each line that it prints with the comment in the code."""
    expected = re.findall(EXPECTED_OUTPUT[language], script, re.MULTILINE)
    command = [*COMMANDS[language], script]

    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    printed = done.stdout.splitlines()
    assert expected
    assert len(printed) == len(expected), (printed, expected)
    for line, comment in zip(printed, expected, strict=True):
        pattern = ".*".join(re.escape(part) for part in comment.split("…"))
        assert re.fullmatch(pattern, line), f"The code printed {line!r}, not {comment!r}."


def put_on_sale(stack: RunningStack, available: int) -> None:
    """Set the capacity of the demo's concert so that this many tickets are left."""
    path = f"{stack.url}/events/noite-de-jazz"
    (kind,) = requests.get(path, timeout=30).json()["ticket_types"]
    capacity = kind["capacity"] + available - kind["available"]
    answer = requests.patch(
        path, json={"capacity": capacity}, headers=as_organizer(stack), timeout=30
    )
    assert answer.status_code == 200, answer.text


def as_organizer(stack: RunningStack) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.addresses['api_token']}"}


def count_orders(stack: RunningStack) -> int:
    path = f"{stack.url}/events/noite-de-jazz/orders"
    return int(requests.get(path, headers=as_organizer(stack), timeout=30).json()["count"])


@dataclass
class FaultyNetwork:
    """The record of a proxy that fails each repeatable request once with each fault."""

    api: str
    faults: list[str]
    attempts: Counter[tuple[str, str]] = field(default_factory=Counter)
    waited: list[float] = field(default_factory=list)
    refused_at: dict[tuple[str, str], float] = field(default_factory=dict)

    def next_fault(self, request: tuple[str, str], *, repeatable: bool) -> str:
        """Return the fault for this attempt of a request, or `nothing`."""
        if request in self.refused_at:
            self.waited.append(time.monotonic() - self.refused_at.pop(request))
        times, self.attempts[request] = self.attempts[request], self.attempts[request] + 1
        if not repeatable or times >= len(self.faults):
            return "nothing"
        if self.faults[times] == "too_many_requests":
            self.refused_at[request] = time.monotonic()
        return self.faults[times]


REFUSALS = {"too_many_requests": 429, "inventory_unavailable": 503, "idempotency_key_in_use": 409}


@contextmanager
def faulty_network(api: str, *faults: str) -> Iterator[tuple[str, FaultyNetwork]]:
    """Run a proxy to the API with these faults, and return its address and its record."""
    network = FaultyNetwork(api, list(faults))

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.forward(b"")

        def do_POST(self) -> None:
            self.forward(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def forward(self, body: bytes) -> None:
            key = self.headers.get("Idempotency-Key", "")
            repeatable = bool(key) or b"scan_id" in body
            fault = network.next_fault((self.path, key or body.decode()), repeatable=repeatable)
            if fault in REFUSALS:
                problem = json.dumps({"code": fault, "detail": "Not now."}).encode()
                wait = "1" if fault == "too_many_requests" else "0"
                self.answer(REFUSALS[fault], {"Retry-After": wait}, problem)
                return
            forwarded = {"authorization", "content-type", "idempotency-key"}
            headers = {
                name: text for name, text in self.headers.items() if name.lower() in forwarded
            }
            response = requests.request(
                self.command, api + self.path, data=body, headers=headers, timeout=60
            )
            # A lost response: the API has handled the request, and the client gets nothing.
            if fault != "lost":
                passed = {"content-type", "idempotent-replayed", "retry-after"}
                self.answer(
                    response.status_code,
                    {
                        name: text
                        for name, text in response.headers.items()
                        if name.lower() in passed
                    },
                    response.content,
                )

        def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with listening(Proxy) as url:
        yield url, network


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_example_of_the_readme_prints_its_comments(stack: RunningStack, tmp_path: Path):
    put_on_sale(stack, 200)
    (example,) = re.findall(r"## Try it\n.*?```sh\n(.*?)```", README.read_text(), re.DOTALL)

    assert_prints_its_comments("sh", for_stack(stack, example), tmp_path)


def test_the_curl_quick_start_works_on_a_faulty_network(stack: RunningStack, tmp_path: Path):
    before = count_orders(stack)

    door = "\n## The door with a phone"
    shop = blocks_of(CURL, "sh", until=door)
    phone = blocks_of(CURL, "sh").removeprefix(shop)

    with faulty_network(stack.url, "lost", "too_many_requests") as (url, network):
        # The phone meets no faults. They cost seconds each, and nothing differs for its requests.
        script = f"{for_stack(stack, shop, url=url)}\nURL={stack.url}\n{phone}"
        assert_prints_its_comments("sh", script, tmp_path)

    assert (tmp_path / "ticket.png").read_bytes().startswith(PNG)
    assert min(network.waited) >= 1
    # Its orders are for an event of its own. The code itself checks what is left of that.
    assert count_orders(stack) == before


def test_the_python_quick_start_prints_its_comments(stack: RunningStack, tmp_path: Path):
    put_on_sale(stack, 200)
    script = for_stack(stack, blocks_of(PYTHON, "python", until="\n## Webhooks"))

    assert_prints_its_comments("python", script, tmp_path)

    assert (tmp_path / "ticket-2.png").read_bytes().startswith(PNG)
    assert (tmp_path / "orders.csv").read_text().count("ana@example.com") == 1


def test_the_python_buyer_buys_once_on_a_faulty_network(stack: RunningStack, tmp_path: Path):
    put_on_sale(stack, 200)
    before = count_orders(stack)
    script = blocks_of(PYTHON, "python", until="\n## The organizer's side")
    hurried = script.replace("patience, 0.5", "patience, 0.01")
    assert hurried != script

    with faulty_network(stack.url, "lost", *REFUSALS, "lost") as (url, network):
        assert_prints_its_comments("python", for_stack(stack, hurried, url=url), tmp_path)

    tries = Counter(path for path, _ in network.attempts.elements() if path.endswith("payment"))
    assert set(tries.values()) == {6}
    assert count_orders(stack) == before + 3
    assert min(network.waited) >= 1


def test_the_copy_of_the_orders_is_complete_with_pages_of_one_row(
    stack: RunningStack, tmp_path: Path
):
    script = blocks_of(PYTHON, "python", until="\n### After the sale")
    small = script.replace('"page_size": 100', '"page_size": 1')
    assert small != script
    put_on_sale(stack, 200)

    assert_prints_its_comments("python", for_stack(stack, small), tmp_path)


def test_the_typed_client_is_generated_from_the_document_and_works(
    stack: RunningStack, tmp_path: Path
):
    put_on_sale(stack, 200)
    section = PYTHON.read_text().split("\n## A typed client\n")[1]
    (shell,) = re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    install, generate, _ = shell.splitlines()
    (walk,) = re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    command, *arguments = generate.split()
    made = subprocess.run(
        [Path(sys.executable).with_name(command), *arguments, "--output-path", tmp_path / "client"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    # The generator prints a warning for each part that it skips.
    assert (made.returncode, "Warning" in made.stdout) == (0, False), made.stdout
    assert install.endswith(f"=={version('openapi-python-client')}")
    # This replaces the last command of the section.
    found = f"import sys\nsys.path.insert(0, {str(tmp_path / 'client')!r})\n"
    assert_prints_its_comments("python", for_stack(stack, found + walk), tmp_path)


class Admin:
    """A browser session of the owner in the admin."""

    def __init__(self, stack: RunningStack) -> None:
        self.url = f"{stack.url}/admin"
        self.session = requests.Session()
        login = stack.addresses["admin"]
        self.post("/login/", {**login, "next": "/admin/"})

    def post(self, path: str, form: dict[str, Any]) -> requests.Response:
        """Fill in a form and send it."""
        self.session.get(self.url + path, timeout=30).raise_for_status()
        token = self.session.cookies["csrftoken"]
        answer = self.session.post(
            self.url + path,
            data={**form, "csrfmiddlewaretoken": token},
            headers={"Referer": self.url + path},
            timeout=30,
        )
        answer.raise_for_status()
        return answer

    def add_webhook(self, url: str) -> tuple[str, str]:
        """Return the page of the new webhook endpoint, and its secret."""
        form = self.session.get(f"{self.url}/webhooks/webhookendpoint/add/", timeout=30).text
        (organizer,) = set(re.findall(r'<option value="([0-9a-f-]{36})"', form))
        page = self.post(
            "/webhooks/webhookendpoint/add/", {"organizer": organizer, "url": url}
        ).text
        (endpoint,) = set(re.findall(r"/webhooks/webhookendpoint/([0-9a-f-]{36})/change/", page))
        return f"/webhooks/webhookendpoint/{endpoint}", secret_in(page)

    def act(self, page: str, action: str) -> str:
        """Press a button of a page, and confirm."""
        return self.post(f"{page}/{action}/", {"confirmed": "yes"}).text

    def latest_message(self, kind: str) -> str:
        """Return the page of the newest message of a type."""
        found = self.session.get(
            f"{self.url}/webhooks/webhookmessage/?type={kind}&o=-5", timeout=30
        ).text
        return re.findall(r"(/webhooks/webhookmessage/[0-9a-f-]{36})/change/", found)[0]


def secret_in(page: str) -> str:
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", html.unescape(page))
    return secret


@contextmanager
def running_receiver(folder: Path, *, port: int, secret: str) -> Iterator[Path]:
    """Run the webhook receiver of the quick start, and return the file with its output."""
    section = PYTHON.read_text().split("## Webhooks")[1].split("## A typed client")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    (folder / "receiver.py").write_text(code.replace("PORT = 8808", f"PORT = {port}"))
    log = folder / "receiver.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-u", "receiver.py"],
            cwd=folder,
            env={"WEBHOOK_SECRET": secret},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield log
        finally:
            process.kill()
            process.wait(timeout=30)


def wait_for_lines(log: Path, *, count: int) -> list[str]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        lines = [line.strip() for line in log.read_text().splitlines()]
        if len(lines) >= count:
            return lines
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_the_webhook_receiver_handles_each_message_once_and_survives_a_new_secret(
    stack: RunningStack, tmp_path: Path
):
    put_on_sale(stack, 200)
    admin, port = Admin(stack), free_port()
    webhook, secret = admin.add_webhook(f"http://127.0.0.1:{port}/")
    with running_receiver(tmp_path, port=port, secret=secret) as log:
        order = sell_one(stack)

        code = order["code"]
        expected = [f"order.reserved {code}", f"order.paid {code}", "ticket.issued"]
        assert wait_for_lines(log, count=3) == expected

        # The same message again, and a forged one.
        admin.act(admin.latest_message("order.paid"), "send_this_again")
        (again,) = wait_for_lines(log, count=4)[3:]
        assert again.startswith("seen before msg_")
        forged = requests.post(f"http://127.0.0.1:{port}/", json={"type": "order.paid"}, timeout=30)
        assert forged.status_code == 400

        new_secret = secret_in(admin.act(webhook, "renew_this"))
        admin.act(webhook, "test_this")
        assert wait_for_lines(log, count=5)[4] == "webhook.test"

    # Restarted with the new secret, the receiver handles no message again.
    assert new_secret != secret
    with running_receiver(tmp_path, port=port, secret=new_secret) as log:
        admin.act(webhook, "test_this")
        assert wait_for_lines(log, count=1) == ["webhook.test"]
        admin.act(webhook, "switch_off_this")


def sell_one(stack: RunningStack) -> dict[str, Any]:
    reservation = {
        "event": "noite-de-jazz",
        "quantity": 1,
        "customer": {"name": "Ana Souza", "email": "ana@example.com"},
    }
    order: dict[str, Any] = requests.post(
        f"{stack.url}/orders", json=reservation, timeout=30
    ).json()
    paid = requests.post(
        f"{stack.url}/orders/{order['id']}/payment",
        json={"method": "card", "token": "tok_approved"},
        headers={"Authorization": f"Bearer {order['access_token']}"},
        timeout=30,
    )
    assert paid.status_code == 202, paid.text
    return order
