"""Answers to an organizer's questions as JSON: in requests and in responses."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.questions import answers_close_at
from orders.answer_rules import LONGEST_ANSWER, AnswerNotValid, GivenAnswer, Place
from orders.answers import AskedAnswer, asked_of, can_answer
from orders.models import Order
from ticketing.api.fields import StrictSerializer, WholeNumberField, show_moment
from ticketing.text import LINE

_MOST_ANSWERS = 1_000
_VALUE = {
    "oneOf": [
        {"type": "string", "maxLength": LONGEST_ANSWER, "pattern": LINE},
        {"type": "array", "items": {"type": "string"}, "maxItems": 50},
        {"type": "boolean"},
    ],
    "description": "A text or one of the choices; a list of choices; or true or false.",
}


@extend_schema_field(_VALUE)
class AnswerValueField(serializers.JSONField):
    """A text, a list of texts, or true or false. The question says which."""


class AnswerSent(StrictSerializer):
    """One answer. For a ticket it needs `ticket_type` and `position`."""

    question = serializers.UUIDField()
    ticket_type = serializers.UUIDField(required=False)
    position = WholeNumberField(min_value=1, max_value=10_000, required=False)
    answer = AnswerValueField()


class AnswersSent(StrictSerializer):
    """All answers of an order. They replace the answers that it has."""

    answers = AnswerSent(many=True, max_length=_MOST_ANSWERS)  # type: ignore[call-arg]


class AnswerShown(serializers.Serializer[Any]):
    """A question as it is asked of an order, or of one of its tickets, with its answer."""

    question = serializers.UUIDField()
    ticket_type = serializers.UUIDField(allow_null=True)
    position = serializers.IntegerField(allow_null=True)
    answer = AnswerValueField(allow_null=True)


class AnswersShown(serializers.Serializer[Any]):
    """All that an order is asked, with its answers. null is not answered."""

    answers_until = serializers.DateTimeField(help_text="Answers may be changed before it.")
    can_answer = serializers.BooleanField()
    answers = AnswerShown(many=True)


def read_answers(sent: Mapping[str, Any], order: Order) -> list[GivenAnswer]:
    """
    Return the answers of a request.

    :raises AnswerNotValid: if one names a ticket that the order does not have
    """
    items = {item.ticket_type_id: item.pk for item in order.items.all()}
    given = []
    for number, answer in enumerate(sent["answers"]):
        place = Place()
        if "ticket_type" in answer or "position" in answer:
            item_id = items.get(answer.get("ticket_type"))
            if item_id is None or "position" not in answer:
                raise AnswerNotValid(
                    "The order has no such ticket: send its ticket_type and position.",
                    pointer=f"#/answers/{number}",
                )
            place = Place(item_id, answer["position"])
        given.append(GivenAnswer(answer["question"], place, answer["answer"]))
    return given


def show_answers(order: Order, now: datetime) -> dict[str, Any]:
    """Return what an order is asked and its answers, as JSON."""
    return {
        "answers_until": show_moment(answers_close_at(order.event)),
        "can_answer": can_answer(order, order.event, now),
        "answers": [_show(asked) for asked in asked_of(order)],
    }


def _show(asked: AskedAnswer) -> dict[str, Any]:
    return {
        "question": str(asked.question.pk),
        "ticket_type": str(asked.item.ticket_type_id) if asked.item else None,
        "position": asked.place.position or None,
        "answer": asked.value,
    }
