"""The pages that hand a ticket on: the buyer's offer, and the new holder's acceptance."""

import re
from collections.abc import Mapping
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from django.core import mail
from django.test import Client

from events.models import Event
from orders.models import Order
from orders.page_link import order_link, order_path
from tests.make import make_paid_order
from tests.queue import RecordingQueue
from ticketing.telemetry.redaction import redact_text
from tickets.models import Ticket, TicketStatus, Transfer

pytestmark = pytest.mark.django_db(transaction=True)

BIA = {"name": "Bia Lima", "email": "Bia@EXAMPLE.com"}


def browser_of(order: Order) -> Client:
    browser = Client(headers={"accept-language": "en"})
    browser.get(order_link(order).removeprefix("http://localhost:8000"))
    return browser


def page_of(order: Order, number: int = 1) -> str:
    return f"{order_path(order.pk)}tickets/{number}/transfer"


def send(browser: Client, page: str, fields: Mapping[str, str], path: str = "") -> Any:
    """Send the form of a page as a browser does, with the key that the page shows."""
    key = re.search(r'name="form_key" value="([^"]+)"', browser.get(page).content.decode())
    return browser.post(path or page, {**fields, "form_key": key[1] if key else "none"})


def link_to(address: str) -> str:
    bodies = [str(each.body) for each in mail.outbox if each.to == [address]]
    found = re.search(r"http://localhost:8000(/transfer/\S+)", bodies[-1])
    assert found
    return found[1]


def offered(queue: RecordingQueue) -> tuple[Order, str]:
    order = make_paid_order(quantity=2)
    sent = send(browser_of(order), page_of(order), BIA)
    assert sent.status_code == 303
    queue.run_all()
    return order, link_to("Bia@example.com")


def opened(link: str) -> tuple[Client, str]:
    browser = Client(headers={"accept-language": "en"})
    moved = browser.get(link)
    assert moved.status_code == 303
    return browser, moved.headers["Location"]


def test_the_address_that_takes_an_offer_back_leads_to_the_page_of_the_ticket():
    order = make_paid_order()

    answer = browser_of(order).get(f"{page_of(order)}/withdraw?lang=en")

    assert (answer.status_code, answer.headers["Location"]) == (303, f"{page_of(order)}?lang=en")


def test_a_buyer_offers_a_ticket_and_the_new_holder_accepts_it(queue: RecordingQueue):
    order, link = offered(queue)
    old = Ticket.objects.of_order(order.pk)[0]
    browser, page = opened(link)
    offer = browser.get(page).content.decode()

    accepted = send(browser, page, {"name": "Beatriz Lima"})

    assert 'value="Bia Lima"' in offer
    assert "A ticket from Ana Souza" in offer
    assert (accepted.status_code, accepted.headers["Location"]) == (303, page)
    new = Ticket.objects.get(holder_name="Beatriz Lima")
    shown = browser.get(page).content.decode()
    assert f"{order.code}-1" in shown
    assert "<svg" in shown
    pdf = browser.get(f"{page}ticket.pdf")
    assert codes_in(pdf.content) == [new.code]
    assert browser.get(f"{page}event.ics").content.startswith(b"BEGIN:VCALENDAR")
    old.refresh_from_db()
    assert old.status == TicketStatus.REVOKED


def codes_in(pdf: bytes) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        pages = [page.render(scale=2).to_pil() for page in document]
    return [found.text for page in pages for found in zxingcpp.read_barcodes(page)]


def test_the_buyers_page_and_pdf_lose_the_ticket_that_was_handed_on(queue: RecordingQueue):
    order, link = offered(queue)
    buyer = browser_of(order)
    before = buyer.get(f"{order_path(order.pk)}tickets").content.decode()
    browser, page = opened(link)
    send(browser, page, {"name": "Bia Lima"})

    after = buyer.get(f"{order_path(order.pk)}tickets").content.decode()

    assert "Offered to Bia Lima" in before
    assert before.count("<svg") == 2
    assert after.count("<svg") == 1
    assert "Handed on: Bia Lima has this ticket now." in after
    second = Ticket.objects.of_order(order.pk)[1]
    assert codes_in(buyer.get(f"{order_path(order.pk)}tickets.pdf").content) == [second.code]
    assert buyer.get(f"{order_path(order.pk)}tickets/1.pdf").status_code == 404
    assert "This ticket was handed on." in buyer.get(page_of(order)).content.decode()


def test_the_same_form_sent_twice_offers_once(queue: RecordingQueue):
    order = make_paid_order()
    browser = browser_of(order)
    fields = {**BIA, "form_key": "k" * 32}

    answers = [browser.post(page_of(order), fields).status_code for _ in range(2)]

    assert answers == [303, 303]
    assert Transfer.objects.count() == 1


def test_the_buyer_takes_an_offer_back(queue: RecordingQueue):
    order, link = offered(queue)
    buyer = browser_of(order)

    taken = send(buyer, page_of(order), {}, f"{page_of(order)}/withdraw")

    assert (taken.status_code, taken.headers["Location"]) == (303, page_of(order))
    browser, page = opened(link)
    assert "This offer is not open any more" in browser.get(page).content.decode()
    refused = browser.post(page, {"name": "Bia Lima", "form_key": "k"})
    assert refused.status_code == 404
    assert Ticket.objects.filter(holder_name="Bia Lima").count() == 0


def test_what_is_wrong_is_said_at_its_field_in_the_readers_language():
    order = make_paid_order()
    browser = browser_of(order)
    wrong = {"name": "", "email": "ana@"}

    page = browser.post(f"{page_of(order)}?lang=pt-br", wrong)

    text = page.content.decode()
    assert page.status_code == 400
    assert 'aria-describedby="id_name_error"' in text
    assert 'aria-describedby="id_email_error"' in text
    assert "Este campo é obrigatório." in text
    assert Transfer.objects.count() == 0


def test_an_event_without_transfers_shows_no_form_and_takes_none():
    order = make_paid_order()
    allowed = browser_of(order).get(order_path(order.pk)).content.decode()
    Event.objects.filter(pk=order.event_id).update(allows_transfers=False)
    browser = browser_of(order)

    tickets = browser.get(f"{order_path(order.pk)}tickets").content.decode()
    home = browser.get(order_path(order.pk)).content.decode()
    page = browser.get(page_of(order)).content.decode()
    refused = browser.post(page_of(order), {**BIA, "form_key": "k"})

    assert "you can also transfer a ticket" in allowed
    assert "you can also transfer a ticket" not in home
    assert "Transfer to another person" not in tickets
    assert "<input" not in page.partition("<main")[2]
    assert refused.status_code == 403
    assert "the organizer does not allow it" in refused.content.decode()


def test_a_transfers_page_opens_by_its_link_alone_and_the_token_leaves_the_address(
    queue: RecordingQueue,
):
    _order, link = offered(queue)
    path = link.partition("?")[0]
    stranger = Client(headers={"accept-language": "en"})

    unknown = stranger.get("/transfer/00000000-0000-4000-8000-000000000000/")
    foreign = stranger.get(path)
    browser = Client()
    moved = browser.get(link)

    assert (unknown.status_code, foreign.status_code) == (404, 404)
    assert "This page needs your link" in foreign.content.decode()
    assert stranger.get(f"{path}ticket.pdf").status_code == 404
    assert moved.headers["Referrer-Policy"] == "no-referrer"
    cookie = moved.cookies["transfer"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (path, True, "Lax")
    page = browser.get(path)
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert link.rpartition("trf_")[2] not in page.content.decode()
    assert link.rpartition("trf_")[2] not in redact_text(link)
    # Before it is accepted there is nothing to download.
    assert browser.get(f"{path}ticket.pdf").status_code == 404


def test_an_order_has_no_page_for_a_ticket_that_it_lacks():
    order = make_paid_order()

    assert browser_of(order).get(page_of(order, 2)).status_code == 404
    assert Client().get(page_of(order)).status_code == 404


def test_no_name_carries_an_advertisement_to_a_stranger(queue: RecordingQueue):
    order, link = offered(queue)
    browser, page = opened(link)
    advert = "Win at casino.example.com"

    offer = browser_of(order).post(page_of(order, 2), BIA | {"name": advert})
    accepted = browser.post(page, {"name": advert})

    assert (offer.status_code, accepted.status_code) == (400, 400)
    assert "must not contain a web address" in offer.content.decode()
    assert Transfer.objects.filter(name=advert).count() == 0
