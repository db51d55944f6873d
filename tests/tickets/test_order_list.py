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
from tests.make import SOMEBODY, make_paid_order, make_reserved_order, make_ticket_type
from tests.moments import NOON
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.queue.messages import Message
from ticketing.telemetry.redaction import redact_text
from tickets.models import Delivery, OrderListMail, Ticket
from tickets.order_list import (
    MOST_ORDERS,
    PAUSE,
    VALID,
    ask_for_orders,
    can_resend,
    find_listed_order,
    find_order_list,
    forget_order_lists,
    list_orders,
    list_token,
    orders_of_address,
    send_order_list,
)
from tickets.refund import refund_order, refund_tickets
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
    for moment in (NOON, NOON + PAUSE / 2, NOON + PAUSE):
        ask_for_orders(email=ANA, language="en", now=moment)
    ask_for_orders(email="Ana+again@example.com", language="en", now=NOON)
    ask_for_orders(email="bia@example.com", language="pt-br", now=NOON)

    asked = OrderListMail.objects.order_by("email", "asked_at")
    assert [(each.email, each.language, each.asked_at) for each in asked] == [
        (ANA, "en", NOON),
        (ANA, "en", NOON + PAUSE),
        ("bia@example.com", "pt-br", NOON),
    ]
    assert {each.expires_at - each.asked_at for each in asked} == {VALID}


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
    other, token, ends = asked_for("bia@example.com"), list_token(asked), asked.expires_at

    def found(row: OrderListMail, token: str, *, seconds: int = -1) -> OrderListMail | None:
        now = ends + timedelta(seconds=seconds)
        return find_order_list(list_id=row.pk, token=token, now=now)

    assert (found(asked, token), found(other, list_token(other))) == (asked, other)
    assert (found(other, token), found(asked, token, seconds=0)) == (None, None)
    forget_order_lists(now=ends)
    assert list(OrderListMail.objects.all()) == [other]


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


def test_an_event_is_to_come_until_it_ends_and_is_listed_for_a_year_after():
    order, other = make_paid_order(quantity=2), make_paid_order()
    Order.objects.filter(pk=other.pk).update(customer_email="bia@example.com")
    refund_tickets(
        order_id=order.pk,
        ticket_ids=[Ticket.objects.of_order(order.pk)[0].pk],
        actor=SOMEBODY,
        now=clock.now(),
    )
    soon = make_paid_order()
    asked, ends = asked_for(), order.event.ends_at
    Event.objects.filter(pk=soon.event_id).update(starts_at=ends, ends_at=ends + VALID)
    second, year = timedelta(seconds=1), timedelta(days=365)

    def listed(now: Any) -> list[Any]:
        return [each.pk for each in list_orders(asked, now=now)]

    assert listed(ends - second) == [order.pk, soon.pk]
    assert listed(ends) == [soon.pk, order.pk]
    shown: list[Any] = list_orders(asked, now=ends)
    assert [each.count for each in shown] == [1, 1]
    assert order in orders_of_address(ANA, now=ends + year - second)
    assert order not in orders_of_address(ANA, now=ends + year)
    assert find_listed_order(asked, order.pk, now=ends) == order
    assert find_listed_order(asked, other.pk, now=ends) is None


def test_tickets_can_be_mailed_again_for_a_paid_order_of_an_event_to_come():
    paid, refunded, reserved = make_paid_order(), make_paid_order(), make_reserved_order()
    refund_order(order_id=refunded.pk, actor=SOMEBODY, now=clock.now())
    Delivery.objects.update(asked_at=NOON - PAUSE)
    second = timedelta(seconds=1)

    def can(order: Order, now: Any = NOON) -> bool:
        return can_resend(Order.objects.get(pk=order.pk), now=now)

    assert [can(order) for order in (paid, refunded, reserved)] == [True, False, False]
    assert can(paid, NOON - second) is False
    assert [can(paid, paid.event.ends_at - each) for each in (second, 0 * second)] == [True, False]


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
