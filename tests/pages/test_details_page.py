"""The page on which a buyer answers the organizer's questions."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from events.models import MOST_QUESTIONS, Event, Question, QuestionKind, QuestionScope
from events.models.events import LARGEST_PER_ORDER
from orders.models import Answer, Order, OrderStatus
from orders.page_link import order_path
from tests.make import make_event, make_question, make_reservation
from tests.pages.test_shop_choosing import filled
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def event() -> Event:
    event = make_event()
    make_question(event=event, label="Diet?", help_text="For the kitchen.")
    make_question(
        event=event,
        label="Size?",
        kind=QuestionKind.CHOICE,
        choices=["P", "M"],
        scope=QuestionScope.TICKET,
        is_required=True,
    )
    make_question(event=event, label="Bus?", kind=QuestionKind.YES_NO)
    make_question(event=event, label="Days?", kind=QuestionKind.CHOICES, choices=["Fri", "Sat"])
    return event


def buyer_of_two(event: Event) -> tuple[Client, str]:
    reservation = make_reservation(ticket_type=event.ticket_types.get(), quantity=2)
    browser = Client(headers={"accept-language": "en"})
    browser.cookies["order"] = reservation.token.text
    return browser, order_path(reservation.order_id)


def test_a_buyer_answers_and_changes_the_answers(event: Event):
    browser, home = buyer_of_two(event)
    path = f"{home}details/"
    assert "The organizer needs some answers from you" in browser.get(home).content.decode()
    page = browser.get(path).content.decode()
    assert "Pista, ticket 2" in page
    assert "For the kitchen." in page

    # Two fields for the sizes: the fields are numbered in the order of the questions.
    sent = {"answer-0": "Vegan", "answer-1": "P", "answer-2": "M", "answer-3": "no"}
    answered = browser.post(path, sent | {"answer-4": ["Sat", "Fri"]})

    assert (answered.status_code, answered.headers["Location"]) == (303, home)
    values = {(a.question.label, a.position): a.value for a in Answer.objects.all()}
    assert values == {
        ("Diet?", 0): "Vegan",
        ("Size?", 1): "P",
        ("Size?", 2): "M",
        ("Bus?", 0): False,
        ("Days?", 0): ["Fri", "Sat"],
    }
    assert "You have answered" in browser.get(home).content.decode()
    assert 'value="Vegan"' in browser.get(path).content.decode()
    browser.post(path, {"answer-1": "M", "answer-2": "M"})
    assert {a.question.label for a in Answer.objects.all()} == {"Size?"}


def test_a_missing_answer_is_marked_and_nothing_is_stored(event: Event):
    browser, home = buyer_of_two(event)

    refused = browser.post(f"{home}details/", {"answer-0": "Vegan", "answer-1": "P"})

    page = refused.content.decode()
    assert refused.status_code == 400
    assert "Some answers are missing" in page
    assert page.count('class="wrong"') == 1
    assert 'value="Vegan"' in page
    assert not Answer.objects.exists()


def test_after_the_deadline_the_answers_are_only_shown(event: Event):
    browser, home = buyer_of_two(event)
    Event.objects.update(answers_until=clock.now() - timedelta(seconds=1))

    page = browser.get(f"{home}details/").content.decode()
    late = browser.post(f"{home}details/", {"answer-1": "P", "answer-2": "P"})

    assert "The time to change the answers is over" in page
    assert "<button" not in page.partition("<main")[2]
    assert late.status_code in (400, 409)
    assert not Answer.objects.exists()


def test_a_buyer_who_answers_sees_the_time_that_is_left_by_the_servers_clock(event: Event):
    browser, home = buyer_of_two(event)
    kept = re.search(r"Your tickets are kept until [^.]+\.", browser.get(home).content.decode())
    assert kept

    page = browser.get(f"{home}details/").content.decode()

    assert kept[0] in page
    left = re.search(r'data-milliseconds="([0-9]+)"', page)
    assert left
    assert 14 * 60_000 < int(left[1]) <= 15 * 60_000
    assert f'data-status="{home}status" data-state="reserved"' in page
    assert "orders/order.js" in page
    # What was typed is not lost without a word.
    assert "Your tickets are not kept any more." in page


def test_nothing_counts_down_once_the_order_is_paid(event: Event):
    browser, home = buyer_of_two(event)
    Order.objects.update(status=OrderStatus.PROCESSING)

    page = browser.get(f"{home}details/").content.decode()

    assert "data-milliseconds" not in page
    assert "orders/order.js" not in page


def test_a_buyer_who_comes_too_late_is_led_to_where_a_purchase_starts_again(event: Event):
    browser, home = buyer_of_two(event)
    Order.objects.update(reserved_until=clock.now() - timedelta(seconds=1))

    opened = browser.get(f"{home}details/")

    assert (opened.status_code, opened.headers["Location"]) == (303, home)
    assert "Reserve the same tickets again" in browser.get(home).content.decode()


def test_answers_sent_too_late_stay_on_the_page_and_go_with_the_tickets_reserved_again(
    event: Event,
):
    browser, home = buyer_of_two(event)
    Order.objects.update(reserved_until=clock.now() - timedelta(seconds=1))
    typed = {"form_key": "k", "answer-0": "Vegan", "answer-1": "P", "answer-2": "M"}

    late = browser.post(f"{home}details/", typed)
    kept = late.content.decode()
    again = browser.post(f"{home}details/", typed | {"act": "again"})

    assert late.status_code == 409
    assert "Your tickets are not kept any more." in kept
    assert "Reserve the same tickets again, with what I typed" in kept
    assert 'value="Vegan"' in kept
    assert "Save and go on" not in kept
    new = Order.objects.exclude(pk=home.split("/")[2]).get()
    assert (again.status_code, again.headers["Location"]) == (303, order_path(new.pk))
    assert again.cookies["order"]["path"] == order_path(new.pk)
    answers = {(a.question.label, a.position): a.value for a in Answer.objects.filter(order=new)}
    assert answers == {("Diet?", 0): "Vegan", ("Size?", 1): "P", ("Size?", 2): "M"}
    assert Answer.objects.count() == len(answers)


def test_a_form_that_reserves_again_counts_as_a_reservation_and_others_do_not(
    event: Event, settings: Any
):
    browser, home = buyer_of_two(event)
    Order.objects.update(reserved_until=clock.now() - timedelta(seconds=1))
    settings.RATE_LIMITS = {"reserve": ":1/7200"}
    typed = {"answer-0": "Vegan", "answer-1": "P", "answer-2": "M"}
    read = [browser.post(f"{home}details/", typed).status_code for _ in range(2)]

    token = browser.cookies["order"].value
    first = browser.post(f"{home}details/", typed | {"act": "again", "form_key": "one"})
    browser.cookies["order"] = token
    second = browser.post(f"{home}details/", typed | {"act": "again", "form_key": "two"})

    assert read == [409, 409]
    assert (first.status_code, second.status_code) == (303, 429)
    assert Order.objects.count() == 2


def test_an_answer_that_is_missing_is_marked_after_the_tickets_were_reserved_again(event: Event):
    browser, home = buyer_of_two(event)
    browser.get(f"{home}details/")
    Order.objects.update(reserved_until=clock.now() - timedelta(seconds=1))
    typed = {"form_key": "k", "answer-0": "Vegan", "answer-1": "P", "act": "again"}
    token = browser.cookies["order"].value

    page = browser.post(f"{home}details/", typed)

    new = Order.objects.exclude(pk=home.split("/")[2]).get()
    assert page.status_code == 400
    text = page.content.decode()
    assert f'action="{order_path(new.pk)}details/"' in text
    assert text.count('class="wrong"') == 1
    assert 'value="Vegan"' in text
    # A browser keeps a cookie for each path. This client has one for all.
    browser.cookies["order"] = token
    assert browser.post(f"{home}details/", typed).status_code == 400
    assert Order.objects.count() == 2


def test_typed_answers_stay_when_the_tickets_are_sold_out_meanwhile(event: Event):
    browser, home = buyer_of_two(event)
    Order.objects.update(reserved_until=clock.now() - timedelta(seconds=1))
    event.ticket_types.update(sales_end_at=clock.now() - timedelta(seconds=1))
    typed = {"form_key": "k", "answer-0": "Vegan", "answer-1": "P", "answer-2": "M"}

    page = browser.post(f"{home}details/", typed | {"act": "again"})

    assert page.status_code == 409
    assert "The sale of these tickets has ended." in page.content.decode()
    assert 'value="Vegan"' in page.content.decode()
    assert Order.objects.count() == 1


def test_answers_to_a_refunded_order_lead_to_its_page(event: Event):
    browser, home = buyer_of_two(event)
    Order.objects.update(status=OrderStatus.REFUNDED, paid_at=clock.now())

    sent = browser.post(f"{home}details/", {"answer-1": "P", "answer-2": "M", "act": "again"})

    assert (sent.status_code, sent.headers["Location"]) == (303, home)
    assert Order.objects.count() == 1


def test_an_event_without_questions_has_no_such_page():
    browser, home = buyer_of_two(make_event())

    assert browser.get(f"{home}details/").headers["Location"] == home
    assert "Questions of the organizer" not in browser.get(home).content.decode()
    assert Client().get(f"{home}details/").status_code == 404
    assert Order.objects.count() == 1


def test_the_form_that_reserves_leads_to_what_is_asked_and_then_to_the_payment():
    event = make_event(holder_names="required")
    make_question(event=event, label="Diet?", is_required=True)
    browser = Client(headers={"accept-language": "en"})

    reserved = browser.post(f"/e/{event.slug}", filled(event, 1))
    home = order_path(Order.objects.get().pk)
    answered = browser.post(f"{home}details/", {"answer-0": "Vegan"})
    named = browser.post(f"{home}names/", {"name-0": "Bia Lima"})

    steps = [answer.headers["Location"] for answer in (reserved, answered, named)]
    assert steps == [f"{home}details/", f"{home}names/", home]
    assert 'name="method"' in browser.get(home).content.decode()


def test_what_may_stay_unanswered_is_no_step_of_its_own(event: Event):
    Question.objects.update(is_required=False)
    browser = Client(headers={"accept-language": "en"})

    reserved = browser.post(f"/e/{event.slug}", filled(event, 1))

    assert reserved.headers["Location"] == order_path(Order.objects.get().pk)


def test_a_buyer_answers_what_the_organizer_needs_before_the_payment(event: Event):
    browser, home = buyer_of_two(event)

    page = browser.get(home).content.decode()
    assert "Before you pay, the organizer needs some answers" in page
    assert 'name="method"' not in page
    assert browser.get(f"{home}pix/").headers["Location"] == home
    assert browser.post(f"{home}pix/", {"act": "request"}).headers["Location"] == home
    browser.post(f"{home}details/", {"answer-1": "M", "answer-2": "M"})

    assert 'name="method"' in browser.get(home).content.decode()


def test_an_order_that_is_reserved_again_is_not_asked_again(event: Event):
    browser, home = buyer_of_two(event)
    browser.post(f"{home}details/", {"answer-1": "M", "answer-2": "P"})
    Order.objects.update(reserved_until=clock.now() - timedelta(seconds=1))

    assert "Questions of the organizer" not in browser.get(home).content.decode()
    again = browser.post(f"{home}again", {"form_key": "again"})

    browser.cookies["order"] = again.cookies["order"].value
    page = browser.get(again.headers["Location"]).content.decode()
    assert again.headers["Location"] != home
    assert "You have answered. Thank you." in page
    assert 'name="method"' in page


def test_nobody_is_kept_from_paying_when_it_is_too_late_to_answer(event: Event):
    browser, home = buyer_of_two(event)
    Event.objects.update(answers_until=clock.now() - timedelta(seconds=1))

    assert 'name="method"' in browser.get(home).content.decode()


def test_a_form_may_have_as_many_answers_as_the_largest_order():
    event = make_event()
    make_question(event=event, label="Diet?")
    browser, home = buyer_of_two(event)
    most = MOST_QUESTIONS * LARGEST_PER_ORDER

    answered = browser.post(
        f"{home}details/", {f"answer-{number}": "Vegan" for number in range(most)}
    )

    assert answered.status_code == 303
