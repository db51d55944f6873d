"""Answers to an organizer's questions: what fits, until when, and who sees them."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import translation

from events.models import Event, Question, QuestionKind, QuestionScope
from events.organizing import cancel_event
from orders.answer_rules import AnswerMissing, AnswerNotValid, GivenAnswer, Place, tidy_answer
from orders.answers import (
    ASKS_REQUIRED,
    AnswersClosed,
    answer_questions,
    answers_to,
    asked_of,
    needs_answers,
    with_asks_required,
)
from orders.answers_shown import show_answers_of
from orders.cancellation import cancel_order
from orders.models import Answer, Order
from orders.reports.answer_columns import answer_columns
from tests.crash import BEFORE, watched
from tests.make import (
    SOMEBODY,
    answer,
    as_bearer,
    make_event,
    make_question,
    make_reservation,
    make_reserved_order,
    make_ticket_type,
)
from ticketing import clock
from ticketing.database.locks import Lock
from ticketing.models import Act, ActType

pytestmark = pytest.mark.django_db(transaction=True)

MISSING = object()


def question_of(kind: str, **fields: Any) -> Question:
    return Question(label="?", kind=kind, **fields)


@pytest.mark.parametrize(
    ("question", "sent", "stored"),
    [
        (question_of("text"), "  No nuts ", "No nuts"),
        (question_of("text"), "   ", None),
        (question_of("text"), "\u200b \u3164", None),
        (question_of("text"), "x" * 501, MISSING),
        (question_of("text"), "a\nb", MISSING),
        (question_of("text"), 5, MISSING),
        (question_of("yes_no"), False, False),
        (question_of("yes_no"), "yes", MISSING),
        (question_of("choice", choices=["P", "M"]), "M", "M"),
        (question_of("choice", choices=["P", "M"]), "G", MISSING),
        (question_of("choice", choices=["P", "M"]), ["M"], MISSING),
        (question_of("choices", choices=["P", "M"]), ["M", "P", "M"], ["P", "M"]),
        (question_of("choices", choices=["P", "M"]), ["M", "G"], MISSING),
        (question_of("choices", choices=["P", "M"]), "M", MISSING),
        (question_of("choices", choices=["P", "M"]), [], None),
        (question_of("choices", choices=["P", "M"]), [["M"]], MISSING),
        (question_of("yes_no"), {}, MISSING),
        (question_of("text"), "x" * 500, "x" * 500),
    ],
)
def test_an_answer_fits_its_question_or_is_refused(question: Question, sent: Any, stored: Any):
    if stored is MISSING:
        with pytest.raises(ValidationError):
            tidy_answer(question, sent)
    else:
        assert tidy_answer(question, sent) == stored


def test_a_question_for_tickets_is_asked_at_each_ticket_of_its_types():
    event = make_event()
    pista = event.ticket_types.get()
    box = make_ticket_type(event=event, name="Camarote")
    per_ticket = make_question(event=event, scope=QuestionScope.TICKET)
    make_question(event=event, label="Drink?", only_for=[box])
    order = make_reserved_order(ticket_type=pista, quantity=2)
    item = order.items.get()

    asked = asked_of(order)

    assert [(each.question, each.place) for each in asked] == [
        (per_ticket, Place(item.pk, 1)),
        (per_ticket, Place(item.pk, 2)),
    ]


def test_answers_replace_those_before_and_answers_to_retired_questions_stay():
    order = make_reserved_order()
    event = order.event
    old, new = make_question(event=event, label="Old?"), make_question(event=event, label="New?")
    answer(order, old, "kept")
    Question.objects.filter(pk=old.pk).update(retired_at=clock.now())
    answer(order, new, "first")

    answer(order, new, "second")

    assert {a.question.label: a.value for a in Answer.objects.all()} == {
        "Old?": "kept",
        "New?": "second",
    }
    assert "<b>second</b>" in show_answers_of(order)


def test_a_required_question_needs_an_answer_at_every_place():
    event = make_event()
    question = make_question(event=event, scope=QuestionScope.TICKET, is_required=True)
    order = make_reserved_order(ticket_type=event.ticket_types.get(), quantity=2)
    item = order.items.get()
    first = GivenAnswer(question.pk, Place(item.pk, 1), "Ana")

    def send(*given: GivenAnswer) -> None:
        answer_questions(order=order, given=given, actor=SOMEBODY, now=clock.now())

    with pytest.raises(AnswerMissing):
        send(first)
    for wrong in (
        GivenAnswer(question.pk, Place(item.pk, 3), "Bia"),
        GivenAnswer(question.pk, Place(), "Bia"),
        first,
    ):
        with pytest.raises(AnswerNotValid) as refused:
            send(first, wrong)
        assert refused.value.pointer == "#/answers/1"
    assert not Answer.objects.exists()
    send(first, GivenAnswer(question.pk, Place(item.pk, 2), "Bia"))
    assert Answer.objects.count() == 2


def test_answers_are_needed_while_a_required_one_is_missing_and_may_be_given():
    event = make_event()
    kind = event.ticket_types.get()
    make_question(event=event, label="Diet?")
    order, other = (make_reserved_order(ticket_type=kind) for _ in range(2))
    now = clock.now()
    assert not needs_answers(order, now)
    size = make_question(event=event, label="Size?", is_required=True)
    answer(other, size, "M")

    assert (needs_answers(order, now), needs_answers(other, now)) == (True, False)
    assert not needs_answers(order, event.starts_at)
    for asks, needed in ((True, True), (False, False)):
        # What `with_asks_required` has found is not asked again.
        setattr(order, ASKS_REQUIRED, asks)
        assert needs_answers(order, now) is needed


def test_orders_know_whether_their_event_asks_a_question_that_must_be_answered():
    asking, optional, retired, silent = (make_event() for _ in range(4))
    for event, required in ((asking, True), (optional, False), (retired, True)):
        make_question(event=event, is_required=required)
    Question.objects.filter(event=retired).update(retired_at=clock.now())
    for event in (asking, optional, retired, silent):
        make_reserved_order(ticket_type=event.ticket_types.get())

    orders = with_asks_required(Order.objects.all())

    asked = {order.event_id for order in orders if getattr(order, ASKS_REQUIRED)}
    assert asked == {asking.pk}


def test_answers_are_written_while_the_questions_cannot_change_and_recorded_without_their_texts():
    order = make_reserved_order()
    question = make_question(event=order.event)
    modes: list[str] = []

    def look(moment: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
                " AND objid = %s AND pid = pg_backend_pid()",
                [Lock.EVENT, order.event.number],
            )
            modes.extend(mode for (mode,) in cursor.fetchall() if moment == BEFORE)

    with watched("orders.answers:questions_of", at=look):
        answer(order, question, "Vegan")

    assert modes == ["ShareLock"]
    act = Act.objects.get(type=ActType.ORDER_ANSWERED)
    assert (act.subject_id, act.details) == (order.pk, {"answers": 1})


def test_answers_close_at_the_deadline_and_with_the_order_or_the_event():
    late, ended, gone = make_reserved_order(), make_reserved_order(), make_reserved_order()
    deadline = clock.now() + timedelta(hours=1)
    Event.objects.filter(pk=late.event_id).update(answers_until=deadline)
    cancel_order(order_id=ended.pk, actor=SOMEBODY, now=clock.now())
    cancel_event(event_id=gone.event_id, actor=SOMEBODY, now=clock.now())

    def send(order: Order, now: Any) -> None:
        answer_questions(order=order, given=[], actor=SOMEBODY, now=now)

    send(late, deadline - timedelta(microseconds=1))
    for order, now in ((late, deadline), (ended, clock.now()), (gone, clock.now())):
        with pytest.raises(AnswersClosed):
            send(order, now)


def test_a_buyer_answers_through_the_api_and_reads_what_is_still_open():
    event = make_event()
    kind = event.ticket_types.get()
    diet = make_question(event=event, label="Diet?")
    bus = make_question(
        event=event, label="Bus?", kind=QuestionKind.YES_NO, scope=QuestionScope.TICKET
    )
    reservation = make_reservation(ticket_type=kind, quantity=2)
    buyer = as_bearer(reservation.token.text)
    path = f"/orders/{reservation.order_id}/answers"
    ticket = {"question": str(bus.pk), "ticket_type": str(kind.pk), "position": 2}

    sent = [{"question": str(diet.pk), "answer": "Vegan"}, ticket | {"answer": True}]
    answered = buyer.put(path, {"answers": sent})

    assert answered.status_code == 200
    assert buyer.get(path).json() == answered.json()
    assert answered.json()["can_answer"] is True
    assert [each["answer"] for each in answered.json()["answers"]] == ["Vegan", None, True]
    wrong = buyer.put(path, {"answers": [ticket | {"answer": "perhaps"}]})
    assert wrong.status_code == 400
    assert wrong.json()["errors"][0]["pointer"] == "#/answers/0/answer"
    for bad in (ticket | {"position": 3}, ticket | {"ticket_type": str(diet.pk)}):
        # The answer before it is a good one: all are stored, or none.
        other = {"question": str(diet.pk), "answer": "Everything"}
        refused = buyer.put(path, {"answers": [other, bad | {"answer": False}]})
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["pointer"].startswith("#/answers/1")
        assert buyer.get(path).json() == answered.json()


def test_answers_are_read_only_of_the_orders_and_to_the_questions_that_are_wanted():
    event = make_event()
    diet, shirt = (make_question(event=event, label=label) for label in ("Diet?", "Shirt?"))
    order, other = (make_reserved_order(ticket_type=event.ticket_types.get()) for _ in range(2))
    for each in (order, other):
        given = [GivenAnswer(diet.pk, Place(), "Vegan"), GivenAnswer(shirt.pk, Place(), "M")]
        answer_questions(order=each, given=given, actor=SOMEBODY, now=clock.now())

    assert answers_to([diet], [order.pk]) == {order.pk: {(diet.pk, Place()): "Vegan"}}


def test_an_export_has_a_column_for_each_question():
    event = make_event()
    diet = make_question(event=event, label="Diet?")
    bus = make_question(
        event=event, label="Bus?", kind=QuestionKind.YES_NO, scope=QuestionScope.TICKET
    )
    order = make_reserved_order(ticket_type=event.ticket_types.get(), quantity=2)
    item = order.items.get()
    given = [
        GivenAnswer(diet.pk, Place(), "Vegan"),
        GivenAnswer(bus.pk, Place(item.pk, 2), value=False),
    ]
    answer_questions(order=order, given=given, actor=SOMEBODY, now=clock.now())

    tickets = answer_columns(event.pk, per_ticket=True)
    orders = answer_columns(event.pk, per_ticket=False)
    all_events = answer_columns(None, per_ticket=False)

    with translation.override("en"):
        assert [column.title for column in tickets.columns()] == ["Diet?", "Bus?"]
        read = tickets.read([order.pk])
        assert list(read.cells(order.pk, Place(item.pk, 2))) == ["Vegan", "no"]
        assert list(read.cells(order.pk, Place(item.pk, 1))) == ["Vegan", None]
        assert list(orders.read([order.pk]).cells(order.pk, Place())) == ["Vegan"]
        assert [column.title for column in all_events.columns()] == ["Answers"]
        in_one = all_events.read([order.pk])
        assert list(in_one.cells(order.pk, Place())) == ["Diet?: Vegan; Bus? (Pista 2): no"]
        assert list(in_one.cells(event.pk, Place())) == [None]
