"""The page of an order's tickets: the codes, their states, the downloads, and the kept copy."""

import re
from datetime import timedelta

import pypdfium2
import pytest
import zxingcpp
from django.test import Client
from PIL import Image, ImageDraw

from events.models import Event
from orders.models import Order
from orders.page_link import order_link, order_path
from tests.make import SOMEBODY, make_event, make_paid_order, make_reserved_order
from ticketing import clock
from tickets.models import Ticket
from tickets.refund import refund_order, refund_tickets
from tickets.replacement import replace_ticket, revoke_ticket

pytestmark = pytest.mark.django_db(transaction=True)


def browser_of(order: Order, page: str = "") -> Client:
    browser = Client(headers={"accept-language": "en"})
    link = order_link(order, page).removeprefix("http://localhost:8000")
    assert browser.get(link).status_code == 303
    return browser


def page_of(order: Order, language: str = "en") -> str:
    browser = browser_of(order)
    return browser.get(f"{order_path(order.pk)}tickets?lang={language}").content.decode()


def codes_on(page: str) -> list[str]:
    """Return what a camera reads from each picture of a page."""
    return [found.text for svg in re.findall(r"<svg.*?</svg>", page) for found in read_svg(svg)]


def read_svg(svg: str) -> list[zxingcpp.Barcode]:
    """Return what a camera reads from a picture of segno, whose modules are one unit wide."""
    side = int(re.search(r"""(?:viewBox="0 0 | width=')(\d+)""", svg)[1])  # type: ignore[index]
    picture = Image.new("L", (side * 8, side * 8), 255)
    draw = ImageDraw.Draw(picture)
    x = y = 0.0
    for move, numbers in re.findall(r"([Mmh])([-\d. ]+)", re.split(r" d=['\"]", svg)[-1]):
        values = [float(number) for number in numbers.split()]
        if move == "M":
            x, y = values
        elif move == "m":
            x, y = x + values[0], y + values[1]
        else:
            top = (y - 0.5) * 8
            draw.rectangle((x * 8, top, (x + values[0]) * 8 - 1, top + 7), fill=0)
            x += values[0]
    return zxingcpp.read_barcodes(picture)


def test_the_page_shows_the_code_of_each_ticket_and_no_cache_stores_it():
    order = make_paid_order(quantity=2)
    browser = browser_of(order, "tickets")

    page = browser.get(f"{order_path(order.pk)}tickets")

    text = page.content.decode()
    codes = list(Ticket.objects.of_order(order.pk).values_list("code", flat=True))
    assert codes_on(text) == codes
    assert f"{order.code}-1" in text
    assert f"{order.code}-2" in text
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert "<script>" not in text
    assert "style=" not in text


@pytest.mark.parametrize(
    ("language", "words"), [("pt-br", "Válido. Mostre este código na entrada."), ("en", "Valid.")]
)
def test_the_page_is_in_the_readers_language(language: str, words: str):
    assert words in page_of(make_paid_order(), language)


def test_tickets_that_admit_nobody_have_no_picture_and_say_why():
    event = make_event(starts_at="2027-01-11T00:00:00Z", ends_at="2099-01-11T04:00:00Z")
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=4)
    used, revoked, refunded, valid = Ticket.objects.of_order(order.pk)
    Ticket.objects.filter(pk=used.pk).update(status="used", used_at="2027-01-11T01:15:00Z")
    revoke_ticket(ticket_id=revoked.pk, actor=SOMEBODY, now=clock.now())
    refund_tickets(order_id=order.pk, ticket_ids=[refunded.pk], actor=SOMEBODY, now=clock.now())

    page = page_of(order)

    assert codes_on(page) == [valid.code]
    assert "Used on Jan. 10, 2027 at 10:15 PM." in page
    assert "Blocked by the organizer" in page
    assert "Refunded: this ticket" in page
    assert f"{order.code}-4" in page


def test_after_a_replacement_the_page_and_the_pdf_have_the_new_code_alone():
    order = make_paid_order()
    old = Ticket.objects.of_order(order.pk).get()
    new = replace_ticket(ticket_id=old.pk, actor=SOMEBODY, now=clock.now())
    browser = browser_of(order)

    pdf = browser.get(f"{order_path(order.pk)}tickets.pdf").content

    assert codes_on(page_of(order)) == [new.code]
    assert codes_in(pdf) == [new.code]


def codes_in(pdf: bytes) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        pages = [page.render(scale=2).to_pil() for page in document]
    return [found.text for page in pages for found in zxingcpp.read_barcodes(page)]


def test_a_cancelled_events_tickets_show_no_code():
    order = make_paid_order()
    Event.objects.filter(pk=order.event_id).update(status="cancelled")

    page = page_of(order)

    assert codes_on(page) == []
    assert "The event was cancelled." in page
    assert "PDF to print" not in page


def test_all_tickets_or_one_are_downloaded_for_paper_or_phone():
    order = make_paid_order(quantity=3)
    path, browser = order_path(order.pk), browser_of(order)
    codes = list(Ticket.objects.of_order(order.pk).values_list("code", flat=True))

    every = browser.get(f"{path}tickets.pdf")
    second = browser.get(f"{path}tickets/2.pdf?paper=phone")
    calendar = browser.get(f"{path}event.ics")

    assert every.headers["Content-Disposition"] == f'inline; filename="tickets-{order.code}.pdf"'
    assert sorted(codes_in(every.content)) == sorted(codes)
    assert second.headers["Content-Disposition"] == f'inline; filename="ticket-{order.code}-2.pdf"'
    assert codes_in(second.content) == [codes[1]]
    assert calendar.headers["Content-Type"] == "text/calendar"
    assert f"UID:{order.event_id}@".encode() in calendar.content
    for file in (every, second, calendar):
        assert file.headers["Cache-Control"] == "private, no-store"
        assert file.headers["X-Robots-Tag"] == "noindex"
    assert browser.get(f"{path}tickets/4.pdf").status_code == 404


def test_before_it_is_paid_an_order_has_no_tickets():
    order = make_reserved_order()
    path, browser = order_path(order.pk), browser_of(order)

    page = browser.get(f"{path}tickets")

    assert (page.status_code, page.headers["Location"]) == (303, path)
    assert browser.get(f"{path}tickets.pdf").status_code == 404
    assert browser.get(f"{path}event.ics").status_code == 404
    assert "Show my tickets" not in browser.get(path).content.decode()


def test_the_page_of_a_paid_order_leads_to_its_tickets():
    order = make_paid_order()

    paid = browser_of(order).get(order_path(order.pk)).content.decode()
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    refunded = browser_of(order).get(order_path(order.pk)).content.decode()

    assert f'href="{order_path(order.pk)}tickets"' in paid
    assert f'href="{order_path(order.pk)}tickets.pdf"' in paid
    assert f'href="{order_path(order.pk)}tickets"' in refunded
    assert f'href="{order_path(order.pk)}tickets.pdf"' not in refunded


@pytest.mark.parametrize(
    "page", ["tickets", "tickets.pdf", "tickets/1.pdf", "event.ics", "offline.js"]
)
def test_without_its_link_nobody_gets_anything_of_an_order(page: str):
    order, other = make_paid_order(), make_paid_order()
    stranger = browser_of(other)

    assert stranger.get(f"{order_path(order.pk)}{page}").status_code == 404


def test_the_kept_copy_lasts_a_day_longer_than_the_event_and_its_script_is_of_one_order():
    order = make_paid_order()
    path, browser = order_path(order.pk), browser_of(order)

    page, script = browser.get(f"{path}tickets"), browser.get(f"{path}offline.js")

    ends_at = Event.objects.get(pk=order.event_id).ends_at + timedelta(days=1)
    assert page.headers["Expires"] == f"{ends_at:%a, %d %b %Y %H:%M:%S} GMT"
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    # A browser would need this header to let the script answer for other addresses.
    assert "Service-Worker-Allowed" not in script.headers
    assert f'data-offline="{path}"' in page.content.decode()
