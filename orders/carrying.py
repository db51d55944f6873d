"""Take what a buyer has told about an order that ended to the one that replaces it."""

from datetime import datetime

from django.db import transaction

from orders.answer_rules import AnswerNotValid, GivenAnswer, Place
from orders.answers import AnswersClosed, answer_questions
from orders.holders import can_name, keep_changed_names, names_kept
from orders.models import Answer, Order, OrderItem
from ticketing.actors import Actor


def carry_details(*, ended: Order, order: Order, actor: Actor, now: datetime) -> None:
    """
    Give the answers and the names of an ended order to a new order of the same tickets.

    What does not fit any more is left out, and the buyer is asked for it again. An order that has
    answers or names already keeps them, so a repeat changes nothing.
    """
    items = _new_items(ended, order)
    _carry_answers(ended, order, items, actor, now)
    _carry_names(ended, order, items, actor, now)


def _new_items(ended: Order, order: Order) -> dict[int, int]:
    """Return the items of the new order by those of the ended one."""
    new = {item.ticket_type_id: item.pk for item in OrderItem.objects.filter(order=order)}
    items = OrderItem.objects.filter(order=ended)
    return {item.pk: new[item.ticket_type_id] for item in items if item.ticket_type_id in new}


def _carry_answers(
    ended: Order, order: Order, items: dict[int, int], actor: Actor, now: datetime
) -> None:
    answers = Answer.objects.filter(order=ended, question__retired_at=None)
    given = [
        GivenAnswer(each.question_id, place, each.value)
        for each in answers
        if (place := _moved(Place(each.item_id, each.position), items)) is not None
    ]
    if not given or Answer.objects.filter(order=order).exists():
        return
    try:
        answer_questions(order=order, given=given, actor=actor, now=now)
    except (AnswersClosed, AnswerNotValid):
        # The questions have changed, or not all were answered: the page asks for the answers.
        return


@transaction.atomic(durable=True)
def _carry_names(
    ended: Order, order: Order, items: dict[int, int], actor: Actor, now: datetime
) -> None:
    # The payment of the new order takes its names, and must find all or none.
    locked = Order.objects.select_for_update(of=("self",)).select_related("event").get(pk=order.pk)
    names = {
        place: name
        for old, name in names_kept(ended).items()
        if (place := _moved(old, items)) is not None
    }
    if names and can_name(locked, locked.event, now) and not names_kept(locked):
        keep_changed_names(locked, names, actor=actor, now=now)


def _moved(place: Place, items: dict[int, int]) -> Place | None:
    if place.item_id is None:
        return place
    item = items.get(place.item_id)
    return Place(item, place.position) if item is not None else None
