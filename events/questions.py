"""Change the questions that an event asks its buyers, without breaking answers that exist."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from events.changes import EventNotEditable, claim_to_change
from events.models import MOST_QUESTIONS, Event, EventStatus, Question, TicketType
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.models import ActType

# What an answer depends on. The choices may grow.
_FIXED_BY_ANSWERS = ("kind", "scope")


class QuestionInUse(Conflict):
    """Buyers have answered the question, and the change would break their answers."""

    code = "question_in_use"
    title = "This question has answers"


class TooManyQuestions(Conflict):
    """The event would ask more questions than an event may."""

    code = "too_many_questions"
    title = "The event asks too many questions"


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question as it shall be: an existing one, changed, or a new one. And whom it is for."""

    question: Question
    # Ids of ticket types of the event. Empty: all of them.
    only_for: Collection[UUID] = field(default=())


def questions_of(event_id: UUID) -> list[Question]:
    """Return the questions that an event asks now, in their order, with their ticket types."""
    asked = Question.objects.filter(event_id=event_id, retired_at=None)
    return list(asked.order_by("position", "pk").prefetch_related("ticket_types"))


def answers_close_at(event: Event) -> datetime:
    """Return the moment from which on answers to an event's questions cannot be changed."""
    return event.answers_until or event.starts_at


def change_questions(
    *,
    event_id: UUID,
    asked: Sequence[AskedQuestion],
    retired: Collection[UUID],
    actor: Actor,
    now: datetime,
) -> None:
    """
    Write changed and new questions of an event, and stop asking others.

    A retired question without answers is deleted. One with answers stays with them, and is not
    asked any more. The event is locked, so no buyer answers meanwhile.

    :raises EventNotEditable: if the event was cancelled
    :raises QuestionInUse: if a question with answers would get another kind or scope, or lose a
        choice
    :raises TooManyQuestions: if the event would ask too many
    """
    if not asked and not retired:
        return
    with transaction.atomic():
        event = claim_to_change(event_id)
        if event.status == EventStatus.CANCELLED:
            raise EventNotEditable(f"{event.name} was cancelled. Create a new event instead.")
        retire_questions(event.questions.filter(pk__in=retired), now=now)
        for each in asked:
            _write(event, each)
        if len(questions_of(event_id)) > MOST_QUESTIONS:
            raise TooManyQuestions(f"An event asks {MOST_QUESTIONS} questions at most.")
        record_act(
            act=ActType.QUESTIONS_CHANGED,
            actor=actor,
            subject_id=event_id,
            organizer_id=event.organizer_id,
            at=now,
            details={"questions": [each.question.label for each in asked]} if asked else {},
        )


def refuse_to_break_answers(question: Question) -> None:
    """
    Check that the answers which a question has still fit it. A new question has none.

    :raises QuestionInUse: if they do not
    """
    before = Question.objects.filter(pk=question.pk).first()
    if before is None or not has_answers(before):
        return
    fixed = any(getattr(before, name) != getattr(question, name) for name in _FIXED_BY_ANSWERS)
    if fixed or not set(before.choices) <= set(question.choices):
        raise QuestionInUse(
            f"“{before.label}” has answers: retire it and ask a new question, or only add choices."
        )


def has_answers(question: Question) -> bool:
    """Return whether any buyer has answered."""
    # The answers are a table of `orders`, which this app may not import.
    answers: Any = question.answers
    return bool(answers.exists())


def retire_questions(questions: QuerySet[Question], *, now: datetime) -> list[Question]:
    """
    Stop asking some questions, and return them. Those without answers are deleted.

    The caller's transaction must hold the event lock exclusively.
    """
    retired = list(questions.filter(retired_at=None))
    for question in retired:
        if has_answers(question):
            Question.objects.filter(pk=question.pk).update(retired_at=now)
        else:
            question.delete()
    return retired


def copy_questions(*, source: Event, clone: Event, types: Mapping[UUID, TicketType]) -> None:
    """
    Ask the buyers of a copied event the same. `types` has the copied types by the ids of their
    sources.

    It runs in the caller's transaction.
    """
    for question in questions_of(source.pk):
        copied = Question.objects.create(
            event=clone,
            **{
                name: getattr(question, name)
                for name in (
                    "label", "help_text", "kind", "scope", "choices", "is_required",
                    "is_shown_at_door", "position",
                )
            },
        )  # fmt: skip
        copied.ticket_types.set([types[kind.pk] for kind in question.ticket_types.all()])


def _write(event: Event, asked: AskedQuestion) -> None:
    question = asked.question
    refuse_to_break_answers(question)
    question.event = event
    question.save()
    question.ticket_types.set(event.ticket_types.filter(pk__in=asked.only_for))
