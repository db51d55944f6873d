"""Find my tickets: nobody learns which addresses are known; the mailed link opens the orders."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from events.models import Event
from orders.models import Order
from orders.page_link import order_path
from tests.make import make_paid_order, make_reserved_order, make_ticket_type
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.queue.messages import Message
from ticketing.telemetry.redaction import redact_text
from tickets.models import Delivery, OrderListMail
from tickets.order_list import (
    MOST_ORDERS,
    PAUSE,
    VALID,
    ask_for_orders,
    find_order_list,
    forget_order_lists,
    list_orders,
    list_token,
    send_order_list,
)
from tickets.sweep import retry_waiting_work

pytestmark = pytest.mark.django_db(transaction=True)

ANA = "ana@example.com"


def browser() -> Client:
    return Client(headers={"Accept-Language": "en"})


def asked_for(email: str = ANA, **fields: Any) -> OrderListMail:
    ask_for_orders(email=email, language="en", now=fields.get("now") or clock.now())
    return OrderListMail.objects.get(email=email)


def link_in_mail() -> str:
    found = re.search(r"/find/\S+", str(mail.outbox[-1].body))
    assert found
    return found[0]


def opened(order: Order) -> tuple[Client, str]:
    """Return a browser that has followed the mailed link, and the path of the list."""
    asked = asked_for(order.customer_email)
    client, path = browser(), f"/find/{asked.pk}/"
    client.get(path, {"token": list_token(asked)})
    return client, path


def move(event: Event, *, days: int) -> None:
    starts_at = clock.now() + timedelta(days=days)
    Event.objects.filter(pk=event.pk).update(
        starts_at=starts_at, ends_at=starts_at + timedelta(hours=3)
    )


def test_the_response_is_the_same_for_known_and_unknown_addresses(queue: RecordingQueue):
    make_paid_order()
    queue.sent.clear()

    known = browser().post("/find", {"email": ANA})
    unknown = browser().post("/find", {"email": "nobody@example.com"})

    assert known.status_code == unknown.status_code == 303
    assert known.headers["Location"] == unknown.headers["Location"] == "/find/sent"
    assert [sent[0] for sent in queue.sent] == [Message.SEND_ORDER_LIST] * 2
    assert OrderListMail.objects.count() == 2


def test_only_an_address_with_orders_gets_a_mail(queue: RecordingQueue):
    make_paid_order()
    queue.sent.clear()
    for email in (ANA, "nobody@example.com"):
        ask_for_orders(email=email, language="en", now=clock.now())

    queue.run_all()

    (sent,) = mail.outbox
    assert sent.to == [ANA]
    assert not OrderListMail.objects.filter(sent_at=None).exists()


def test_a_repeat_within_a_quarter_of_an_hour_sends_nothing_more():
    now = clock.now()
    for moment in (now, now + PAUSE / 2, now + PAUSE + timedelta(seconds=1)):
        ask_for_orders(email=ANA, language="en", now=moment)
    ask_for_orders(email="Ana+again@example.com", language="en", now=now)

    assert OrderListMail.objects.count() == 2


def test_a_wrong_address_is_explained_at_its_field():
    page = browser().post("/find", {"email": "ana@example"})

    assert page.status_code == 400
    assert "enter a domain name" in page.content.decode()
    assert not OrderListMail.objects.exists()


def test_the_link_opens_the_list_and_its_token_leaves_the_address_bar():
    order = make_paid_order()
    send_order_list(list_id=asked_for().pk, now=clock.now())
    link, client = link_in_mail(), browser()

    moved = client.get(link)

    path = link.partition("?")[0]
    assert (moved.status_code, moved.headers["Location"]) == (303, path)
    assert moved.headers["Referrer-Policy"] == "no-referrer"
    cookie = moved.cookies["orders"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (path, True, "Lax")
    page = client.get(path)
    assert order.code in page.content.decode()
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert link.partition("token=")[2] not in redact_text(link)


def test_without_the_token_or_after_a_day_the_list_is_closed():
    make_paid_order()
    asked = asked_for()
    path = f"/find/{asked.pk}/"

    assert browser().get(path).status_code == 404
    wrong = browser()
    assert not wrong.get(path, {"token": "fnd_" + "0" * 64}).cookies
    assert wrong.get(path).status_code == 404
    token, now = list_token(asked), clock.now()
    assert find_order_list(list_id=asked.pk, token=token, now=now) == asked
    assert find_order_list(list_id=asked.pk, token=token, now=now + VALID) is None
    forget_order_lists(now=now + VALID)
    assert not OrderListMail.objects.exists()


def test_an_order_of_the_list_opens_with_its_own_cookie_and_others_do_not():
    kind = make_ticket_type()
    order, other = make_paid_order(ticket_type=kind), make_paid_order(ticket_type=kind)
    Order.objects.filter(pk=other.pk).update(customer_email="bia@example.com")
    client, path = opened(order)

    foreign = client.get(f"{path}orders/{other.pk}")
    mine = client.get(f"{path}orders/{order.pk}")

    assert foreign.headers["Location"] == path
    assert mine.headers["Location"] == order_path(order.pk)
    assert client.get(order_path(order.pk)).status_code == 200
    assert client.get(order_path(other.pk)).status_code == 404


def test_the_list_has_events_to_come_first_and_leaves_out_what_is_of_no_use():
    soon, later, past, old, cancelled = (make_paid_order() for _ in range(5))
    for order, days in ((soon, 1), (later, 9), (past, -9), (old, -400)):
        move(order.event, days=days)
    Order.objects.filter(pk=cancelled.pk).update(status="cancelled", paid_at=None)
    reserved = make_reserved_order()
    Order.objects.filter(pk=later.pk).update(customer_email="Ana@example.com")

    listed = [order.pk for order in list_orders(asked_for(), now=clock.now())]

    assert listed == [soon.pk, later.pk, reserved.pk, past.pk]
    assert len(listed) < MOST_ORDERS


def test_the_tickets_are_mailed_again_once_in_a_quarter_of_an_hour(queue: RecordingQueue):
    order = make_paid_order()
    Delivery.objects.update(asked_at=clock.now() - PAUSE, sent_at=clock.now())
    client, path = opened(order)
    queue.sent.clear()

    first, second = (client.post(path, {"order": str(order.pk)}) for _ in range(2))

    assert first.headers["Location"] == f"{path}?sent={order.code}"
    assert second.headers["Location"] == f"{path}?sent=no"
    assert [sent[0] for sent in queue.sent] == [Message.DELIVER_TICKETS]
    assert "on their way" in client.get(f"{path}?sent={order.code}").content.decode()


def test_a_lost_message_is_sent_again_by_the_sweep(queue: RecordingQueue):
    asked = asked_for()
    queue.sent.clear()

    retry_waiting_work(now=asked.ask_again_at + timedelta(seconds=1))

    assert [sent[0] for sent in queue.sent] == [Message.SEND_ORDER_LIST]


def test_many_requests_from_one_network_are_refused(settings: Any):
    settings.RATE_LIMITS = {"find": ":2/600"}
    client = browser()

    answers = [client.post("/find", {"email": f"a{n}@example.com"}).status_code for n in range(3)]

    assert answers == [303, 303, 429]
