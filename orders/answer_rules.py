"""Which answers fit which questions, and how often each question is asked of an order. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from events.models import Question, QuestionKind, QuestionScope
from orders.order_item import OrderItem
from ticketing.errors import Invalid
from ticketing.text import check_line, is_blank

LONGEST_ANSWER: Final = 500


@dataclass(frozen=True, slots=True)
class Place:
    """What an answer is about: a ticket, by its item and its position from 1; or the order."""

    item_id: int | None = None
    position: int = 0


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer that a buyer sends. `value` is a text, a list of texts, or true or false."""

    question_id: UUID
    place: Place
    value: Any


class AnswerNotValid(Invalid):
    """An answer does not fit its question, or no such question is asked."""

    code = "answer_not_valid"
    title = "This answer does not fit the question"

    def __init__(self, detail: str, *, pointer: str = "#/answers") -> None:
        super().__init__(detail)
        self.pointer = pointer


class AnswerMissing(AnswerNotValid):
    """A question that must be answered is not."""

    code = "answer_missing"
    title = "A question needs an answer"


def places_of(question: Question, items: Sequence[OrderItem]) -> list[Place]:
    """Return the places for which a question is asked, in the order of the items."""
    only_for = {kind.pk for kind in question.ticket_types.all()}
    asked = [item for item in items if not only_for or item.ticket_type_id in only_for]
    if question.scope == QuestionScope.ORDER:
        return [Place()] if asked else []
    return [Place(item.pk, place) for item in asked for place in range(1, item.quantity + 1)]


def check_answers(
    questions: Sequence[Question], items: Sequence[OrderItem], given: Sequence[GivenAnswer]
) -> list[GivenAnswer]:
    """
    Return the answers as they are stored. Empty ones are left out.

    :raises AnswerNotValid: if one does not fit its question, is given twice, or is not asked
    :raises AnswerMissing: if a question that must be answered has no answer
    """
    asked = {(question.pk, place) for question in questions for place in places_of(question, items)}
    by_id: Mapping[UUID, Question] = {question.pk: question for question in questions}
    kept: dict[tuple[UUID, Place], GivenAnswer] = {}
    for number, answer in enumerate(given):
        pointer = f"#/answers/{number}"
        key = (answer.question_id, answer.place)
        if key not in asked:
            raise AnswerNotValid(_("This is not asked of this order."), pointer=pointer)
        if key in kept:
            raise AnswerNotValid(_("This is answered twice."), pointer=pointer)
        try:
            value = tidy_answer(by_id[answer.question_id], answer.value)
        except ValidationError as error:
            raise AnswerNotValid(" ".join(error.messages), pointer=f"{pointer}/answer") from error
        if value is not None:
            kept[key] = GivenAnswer(answer.question_id, answer.place, value)
    for question in questions:
        missing = {(question.pk, place) for place in places_of(question, items)} - kept.keys()
        if question.is_required and missing:
            raise AnswerMissing(_("Answer “%(question)s”.") % {"question": question.label})
    return list(kept.values())


def tidy_answer(question: Question, value: Any) -> Any:
    """
    Return an answer as it is stored, or None if it is empty.

    :raises ValidationError: if it does not fit the question
    """
    if value in (None, "", []):
        return None
    match question.kind:
        case QuestionKind.TEXT:
            return _tidy_text(value)
        case QuestionKind.YES_NO:
            if not isinstance(value, bool):
                raise ValidationError(_("Answer yes or no."))
            return value
        case QuestionKind.CHOICE:
            if value not in question.choices:
                raise ValidationError(_("Choose one of the answers."))
            return value
        case _:
            if not isinstance(value, list) or any(each not in question.choices for each in value):
                raise ValidationError(_("Choose some of the answers."))
            return [choice for choice in question.choices if choice in value]


def show_answer(value: Any) -> str:
    """Return an answer as people read it, in the active language."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return ", ".join(value) if isinstance(value, list) else str(value)


def _tidy_text(value: Any) -> str | None:
    if not isinstance(value, str):
        raise ValidationError(_("Answer with a text."))
    text = value.strip()
    if len(text) > LONGEST_ANSWER:
        raise ValidationError(_("Use at most %(count)d characters.") % {"count": LONGEST_ANSWER})
    if is_blank(text):
        return None
    check_line(text)
    return text
