"""A payment needs the answers and names that the organizer requires, whichever way it comes."""

from typing import Any

import pytest

from events.models import Event, HolderNames, QuestionScope
from orders.answer_rules import Place
from orders.box_office import sell_at_box_office
from orders.confirmation import accept_payment
from orders.holders import keep_names
from orders.models import Order, OrderStatus, PixCharge
from orders.pix import request_pix
from orders.required_details import DetailsMissing
from tests.make import (
    SOMEBODY,
    a_sale,
    answer,
    as_bearer,
    make_api_token,
    make_event,
    make_question,
    make_reservation,
    make_reserved_order,
    reservation_request,
)
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)

CARD = {"method": "card", "token": "tok_approved"}


def order_of(event: Event, quantity: int = 2) -> Order:
    reserved = make_reserved_order(ticket_type=event.ticket_types.get(), quantity=quantity)
    return Order.objects.select_related("event__organizer").get(pk=reserved.pk)


def pay(order: Order) -> None:
    accept_payment(order=order, method="card", token="tok_approved", now=clock.now())


def test_a_required_answer_comes_before_the_payment():
    event = make_event()
    question = make_question(event=event, is_required=True)
    order = order_of(event)

    for attempt in (pay, lambda order: request_pix(order=order, now=clock.now())):
        with pytest.raises(DetailsMissing):
            attempt(order)
    order.refresh_from_db()
    assert (order.status, PixCharge.objects.count()) == (OrderStatus.RESERVED, 0)
    answer(order, question, "M")
    pay(order)

    order.refresh_from_db()
    assert order.status == OrderStatus.PROCESSING


def test_a_required_name_of_each_holder_comes_before_the_payment():
    event = make_event(holder_names=HolderNames.REQUIRED)
    order = order_of(event)
    item = order.items.get()

    keep_names({Place(item.pk, 1): "Ana Souza"})
    with pytest.raises(DetailsMissing):
        pay(order)
    keep_names({Place(item.pk, 2): "Bia Lima"})
    pay(order)

    order.refresh_from_db()
    assert order.status == OrderStatus.PROCESSING


@pytest.mark.parametrize(
    "fields", [{}, {"is_required": True, "retired": True}, {"is_required": True, "closed": True}]
)
def test_what_is_not_required_or_cannot_be_answered_any_more_stops_no_payment(
    fields: dict[str, Any],
):
    event = make_event()
    question = make_question(
        event=event, scope=QuestionScope.TICKET, is_required=fields.get("is_required", False)
    )
    if fields.get("retired"):
        type(question).objects.update(retired_at=clock.now())
    if fields.get("closed"):
        Event.objects.update(answers_until=clock.now())

    order = order_of(event)
    pay(order)

    order.refresh_from_db()
    assert order.status == OrderStatus.PROCESSING


def test_the_api_refuses_the_payment_and_accepts_it_after_the_answer():
    event = make_event()
    question = make_question(event=event, is_required=True)
    reservation = make_reservation(ticket_type=event.ticket_types.get())
    buyer, path = as_bearer(reservation.token.text), f"/orders/{reservation.order_id}"

    refused = buyer.post(f"{path}/payment", CARD)
    refused_pix = buyer.post(f"{path}/pix", {})
    answered = buyer.put(
        f"{path}/answers", {"answers": [{"question": str(question.pk), "answer": "M"}]}
    )
    accepted = buyer.post(f"{path}/payment", CARD)

    for each in (refused, refused_pix):
        assert (each.status_code, each.json()["code"]) == (409, "details_missing")
    assert f"PUT {path}/answers" in refused.json()["detail"]
    assert (answered.status_code, accepted.status_code) == (200, 202)


def test_a_shop_that_sells_with_a_token_is_asked_too_but_staff_are_not():
    event = make_event(holder_names=HolderNames.REQUIRED)
    make_question(event=event, is_required=True)
    shop = as_bearer(make_api_token(organizer=event.organizer))
    order = shop.post("/orders", reservation_request(event)).json()

    refused = shop.post(f"/orders/{order['id']}/payment", CARD)
    sale = a_sale(event.ticket_types.get())
    sell_at_box_office(sale=sale, user_id=None, actor=SOMEBODY, now=clock.now())

    assert refused.json()["code"] == "details_missing"
    assert Order.objects.exclude(pk=order["id"]).get().status != OrderStatus.RESERVED
