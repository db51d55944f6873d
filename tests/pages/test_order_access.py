"""Who sees the page of an order: the browser that ordered, and the reader of its mails."""

import re
from uuid import uuid4

import pytest
from django.test import Client

from orders.models import Order
from orders.page_link import order_link, order_path
from tests.make import make_reservation, make_reserved_order
from ticketing.telemetry.redaction import redact_text

pytestmark = pytest.mark.django_db(transaction=True)


def with_token(order: Order, token: str) -> str:
    return f"{order_path(order.pk)}?token={token}"


def test_a_token_leaves_the_address_bar_for_a_cookie_of_this_order_alone():
    reservation = make_reservation()
    path, browser = order_path(reservation.order_id), Client()

    moved = browser.get(f"{path}?token={reservation.token.text}&lang=en")

    assert (moved.status_code, moved.headers["Location"]) == (303, f"{path}?lang=en")
    assert moved.headers["Referrer-Policy"] == "no-referrer"
    assert moved.headers["Cache-Control"] == "private, no-store"
    cookie = moved.cookies["order"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (path, True, "Lax")
    assert not cookie["secure"]
    page = browser.get(f"{path}?lang=en")
    assert page.status_code == 200
    assert reservation.code in page.content.decode()
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert reservation.token.text not in page.content.decode()


def test_over_https_the_cookie_never_travels_in_the_clear():
    reservation = make_reservation()
    path = f"{order_path(reservation.order_id)}?token={reservation.token.text}"

    assert Client().get(path, secure=True).cookies["order"]["secure"]


def test_unknown_and_foreign_orders_look_alike():
    order, other = make_reserved_order(), make_reservation()
    stranger, neighbor = Client(), Client()
    neighbor.cookies["order"] = other.token.text

    def read(client: Client, path: str) -> tuple[int, str]:
        page = client.get(path, headers={"accept-language": "en"})
        return page.status_code, re.sub(r"/o/[0-9a-f-]+/", "/o/…/", page.content.decode())

    nobodys = read(stranger, order_path(uuid4()))

    assert nobodys[0] == 404
    assert "This page needs your link" in nobodys[1]
    assert read(stranger, order_path(order.pk)) == nobodys
    assert read(neighbor, order_path(order.pk)) == nobodys
    wrong = stranger.get(with_token(order, other.token.text))
    assert (wrong.status_code, dict(wrong.cookies)) == (303, {})


def test_a_mailed_link_opens_the_order_until_the_address_is_corrected():
    order = make_reserved_order()
    link = order_link(order)
    address = link.removeprefix("http://localhost:8000")

    assert Client().get(address).cookies["order"].value.startswith("lnk_")
    order.customer_email = "bia@example.com"
    order.save(update_fields=["customer_email"])

    assert not Client().get(address).cookies
    assert link.rpartition("lnk_")[2] not in redact_text(link)


def test_the_first_opening_of_a_mailed_link_is_recorded_once_for_each_address():
    reservation = make_reservation()
    order = Order.objects.get(pk=reservation.order_id)

    def follow(link: str) -> int:
        Client().get(link.removeprefix("http://localhost:8000"))
        return order.link_openings.count()

    assert follow(with_token(order, reservation.token.text)) == 0
    assert follow(with_token(order, "lnk_wrong")) == 0
    Client().head(order_link(order).removeprefix("http://localhost:8000"))
    assert follow(order_link(order)) == 1
    first = order.link_openings.get()
    assert follow(order_link(order, "tickets")) == 1
    order.customer_email = "bia@example.com"
    order.save(update_fields=["customer_email"])
    assert follow(order_link(order)) == 2
    assert order.link_openings.earliest("opened_at").opened_at == first.opened_at
    assert first.opened_at >= order.created_at


def test_a_wrong_cookie_of_an_order_gives_way_to_a_right_link():
    reservation = make_reservation()
    path, browser = order_path(reservation.order_id), Client()
    browser.cookies["order"] = "ord_wrong"

    browser.get(f"{path}?token={reservation.token.text}")

    assert browser.get(path).status_code == 200
