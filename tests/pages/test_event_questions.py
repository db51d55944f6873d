"""The questions of an event in the admin: asked on its page, shown where staff need the answers."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from events.models import Event, Question, QuestionKind, QuestionScope
from orders.answer_rules import GivenAnswer, Place
from orders.answers import answer_questions
from orders.models import Order
from tests.make import (
    SOMEBODY,
    answer,
    make_event,
    make_paid_order,
    make_question,
    make_reserved_order,
    make_ticket_type,
    make_user,
)
from tests.pages.test_admin import event_form
from ticketing import clock
from ticketing.models import Act, ActType
from tickets.personal_data import copy_of_person, erase_person

pytestmark = pytest.mark.django_db(transaction=True)


def owner(event: Event) -> Client:
    client = Client()
    client.force_login(make_user(organizer=event.organizer, is_staff=True))
    return client


def save(event: Event, **changes: Any) -> Any:
    client = owner(event)
    form = event_form(client, event, **changes)
    return client.post(reverse("admin:events_event_change", args=[event.pk]), form)


def one_more(**fields: str) -> dict[str, str]:
    """Return the fields of a new question in the form of an event that has none."""
    sent = {"label": "Size?", "kind": "choice", "scope": "order", "position": "0", **fields}
    return {"questions-TOTAL_FORMS": "1"} | {
        f"questions-0-{name}": value for name, value in sent.items()
    }


def test_a_question_is_asked_on_the_page_of_its_event():
    event = make_event(status="draft")
    kind = event.ticket_types.get()

    saved = save(event, **one_more(choices="P\n M \n\nM", ticket_types=str(kind.pk)))

    assert saved.status_code == 302
    question = Question.objects.get()
    assert (question.label, question.choices) == ("Size?", ["P", "M"])
    assert list(question.ticket_types.all()) == [kind]


def test_a_question_that_is_changed_while_its_only_type_is_deleted_goes_with_the_type():
    event = make_event(status="draft")
    vip = make_ticket_type(event=event, name="VIP")
    make_question(event=event, label="Plate?", only_for=[vip])

    saved = save(event, **{"questions-0-label": "Car?", "ticket_types-1-DELETE": "on"})

    assert saved.status_code == 302, saved.content.decode()
    assert [kind.name for kind in event.ticket_types.all()] == ["Pista"]
    assert not Question.objects.exists()


def test_choices_that_a_browser_sends_back_as_they_were_record_no_change():
    event = make_event(status="draft")
    question = make_question(event=event, kind=QuestionKind.CHOICE, choices=["P", "M"])
    changes = Act.objects.filter(type=ActType.QUESTIONS_CHANGED)
    made = changes.count()

    unchanged = save(event, **{"questions-0-choices": "P\r\nM"})
    assert unchanged.status_code == 302
    assert changes.count() == made
    save(event, **{"questions-0-choices": "P\r\nG"})

    question.refresh_from_db()
    assert question.choices == ["P", "G"]
    assert changes.count() == made + 1


def test_choices_must_be_two_and_another_kind_has_none():
    event = make_event(status="draft")

    refused = save(event, **one_more(choices="P"))
    assert refused.status_code == 200
    assert not Question.objects.exists()
    save(event, **one_more(kind="text", choices="P\nM"))

    assert Question.objects.get().choices == []


def test_a_question_with_answers_keeps_its_kind_and_is_retired_instead_of_deleted():
    event = make_event()
    question = make_question(event=event, kind=QuestionKind.CHOICE, choices=["P", "M"])
    answer(make_reserved_order(ticket_type=event.ticket_types.get()), question, "P")

    refused = save(event, **{"questions-0-kind": "text"})
    assert refused.status_code == 200
    assert "já responderam" in refused.content.decode()
    save(event, **{"questions-0-DELETE": "on"})

    assert Question.objects.get().retired_at is not None
    assert (
        "Size?"
        not in owner(event)
        .get(reverse("admin:events_event_change", args=[event.pk]))
        .content.decode()
    )


@pytest.fixture
def answered() -> Order:
    """Return a paid order whose buyer has answered about the order and about its second ticket."""
    event = make_event()
    diet = make_question(event=event, label="Diet?", is_shown_at_door=True)
    bus = make_question(
        event=event,
        label="Bus?",
        kind=QuestionKind.YES_NO,
        scope=QuestionScope.TICKET,
        is_shown_at_door=True,
    )
    secret = make_question(event=event, label="Income?")
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    item = order.items.get()
    given = [
        GivenAnswer(diet.pk, Place(), "<b>Vegan</b>"),
        GivenAnswer(bus.pk, Place(item.pk, 2), value=True),
        GivenAnswer(secret.pk, Place(), "Much"),
    ]
    answer_questions(order=order, given=given, actor=SOMEBODY, now=clock.now())
    return order


def test_staff_see_all_answers_on_the_order_and_the_door_only_those_meant_for_it(answered: Order):
    client = owner(answered.event)

    page = client.get(reverse("admin:orders_order_change", args=[answered.pk])).content.decode()
    door = client.get(
        reverse("admin:tickets_device_check_in", args=[answered.event_id])
    ).content.decode()

    assert "Bus? (Pista 2): <b>sim</b>" in page
    assert "Diet?: <b>&lt;b&gt;Vegan&lt;/b&gt;</b>" in page
    assert "Income?: <b>Much</b>" in page
    assert door.count("Diet?: <b>&lt;b&gt;Vegan&lt;/b&gt;</b>") == 2
    assert door.count("Bus?: <b>sim</b>") == 1
    assert "Income?" not in door


def test_a_copy_of_a_persons_data_has_the_answers_and_an_erasure_removes_them(answered: Order):
    whose, email, now = answered.event.organizer_id, answered.customer_email, clock.now()

    copy = copy_of_person(organizer_id=whose, email=email, actor=SOMEBODY, now=now)
    assert {"question": "Bus?", "answer": True} in copy["orders"][0]["answers"]
    Event.objects.update(starts_at=clock.now(), ends_at=clock.now())
    erase_person(organizer_id=whose, email=email, actor=SOMEBODY, now=clock.now())

    assert not answered.answers.exists()
