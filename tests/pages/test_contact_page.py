"""The page on which a buyer corrects the name and the address of a reservation."""

from typing import Any

import pytest
from django.test import Client

from orders.models import Order
from orders.page_link import link_token, order_path
from orders.pix import request_pix
from tests.make import make_event, make_question, make_reserved_order
from tests.pages.test_shop_choosing import filled, read
from tests.pages.test_shop_order import buyer_of, look, send
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)


def correct(browser: Client, order: Order, email: str, **fields: str) -> Any:
    sent = {"name": "Ana Souza", "email": email, "email_again": email} | fields
    return browser.post(f"{order_path(order.pk)}contact/", sent)


def test_a_misspelled_address_is_corrected_before_the_payment():
    browser, order = buyer_of(make_event(), 2)
    path = order_path(order.pk)

    before = browser.get(path).content.decode()
    form = browser.get(f"{path}contact/").content.decode()
    answer = correct(browser, order, "Ana@EXAMPLE.org", name="Ana Lima")

    assert "The tickets go to <strong>ana@example.com</strong>." in before
    assert before.count(f'href="{path}contact/"') == 2
    assert form.count('value="ana@example.com"') == 2
    assert (answer.status_code, answer.headers["Location"]) == (303, path)
    after = look(browser, order)
    assert "The tickets go to Ana@example.org ." in after
    assert "Ana Lima" in after
    send(browser, order, "pay", method="card", token="tok_approved")
    order.refresh_from_db()
    assert (order.status, order.customer_email) == ("processing", "Ana@example.org")


def test_the_next_step_is_the_one_that_was_open():
    event = make_event()
    make_question(event=event, label="Alguma alergia?", is_required=True)
    browser, order = buyer_of(event)

    answer = correct(browser, order, "bia@example.com")

    assert answer.headers["Location"] == f"{order_path(order.pk)}details/"


def test_a_buyer_with_a_pix_that_waits_comes_back_to_it():
    browser, order = buyer_of(make_event())
    request_pix(order=order, now=clock.now())

    answer = correct(browser, order, "bia@example.com")

    assert answer.headers["Location"] == f"{order_path(order.pk)}pix/"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"email_again": "bia@example.org"}, "The two addresses differ."),
        ({"email": "bia", "email_again": "bia"}, "must contain an @"),
        ({"name": "www.spam.example"}, "must not contain a web address"),
    ],
)
def test_a_mistake_is_explained_at_its_field_and_changes_nothing(
    fields: dict[str, str], complaint: str
):
    browser, order = buyer_of(make_event())

    answer = correct(browser, order, **{"email": "bia@example.com"} | fields)

    assert answer.status_code == 422
    assert complaint in read(answer)
    assert "Nothing was changed yet." in read(answer)
    order.refresh_from_db()
    assert order.customer_email == "ana@example.com"


def test_an_address_with_too_many_tickets_is_refused_beside_the_field():
    event = make_event(max_per_customer=2)
    browser, order = buyer_of(event, 2)
    bia = {"email": "bia@example.com", "email_again": "bia@example.com", "form_key": "another"}
    Client().post(f"/e/{event.slug}", filled(event, 2) | bia)

    answer = correct(browser, order, "bia@example.com")

    assert answer.status_code == 409
    assert "This address would have more tickets of this event" in read(answer)
    assert list(answer.context["form"].errors) == ["email"]


def test_the_page_of_a_free_order_that_waits_for_its_link_offers_another_address():
    browser, order = buyer_of(make_event(price="0.00"))
    send(browser, order, "pay", method="free")

    assert "Wrong address? Change it" in look(browser, order)
    form = read(browser.get(f"{order_path(order.pk)}contact/"))
    correct(browser, order, "bia@example.com")

    assert "The link in the earlier mail stops working." in form
    assert "We have sent a link to bia@example.com." in look(browser, order)
    for email in ("caio@example.com", "davi@example.com"):
        last = correct(browser, order, email)
    assert last.status_code == 429
    assert "We have sent you several mails already." in read(last)


def test_an_order_that_is_paid_for_or_of_a_stranger_offers_no_correction():
    browser, order = buyer_of(make_event())
    foreign = make_reserved_order()
    send(browser, order, "pay", method="card", token="tok_approved")

    for answer in (
        browser.get(f"{order_path(order.pk)}contact/"),
        correct(browser, order, "bia@example.com"),
    ):
        assert (answer.status_code, answer.headers["Location"]) == (303, order_path(order.pk))
    assert browser.put(f"{order_path(order.pk)}contact/").status_code == 405
    assert "contact/" not in browser.get(order_path(order.pk)).content.decode()
    assert correct(browser, foreign, "bia@example.com").status_code == 404
    order.refresh_from_db()
    assert order.customer_email == "ana@example.com"


def test_a_reader_of_a_mail_to_the_address_is_offered_no_correction():
    browser, order = buyer_of(make_event())
    browser.cookies["order"] = link_token(order)

    page = browser.get(order_path(order.pk)).content.decode()
    answer = correct(browser, order, "bia@example.com")

    assert "contact/" not in page
    assert (answer.status_code, answer.headers["Location"]) == (303, order_path(order.pk))
    order.refresh_from_db()
    assert order.customer_email == "ana@example.com"


def test_trying_addresses_counts_like_reserving(settings: Any):
    browser, order = buyer_of(make_event())
    settings.RATE_LIMITS = {"reserve": ":2/600"}

    tried = [correct(browser, order, f"bia{n}@example.com").status_code for n in range(3)]

    assert tried == [303, 303, 429]


def test_what_was_typed_when_the_hold_ended_goes_with_the_same_tickets_to_a_new_order():
    browser, ended = buyer_of(make_event(), 2)
    Order.objects.filter(pk=ended.pk).update(reserved_until=clock.now())

    late = correct(browser, ended, "bia@example.com")
    wrong = correct(browser, ended, "bia", act="again")
    again = correct(browser, ended, "bia@example.com", act="again", form_key="again")

    assert late.status_code == 409
    assert "Your tickets are not kept any more." in read(late)
    assert late.content.decode().count('value="bia@example.com"') == 2
    assert wrong.status_code == 422
    new = Order.objects.exclude(pk=ended.pk).get()
    assert (again.status_code, again.headers["Location"]) == (303, order_path(new.pk))
    assert (new.customer_email, new.items.get().quantity) == ("bia@example.com", 2)
    assert "The tickets go to bia@example.com ." in look(browser, new)
    ended.refresh_from_db()
    assert ended.customer_email == "ana@example.com"
