"""The columns of an export with buyers' answers: one for each question, or one for all of them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.db.models import F
from django.utils.translation import gettext as _

from events.models import Question, QuestionScope
from orders.answer_rules import Place, show_answer
from orders.answers import answers_to
from orders.models import Answer
from ticketing.tables.columns import Column


class Answers(Protocol):
    """The answers of some orders."""

    def cells(self, order_id: UUID, place: Place) -> Iterator[str | None]:
        """Yield a cell for each column. `place` is that of the row's ticket, or the order's."""


class AnswerColumns(Protocol):
    """The columns of an export with answers."""

    def columns(self) -> list[Column]:
        """Return the columns, each with its title in the active language."""

    def read(self, order_ids: Collection[UUID]) -> Answers:
        """Read the answers of some orders, in one query."""


def answer_columns(event_id: UUID | None, *, per_ticket: bool) -> AnswerColumns:
    """
    Return a column for each question of an event, also for retired ones with answers.

    With `per_ticket`, also for those that are asked for each ticket. Several events may ask any
    number of questions: without an event, one column has all answers of an order.
    """
    if event_id is None:
        return _OneColumn()
    asked = Question.objects.filter(event_id=event_id)
    if not per_ticket:
        asked = asked.filter(scope=QuestionScope.ORDER)
    # By their ids, so by age: a question that is added while the file is written comes last.
    return _ColumnPerQuestion(list(asked.order_by("pk")))


@dataclass(frozen=True, slots=True)
class _ColumnPerQuestion:
    questions: list[Question]

    def columns(self) -> list[Column]:
        return [Column(question.label) for question in self.questions]

    def read(self, order_ids: Collection[UUID]) -> Answers:
        found = answers_to(self.questions, order_ids) if self.questions else {}
        return _AnswersByQuestion(self.questions, found)


@dataclass(frozen=True, slots=True)
class _AnswersByQuestion:
    questions: list[Question]
    by_order: dict[UUID, dict[tuple[UUID, Place], Any]]

    def cells(self, order_id: UUID, place: Place) -> Iterator[str | None]:
        of_order = self.by_order.get(order_id, {})
        for question in self.questions:
            about = Place() if question.scope == QuestionScope.ORDER else place
            value = of_order.get((question.pk, about))
            yield None if value is None else show_answer(value)


@dataclass(frozen=True, slots=True)
class _OneColumn:
    def columns(self) -> list[Column]:
        return [Column(_("Answers"))]

    def read(self, order_ids: Collection[UUID]) -> Answers:
        given = Answer.objects.filter(order__in=order_ids)
        by_order: dict[UUID, list[str]] = {}
        # Those of the order come first, then those of each ticket.
        in_order = given.select_related("question", "item__ticket_type").order_by(
            F("item__ticket_type__number").asc(nulls_first=True), "position", "question"
        )
        for answer in in_order:
            by_order.setdefault(answer.order_id, []).append(_in_words(answer))
        return _AnswersInOne(by_order)


@dataclass(frozen=True, slots=True)
class _AnswersInOne:
    by_order: dict[UUID, list[str]]

    def cells(self, order_id: UUID, place: Place) -> Iterator[str | None]:
        given = self.by_order.get(order_id)
        yield "; ".join(given) if given else None


def _in_words(answer: Answer) -> str:
    """Return an answer with its question, such as "Bus? (Pista 2): yes"."""
    of_ticket = f" ({answer.item.ticket_type.name} {answer.position})" if answer.item else ""
    return f"{answer.question.label}{of_ticket}: {show_answer(answer.value)}"
