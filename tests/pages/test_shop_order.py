"""The page of an order: paying, and what its buyer sees in each state."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from events.models import Event
from events.organizing import cancel_event
from events.terms import Texts, save_terms
from orders.models import Consent, EmailConfirmation, Order
from orders.page_link import order_path
from tests.make import SOMEBODY, make_event, make_reservation
from tests.pages.test_shop_choosing import filled, read
from ticketing import clock
from ticketing.models import Act, ActType
from tickets.refund import refund_order
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)


def buyer_of(event: Event, quantity: int = 1, language: str = "en") -> tuple[Client, Order]:
    """Reserve by the form. Return the browser, and the order."""
    browser = Client(headers={"accept-language": language})
    answer = browser.post(f"/e/{event.slug}", filled(event, quantity))
    assert answer.status_code == 303
    return browser, Order.objects.order_by("-created_at")[0]


def send(browser: Client, order: Order, name: str, **fields: str) -> Any:
    key = fields.pop("form_key", "k")
    return browser.post(f"{order_path(order.pk)}{name}", {"form_key": key, **fields})


def look(browser: Client, order: Order) -> str:
    page = browser.get(order_path(order.pk))
    assert page.status_code == 200
    return read(page)


def status(browser: Client, order: Order) -> dict[str, Any]:
    found: dict[str, Any] = browser.get(f"{order_path(order.pk)}status").json()
    return found


def test_a_card_is_charged_once_however_often_the_form_is_sent():
    browser, order = buyer_of(make_event())
    assert "Test mode" in look(browser, order)

    first = send(browser, order, "pay", method="card", token="tok_approved")
    again = send(browser, order, "pay", method="card", token="tok_approved")

    assert (first.status_code, again.status_code) == (303, 303)
    assert "Your payment is being processed" in look(browser, order)
    assert status(browser, order)["state"] == "processing"
    settle_order(order_id=order.pk, now=clock.now())
    assert "Paid. See you there!" in look(browser, order)
    assert status(browser, order)["state"] == "paid"


def test_where_test_payments_are_not_shown_no_page_takes_a_test_card(settings: Any):
    settings.SHOW_TEST_PAYMENTS = False
    browser, order = buyer_of(make_event())

    page = look(browser, order)
    refused = send(browser, order, "pay", method="card", token="tok_approved")

    assert "This site cannot take this payment." in page
    assert "Test mode" not in page
    assert refused.status_code == 400
    assert status(browser, order)["state"] == "reserved"


def test_a_declined_card_says_why_and_the_same_tickets_can_be_reserved_again():
    browser, order = buyer_of(make_event(capacity=2), 2)
    send(browser, order, "pay", method="card", token="tok_declined")
    settle_order(order_id=order.pk, now=clock.now())

    page, token = look(browser, order), browser.cookies["order"].value
    answer = send(browser, order, "again")

    assert "The bank that issued the card refused it." in page
    assert "Nothing was charged" in page
    assert answer.status_code == 303
    new = Order.objects.exclude(pk=order.pk).get()
    assert answer.headers["Location"] == f"{order_path(new.pk)}#ways"
    assert (new.customer_email, new.total) == (order.customer_email, order.total)
    assert "Pay for your tickets" in look(browser, new)
    # A browser keeps a cookie for each path. This client has one for all.
    browser.cookies["order"] = token
    repeated = send(browser, order, "again")
    assert repeated.headers["Location"] == answer.headers["Location"]


@pytest.mark.parametrize(
    ("query", "chosen"), [("", "pix"), ("?way=card", "card"), ("?way=cash", "pix")]
)
def test_one_way_to_pay_is_open_and_a_refusal_leaves_it_open(query: str, chosen: str):
    browser, order = buyer_of(make_event())

    page = browser.get(f"{order_path(order.pk)}{query}").content.decode()
    refused = send(browser, order, "pay", method="card", token="tok_stolen", way=chosen)

    assert opened(page) == opened(refused.content.decode()) == [chosen]
    assert re.findall(r'value="(tok_\w+)"[^>]* checked', page) == ["tok_approved"]


def opened(page: str) -> list[str]:
    return re.findall(r'name="way" value="(\w+)"[^>]* checked', page)


def test_a_buyer_who_cannot_choose_how_to_pay_is_not_asked():
    browser, order = buyer_of(make_event(currency="USD"))

    page = browser.get(order_path(order.pk)).content.decode()

    assert opened(page) == []
    assert "How do you want to pay?" not in page
    assert '<h2 id="way">Card</h2>' in page


def test_a_reservation_past_its_time_offers_to_start_again_and_cannot_be_paid():
    browser, order = buyer_of(make_event(), 2)
    past = clock.now() - timedelta(seconds=1)
    Order.objects.filter(pk=order.pk).update(reserved_until=past)

    page = look(browser, order)
    refused = send(browser, order, "pay", method="card", token="tok_approved")

    assert "The time to pay is over" in page
    assert "Reserve the same tickets again" in page
    assert re.search(r"/e/[^?]+\?q_[0-9a-f-]+=2", refused.content.decode())
    assert refused.status_code == 409
    assert "Nothing was charged" in read(refused)
    assert status(browser, order) == {"state": "expired", "left": 0, "ready": False}


def test_nobody_is_offered_to_start_again_after_the_sales():
    browser, order = buyer_of(make_event())
    now = clock.now()
    Order.objects.filter(pk=order.pk).update(reserved_until=now - timedelta(seconds=1))
    Event.objects.filter(pk=order.event_id).update(sales_end_at=now)

    page = look(browser, order)

    assert "Nothing was charged, and the sale has ended." in page
    assert "Reserve the same tickets again" not in page
    assert "See all events" in page


def test_a_buyer_puts_the_tickets_back_on_sale():
    browser, order = buyer_of(make_event())

    answer = send(browser, order, "cancel")

    assert answer.status_code == 303
    assert "This order is cancelled" in look(browser, order)
    act = Act.objects.get(type=ActType.ORDER_CANCELLED)
    assert (act.subject_id, act.channel, act.address) == (order.pk, "shop", None)
    later = send(browser, order, "pay", method="card", token="tok_approved")
    assert (later.status_code, "can no longer be paid" in read(later)) == (409, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "free"},
        {"method": "cash"},
        {"method": "pix", "token": "tok_approved"},
        {"method": "card", "token": "tok_stolen"},
        {"method": "card", "token": ""},
        {"method": "card", "token": "x" * 300},
        {},
    ],
)
def test_a_way_of_paying_that_is_not_offered_changes_nothing(fields: dict[str, str]):
    browser, order = buyer_of(make_event())

    answer = send(browser, order, "pay", **fields)

    assert answer.status_code == 400
    assert "This way of paying was not accepted." in read(answer)
    order.refresh_from_db()
    assert order.status == "reserved"


def test_a_free_order_waits_for_the_mailed_link():
    browser, order = buyer_of(make_event(price="0.00"), language="pt-BR")
    before = look(browser, order)
    assert "Faltam dois passos" in before
    assert "Clique no botão: enviamos um link para ana@example.com ." in before

    send(browser, order, "pay", method="free")

    page = look(browser, order)
    assert "Enviamos um link para ana@example.com" in page
    assert "Enviar o link de novo" in page
    assert status(browser, order)["state"] == "confirming"
    assert EmailConfirmation.objects.get().mails == 1


def test_a_free_order_without_confirmation_is_processed_at_once():
    browser, order = buyer_of(make_event(price="0.00", confirms_free_orders=False))
    before = look(browser, order)
    assert "One more click" in before
    assert "link" not in before

    send(browser, order, "pay", method="free")

    assert status(browser, order)["state"] == "processing"


def test_the_page_of_a_cancelled_event_and_of_a_refunded_order_say_what_happens_to_the_money():
    browser, order = buyer_of(make_event())
    send(browser, order, "pay", method="card", token="tok_approved")
    settle_order(order_id=order.pk, now=clock.now())

    cancel_event(event_id=order.event_id, note="Chuva.", actor=SOMEBODY, now=clock.now())
    before = look(browser, order)
    refund_order(order_id=order.pk, reason="", actor=SOMEBODY, now=clock.now())
    after = look(browser, order)
    again = send(browser, order, "again")

    assert "The organizer has cancelled this event. Chuva." in before
    assert "What was paid is refunded without doing anything." in before
    assert "This event is cancelled" in before
    for invitation in ("See you there", "PDF to print", "Add to the calendar"):
        assert invitation not in before
    assert "This order is refunded" in after
    assert "The money goes back the way it came." in after
    assert "The organizer has cancelled this event." not in after
    for page in (before, after):
        assert "Reserve the same tickets again" not in page
    assert again.headers["Location"] == order_path(order.pk)
    assert Order.objects.count() == 1


def test_terms_that_must_be_accepted_are_asked_and_the_consent_is_stored():
    browser, order = buyer_of(make_event())
    version = save_terms(
        organizer_id=order.event.organizer_id,
        texts=Texts(sale_pt="Sem troca.", sale_en="No exchange."),
        is_required=True,
        actor=SOMEBODY,
        now=clock.now(),
    )

    page = browser.get(order_path(order.pk)).content.decode()
    refused = send(browser, order, "pay", method="card", token="tok_approved")
    wrong = send(browser, order, "pay", method="card", token="tok_approved", accepted_terms="7x")
    send(
        browser,
        order,
        "pay",
        method="card",
        token="tok_approved",
        accepted_terms=str(version.number),
        news="yes",
    )

    assert f'name="accepted_terms" value="{version.number}" required' in page
    assert (refused.status_code, wrong.status_code) == (409, 409)
    assert "Accept the terms of sale first." in read(refused)
    consent = Consent.objects.get(order=order)
    assert (consent.terms, consent.way, bool(consent.news_at)) == (version, "shop", True)


def test_no_page_of_an_order_acts_for_a_stranger():
    reservation, event = make_reservation(), make_event()
    stranger, _ = buyer_of(event)
    order = Order.objects.get(pk=reservation.order_id)

    for name in ("pay", "cancel", "again"):
        answer = send(stranger, order, name, method="card", token="tok_approved")
        assert answer.status_code == 404
    assert stranger.get(f"{order_path(order.pk)}status").status_code == 404
    order.refresh_from_db()
    assert order.status == "reserved"


def test_the_address_of_a_form_leads_to_the_page_of_the_order_and_keeps_the_language():
    browser, order = buyer_of(make_event())

    for name in ("pay", "cancel", "again"):
        refused = browser.get(f"{order_path(order.pk)}{name}?lang=pt-br")
        assert (refused.status_code, refused.headers["Location"]) == (
            303,
            f"{order_path(order.pk)}?lang=pt-br",
        )
    order.refresh_from_db()
    assert order.status == "reserved"


def test_forms_of_an_order_need_their_csrf_token_and_the_right_method():
    reservation = make_reservation()
    browser = Client(enforce_csrf_checks=True)
    path = order_path(reservation.order_id)
    browser.get(f"{path}?token={reservation.token.text}")

    assert browser.post(f"{path}cancel", {}).status_code == 403
    for name in ("pay", "cancel", "again"):
        assert browser.put(f"{path}{name}").status_code == 403
    browser.handler.enforce_csrf_checks = False
    for name in ("pay", "cancel", "again"):
        assert browser.put(f"{path}{name}").status_code == 405
    assert Client().post(path).status_code in (403, 404)
