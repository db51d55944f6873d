"""Log lines: their format, their request ids, and that they contain no secrets."""

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from django.db import OperationalError, connections
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import path
from rest_framework.test import APIClient

from orders.models import Payment
from tests.make import as_bearer, make_event, make_processing_order, make_reservation
from tests.worker import fetch, obey, pretended_queues
from ticketing import clock
from ticketing.api.requests import RequestIdMiddleware
from ticketing.queue import messages
from ticketing.queue.messages import _send
from ticketing.telemetry.logs import describe_logging, make_formatter
from ticketing.telemetry.redaction import redact_text

REQUEST_ID = "a-request-of-a-buyer"


class Lines:
    """The log lines of a test, in the format of production."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def of(self, logger: str) -> list[dict[str, Any]]:
        return [line for line in self.read() if line["logger"] == logger]


@pytest.fixture
def lines() -> Iterator[Lines]:
    written = Lines()
    handler = logging.StreamHandler(written.stream)
    handler.setFormatter(make_formatter(form="json"))
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def real_queue(queue: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send messages to the mock of SQS instead of recording them."""
    monkeypatch.setattr(messages, "_send", _send)


def fail(request: HttpRequest) -> HttpResponse:
    raise ValueError("Nobody has ana@example.com.")


urlpatterns = [path("fails", fail)]


def test_a_line_is_one_json_object_with_its_time_in_utc(lines: Lines):
    logging.getLogger("orders").warning("Two lines:\n%s.", "ação", extra={"code": "sold_out"})

    (line,) = lines.read()
    assert list(line)[:4] == ["time", "level", "logger", "event"]
    assert line["time"].endswith("Z")
    assert (line["level"], line["logger"]) == ("warning", "orders")
    assert (line["event"], line["code"]) == ("Two lines:\nação.", "sold_out")


def test_the_console_format_is_text_without_json():
    record = logging.makeLogRecord({"name": "orders", "levelname": "INFO", "msg": "Hello."})

    text = make_formatter(form="console").format(record)

    assert "Hello." in text
    assert "{" not in text


def test_an_unknown_format_is_refused_at_the_start():
    with pytest.raises(ValueError, match="LOG_FORMAT is one of json, console"):
        describe_logging(form="xml", level="INFO", each_request=False)


@override_settings(ROOT_URLCONF=__name__)
def test_an_unexpected_error_is_logged_with_its_request_id_and_without_email_addresses(
    api: APIClient, lines: Lines
):
    response = api.get("/fails", headers={"x-request-id": REQUEST_ID})
    logging.getLogger("orders").warning("Afterwards.")

    (line,) = lines.of("django.request")
    assert response.status_code == 500
    assert response.headers["X-Request-Id"] == line["request_id"] == REQUEST_ID
    assert "ValueError: Nobody has …@…." in line["exception"]
    assert "request" not in line
    assert "request_id" not in lines.of("orders")[0]


def test_a_thread_forgets_the_request_id_also_after_an_interrupt(lines: Lines):
    def interrupt(request: HttpRequest) -> HttpResponse:
        logging.getLogger("orders").warning("Inside.")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RequestIdMiddleware(interrupt)(RequestFactory().get("/"))
    logging.getLogger("orders").warning("Outside.")

    inside, outside = lines.of("orders")
    assert len(inside["request_id"]) == 36
    assert "request_id" not in outside


@pytest.mark.django_db
def test_djangos_log_line_of_a_response_503_has_the_request_id(
    api: APIClient, lines: Lines, monkeypatch: pytest.MonkeyPatch
):
    def away(*_: object, **__: object) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as cut:
        cut.setattr(connections["default"], "cursor", away)
        response = api.get("/events")

    (line,) = lines.of("django.request")
    assert line["request_id"] == response.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("/admin/reset/MQ/d5x1ab-0f1e2d3c4b5a/: no", "/admin/reset/…/: no"),
        ("Bearer ord_GmZ0cVt2Zs4d8bWm2rQxJ8yTn1LpKe5u for you", "Bearer … for you"),
        ("token=dev_GmZ0cVt2Zs4d8bWm2rQxJ8yTn1LpKe5u", "token=dev_…"),
        ("'api_docker-compose-demo-token'", "'api_…'"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw==", "whsec_…"),
        ("authorization: bearer aToken", "authorization: bearer …"),
        ("a\nord_GmZ0cVt2Zs4d8bWm2rQxJ8yTn1LpKe5u", "a\nord_…"),
        ("Key (email)=(ana.souza+1@example.com.br) exists", "Key (email)=(…@…) exists"),
        ("?email=ana%40example.com&page=2", "?email=…@…&page=2"),
        ("<joão@exemplo.com>", "<…@…>"),
        ('to "ana souza"@example.com', 'to "ana …@…'),
        ("{ana}@example.com", "{…@…"),
        ("ana@[192.0.2.1] said", "…@… said"),
        ("'T1:6BF%R 0$*+-./:6BFOXN0QE'", "'T1:…'"),
        ("postgres://us:secret@db:5432/x", "postgres://us:…@db:5432/x"),
        # These contain no secret and stay unchanged.
        ("from rest_framework.settings import api_settings", None),
        ("order 01890000-0000-7000-8000-000000000000 at 12:30", None),
        ("celery@worker is T1", None),
    ],
)
def test_secrets_and_email_addresses_are_redacted(text: str, redacted: str | None):
    assert redact_text(text) == (text if redacted is None else redacted)


def test_secrets_are_redacted_in_arguments_fields_and_causes_of_exceptions(lines: Lines):
    secret = "ord_GmZ0cVt2Zs4d8bWm2rQxJ8yTn1LpKe5u"
    error = ValueError({"T1:6BF%R 0$*+-./:6BFOXN0QE": ["ana@example.com"]})
    error.__cause__ = KeyError(secret)
    try:
        raise error
    except ValueError:
        logging.getLogger("orders").exception(
            "Refused %s, %r.", secret, {"to": ["ana@example.com"]}, extra={"route": secret}
        )

    text = lines.stream.getvalue()
    assert "KeyError: 'ord_…'" in text
    assert [word for word in (secret, "example.com", "6BF") if word in text] == []


def test_the_time_to_redact_a_long_line_grows_linearly():
    """With an unbounded pattern, this test would run for hours."""
    for text in (
        "a" * 300_000,
        "T1:" * 100_000,
        "a@" * 150_000,
        "://" * 100_000,
        "Bearer " * 50_000,
    ):
        assert len(redact_text(text)) <= len(text)


@pytest.mark.django_db(transaction=True)
def test_messages_of_a_request_and_of_its_task_have_the_request_id(
    lines: Lines, real_queue: None, monkeypatch: pytest.MonkeyPatch
):
    # Without next steps, the task sends a message.
    monkeypatch.setattr("ticketing.queue.next_steps._TASK_SECONDS", 0)
    reservation = make_reservation()
    buyer = as_bearer(reservation.token.text)
    with pretended_queues():
        buyer.post(
            f"/orders/{reservation.order_id}/payment",
            {"method": "card", "token": "tok_approved"},
            headers={"x-request-id": REQUEST_ID},
        )
        settle = fetch("sale")
        obey(settle)
        issue = fetch("sale")

    assert [message.headers["task"] for message in (settle, issue)] == [
        "tickets.settle_order",
        "tickets.issue_codes",
    ]
    assert settle.headers["request_id"] == issue.headers["request_id"] == REQUEST_ID


@pytest.mark.django_db(transaction=True)
def test_celerys_log_line_of_a_failed_task_has_its_ids(lines: Lines, real_queue: None):
    with pretended_queues():
        order = make_processing_order(token="tok_unstable")
        obey(fetch("sale"))

    (line,) = lines.of("celery.app.trace")
    assert line["level"] == "error"
    assert line["task"] == "tickets.settle_order"
    assert line["order_id"] == str(order.pk)
    assert "GatewayAway" in line["exception"]
    assert len(line["request_id"]) == 36


@pytest.mark.django_db(transaction=True)
def test_messages_of_a_sweep_have_a_new_request_id(real_queue: None):
    with pretended_queues():
        make_processing_order()
        fetch("sale")
        Payment.objects.update(ask_again_at=clock.now())
        current_app.send_task("tickets.ask_again", queue="upkeep")
        sweep = fetch("upkeep")
        obey(sweep)
        sent = fetch("sale")

    assert "request_id" not in sweep.headers
    assert len(sent.headers["request_id"]) == 36


@pytest.mark.django_db(transaction=True)
def test_requests_are_logged_only_with_the_setting_for_it(api: APIClient, lines: Lines):
    event = make_event()
    logger = logging.getLogger("ticketing.telemetry.middleware")
    api.get(f"/events/{event.slug}")
    assert lines.of(logger.name) == []

    before = logger.level
    logger.setLevel(
        describe_logging(form="json", level="INFO", each_request=True)["loggers"][logger.name][
            "level"
        ]
    )
    try:
        reservation = make_reservation()
        as_bearer(reservation.token.text).get(f"/orders/{reservation.order_id}")
        api.get(f"/orders/{reservation.order_id}")
    finally:
        logger.setLevel(before)

    seen, refused = lines.of(logger.name)
    assert (seen["method"], seen["route"], seen["status"]) == ("GET", "/orders/{order_id}", 200)
    assert (refused["status"], refused["code"]) == (401, "not_authenticated")
    assert seen["ms"] > 0


def test_the_web_server_logs_in_the_same_format():
    """Granian reads this file, because its own lines do not use Django's settings."""
    described = json.loads((settings.BASE_DIR / "config/granian.json").read_text())
    formatter = described["formatters"]["generic"]

    assert formatter == {"()": "ticketing.telemetry.logs.make_formatter", "form": "json"}
    logging.config.DictConfigurator(described).configure_formatter(formatter)
