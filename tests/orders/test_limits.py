"""The limits on the tickets of one event that a customer and a network address may have."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as project
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from events.catalogue import left_by_type
from events.models import Event, Scope
from events.stock.record import share_event
from orders.dropped_hold import DroppedHold
from orders.insertion import Customer, Reservation
from orders.limits import Limits, TooManyReservations, forget_addresses
from orders.models import Order, OrderStatus
from orders.payment import confirm_payment, fail_payment
from orders.pricing import WantedTickets
from orders.reservation import reserve_tickets
from tests.make import (
    SOMEBODY,
    as_bearer,
    as_organizer,
    make_api_token,
    make_event,
    make_organizer,
    make_ticket_type,
)
from tests.race import race
from ticketing import clock
from ticketing.ids import new_id
from tickets.models import Ticket
from tickets.refund import refund_order, refund_tickets
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)

PER_CUSTOMER, PER_ADDRESS = 4, 6
RESERVE_ORDER = Path(project.BASE_DIR) / "orders/sql/reserve_order.sql"


@pytest.fixture(autouse=True)
def _limits(settings: Any) -> None:
    settings.TICKETS_PER_CUSTOMER = PER_CUSTOMER
    settings.TICKETS_PER_ADDRESS = PER_ADDRESS


def reservation_request(
    event: Event, quantity: int = 2, *, email: str = "ana@example.com"
) -> dict[str, Any]:
    return {
        "event": event.slug,
        "quantity": quantity,
        "customer": {"name": "Ana Souza", "email": email},
    }


def post_reservation(
    event: Event, quantity: int = 2, *, email: str = "ana@example.com", address: str = "192.0.2.1"
) -> Any:
    return APIClient(REMOTE_ADDR=address).post(
        "/orders", reservation_request(event, quantity, email=email)
    )


def outcome(response: Any) -> tuple[int, str]:
    """Return the HTTP status, and the problem's code or the order's status."""
    return response.status_code, response.json().get(
        "code" if response.status_code >= 400 else "status"
    )


RESERVED = (201, "reserved")
MUST_WAIT = (429, "too_many_reservations")
CUSTOMER_HAS_ALL = (409, "max_per_customer_exceeded")
ADDRESS_HAS_ALL = (409, "max_per_address_exceeded")


def email_of(number: int) -> str:
    return f"buyer-{number}@example.com"


def left(event: Event) -> int:
    return sum(left_by_type([event.pk]).values())


def buy(event: Event, quantity: int = 2, **who: str) -> Order:
    """Reserve and pay. The charge is approved."""
    response = post_reservation(event, quantity, **who)
    assert outcome(response) == RESERVED
    order = pay_for(response.json()["id"])
    settle_order(order_id=order.pk, now=clock.now())
    order.refresh_from_db()
    assert order.status == OrderStatus.PAID
    return order


def pay_for(order_id: str) -> Order:
    order = Order.objects.select_related("event").get(pk=order_id)
    free = not order.total
    confirm_payment(
        order=order,
        method="free" if free else "card",
        token="" if free else "tok_approved",
        now=clock.now(),
    )
    return order


# --- A customer -------------------------------------------------------------------------


def test_a_customer_who_holds_the_limit_is_refused_with_the_time_of_a_retry():
    event = make_event(capacity=10)
    assert outcome(post_reservation(event, PER_CUSTOMER)) == RESERVED

    refused = post_reservation(event, 1, email="Ana@Example.COM")

    assert outcome(refused) == MUST_WAIT
    assert refused.json()["detail"].startswith("This customer has as many")
    assert 0 < int(refused.headers["Retry-After"]) <= event.hold_seconds
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert left(event) == 10 - PER_CUSTOMER
    assert Order.objects.count() == 1


def test_the_limit_counts_tickets_and_not_orders():
    event = make_event()

    responses = [post_reservation(event, quantity) for quantity in (1, 1, 1, 2, 1)]

    assert [outcome(response) for response in responses] == [RESERVED] * 3 + [MUST_WAIT, RESERVED]


def test_retry_after_is_the_end_of_the_first_reservation_that_counts():
    event = make_event()
    first, _ = (post_reservation(event).json() for _ in range(2))
    soon = clock.now() + timedelta(seconds=30)
    Order.objects.filter(pk=first["id"]).update(reserved_until=soon)

    assert 0 < int(post_reservation(event).headers["Retry-After"]) <= 31


def test_all_types_of_an_event_count_together_but_each_event_has_its_own_count():
    event = make_event()
    kinds = [make_ticket_type(event=event, name=f"Setor {number}") for number in range(3)]
    customer = reservation_request(event)["customer"]

    def reserve(*quantities: int) -> tuple[int, str]:
        items = [
            {"ticket_type": str(kind.pk), "quantity": quantity}
            for kind, quantity in zip(kinds, quantities, strict=False)
        ]
        body = {"event": event.slug, "items": items, "customer": customer}
        return outcome(APIClient().post("/orders", body))

    assert reserve(1, 1, 1) == RESERVED
    assert reserve(1, 1) == MUST_WAIT
    assert reserve(1) == RESERVED
    assert outcome(post_reservation(make_event())) == RESERVED


@pytest.mark.parametrize("price", ["45.00", "0.00"])
def test_paid_tickets_count_and_waiting_does_not_help(price: str):
    event = make_event(price=price)
    buy(event, 3)

    assert outcome(post_reservation(event, 2)) == CUSTOMER_HAS_ALL
    assert outcome(post_reservation(event, 1)) == RESERVED
    # One ticket is only held, so waiting may help.
    assert outcome(post_reservation(event, 1)) == MUST_WAIT


def test_tickets_that_are_being_paid_for_count():
    event = make_event()
    pay_for(post_reservation(event, PER_CUSTOMER).json()["id"])

    assert outcome(post_reservation(event, 1)) == CUSTOMER_HAS_ALL


def test_an_order_of_more_than_the_limit_is_refused_without_a_retry():
    assert outcome(post_reservation(make_event(), PER_CUSTOMER + 1)) == CUSTOMER_HAS_ALL


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ana+1@example.com", "ana+2@example.com"),
        ("ana+1@example.com", "ANA@EXAMPLE.com"),
        ("a.na@gmail.com", "ana+x@googlemail.com"),
        ("Ana@xn--mnchen-3ya.de", "ana@XN--MNCHEN-3YA.DE"),
    ],
)
def test_spellings_of_one_mailbox_are_one_customer(first: str, second: str):
    event = make_event()
    assert outcome(post_reservation(event, PER_CUSTOMER, email=first)) == RESERVED

    assert outcome(post_reservation(event, 1, email=second)) == MUST_WAIT
    assert Order.objects.get().customer_email == first


@pytest.mark.parametrize(
    ("typed", "counted"),
    [
        ("Ana@Example.com", "ana@example.com"),
        ("ana+a+b@example.com", "ana@example.com"),
        ("a.n.a@example.com", "a.n.a@example.com"),
        ("A.N.A+x@Gmail.com", "ana@gmail.com"),
        ("ana@googlemail.com", "ana@gmail.com"),
        ("ana@mail.gmail.com", "ana@mail.gmail.com"),
        ("+ana@example.com", "+ana@example.com"),
        ('"a@b+c"@example.com', '"a@b@example.com'),
        ("nobody", "@nobody"),
        ("", "@"),
    ],
)
def test_counted_email_returns_one_spelling_of_a_mailbox(typed: str, counted: str):
    with connection.cursor() as cursor:
        cursor.execute("SELECT counted_email(%s)", [typed])
        assert cursor.fetchone() == (counted,)


# --- An address -------------------------------------------------------------------------


def test_an_address_that_holds_the_limit_is_refused_and_another_is_not():
    event = make_event(capacity=20)
    for number in range(3):
        assert outcome(post_reservation(event, email=email_of(number))) == RESERVED

    refused = post_reservation(event, 1, email=email_of(9))

    assert outcome(refused) == MUST_WAIT
    assert refused.json()["detail"].startswith("Your address has as many")
    assert outcome(post_reservation(event, email=email_of(9), address="192.0.2.7")) == RESERVED
    assert left(event) == 20 - PER_ADDRESS - 2


def test_an_address_that_owns_the_limit_is_refused_without_a_retry():
    event = make_event()
    for number in range(3):
        buy(event, email=email_of(number))

    assert outcome(post_reservation(event, 1, email=email_of(9))) == ADDRESS_HAS_ALL


@pytest.mark.parametrize(
    "hop", ["2001:db8:1:200::", "2001:db8:1:2ff::", "2001:db8:1:201:ffff::1", "2001:db8:1:200::2"]
)
def test_all_addresses_of_one_ipv6_network_count_together(hop: str):
    event = make_event()
    for number, address in enumerate(["2001:db8:1:200::1", "2001:db8:1:2aa::", "2001:db8:1:2bb::"]):
        assert outcome(post_reservation(event, email=email_of(number), address=address)) == RESERVED

    assert outcome(post_reservation(event, 1, email=email_of(9), address=hop)) == MUST_WAIT
    assert (
        outcome(post_reservation(event, 1, email=email_of(9), address="2001:db8:1:300::"))
        == RESERVED
    )


def test_a_forwarded_address_that_the_caller_invents_does_not_count(settings: Any):
    event = make_event()

    responses = [
        APIClient(headers={"X-Forwarded-For": f"198.51.100.{number}"}).post(
            "/orders", reservation_request(event, email=email_of(number))
        )
        for number in range(4)
    ]
    settings.TRUSTED_PROXY_HOPS = 1
    proxied = [
        APIClient(headers={"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.9"}).post(
            "/orders", reservation_request(event, email=email_of(10 + number))
        )
        for number in range(4)
    ]

    assert [outcome(response) for response in responses] == [RESERVED] * 3 + [MUST_WAIT]
    assert [outcome(response) for response in proxied] == [RESERVED] * 3 + [MUST_WAIT]


def test_one_address_cannot_hold_a_whole_event(settings: Any):
    """Without the limit on held tickets, twenty orders of ten held all two hundred tickets."""
    settings.TICKETS_PER_CUSTOMER, settings.TICKETS_PER_ADDRESS = 20, 100
    settings.HELD_PERCENT_PER_ADDRESS = 10
    event = make_event(capacity=200)

    responses = [post_reservation(event, 10, email=email_of(number)) for number in range(20)]

    assert Counter(map(outcome, responses)) == {RESERVED: 2, MUST_WAIT: 18}
    assert left(event) == 180


def test_paid_tickets_do_not_count_as_held(settings: Any):
    settings.TICKETS_PER_ADDRESS = 100
    settings.HELD_PERCENT_PER_ADDRESS = 10
    event = make_event(capacity=30, max_per_order=3)
    buy(event, 3, email=email_of(1))

    assert outcome(post_reservation(event, 3, email=email_of(2))) == RESERVED
    assert outcome(post_reservation(event, 1, email=email_of(3))) == MUST_WAIT


def test_an_address_may_hold_one_full_order_of_a_small_event(settings: Any):
    settings.HELD_PERCENT_PER_ADDRESS = 10
    event = make_event(capacity=12, max_per_order=4)

    assert outcome(post_reservation(event, 4)) == RESERVED
    assert outcome(post_reservation(event, 1, email=email_of(2))) == MUST_WAIT


# --- Tickets that no longer count -------------------------------------------------------


def cancel(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(status=OrderStatus.CANCELLED, closed_at=clock.now())


def reach_the_end(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(reserved_until=clock.now())


def decline(order: Order) -> None:
    fail_payment(order=pay_for(str(order.pk)), decline_code="declined", now=clock.now())


def refund_all(order: Order) -> None:
    settle_order(order_id=pay_for(str(order.pk)).pk, now=clock.now())
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())


@pytest.mark.parametrize("end", [cancel, reach_the_end, decline, refund_all])
def test_the_tickets_of_an_order_that_has_ended_do_not_count(end: Callable[[Order], None]):
    event = make_event()
    for _ in range(2):
        order = Order.objects.get(pk=post_reservation(event, PER_CUSTOMER).json()["id"])
        assert outcome(post_reservation(event, 1))[0] > 201
        end(order)

    assert outcome(post_reservation(event, PER_CUSTOMER)) == RESERVED


def test_each_refunded_ticket_makes_room_for_one():
    event = make_event()
    order = buy(event, PER_CUSTOMER)
    one_ticket = list(Ticket.objects.of_order(order.pk)[:1].values_list("pk", flat=True))

    refund_tickets(order_id=order.pk, ticket_ids=one_ticket, actor=SOMEBODY, now=clock.now())

    assert outcome(post_reservation(event, 2)) == CUSTOMER_HAS_ALL
    assert outcome(post_reservation(event, 1)) == RESERVED


# --- Orders that use somebody else's email ----------------------------------------------


def test_reservations_from_elsewhere_with_an_email_do_not_lock_out_its_owner():
    event = make_event()
    assert outcome(post_reservation(event, PER_CUSTOMER, address="203.0.113.66")) == RESERVED

    responses = [
        post_reservation(event, PER_CUSTOMER),
        post_reservation(event, 1),
        post_reservation(event, 1, address="203.0.113.66"),
    ]

    assert [outcome(response) for response in responses] == [RESERVED, MUST_WAIT, MUST_WAIT]


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_for_an_address_that_holds_tickets_all_reservations_of_the_email_count(address: str):
    event = make_event()
    post_reservation(event, PER_CUSTOMER, address="203.0.113.66")
    assert outcome(post_reservation(event, 1, email=email_of(1), address=address)) == RESERVED

    neighbor = address.replace("db8::1", "db8:0:ff::")

    assert outcome(post_reservation(event, 1, address=neighbor)) == MUST_WAIT


def test_paid_tickets_count_for_every_address_but_only_the_buyers_address_learns_of_them():
    """From another address, the refusal is the same as for reservations that were just made."""
    event = make_event()
    buy(event, PER_CUSTOMER)

    refused = post_reservation(event, 1, address="203.0.113.66")

    assert outcome(refused) == MUST_WAIT
    assert refused.headers["Retry-After"] == str(event.hold_seconds)
    assert outcome(post_reservation(event, 1)) == CUSTOMER_HAS_ALL


def test_a_refusal_does_not_reveal_when_reservations_from_another_address_end():
    event = make_event()
    post_reservation(event, PER_CUSTOMER)
    Order.objects.update(reserved_until=clock.now() + timedelta(seconds=30))
    post_reservation(event, 1, email=email_of(1), address="203.0.113.66")

    refused = post_reservation(event, 1, address="203.0.113.66")

    assert (outcome(refused), refused.headers["Retry-After"]) == (
        MUST_WAIT,
        str(event.hold_seconds),
    )


def test_for_a_shop_all_tickets_of_the_customer_count():
    event = make_event()
    post_reservation(event, 2)

    responses = [
        as_organizer(event).post("/orders", reservation_request(event, 2)) for _ in range(2)
    ]

    assert [outcome(response) for response in responses] == [RESERVED, MUST_WAIT]


@pytest.mark.parametrize(
    ("scopes", "whose", "second"),
    [
        ([Scope.ORDERS_WRITE], "own", RESERVED),
        ([Scope.ORDERS_READ, Scope.EVENTS_WRITE], "own", MUST_WAIT),
        ([Scope.ORDERS_WRITE], "another", MUST_WAIT),
        (None, "nobody's", MUST_WAIT),
    ],
)
def test_the_address_limit_does_not_apply_to_a_shop_of_the_events_organizer_only(
    settings: Any, scopes: list[str] | None, whose: str, second: tuple[int, str]
):
    settings.TICKETS_PER_ADDRESS = 3
    event = make_event()
    organizer = event.organizer if whose == "own" else make_organizer(name="Outra Casa")
    token = "api_" + "x" * 43
    if scopes is not None:
        token = make_api_token(organizer=organizer, scopes=scopes)
    shop = as_bearer(token)

    responses = [
        shop.post("/orders", reservation_request(event, email=email_of(number)))
        for number in range(2)
    ]

    assert [outcome(response) for response in responses] == [RESERVED, second]


# --- An event's own limits --------------------------------------------------------------


def test_an_event_can_have_its_own_limits(settings: Any):
    settings.TICKETS_PER_CUSTOMER = settings.TICKETS_PER_ADDRESS = 0
    event = make_event(max_per_customer=2, max_per_address=3)

    assert outcome(post_reservation(event, 3)) == CUSTOMER_HAS_ALL
    assert outcome(post_reservation(event, 2)) == RESERVED
    assert outcome(post_reservation(event, 2, email=email_of(1))) == MUST_WAIT


def test_an_event_can_have_no_limit(settings: Any):
    event = make_event(max_per_customer=0, max_per_address=0)

    assert [outcome(post_reservation(event, 5)) for _ in range(3)] == [RESERVED] * 3
    assert set(Order.objects.values_list("address_digest", "network_digest")) == {("", "")}


def test_a_limit_that_is_changed_during_the_sale_applies_to_the_next_order():
    event = make_event()
    buy(event, 2)
    organizer = as_organizer(event)

    lowered = organizer.patch(f"/events/{event.slug}", {"max_per_customer": 2})
    below = post_reservation(event, 1)
    organizer.patch(f"/events/{event.slug}", {"max_per_customer": 3})

    assert (lowered.status_code, lowered.json()["max_per_customer"]) == (200, 2)
    assert outcome(below) == CUSTOMER_HAS_ALL
    assert outcome(post_reservation(event, 1)) == RESERVED


def test_a_lowered_limit_does_not_affect_earlier_reservations():
    event = make_event()
    order_id = post_reservation(event, PER_CUSTOMER).json()["id"]

    as_organizer(event).patch(f"/events/{event.slug}", {"max_per_customer": 1})

    pay_for(order_id)
    assert Order.objects.get().status == OrderStatus.PROCESSING


# --- The cost of a refusal, and retries -------------------------------------------------


def test_a_refusal_writes_no_row_and_needs_no_exclusive_lock_of_the_event():
    event = make_event(capacity=10)
    post_reservation(event, PER_CUSTOMER)

    with transaction.atomic():
        share_event(event.number)
        refused = race(lambda: outcome(post_reservation(event, 1)))

    assert refused == [MUST_WAIT]
    assert not DroppedHold.objects.exists()
    assert left(event) == 10 - PER_CUSTOMER


def test_a_refusal_by_owned_tickets_needs_one_query():
    event = make_event()
    buy(event, PER_CUSTOMER)

    with CaptureQueriesContext(connection) as captured:
        assert outcome(post_reservation(event, 1)) == CUSTOMER_HAS_ALL

    assert len(captured) == 1


def test_a_retry_gets_the_stored_response_although_the_customer_holds_the_limit(api: APIClient):
    event = make_event()
    keys = [str(uuid4()) for _ in range(3)]
    responses = [
        api.post("/orders", reservation_request(event), headers={"Idempotency-Key": key})
        for key in keys
    ]

    retried = api.post("/orders", reservation_request(event), headers={"Idempotency-Key": keys[0]})

    assert [outcome(response) for response in responses] == [RESERVED, RESERVED, MUST_WAIT]
    assert (outcome(retried), retried.json()["id"]) == (RESERVED, responses[0].json()["id"])


@pytest.mark.parametrize("limit", [MUST_WAIT, CUSTOMER_HAS_ALL])
def test_a_refusal_by_a_limit_is_not_stored_under_its_idempotency_key(
    api: APIClient, limit: tuple[int, str]
):
    event = make_event()
    if limit == MUST_WAIT:
        order = Order.objects.get(
            pk=api.post("/orders", reservation_request(event, 4)).json()["id"]
        )
        make_room: Callable[[], None] = partial(cancel, order)
    else:
        order = buy(event, 4, address="127.0.0.1")
        make_room = partial(refund_order, order_id=order.pk, actor=SOMEBODY, now=clock.now())
    key = {"Idempotency-Key": str(uuid4())}
    assert outcome(api.post("/orders", reservation_request(event), headers=key)) == limit

    make_room()

    assert outcome(api.post("/orders", reservation_request(event), headers=key)) == RESERVED


# --- The stored digests of addresses ----------------------------------------------------


def digests() -> set[tuple[str, str]]:
    return set(Order.objects.values_list("address_digest", "network_digest"))


def test_an_order_has_digests_of_the_address_and_of_its_network_until_it_ends():
    event = make_event()
    order = Order.objects.get(pk=post_reservation(event, address="2001:db8::1").json()["id"])
    (address, network) = digests().pop()

    pay_for(str(order.pk))
    assert digests() == {(address, network)}
    settle_order(order_id=order.pk, now=clock.now())
    assert digests() == {(address, network)}

    assert len(address) == len(network) == 16
    assert address != network
    assert "2001" not in address + network


@pytest.mark.parametrize("end", [cancel, decline, refund_all])
def test_the_digests_are_cleared_when_the_order_ends(end: Callable[[Order], None]):
    order = Order.objects.get(pk=post_reservation(make_event(), address="2001:db8::1").json()["id"])

    end(order)

    assert digests() == {("", "")}


def test_the_digests_are_cleared_after_the_end_of_the_event():
    event, other = make_event(), make_event()
    orders = [buy(event, address="2001:db8::1"), buy(event, email=email_of(1))]
    post_reservation(other)
    changed = {order.pk: Order.objects.get(pk=order.pk).modified_at for order in orders}
    over = event.ends_at + timedelta(seconds=1)
    Event.objects.filter(pk=other.pk).update(ends_at=over + timedelta(days=1))

    assert forget_addresses(now=event.ends_at) == 0
    assert forget_addresses(now=over) == 2
    assert forget_addresses(now=over) == 0

    of_event = Order.objects.filter(event=event)
    assert set(of_event.values_list("address_digest", "network_digest")) == {("", "")}
    # Clients that use `modified_since` must not get all these orders again.
    assert {order.pk: order.modified_at for order in of_event} == changed
    assert Order.objects.exclude(address_digest="").get().event_id == other.pk


def test_one_run_clears_the_digests_of_a_limited_number_of_batches(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("orders.limits._BATCH", 3)
    monkeypatch.setattr("orders.limits._MOST_BATCHES", 3)
    event = make_event()
    for number in range(10):
        post_reservation(event, email=email_of(number), address=f"192.0.2.{number}")
    over = event.ends_at + timedelta(seconds=1)

    assert [forget_addresses(now=over) for _ in range(3)] == [9, 1, 0]


@pytest.mark.parametrize("limits", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0)])
def test_any_one_limit_is_a_limit(limits: tuple[int, int, int]):
    assert Limits(*limits).are_set is any(limits)


def test_without_limits_no_order_is_refused_and_no_digest_is_stored(settings: Any):
    settings.TICKETS_PER_CUSTOMER = settings.TICKETS_PER_ADDRESS = 0
    event = make_event()

    assert [outcome(post_reservation(event, 5)) for _ in range(3)] == [RESERVED] * 3
    assert digests() == {("", "")}


# --- Paying for what was held from several addresses ------------------------------------


def pay(response: Any) -> Any:
    order = response.json()
    buyer = as_bearer(order["access_token"])
    return buyer.post(f"/orders/{order['id']}/payment", {"method": "card", "token": "tok_approved"})


def test_one_email_cannot_pay_for_more_than_the_limit_with_orders_from_several_addresses():
    event = make_event(capacity=20)
    held = [post_reservation(event, 3, address=f"192.0.2.{n}") for n in range(1, 4)]
    assert [outcome(response) for response in held] == [RESERVED] * 3

    responses = [outcome(pay(response)) for response in held]

    assert responses == [(202, "processing"), CUSTOMER_HAS_ALL, CUSTOMER_HAS_ALL]
    statuses = Order.objects.filter(event=event).values_list("status", flat=True)
    assert sorted(statuses) == ["processing", "reserved", "reserved"]
    assert event.ticket_types.get().promised == 3


def test_a_payment_that_reaches_the_limit_exactly_is_accepted():
    event = make_event()
    held = [post_reservation(event, 2, address=f"192.0.2.{n}") for n in range(1, 4)]

    responses = [outcome(pay(response)) for response in held]

    assert responses == [(202, "processing"), (202, "processing"), CUSTOMER_HAS_ALL]


def test_an_order_that_was_refused_at_payment_can_be_paid_after_a_refund_of_the_other():
    event = make_event()
    first, second = (post_reservation(event, 3, address=f"192.0.2.{n}") for n in (1, 2))
    pay(first)
    assert outcome(pay(second)) == CUSTOMER_HAS_ALL

    settle_order(order_id=first.json()["id"], now=clock.now())
    refund_order(order_id=first.json()["id"], actor=SOMEBODY, now=clock.now())

    assert outcome(pay(second)) == (202, "processing")


def test_a_lowered_limit_does_not_refuse_the_payment_of_a_customers_only_order():
    event = make_event()
    held = post_reservation(event, PER_CUSTOMER)
    Event.objects.filter(pk=event.pk).update(max_per_customer=1)

    assert outcome(pay(held)) == (202, "processing")


def test_concurrent_payments_of_one_customer_do_not_exceed_the_limit():
    event = make_event(capacity=20)
    orders = [post_reservation(event, 3, address=f"192.0.2.{n}").json()["id"] for n in range(1, 5)]

    race(*(partial(pay_for, order_id) for order_id in orders))

    assert event.ticket_types.get().promised == 3


# --- Concurrent reservations ------------------------------------------------------------


def _reserve(event: Event, quantity: int, email: str, address: str, network: str) -> Reservation:
    kind = event.ticket_types.get()
    return reserve_tickets(
        event_id=event.pk,
        wanted=[WantedTickets(kind.pk, quantity)],
        customer=Customer("Ana", email, "en", address, network),
        now=clock.now(),
    )


@contextmanager
def _slow_reserve_order(*, locked: bool) -> Iterator[None]:
    """Add a pause to `reserve_order` between count and insert, and remove its locks if asked to."""
    real = RESERVE_ORDER.read_text().replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    slow = real.replace(
        "  INSERT INTO orders_order (", "  PERFORM pg_sleep(0.1);\n  INSERT INTO orders_order (", 1
    )
    if not locked:
        slow = slow.replace("PERFORM pg_advisory_xact_lock(", "PERFORM greatest(0, ")
    with connection.cursor() as cursor:
        cursor.execute(slow)
        try:
            yield
        finally:
            cursor.execute(real)


CROWDS = {
    "customer": (["ana@example.com", "ANA+1@example.com"], [("", "")], PER_CUSTOMER),
    "address": ([email_of(number) for number in range(8)], [("home", "")], PER_ADDRESS),
    "network": (
        [email_of(number) for number in range(8)],
        [(f"home-{number}", "site") for number in range(8)],
        PER_ADDRESS,
    ),
}


def _rush(crowd: str) -> list[Any]:
    emails, places, _ = CROWDS[crowd]
    event = make_event(capacity=100)
    return race(
        *[
            partial(_reserve, event, 1, emails[lane % len(emails)], *places[lane % len(places)])
            for lane in range(10)
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize("crowd", CROWDS)
def test_concurrent_orders_reach_the_limit_and_do_not_exceed_it(crowd: str):
    with _slow_reserve_order(locked=True):
        outcomes = _rush(crowd)

    limit = CROWDS[crowd][2]
    assert Counter(map(type, outcomes)) == {Reservation: limit, TooManyReservations: 10 - limit}
    assert Order.objects.filter(status=OrderStatus.RESERVED).count() == limit


@pytest.mark.slow
@pytest.mark.parametrize("crowd", CROWDS)
def test_without_the_locks_concurrent_orders_exceed_the_limit(crowd: str):
    with _slow_reserve_order(locked=False):
        _rush(crowd)

    assert Order.objects.count() > CROWDS[crowd][2]


@pytest.mark.slow
def test_two_hundred_concurrent_orders_exceed_no_limit_and_do_not_deadlock():
    event = make_event(capacity=500)
    emails = ["ana@example.com", "ana+1@example.com", "bia@example.com", "caio@example.com"]

    def lane(number: int) -> list[str]:
        results = []
        for turn in range(20):
            try:
                _reserve(
                    event,
                    1 + turn % 2,
                    emails[(number + turn) % 4],
                    f"home-{(number * turn) % 3}",
                    f"site-{number % 2}",
                )
                results.append("reserved")
            except TooManyReservations:
                results.append("refused")
        return results

    outcomes = race(*[partial(lane, number) for number in range(10)])

    assert sum(len(each) for each in outcomes if isinstance(each, list)) == 200, outcomes
    most = Counter[tuple[str, str]]()
    rows = Order.objects.values_list(
        "customer_email", "address_digest", "network_digest", "items__quantity"
    )
    for email, address, network, quantity in rows:
        most["customer", email.replace("+1", "")] += quantity
        most["address", address] += quantity
        most["network", network] += quantity
    limits = {"customer": PER_CUSTOMER, "address": PER_ADDRESS, "network": PER_ADDRESS}
    assert {kind for kind, _ in most} == set(limits)
    assert all(count <= limits[kind] for (kind, _), count in most.items()), most


# --- While the previous release runs too ------------------------------------------------


def test_orders_that_the_function_of_the_previous_release_writes_count_too():
    event = Event.objects.get(pk=make_event().pk)
    kind = event.ticket_types.get()
    post_reservation(event, 1, email=email_of(5))
    event.refresh_from_db()
    (known,) = Order.objects.values_list("address_digest", flat=True)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT outcome FROM reserve_order(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,"
            " %s, %s, %s, %s::uuid[], %s::int[], %s::numeric[])",
            [
                new_id(), event.pk, event.number, event.revision, event.epoch, "OLD123", "Ana",
                "Ana+old@example.com", "en", "x" * 64, "BRL", 180, known, 5, 30,
                [kind.pk], [4], [kind.price],
            ],
        )  # fmt: skip
        assert cursor.fetchone() == ("written",)

    assert outcome(post_reservation(event, 1)) == MUST_WAIT
    assert outcome(post_reservation(event, 2, email=email_of(6))) == MUST_WAIT
