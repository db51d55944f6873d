"""The columns of an export with buyers' answers: one for each question of the event."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from events.models import Question, QuestionScope
from orders.answer_rules import Place, show_answer
from orders.answers import answers_to
from ticketing.tables.columns import Column


@dataclass(frozen=True, slots=True)
class AnswerColumns:
    """
    The questions of one event, also retired ones with answers. Without an event there are none.

    With `per_ticket`, also those that are asked for each ticket.
    """

    questions: list[Question]

    @classmethod
    def of(cls, event_id: UUID | None, *, per_ticket: bool) -> "AnswerColumns":
        if event_id is None:
            return cls([])
        asked = Question.objects.filter(event_id=event_id)
        if not per_ticket:
            asked = asked.filter(scope=QuestionScope.ORDER)
        # By their ids, so by age: a question that is added while the file is written comes last.
        return cls(list(asked.order_by("pk")))

    def columns(self) -> list[Column]:
        return [Column(question.label) for question in self.questions]

    def read(self, order_ids: Collection[UUID]) -> "Answers":
        """Read the answers of some orders, in one query."""
        return Answers(self, answers_to(self.questions, order_ids) if self.questions else {})


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of some orders to the questions of the columns."""

    asked: AnswerColumns
    by_order: dict[UUID, dict[tuple[UUID, Place], Any]]

    def cells(self, order_id: UUID, place: Place) -> Iterator[str | None]:
        """Yield a cell for each column. `place` is that of the row's ticket, or the order's."""
        of_order = self.by_order.get(order_id, {})
        for question in self.asked.questions:
            about = Place() if question.scope == QuestionScope.ORDER else place
            value = of_order.get((question.pk, about))
            yield None if value is None else show_answer(value)
