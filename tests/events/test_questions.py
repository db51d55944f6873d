"""Questions of an event: written by one verb, copied with the event, and never broken."""

import pytest
from rest_framework.test import APIClient

from events.changes import EventNotEditable
from events.cloning import clone_event
from events.models import Event, Question, QuestionKind, QuestionScope
from events.organizing import cancel_event, change_event
from events.questions import (
    AskedQuestion,
    QuestionInUse,
    TooManyQuestions,
    change_questions,
    questions_of,
)
from orders.required_details import needs_details
from tests.make import (
    SOMEBODY,
    answer,
    as_organizer,
    make_event,
    make_question,
    make_reserved_order,
    make_ticket_type,
)
from ticketing import clock
from ticketing.models import Act, ActType

pytestmark = pytest.mark.django_db(transaction=True)


def change(event: Event, *asked: AskedQuestion, retired: tuple[Question, ...] = ()) -> None:
    change_questions(
        event_id=event.pk,
        asked=asked,
        retired=[question.pk for question in retired],
        actor=SOMEBODY,
        now=clock.now(),
    )


def sizes(event: Event) -> Question:
    return make_question(event=event, kind=QuestionKind.CHOICE, choices=["P", "M", "G"])


def test_a_question_with_answers_is_retired_and_one_without_is_deleted():
    event = make_event()
    answered, unanswered = sizes(event), make_question(event=event, label="Allergies?")
    order = make_reserved_order(ticket_type=event.ticket_types.get())
    answer(order, answered, "M")

    elsewhere = make_question(event=make_event())

    change(event, retired=(answered, unanswered, elsewhere))

    assert questions_of(event.pk) == []
    assert questions_of(elsewhere.event_id) == [elsewhere]
    kept = Question.objects.get(event=event)
    assert (kept, kept.retired_at is not None) == (answered, True)
    acts = Act.objects.filter(type=ActType.QUESTIONS_CHANGED, subject_id=event.pk)
    assert acts.latest("at").details == {}
    change(event, retired=(kept,))
    assert Question.objects.get(pk=kept.pk).retired_at == kept.retired_at


def test_a_question_with_answers_may_gain_choices_and_another_wording_but_not_lose_what_they_need():
    event = make_event()
    question = sizes(event)
    answer(make_reserved_order(ticket_type=event.ticket_types.get()), question, "M")

    for broken in ({"choices": ["P", "G"]}, {"kind": "choices"}, {"scope": QuestionScope.TICKET}):
        changed = Question.objects.get()
        for name, value in broken.items():
            setattr(changed, name, value)
        with pytest.raises(QuestionInUse):
            change(event, AskedQuestion(changed))
    better = Question.objects.get()
    for label, choices in [("Size?", ["P", "M", "G"]), ("Your size?", ["PP", "P", "M", "G"])]:
        better.label, better.choices = label, choices
        change(event, AskedQuestion(better))

    assert Question.objects.get().label == "Your size?"
    acts = Act.objects.filter(type=ActType.QUESTIONS_CHANGED, subject_id=event.pk)
    assert acts.latest("at").details == {"questions": ["Your size?"]}


def test_an_event_asks_a_bounded_number_of_questions_and_a_cancelled_one_none():
    event = make_event()
    with pytest.raises(TooManyQuestions):
        change(event, *(AskedQuestion(Question(label=f"Q{n}")) for n in range(21)))
    assert not Question.objects.exists()
    change(event, *(AskedQuestion(Question(label=f"Q{n}")) for n in range(20)))
    assert Question.objects.count() == 20
    cancel_event(event_id=event.pk, actor=SOMEBODY, now=clock.now())

    with pytest.raises(EventNotEditable):
        change(event, AskedQuestion(Question(label="Too late?")))


def test_a_question_goes_with_its_only_ticket_type_and_is_not_asked_of_everybody():
    event = make_event()
    floor, box, vip = (
        event.ticket_types.get(),
        *(make_ticket_type(event=event, name=name) for name in ("Camarote", "VIP")),
    )
    make_question(event=event, label="Plate?", is_required=True, only_for=[vip])
    two = make_question(event=event, label="Drink?", only_for=[box, vip])
    everybody = make_question(event=event, label="Allergies?")
    answered = make_question(event=event, label="Size?")
    order = make_reserved_order(ticket_type=floor)
    answer(order, answered, "M")
    change(event, AskedQuestion(answered, [vip.pk]))

    change_event(
        event_id=event.pk,
        fields={},
        ticket_types=[],
        dropped=[vip.pk],
        actor=SOMEBODY,
        now=clock.now(),
    )

    assert questions_of(event.pk) == [two, everybody]
    assert list(two.ticket_types.all()) == [box]
    assert list(Question.objects.exclude(retired_at=None)) == [answered]
    assert not Question.objects.filter(label="Plate?").exists()
    assert not needs_details(order, clock.now())
    recorded = Act.objects.get(type=ActType.EVENT_CHANGED, subject_id=event.pk)
    assert {(each["field"], each["from"]) for each in recorded.details["changes"]} == {
        ("ticket_type", "VIP"),
        ("question", "Plate?"),
        ("question", "Size?"),
    }


def test_a_copied_event_asks_the_same_of_its_own_ticket_types():
    event = make_event()
    box = make_ticket_type(event=event, name="Camarote")
    make_question(event=event, label="Drink?", only_for=[box])
    make_question(event=event, label="Allergies?", is_required=True)
    change(event, retired=(make_question(event=event, label="Old?"),))

    copy = clone_event(
        event_id=event.pk,
        name="Outra noite",
        starts_at=event.starts_at,
        actor=SOMEBODY,
        now=clock.now(),
    )

    copied = questions_of(copy.pk)
    assert {(each.label, each.is_required) for each in copied} == {
        ("Drink?", False),
        ("Allergies?", True),
    }
    drink = next(each for each in copied if each.label == "Drink?")
    assert [kind.event_id for kind in drink.ticket_types.all()] == [copy.pk]


def test_everybody_reads_the_questions_of_a_public_event_and_only_its_organizer_those_of_a_draft():
    public, draft = make_event(), make_event(status="draft")
    question = sizes(public)
    make_question(event=draft)

    shown = APIClient().get(f"/events/{public.slug}/questions").json()

    assert shown["questions"] == [
        {
            "id": str(question.pk),
            "label": question.label,
            "help_text": "",
            "kind": "choice",
            "scope": "order",
            "choices": ["P", "M", "G"],
            "is_required": False,
            "ticket_types": [],
        }
    ]
    assert shown["answers_until"] == public.starts_at.isoformat().replace("+00:00", "Z")
    path = f"/events/{draft.slug}/questions"
    assert APIClient().get(path).status_code == 404
    assert len(as_organizer(draft).get(path).json()["questions"]) == 1
