"""Reserving with a promo code: prices, hidden types, uses, and when a use is free again."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.core import mail
from django.db.models import F
from django.db.models.deletion import ProtectedError
from rest_framework.test import APIClient

from events.models import Event, EventStatus, TicketType
from events.stock.record import database_now
from orders import reservation
from orders.cancellation import cancel_order
from orders.expiry import expire_reservations
from orders.insertion import Reservation
from orders.models import Order, OrderItem
from orders.payment import confirm_payment, fail_payment
from orders.promo_code import PromoCode
from orders.promo_code_changes import change_promo_code
from orders.promo_uses import PromoCodeUsedUp, PromoUses, UnknownPromoCode, count_uses, find_promo
from tests.make import (
    SOMEBODY,
    as_bearer,
    as_organizer,
    make_event,
    make_promo_code,
    make_reservation,
    make_ticket_type,
    reservation_request,
)
from ticketing import clock
from tickets.models import Ticket
from tickets.refund import refund_order, refund_tickets
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)


def reserve(kind: TicketType, code: str = "AMIGOS", quantity: int = 1) -> Order:
    made = make_reservation(ticket_type=kind, quantity=quantity, promo_code=code)
    return Order.objects.get(pk=made.order_id)


def pay(order: Order) -> None:
    confirm_payment(order=order, method="card", token="tok_approved", now=clock.now())


def settle(order: Order) -> None:
    pay(order)
    settle_order(order_id=order.pk, now=clock.now())


def cancel(order: Order) -> None:
    cancel_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())


def expire(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(reserved_until=database_now())
    expire_reservations(now=clock.now())


def decline(order: Order) -> None:
    pay(order)
    order.refresh_from_db()
    fail_payment(order=order, decline_code="no_funds", now=clock.now())


def refund(order: Order) -> None:
    settle(order)
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())


def refund_one(order: Order) -> None:
    settle(order)
    ticket = Ticket.objects.of_order(order.pk).first()
    assert ticket is not None
    refund_tickets(order_id=order.pk, ticket_ids=[ticket.pk], actor=SOMEBODY, now=clock.now())


def test_an_order_keeps_its_promo_code_its_discount_and_the_list_price(api: APIClient):
    event = make_event(price="45.00")
    make_promo_code(event=event, code="AMIGOS-10", percent=Decimal("33.33"))

    answer = api.post("/orders", reservation_request(event, 2, promo_code=" amigos-10 "))

    shown = answer.json()
    assert answer.status_code == 201
    assert (shown["promo_code"], shown["total"], shown["discount"]) == (
        "AMIGOS-10",
        "60.00",
        "30.00",
    )
    (item,) = shown["items"]
    assert (item["unit_price"], item["list_price"]) == ("30.00", "45.00")
    again = as_bearer(shown.pop("access_token")).get(f"/orders/{shown['id']}").json()
    assert again == shown
    # Another price or code later does not change what was agreed.
    TicketType.objects.update(price=Decimal(99))
    PromoCode.objects.update(percent=Decimal(1))
    order = Order.objects.get()
    assert (order.total, order.discount) == (Decimal(60), Decimal(30))


def test_an_order_without_a_promo_code_shows_no_discount(api: APIClient):
    shown = api.post("/orders", reservation_request(make_event(price="45.00"), 2)).json()

    assert (shown["promo_code"], shown["discount"]) == (None, "0.00")
    assert shown["items"][0]["list_price"] == shown["items"][0]["unit_price"] == "45.00"
    assert OrderItem.objects.get().list_price is None


def test_a_promo_code_unlocks_a_hidden_type(api: APIClient):
    event = make_event(price="45.00")
    hidden = make_ticket_type(event=event, name="Camarim")
    TicketType.objects.filter(pk=hidden.pk).update(is_hidden=True)
    make_promo_code(event=event, unlocked_types=[hidden.pk], ticket_types=[hidden.pk])
    items = [{"ticket_type": str(hidden.pk), "quantity": 1}]
    request = reservation_request(event) | {"items": items}
    del request["quantity"]

    assert api.post("/orders", request).status_code == 404
    bought = api.post("/orders", request | {"promo_code": "AMIGOS"}).json()

    assert (bought["items"][0]["name"], bought["total"]) == ("Camarim", "40.50")


def test_a_code_that_takes_everything_off_makes_a_free_order_that_confirms_its_address(
    api: APIClient,
):
    event = make_event(price="45.00")
    make_promo_code(event=event, percent=Decimal(100))
    order = api.post("/orders", reservation_request(event, promo_code="AMIGOS")).json()
    assert (order["total"], order["discount"]) == ("0.00", "45.00")
    buyer = as_bearer(order["access_token"])

    paid = buyer.post(f"/orders/{order['id']}/payment", {"method": "free"})

    assert (paid.status_code, paid.json()["email_confirmation"]) == (202, "waiting")
    assert paid.json()["promo_code"] == "AMIGOS"
    assert mail.outbox == []


@pytest.mark.parametrize("end", [cancel, expire, decline, refund])
def test_the_use_of_an_order_that_ends_is_free_again(end: Callable[[Order], None]):
    kind = make_ticket_type()
    promo = make_promo_code(event=kind.event, max_uses=1)
    order = reserve(kind)
    with pytest.raises(PromoCodeUsedUp):
        reserve(kind)

    end(order)

    assert count_uses([promo.pk]) == {}
    assert reserve(kind).promo_code_id == promo.pk


@pytest.mark.parametrize("keep", [pay, settle, refund_one])
def test_an_order_keeps_its_use_while_it_has_tickets(keep: Callable[[Order], None]):
    kind = make_ticket_type()
    promo = make_promo_code(event=kind.event, max_uses=1)
    order = reserve(kind, quantity=2)

    keep(order)

    assert count_uses([promo.pk])[promo.pk].orders == 1
    with pytest.raises(PromoCodeUsedUp):
        reserve(kind)


def test_an_overdue_reservation_gives_its_use_to_the_next_buyer_at_once():
    kind = make_ticket_type()
    make_promo_code(event=kind.event, max_uses=1)
    first = reserve(kind)
    Order.objects.filter(pk=first.pk).update(reserved_until=database_now())

    second = reserve(kind)

    first.refresh_from_db()
    assert (first.status, second.status) == ("expired", "reserved")


def test_an_overdue_reservation_gives_its_tickets_to_the_next_buyer_too():
    kind = make_ticket_type(capacity=1)
    make_promo_code(event=kind.event, max_uses=1)
    first = reserve(kind)
    Order.objects.filter(pk=first.pk).update(reserved_until=database_now())

    assert reserve(kind).status == "reserved"


def test_an_overdue_reservation_gives_no_use_beyond_the_limit():
    kind = make_ticket_type()
    promo = make_promo_code(event=kind.event, max_uses=2)
    first, _second = reserve(kind), reserve(kind)
    change(promo.pk, max_uses=1)
    Order.objects.filter(pk=first.pk).update(reserved_until=database_now())

    with pytest.raises(PromoCodeUsedUp):
        find_promo(event_id=kind.event_id, code="AMIGOS", now=clock.now())


def test_an_overdue_reservation_with_another_code_gives_no_use_and_is_left_alone():
    kind, elsewhere = make_ticket_type(), make_ticket_type()
    make_promo_code(event=kind.event, max_uses=1)
    make_promo_code(event=elsewhere.event, max_uses=1)
    reserve(kind)
    other = reserve(elsewhere)
    Order.objects.filter(pk=other.pk).update(reserved_until=database_now())

    with pytest.raises(PromoCodeUsedUp, match="Leave it out, or retry later"):
        find_promo(event_id=kind.event_id, code="AMIGOS", now=clock.now())

    other.refresh_from_db()
    assert other.status == "reserved"


def test_old_paid_orders_do_not_hide_an_overdue_reservation(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("orders.promo_uses.BATCH", 1)
    kind = make_ticket_type()
    make_promo_code(event=kind.event, max_uses=2)
    paid, overdue = reserve(kind), reserve(kind)
    settle(paid)
    Order.objects.filter(pk=paid.pk).update(reserved_until=F("created_at"))
    Order.objects.filter(pk=overdue.pk).update(reserved_until=database_now())

    assert reserve(kind).status == "reserved"


def test_a_later_order_does_not_change_the_list_price_of_an_earlier_one():
    kind = make_ticket_type(price="45.00")
    make_promo_code(event=kind.event)
    order = reserve(kind)
    TicketType.objects.filter(pk=kind.pk).update(price=Decimal(60))
    later = reserve(kind)

    assert OrderItem.objects.get(order=order).list_price == Decimal(45)
    assert OrderItem.objects.get(order=later).list_price == Decimal(60)


def test_the_revenue_of_a_code_is_what_buyers_paid_less_what_was_refunded():
    kind = make_ticket_type(price="45.00")
    promo = make_promo_code(event=kind.event, percent=None, amount=Decimal(5))
    for act in (refund_one, settle, pay, cancel, refund):
        act(reserve(kind, quantity=2))

    # Paid: one ticket and two tickets, at 40.00 each. The fourth and the fifth order ended.
    assert count_uses([promo.pk]) == {promo.pk: PromoUses(3, 2, Decimal(120))}


def test_one_order_is_one_use_whatever_its_number_of_tickets():
    kind = make_ticket_type()
    make_promo_code(event=kind.event, max_uses=2)

    reserve(kind, quantity=5)
    reserve(kind, quantity=3)

    with pytest.raises(PromoCodeUsedUp):
        reserve(kind)


def test_a_refusal_takes_no_use_and_no_ticket(api: APIClient):
    event = make_event(capacity=5)
    promo = make_promo_code(event=event, max_uses=1)
    kind = event.ticket_types.get()
    reserve(kind)

    refused = api.post("/orders", reservation_request(event, 2, promo_code="AMIGOS"))
    sold_out = api.post("/orders", reservation_request(make_and_fill(), promo_code="AMIGOS"))

    assert (refused.status_code, refused.json()["code"]) == (409, "promo_code_used_up")
    assert (sold_out.status_code, sold_out.json()["code"]) == (409, "sold_out")
    assert api.get(f"/events/{event.slug}").json()["available"] == 4
    assert count_uses(PromoCode.objects.exclude(pk=promo.pk).values_list("pk", flat=True)) == {}


def make_and_fill() -> Event:
    event = make_event(capacity=1)
    make_promo_code(event=event, max_uses=1)
    make_reservation(ticket_type=event.ticket_types.get())
    return event


@pytest.mark.parametrize(
    ("fields", "quantity", "status", "code"),
    [
        ({"is_active": False}, 1, 404, "unknown_promo_code"),
        ({"valid_from": clock.now() + timedelta(days=1)}, 1, 409, "promo_code_not_started"),
        ({"valid_until": clock.now() - timedelta(days=1)}, 1, 409, "promo_code_expired"),
        ({"min_tickets": 2}, 1, 409, "promo_code_needs_other_quantity"),
        ({"max_tickets": 2}, 3, 409, "promo_code_needs_other_quantity"),
    ],
)
def test_each_reason_against_a_promo_code_has_a_code_of_its_own(
    api: APIClient, fields: dict[str, Any], quantity: int, status: int, code: str
):
    event = make_event()
    make_promo_code(event=event, **fields)

    refused = api.post("/orders", reservation_request(event, quantity, promo_code="AMIGOS"))

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert Order.objects.count() == 0


def test_a_promo_code_of_another_event_is_unknown(api: APIClient):
    make_promo_code(event=make_event())

    refused = api.post("/orders", reservation_request(make_event(), promo_code="AMIGOS"))

    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_promo_code")


def test_a_draft_is_as_unknown_with_a_promo_code_as_without(api: APIClient):
    event = make_event(status=EventStatus.DRAFT)
    make_promo_code(event=event)

    for path, body in (
        ("/orders", reservation_request(event, promo_code="AMIGOS")),
        ("/orders", reservation_request(event, promo_code="OUTRO")),
        (f"/events/{event.slug}/promo-code", {"promo_code": "AMIGOS"}),
    ):
        assert api.post(path, body).json()["code"] == "not_found"


def test_an_order_is_priced_by_the_terms_that_are_valid_when_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
):
    """The promo code changes between its reading and the writing of the order."""
    kind = make_ticket_type(price="45.00")
    promo = make_promo_code(event=kind.event)
    changes = iter([Decimal(50)])

    def find_then_change(**arguments: Any) -> Any:
        found = find_promo(**arguments)
        for percent in changes:
            change(promo.pk, percent=percent)
        return found

    monkeypatch.setattr(reservation, "find_promo", find_then_change)

    assert reserve(kind).total == Decimal("22.50")
    assert Order.objects.count() == 1


def test_a_code_deactivated_while_it_is_used_is_unknown(monkeypatch: pytest.MonkeyPatch):
    kind = make_ticket_type(capacity=1)
    promo = make_promo_code(event=kind.event)

    def find_then_deactivate(**arguments: Any) -> Any:
        found = find_promo(**arguments)
        change(promo.pk, is_active=False)
        return found

    monkeypatch.setattr(reservation, "find_promo", find_then_deactivate)

    with pytest.raises(UnknownPromoCode):
        reserve(kind)
    # The hold of the first attempt was released.
    assert isinstance(make_reservation(ticket_type=kind), Reservation)


def change(promo_code_id: UUID, **fields: Any) -> None:
    change_promo_code(promo_code_id=promo_code_id, fields=fields, actor=SOMEBODY, now=clock.now())


def test_a_used_promo_code_cannot_be_deleted_by_hand():
    kind = make_ticket_type()
    promo = make_promo_code(event=kind.event)
    cancel(reserve(kind))

    with pytest.raises(ProtectedError):
        promo.delete()


def test_wrong_codes_of_one_address_are_limited_and_right_ones_are_not_counted(
    api: APIClient, settings
):
    settings.RATE_LIMITS = {"promo": ":2/600"}
    event = make_event()
    make_promo_code(event=event)
    path = f"/events/{event.slug}/promo-code"

    def check(code: str, **environ: Any) -> int:
        return int(api.post(path, {"promo_code": code}, **environ).status_code)

    assert [check("AMIGOS") for _ in range(4)] == [200] * 4
    assert [check("GUESS-1"), check("GUESS-2")] == [404, 404]
    # Now a right code is refused too: else a guesser would learn which one is right.
    assert [check("GUESS-3"), check("AMIGOS")] == [429, 429]
    refused = api.post("/orders", reservation_request(event, promo_code="AMIGOS"))
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_wrong_codes")
    assert 0 < int(refused.headers["Retry-After"]) <= 300
    # Other addresses, buyers without a code, and the organizer's shop are not affected.
    assert check("AMIGOS", REMOTE_ADDR="198.51.100.7") == 200
    assert api.post("/orders", reservation_request(event)).status_code == 201
    shop = as_organizer(event)
    assert shop.post(path, {"promo_code": "GUESS-4"}).status_code == 404
    assert shop.post("/orders", reservation_request(event, promo_code="AMIGOS")).status_code == 201


def test_wrong_codes_count_for_all_addresses_of_an_ipv6_subscriber(api: APIClient, settings):
    settings.RATE_LIMITS = {"promo": ":2/600"}
    path = f"/events/{make_event().slug}/promo-code"

    statuses = [
        api.post(path, {"promo_code": "GUESS"}, REMOTE_ADDR=address).status_code
        for address in ("2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1", "2001:db8:1::1")
    ]

    assert statuses == [404, 404, 429, 404]


def test_guesses_in_reservations_count_too(api: APIClient, settings):
    settings.RATE_LIMITS = {"promo": ":1/600"}
    event = make_event()
    guess = reservation_request(event, promo_code="GUESS")

    assert [api.post("/orders", guess).status_code for _ in range(2)] == [404, 429]


def test_checking_a_code_shows_its_prices_and_hidden_types_and_takes_no_use(api: APIClient):
    event = make_event(price="45.00", capacity=10)
    hidden = make_ticket_type(event=event, name="Camarim", price="10.00", capacity=3)
    TicketType.objects.filter(pk=hidden.pk).update(is_hidden=True)
    promo = make_promo_code(
        event=event, percent=Decimal(10), unlocked_types=[hidden.pk], max_uses=1, max_tickets=4
    )

    answers = [
        api.post(f"/events/{event.slug}/promo-code", {"promo_code": "amigos"}) for _ in range(2)
    ]

    for answer in answers:
        assert answer.status_code == 200
        shown = answer.json()
        assert [
            (kind["name"], kind["unit_price"], kind["list_price"], kind["available"])
            for kind in shown["ticket_types"]
        ] == [("Pista", "40.50", "45.00", 10), ("Camarim", "9.00", "10.00", 3)]
        assert (shown["promo_code"], shown["min_tickets"], shown["max_tickets"]) == ("AMIGOS", 1, 4)
    assert count_uses([promo.pk]) == {}


def test_a_retry_with_an_idempotency_key_takes_one_use():
    event = make_event()
    promo = make_promo_code(event=event, max_uses=5)
    shop = as_organizer(event)
    request = reservation_request(event, promo_code="AMIGOS")

    first, second = (
        shop.post("/orders", request, headers={"Idempotency-Key": "one-order"}) for _ in range(2)
    )

    assert first.json()["id"] == second.json()["id"]
    assert first.json()["promo_code"] == "AMIGOS"
    assert count_uses([promo.pk])[promo.pk].orders == 1
