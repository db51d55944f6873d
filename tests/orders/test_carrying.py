"""What a buyer has told about an order that ended is not asked again for the next one."""

from typing import Any

import pytest

from events.models import Event, HolderNames, Question, QuestionScope
from orders.access import buyer_of
from orders.answer_rules import GivenAnswer
from orders.answers import answer_questions, asked_of
from orders.carrying import carry_details
from orders.holders import keep_names, names_kept, places_in
from orders.models import Order, OrderStatus
from tests.make import make_event, make_question, make_reserved_order, make_ticket_type
from ticketing import clock
from ticketing.models import Act, ActType

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def event() -> Event:
    event = make_event()
    Event.objects.update(holder_names=HolderNames.REQUIRED)
    make_question(event=event, label="Diet?")
    make_question(event=event, label="Size?", scope=QuestionScope.TICKET, is_required=True)
    return event


def reserve(event: Event, quantity: int = 2) -> Order:
    order = make_reserved_order(
        ticket_type=event.ticket_types.earliest("number"), quantity=quantity
    )
    return Order.objects.select_related("event").get(pk=order.pk)


def tell(order: Order, *answers: Any) -> None:
    asked = zip(asked_of(order), answers, strict=True)
    answer_questions(
        order=order,
        given=[GivenAnswer(each.question.pk, each.place, value) for each, value in asked],
        actor=buyer_of(order),
        now=clock.now(),
    )
    keep_names(dict(zip(places_in(order), ["Bia Lima", "Caio Reis"], strict=True)))


def end(order: Order) -> Order:
    Order.objects.filter(pk=order.pk).update(status=OrderStatus.CANCELLED, closed_at=clock.now())
    order.refresh_from_db(fields=["status"])
    return order


def carry(ended: Order, order: Order) -> None:
    carry_details(ended=ended, order=order, actor=buyer_of(order), now=clock.now())


def told(order: Order) -> tuple[list[Any], list[str]]:
    kept = names_kept(order)
    names = [kept.get(place, "") for place in places_in(order)]
    return [each.value for each in asked_of(order)], names


def test_the_next_order_has_the_answers_and_the_names_of_the_one_that_ended(event: Event):
    ended = reserve(event)
    tell(ended, "Vegan", "P", "M")
    tell(reserve(event), "Everything", "G", "G")
    order = reserve(event)

    carry(end(ended), order)

    assert told(order) == (["Vegan", "P", "M"], ["Bia Lima", "Caio Reis"])
    acts = Act.objects.filter(subject_id=order.pk).order_by("pk").values_list("type", flat=True)
    assert list(acts) == [ActType.ORDER_ANSWERED, ActType.ORDER_HOLDERS_NAMED]


def test_what_the_next_order_has_is_not_replaced(event: Event):
    ended, order = reserve(event), reserve(event)
    tell(ended, "Vegan", "P", "M")
    tell(order, None, "G", "G")
    keep_names(dict.fromkeys(places_in(order), "Duda"))

    carry(end(ended), order)

    assert told(order) == ([None, "G", "G"], ["Duda", "Duda"])


def test_answers_that_do_not_fit_any_more_are_asked_again(event: Event):
    ended = reserve(event)
    tell(ended, "Vegan", "P", "M")
    make_question(event=event, label="Bus?", is_required=True)
    order = reserve(event)

    carry(end(ended), order)

    assert told(order) == ([None, None, None, None], ["Bia Lima", "Caio Reis"])


def test_an_answer_to_a_question_that_was_retired_does_not_keep_the_others_from_the_next_order(
    event: Event,
):
    ended = reserve(event)
    tell(ended, "Vegan", "P", "M")
    Question.objects.filter(label="Diet?").update(retired_at=clock.now())
    order = reserve(event)

    carry(end(ended), order)

    assert told(order) == (["P", "M"], ["Bia Lima", "Caio Reis"])


def test_answers_to_a_question_that_was_retired_and_about_another_type_are_left_out(event: Event):
    ended = reserve(event)
    tell(ended, "Vegan", "P", "M")
    Question.objects.filter(label="Diet?").update(retired_at=clock.now())
    other = make_ticket_type(event=event, name="Camarote", price="90.00")
    order = make_reserved_order(ticket_type=other)
    order = Order.objects.select_related("event").get(pk=order.pk)

    carry(end(ended), order)

    assert told(order) == ([None], [""])
