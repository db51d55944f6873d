"""Show buyers' answers to staff: on the page of an order, and at the door."""

from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from django.db.models import Q
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from orders.answer_rules import Place, show_answer
from orders.models import Answer, Order

# What each line of a list at the door shows: the question and the answer.
Line = tuple[str, str]


def show_answers_of(order: Order) -> SafeString:
    """Return all answers of an order as lines, those of tickets with the type and its number."""
    answers = Answer.objects.filter(order=order).select_related("question", "item__ticket_type")
    in_order = answers.order_by("question__position", "question_id", "item_id", "position")
    return format_html_join(
        "",
        "<p>{}{}: <b>{}</b></p>",
        (
            (
                answer.question.label,
                f" ({answer.item.ticket_type.name} {answer.position})" if answer.item else "",
                show_answer(answer.value),
            )
            for answer in in_order
        ),
    )


def answers_at_door(
    event_id: UUID, order_ids: Collection[UUID]
) -> dict[tuple[UUID, Place], list[Line]]:
    """
    Return the answers that the door shows, by order and place.

    Answers for a whole order are at `Place()`.
    """
    shown: dict[tuple[UUID, Place], list[Line]] = defaultdict(list)
    answers = Answer.objects.filter(
        Q(question__event_id=event_id), order__in=order_ids, question__is_shown_at_door=True
    )
    for answer in answers.select_related("question").order_by("question__position", "pk"):
        place = Place(answer.item_id, answer.position)
        line = (answer.question.label, show_answer(answer.value))
        shown[answer.order_id, place].append(line)
    return shown
