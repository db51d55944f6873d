"""The view of an event's questions to its buyers."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import EventNotFound, may_act_for
from events.catalogue import find_event
from events.models import Event, EventStatus, Question, Scope
from events.questions import answers_close_at, questions_of
from ticketing.api.fields import show_moment
from ticketing.api.schema import API_TOKEN, operation


class QuestionShown(serializers.ModelSerializer[Question]):
    """A question, how often it is asked, and which answers fit it."""

    ticket_types = serializers.ListField(
        child=serializers.UUIDField(),
        help_text="Only buyers of one of these types are asked. Empty: all buyers.",
    )

    class Meta:
        model = Question
        fields = [
            "id", "label", "help_text", "kind", "scope", "choices", "is_required", "ticket_types",
        ]  # fmt: skip


class QuestionsShown(serializers.Serializer[Any]):
    """The questions of an event, in their order."""

    answers_until = serializers.DateTimeField(help_text="Answers may be changed before it.")
    questions = QuestionShown(many=True)


class EventQuestions(APIView):
    @operation(
        "list_questions",
        anyone=True,
        tokens=[(API_TOKEN, Scope.EVENTS_WRITE.value)],
        answers={200: QuestionsShown},
        refusals=[EventNotFound],
    )
    def get(self, request: Request, reference: str) -> Response:
        """
        Return what the organizer asks the buyers of an event.

        Ask them after the reservation, and send the answers to `PUT /orders/{id}/answers`.
        """
        event = find_event(reference)
        if event is None or not _may_see(request, event):
            raise EventNotFound("No event on sale has that id or slug.")
        return Response(
            {
                "answers_until": show_moment(answers_close_at(event)),
                "questions": [_show(question) for question in questions_of(event.pk)],
            }
        )


def _may_see(request: Request, event: Event) -> bool:
    return event.status != EventStatus.DRAFT or may_act_for(request, event.pk, Scope.EVENTS_WRITE)


def _show(question: Question) -> dict[str, Any]:
    return {
        "id": str(question.pk),
        "label": question.label,
        "help_text": question.help_text,
        "kind": question.kind,
        "scope": question.scope,
        "choices": question.choices,
        "is_required": question.is_required,
        "ticket_types": [str(kind.pk) for kind in question.ticket_types.all()],
    }
