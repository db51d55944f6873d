"""How many tickets of one event a customer and a network address may have."""

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
from orders.insertion import Customer, Reservation
from orders.limits import Limits, TooManyReservations, forget_addresses
from orders.models import DroppedHold, Order, OrderStatus
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


def wish_for(event: Event, quantity: int = 2, *, email: str = "ana@example.com") -> dict[str, Any]:
    return {
        "event": event.slug,
        "quantity": quantity,
        "customer": {"name": "Ana Souza", "email": email},
    }


def ask(
    event: Event, quantity: int = 2, *, email: str = "ana@example.com", address: str = "192.0.2.1"
) -> Any:
    return APIClient(REMOTE_ADDR=address).post("/orders", wish_for(event, quantity, email=email))


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code" if answer.status_code >= 400 else "status")


RESERVED = (201, "reserved")
MUST_WAIT = (429, "too_many_reservations")
CUSTOMER_HAS_ALL = (409, "max_per_customer_exceeded")
ADDRESS_HAS_ALL = (409, "max_per_address_exceeded")


def somebody(number: int) -> str:
    return f"somebody-{number}@example.com"


def left(event: Event) -> int:
    return sum(left_by_type([event.pk]).values())


def buy(event: Event, quantity: int = 2, **who: str) -> Order:
    """Reserve and pay; the charge goes well."""
    answer = ask(event, quantity, **who)
    assert told(answer) == RESERVED
    order = pay_for(answer.json()["id"])
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


# --- A customer ------------------------------------------------------------------------


def test_a_customer_with_the_limit_held_takes_nothing_more_and_is_told_when_to_retry():
    event = make_event(capacity=10)
    assert told(ask(event, PER_CUSTOMER)) == RESERVED

    refused = ask(event, 1, email="Ana@Example.COM")

    assert told(refused) == MUST_WAIT
    assert refused.json()["detail"].startswith("This customer has as many")
    assert 0 < int(refused.headers["Retry-After"]) <= event.hold_seconds
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert left(event) == 10 - PER_CUSTOMER
    assert Order.objects.count() == 1


def test_tickets_count_and_not_orders():
    event = make_event()

    answers = [ask(event, quantity) for quantity in (1, 1, 1, 2, 1)]

    assert [told(answer) for answer in answers] == [RESERVED] * 3 + [MUST_WAIT, RESERVED]


def test_the_wait_is_for_the_reservation_that_ends_first():
    event = make_event()
    first, _ = (ask(event).json() for _ in range(2))
    soon = clock.now() + timedelta(seconds=30)
    Order.objects.filter(pk=first["id"]).update(reserved_until=soon)

    assert 0 < int(ask(event).headers["Retry-After"]) <= 31


def test_all_types_of_an_event_count_together_and_another_event_apart():
    event = make_event()
    kinds = [make_ticket_type(event=event, name=f"Setor {number}") for number in range(3)]
    customer = wish_for(event)["customer"]

    def reserve(*quantities: int) -> tuple[int, str]:
        items = [
            {"ticket_type": str(kind.pk), "quantity": quantity}
            for kind, quantity in zip(kinds, quantities, strict=False)
        ]
        wish = {"event": event.slug, "items": items, "customer": customer}
        return told(APIClient().post("/orders", wish))

    assert reserve(1, 1, 1) == RESERVED
    assert reserve(1, 1) == MUST_WAIT
    assert reserve(1) == RESERVED
    assert told(ask(make_event())) == RESERVED


@pytest.mark.parametrize("price", ["45.00", "0.00"])
def test_paid_tickets_count_and_waiting_does_not_help(price: str):
    event = make_event(price=price)
    buy(event, 3)

    assert told(ask(event, 2)) == CUSTOMER_HAS_ALL
    assert told(ask(event, 1)) == RESERVED
    # One is held: to wait for it would help.
    assert told(ask(event, 1)) == MUST_WAIT


def test_tickets_that_are_being_paid_for_count():
    event = make_event()
    pay_for(ask(event, PER_CUSTOMER).json()["id"])

    assert told(ask(event, 1)) == CUSTOMER_HAS_ALL


def test_an_order_of_more_than_the_limit_is_refused_for_good():
    assert told(ask(make_event(), PER_CUSTOMER + 1)) == CUSTOMER_HAS_ALL


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
    assert told(ask(event, PER_CUSTOMER, email=first)) == RESERVED

    assert told(ask(event, 1, email=second)) == MUST_WAIT
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
def test_a_mailbox_is_counted_by_one_spelling(typed: str, counted: str):
    with connection.cursor() as cursor:
        cursor.execute("SELECT counted_email(%s)", [typed])
        assert cursor.fetchone() == (counted,)


# --- An address ------------------------------------------------------------------------


def test_an_address_with_the_limit_takes_nothing_more_and_others_do():
    event = make_event(capacity=20)
    for number in range(3):
        assert told(ask(event, email=somebody(number))) == RESERVED

    refused = ask(event, 1, email=somebody(9))

    assert told(refused) == MUST_WAIT
    assert refused.json()["detail"].startswith("Your address has as many")
    assert told(ask(event, email=somebody(9), address="192.0.2.7")) == RESERVED
    assert left(event) == 20 - PER_ADDRESS - 2


def test_an_address_that_has_bought_the_limit_gets_no_more_by_waiting():
    event = make_event()
    for number in range(3):
        buy(event, email=somebody(number))

    assert told(ask(event, 1, email=somebody(9))) == ADDRESS_HAS_ALL


@pytest.mark.parametrize(
    "hop", ["2001:db8:1:200::", "2001:db8:1:2ff::", "2001:db8:1:201:ffff::1", "2001:db8:1:200::2"]
)
def test_another_address_of_one_ipv6_network_is_no_other(hop: str):
    event = make_event()
    for number, address in enumerate(["2001:db8:1:200::1", "2001:db8:1:2aa::", "2001:db8:1:2bb::"]):
        assert told(ask(event, email=somebody(number), address=address)) == RESERVED

    assert told(ask(event, 1, email=somebody(9), address=hop)) == MUST_WAIT
    assert told(ask(event, 1, email=somebody(9), address="2001:db8:1:300::")) == RESERVED


def test_what_a_caller_claims_to_be_forwarded_from_makes_no_other_address(settings: Any):
    event = make_event()

    answers = [
        APIClient(headers={"X-Forwarded-For": f"198.51.100.{number}"}).post(
            "/orders", wish_for(event, email=somebody(number))
        )
        for number in range(4)
    ]
    settings.TRUSTED_PROXY_HOPS = 1
    proxied = [
        APIClient(headers={"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.9"}).post(
            "/orders", wish_for(event, email=somebody(10 + number))
        )
        for number in range(4)
    ]

    assert [told(answer) for answer in answers] == [RESERVED] * 3 + [MUST_WAIT]
    assert [told(answer) for answer in proxied] == [RESERVED] * 3 + [MUST_WAIT]


def test_nobody_holds_a_whole_event_from_one_address(settings: Any):
    """Twenty orders of ten once held all two hundred tickets."""
    settings.TICKETS_PER_CUSTOMER, settings.TICKETS_PER_ADDRESS = 20, 100
    settings.HELD_PERCENT_PER_ADDRESS = 10
    event = make_event(capacity=200)

    answers = [ask(event, 10, email=somebody(number)) for number in range(20)]

    assert Counter(map(told, answers)) == {RESERVED: 2, MUST_WAIT: 18}
    assert left(event) == 180


def test_what_is_paid_is_not_held(settings: Any):
    settings.TICKETS_PER_ADDRESS = 100
    settings.HELD_PERCENT_PER_ADDRESS = 10
    event = make_event(capacity=30, max_per_order=3)
    buy(event, 3, email=somebody(1))

    assert told(ask(event, 3, email=somebody(2))) == RESERVED
    assert told(ask(event, 1, email=somebody(3))) == MUST_WAIT


def test_an_address_may_hold_one_full_order_of_a_small_event(settings: Any):
    settings.HELD_PERCENT_PER_ADDRESS = 10
    event = make_event(capacity=12, max_per_order=4)

    assert told(ask(event, 4)) == RESERVED
    assert told(ask(event, 1, email=somebody(2))) == MUST_WAIT


# --- What gives tickets back -----------------------------------------------------------


def cancel(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(status=OrderStatus.CANCELLED, closed_at=clock.now())


def let_run_out(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(reserved_until=clock.now())


def decline(order: Order) -> None:
    fail_payment(order=pay_for(str(order.pk)), decline_code="declined", now=clock.now())


def refund_all(order: Order) -> None:
    settle_order(order_id=pay_for(str(order.pk)).pk, now=clock.now())
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())


@pytest.mark.parametrize("end", [cancel, let_run_out, decline, refund_all])
def test_tickets_that_were_given_back_do_not_count(end: Callable[[Order], None]):
    event = make_event()
    for _ in range(2):
        order = Order.objects.get(pk=ask(event, PER_CUSTOMER).json()["id"])
        assert told(ask(event, 1))[0] > 201
        end(order)

    assert told(ask(event, PER_CUSTOMER)) == RESERVED


def test_each_refunded_ticket_makes_room_for_one():
    event = make_event()
    order = buy(event, PER_CUSTOMER)
    going = list(Ticket.objects.of_order(order.pk)[:1].values_list("pk", flat=True))

    refund_tickets(order_id=order.pk, ticket_ids=going, actor=SOMEBODY, now=clock.now())

    assert told(ask(event, 2)) == CUSTOMER_HAS_ALL
    assert told(ask(event, 1)) == RESERVED


# --- A customer whose email someone else types -----------------------------------------


def test_reservations_under_somebodys_email_do_not_shut_out_an_address_that_holds_nothing():
    event = make_event()
    assert told(ask(event, PER_CUSTOMER, address="203.0.113.66")) == RESERVED

    answers = [ask(event, PER_CUSTOMER), ask(event, 1), ask(event, 1, address="203.0.113.66")]

    assert [told(answer) for answer in answers] == [RESERVED, MUST_WAIT, MUST_WAIT]


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_an_address_that_holds_tickets_counts_all_that_the_email_holds(address: str):
    event = make_event()
    ask(event, PER_CUSTOMER, address="203.0.113.66")
    assert told(ask(event, 1, email=somebody(1), address=address)) == RESERVED

    neighbor = address.replace("db8::1", "db8:0:ff::")

    assert told(ask(event, 1, address=neighbor)) == MUST_WAIT


def test_paid_tickets_count_for_every_address_and_no_stranger_is_told_that_they_are_paid():
    """Who probes an email reads the same as for reservations, and no moment of any order."""
    event = make_event()
    buy(event, PER_CUSTOMER)

    stranger = ask(event, 1, address="203.0.113.66")

    assert told(stranger) == MUST_WAIT
    assert stranger.headers["Retry-After"] == str(event.hold_seconds)
    assert told(ask(event, 1)) == CUSTOMER_HAS_ALL


def test_a_stranger_who_holds_tickets_learns_no_moment_of_the_emails_reservations():
    event = make_event()
    ask(event, PER_CUSTOMER)
    Order.objects.update(reserved_until=clock.now() + timedelta(seconds=30))
    ask(event, 1, email=somebody(1), address="203.0.113.66")

    refused = ask(event, 1, address="203.0.113.66")

    assert (told(refused), refused.headers["Retry-After"]) == (MUST_WAIT, str(event.hold_seconds))


def test_a_shop_counts_all_that_its_customer_has():
    event = make_event()
    ask(event, 2)

    answers = [as_organizer(event).post("/orders", wish_for(event, 2)) for _ in range(2)]

    assert [told(answer) for answer in answers] == [RESERVED, MUST_WAIT]


@pytest.mark.parametrize(
    ("scopes", "whose", "second"),
    [
        ([Scope.ORDERS_WRITE], "own", RESERVED),
        ([Scope.ORDERS_READ, Scope.EVENTS_WRITE], "own", MUST_WAIT),
        ([Scope.ORDERS_WRITE], "another", MUST_WAIT),
        (None, "nobody's", MUST_WAIT),
    ],
)
def test_only_a_shop_of_the_events_organizer_reserves_for_many_from_one_address(
    settings: Any, scopes: list[str] | None, whose: str, second: tuple[int, str]
):
    settings.TICKETS_PER_ADDRESS = 3
    event = make_event()
    organizer = event.organizer if whose == "own" else make_organizer(name="Outra Casa")
    token = "api_" + "x" * 43
    if scopes is not None:
        token = make_api_token(organizer=organizer, scopes=scopes)
    shop = as_bearer(token)

    answers = [shop.post("/orders", wish_for(event, email=somebody(number))) for number in range(2)]

    assert [told(answer) for answer in answers] == [RESERVED, second]


# --- An event's own limits -------------------------------------------------------------


def test_an_event_has_limits_of_its_own(settings: Any):
    settings.TICKETS_PER_CUSTOMER = settings.TICKETS_PER_ADDRESS = 0
    event = make_event(max_per_customer=2, max_per_address=3)

    assert told(ask(event, 3)) == CUSTOMER_HAS_ALL
    assert told(ask(event, 2)) == RESERVED
    assert told(ask(event, 2, email=somebody(1))) == MUST_WAIT


def test_an_event_may_have_no_limit(settings: Any):
    event = make_event(max_per_customer=0, max_per_address=0)

    assert [told(ask(event, 5)) for _ in range(3)] == [RESERVED] * 3
    assert set(Order.objects.values_list("address_digest", "network_digest")) == {("", "")}


def test_a_limit_changed_in_the_middle_of_the_sale_counts_from_the_next_order_on():
    event = make_event()
    buy(event, 2)
    organizer = as_organizer(event)

    lowered = organizer.patch(f"/events/{event.slug}", {"max_per_customer": 2})
    below = ask(event, 1)
    organizer.patch(f"/events/{event.slug}", {"max_per_customer": 3})

    assert (lowered.status_code, lowered.json()["max_per_customer"]) == (200, 2)
    assert told(below) == CUSTOMER_HAS_ALL
    assert told(ask(event, 1)) == RESERVED


def test_a_lower_limit_leaves_reservations_alone():
    event = make_event()
    order_id = ask(event, PER_CUSTOMER).json()["id"]

    as_organizer(event).patch(f"/events/{event.slug}", {"max_per_customer": 1})

    pay_for(order_id)
    assert Order.objects.get().status == OrderStatus.PROCESSING


# --- What a refusal costs, and what is repeated ------------------------------------------


def test_a_refusal_leaves_no_mark_and_waits_for_nobody():
    """To refuse costs less than to sell: no lock of the whole event, and no row."""
    event = make_event(capacity=10)
    ask(event, PER_CUSTOMER)

    with transaction.atomic():
        share_event(event.number)
        refused = race(lambda: told(ask(event, 1)))

    assert refused == [MUST_WAIT]
    assert not DroppedHold.objects.exists()
    assert left(event) == 10 - PER_CUSTOMER


def test_a_refusal_for_good_asks_the_database_once():
    event = make_event()
    buy(event, PER_CUSTOMER)

    with CaptureQueriesContext(connection) as captured:
        assert told(ask(event, 1)) == CUSTOMER_HAS_ALL

    assert len(captured) == 1


def test_an_idempotency_key_repeats_the_reservation_of_a_customer_with_the_limit(api: APIClient):
    event = make_event()
    keys = [str(uuid4()) for _ in range(3)]
    answers = [
        api.post("/orders", wish_for(event), headers={"Idempotency-Key": key}) for key in keys
    ]

    again = api.post("/orders", wish_for(event), headers={"Idempotency-Key": keys[0]})

    assert [told(answer) for answer in answers] == [RESERVED, RESERVED, MUST_WAIT]
    assert (told(again), again.json()["id"]) == (RESERVED, answers[0].json()["id"])


@pytest.mark.parametrize("limit", [MUST_WAIT, CUSTOMER_HAS_ALL])
def test_a_refused_key_can_be_used_again_once_there_is_room(api: APIClient, limit: tuple[int, str]):
    event = make_event()
    if limit == MUST_WAIT:
        order = Order.objects.get(pk=api.post("/orders", wish_for(event, 4)).json()["id"])
        make_room: Callable[[], None] = partial(cancel, order)
    else:
        order = buy(event, 4, address="127.0.0.1")
        make_room = partial(refund_order, order_id=order.pk, actor=SOMEBODY, now=clock.now())
    key = {"Idempotency-Key": str(uuid4())}
    assert told(api.post("/orders", wish_for(event), headers=key)) == limit

    make_room()

    assert told(api.post("/orders", wish_for(event), headers=key)) == RESERVED


# --- What is written down, and for how long ---------------------------------------------


def digests() -> set[tuple[str, str]]:
    return set(Order.objects.values_list("address_digest", "network_digest"))


def test_an_address_is_written_as_digests_for_as_long_as_the_order_lives():
    event = make_event()
    order = Order.objects.get(pk=ask(event, address="2001:db8::1").json()["id"])
    (address, network) = digests().pop()

    pay_for(str(order.pk))
    assert digests() == {(address, network)}
    settle_order(order_id=order.pk, now=clock.now())
    assert digests() == {(address, network)}

    assert len(address) == len(network) == 16
    assert address != network
    assert "2001" not in address + network


@pytest.mark.parametrize("end", [cancel, decline, refund_all])
def test_the_digests_go_with_the_end_of_the_order(end: Callable[[Order], None]):
    order = Order.objects.get(pk=ask(make_event(), address="2001:db8::1").json()["id"])

    end(order)

    assert digests() == {("", "")}


def test_the_digests_go_with_the_end_of_the_event():
    event, other = make_event(), make_event()
    orders = [buy(event, address="2001:db8::1"), buy(event, email=somebody(1))]
    ask(other)
    changed = {order.pk: Order.objects.get(pk=order.pk).modified_at for order in orders}
    over = event.ends_at + timedelta(seconds=1)
    Event.objects.filter(pk=other.pk).update(ends_at=over + timedelta(days=1))

    assert forget_addresses(now=event.ends_at) == 0
    assert forget_addresses(now=over) == 2
    assert forget_addresses(now=over) == 0

    told = Order.objects.filter(event=event)
    assert set(told.values_list("address_digest", "network_digest")) == {("", "")}
    # Organizers' systems that follow the orders are not told of all of them again.
    assert {order.pk: order.modified_at for order in told} == changed
    assert Order.objects.exclude(address_digest="").get().event_id == other.pk


def test_digests_are_forgotten_in_batches_and_no_more_than_so_many(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("orders.limits._BATCH", 3)
    monkeypatch.setattr("orders.limits._MOST_BATCHES", 3)
    event = make_event()
    for number in range(10):
        ask(event, email=somebody(number), address=f"192.0.2.{number}")
    over = event.ends_at + timedelta(seconds=1)

    assert [forget_addresses(now=over) for _ in range(3)] == [9, 1, 0]


@pytest.mark.parametrize("limits", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0)])
def test_any_one_limit_is_a_limit(limits: tuple[int, int, int]):
    assert Limits(*limits).are_set is any(limits)


def test_without_limits_nobody_is_refused_and_no_address_is_written(settings: Any):
    settings.TICKETS_PER_CUSTOMER = settings.TICKETS_PER_ADDRESS = 0
    event = make_event()

    assert [told(ask(event, 5)) for _ in range(3)] == [RESERVED] * 3
    assert digests() == {("", "")}


# --- Paying for what was held from several addresses -----------------------------------


def pay(answer: Any) -> Any:
    order = answer.json()
    buyer = as_bearer(order["access_token"])
    return buyer.post(f"/orders/{order['id']}/payment", {"method": "card", "token": "tok_approved"})


def test_one_email_pays_for_no_more_than_the_limit_from_however_many_addresses():
    event = make_event(capacity=20)
    held = [ask(event, 3, address=f"192.0.2.{n}") for n in range(1, 4)]
    assert [told(answer) for answer in held] == [RESERVED] * 3

    answers = [told(pay(answer)) for answer in held]

    assert answers == [(202, "processing"), CUSTOMER_HAS_ALL, CUSTOMER_HAS_ALL]
    statuses = Order.objects.filter(event=event).values_list("status", flat=True)
    assert sorted(statuses) == ["processing", "reserved", "reserved"]
    assert event.ticket_types.get().promised == 3


def test_a_payment_up_to_the_limit_exactly_is_taken():
    event = make_event()
    held = [ask(event, 2, address=f"192.0.2.{n}") for n in range(1, 4)]

    answers = [told(pay(answer)) for answer in held]

    assert answers == [(202, "processing"), (202, "processing"), CUSTOMER_HAS_ALL]


def test_an_order_that_was_refused_at_payment_can_be_paid_once_the_other_was_refunded():
    event = make_event()
    first, second = (ask(event, 3, address=f"192.0.2.{n}") for n in (1, 2))
    pay(first)
    assert told(pay(second)) == CUSTOMER_HAS_ALL

    settle_order(order_id=first.json()["id"], now=clock.now())
    refund_order(order_id=first.json()["id"], actor=SOMEBODY, now=clock.now())

    assert told(pay(second)) == (202, "processing")


def test_a_lower_limit_does_not_refuse_the_payment_of_a_customers_only_order():
    event = make_event()
    held = ask(event, PER_CUSTOMER)
    Event.objects.filter(pk=event.pk).update(max_per_customer=1)

    assert told(pay(held)) == (202, "processing")


def test_payments_of_one_customer_at_once_do_not_pass_the_limit():
    event = make_event(capacity=20)
    orders = [ask(event, 3, address=f"192.0.2.{n}").json()["id"] for n in range(1, 5)]

    race(*(partial(pay_for, order_id) for order_id in orders))

    assert event.ticket_types.get().promised == 3


# --- Many at once ----------------------------------------------------------------------


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
    """Let time pass between the count and the insert, with the locks of the limits or without."""
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
    "address": ([somebody(number) for number in range(8)], [("home", "")], PER_ADDRESS),
    "network": (
        [somebody(number) for number in range(8)],
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
def test_many_orders_at_once_pass_no_limit_by_one_ticket(crowd: str):
    with _slow_reserve_order(locked=True):
        outcomes = _rush(crowd)

    limit = CROWDS[crowd][2]
    assert Counter(map(type, outcomes)) == {Reservation: limit, TooManyReservations: 10 - limit}
    assert Order.objects.filter(status=OrderStatus.RESERVED).count() == limit


@pytest.mark.slow
@pytest.mark.parametrize("crowd", CROWDS)
def test_without_the_locks_many_at_once_would_pass_the_limit(crowd: str):
    with _slow_reserve_order(locked=False):
        _rush(crowd)

    assert Order.objects.count() > CROWDS[crowd][2]


@pytest.mark.slow
def test_two_hundred_orders_at_once_pass_no_limit_and_wait_for_each_other_in_one_order():
    event = make_event(capacity=500)
    emails = ["ana@example.com", "ana+1@example.com", "bia@example.com", "caio@example.com"]

    def lane(number: int) -> list[str]:
        told = []
        for turn in range(20):
            try:
                _reserve(
                    event,
                    1 + turn % 2,
                    emails[(number + turn) % 4],
                    f"home-{(number * turn) % 3}",
                    f"site-{number % 2}",
                )
                told.append("reserved")
            except TooManyReservations:
                told.append("refused")
        return told

    outcomes = race(*[partial(lane, number) for number in range(10)])

    assert sum(len(told) for told in outcomes if isinstance(told, list)) == 200, outcomes
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


# --- Beside the previous release ------------------------------------------------------------


def test_the_previous_releases_function_still_writes_orders_and_they_count():
    event = Event.objects.get(pk=make_event().pk)
    kind = event.ticket_types.get()
    ask(event, 1, email=somebody(5))
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

    assert told(ask(event, 1)) == MUST_WAIT
    assert told(ask(event, 2, email=somebody(6))) == MUST_WAIT
