"""Answer an organizer's questions about an order, and read the answers."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from events.models import Event, EventStatus, Question
from events.questions import answers_close_at, questions_of
from events.stock.record import share_event
from orders.answer_rules import GivenAnswer, Place, check_answers, places_of
from orders.models import OPEN_STATUSES, Answer, Order, OrderItem
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.models import ActType

# What `with_asks_required` adds to an order.
ASKS_REQUIRED: Final = "asks_required"


class AnswersClosed(Conflict):
    """The time for answers is over, or the order or its event has ended."""

    code = "answers_closed"
    title = "Answers cannot be changed any more"


@dataclass(frozen=True, slots=True)
class AskedAnswer:
    """A question as it is asked at one place of an order, and its answer: None if there is none."""

    question: Question
    place: Place
    item: OrderItem | None
    value: Any


def answer_questions(
    *, order: Order, given: Sequence[GivenAnswer], actor: Actor, now: datetime
) -> None:
    """
    Replace the answers of an order. Answers to questions that were retired stay.

    :raises AnswersClosed: if the time for answers is over, or the order or its event has ended
    :raises AnswerNotValid: if an answer does not fit its question
    :raises AnswerMissing: if a question that must be answered has no answer
    """
    with transaction.atomic(durable=True):
        # The organizer cannot change the questions meanwhile.
        share_event(order.event.number)
        # Two requests of one buyer replace the answers one after the other.
        found = Order.objects.select_for_update(of=("self",)).select_related("event")
        _refuse_when_closed(found.get(pk=order.pk), now)
        questions = questions_of(order.event_id)
        kept = check_answers(questions, _items_of(order), given)
        Answer.objects.filter(order=order, question__in=questions).delete()
        Answer.objects.bulk_create(
            Answer(
                order=order,
                question_id=answer.question_id,
                item_id=answer.place.item_id,
                position=answer.place.position,
                value=answer.value,
            )
            for answer in kept
        )
        record_act(
            act=ActType.ORDER_ANSWERED,
            actor=actor,
            subject_id=order.pk,
            organizer_id=order.event.organizer_id,
            at=now,
            details={"answers": len(kept)},
        )


def can_answer(order: Order, event: Event, now: datetime) -> bool:
    """Return whether the order's answers may be changed now."""
    return (
        order.status in OPEN_STATUSES
        and event.status != EventStatus.CANCELLED
        and now < answers_close_at(event)
    )


def asked_of(order: Order) -> list[AskedAnswer]:
    """Return all that an order is asked, place by place, with the answers that it has."""
    questions = questions_of(order.event_id)
    if not questions:
        return []
    items = _items_of(order)
    by_key = {item.pk: item for item in items}
    known = {
        (answer.question_id, Place(answer.item_id, answer.position)): answer.value
        for answer in Answer.objects.filter(order=order)
    }
    return [
        AskedAnswer(
            question,
            place,
            by_key[place.item_id] if place.item_id is not None else None,
            known.get((question.pk, place)),
        )
        for question in questions
        for place in places_of(question, items)
    ]


def needs_answers(order: Order, now: datetime) -> bool:
    """Return whether a question that must be answered is not, while the buyer still may."""
    # `orders.access` has asked with the order itself, so that most payments need no further query.
    if not vars(order).get(ASKS_REQUIRED, True) or not can_answer(order, order.event, now):
        return False
    return any(each.question.is_required and each.value is None for each in asked_of(order))


def with_asks_required(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Return the orders, each with whether its event asks a question that must be answered."""
    required = Question.objects.filter(
        event=OuterRef("event_id"), is_required=True, retired_at=None
    )
    return orders.annotate(**{ASKS_REQUIRED: Exists(required)})


def answers_to(
    questions: Collection[Question], order_ids: Collection[UUID]
) -> dict[UUID, dict[tuple[UUID, Place], Any]]:
    """Return the answers of several orders to some questions, by order."""
    found: dict[UUID, dict[tuple[UUID, Place], Any]] = defaultdict(dict)
    for answer in Answer.objects.filter(order__in=order_ids, question__in=questions):
        place = Place(answer.item_id, answer.position)
        found[answer.order_id][answer.question_id, place] = answer.value
    return found


def _refuse_when_closed(order: Order, now: datetime) -> None:
    if not can_answer(order, order.event, now):
        raise AnswersClosed(
            "The time for answers is over, or the order has ended. Write to the organizer."
        )


def _items_of(order: Order) -> list[OrderItem]:
    return list(
        OrderItem.objects.filter(order=order).select_related("ticket_type")
        .order_by("ticket_type__number", "pk")
    )  # fmt: skip
