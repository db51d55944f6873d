"""A buyer corrects the name and the address of a reservation before it is paid."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from events.models import Event, EventStatus
from events.organizing import cancel_event
from orders.access import buyer_of
from orders.cancellation import cancel_order
from orders.confirmation import ConfirmationNotValid, accept_payment, confirm_email
from orders.confirmation import confirmation_token as token_of
from orders.correction import (
    AddressNotCorrected,
    AddressNotMailable,
    Contact,
    can_correct_own_contact,
    correct_contact,
    correct_own_contact,
)
from orders.insertion import Customer, Shop
from orders.limits import MaxPerCustomerExceeded
from orders.models import EmailConfirmation, Order, OrderStatus
from orders.payment import confirm_payment
from orders.reservation import reserve_tickets
from tests.make import SOMEBODY, make_event
from tests.moments import NOON
from tests.queue import RecordingQueue
from tests.race import race
from ticketing import clock
from ticketing.ids import new_id
from ticketing.mail_limit import TooManyMails
from ticketing.models import Act
from ticketing.queue.messages import Message

pytestmark = pytest.mark.django_db(transaction=True)

ANA, BIA = "ana@example.com", "bia@example.com"
HERE, ELSEWHERE = "a" * 16, "b" * 16


def reserve(event: Event, email: str = ANA, *, network: str = HERE, **options: Any) -> Order:
    """Reserve two tickets from a network."""
    reservation = reserve_tickets(
        event_id=event.pk,
        wanted=2,
        customer=Customer("Ana Souza", email, "en", address_digest=network),
        now=clock.now(),
        **options,
    )
    return Order.objects.select_related("event").get(pk=reservation.order_id)


def correct(order: Order, email: str = BIA, name: str = "Ana Souza") -> None:
    order = Order.objects.select_related("event").get(pk=order.pk)
    becomes = Contact(name, email)
    correct_own_contact(order=order, becomes=becomes, actor=buyer_of(order), now=clock.now())


def pay(order: Order) -> None:
    confirm_payment(order=order, method="card", token="tok_approved", now=clock.now())


def contact_of(order: Order) -> tuple[str, str]:
    order.refresh_from_db(fields=["customer_name", "customer_email"])
    return order.customer_name, order.customer_email


def free_order_to_confirm(email: str = ANA) -> Order:
    order = reserve(make_event(price="0.00"), email)
    accept_payment(order=order, method="free", token="", now=clock.now())
    return order


def test_name_and_address_are_corrected_and_the_act_tells_neither():
    order = reserve(make_event())

    for _ in range(2):
        correct(order, "BIA@Example.com", "Bia Lima")

    assert contact_of(order) == ("Bia Lima", "BIA@example.com")
    act = Act.objects.get(subject_id=order.pk)
    assert (act.type, act.actor_kind) == ("order.customer_corrected", "buyer")
    assert act.details == {"fields": ["name", "email"]}


def test_an_address_that_gets_no_mail_changes_nothing():
    order = reserve(make_event())

    with pytest.raises(AddressNotMailable):
        correct(order, "bia@")

    assert contact_of(order) == ("Ana Souza", ANA)


def end(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(reserved_until=clock.now() - timedelta(seconds=1))


def cancel(order: Order) -> None:
    cancel_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())


@pytest.mark.parametrize("change", [pay, end, cancel])
def test_only_a_reservation_can_be_corrected(change: Callable[[Order], None]):
    order = reserve(make_event())
    stale = Order.objects.select_related("event").get(pk=order.pk)
    change(order)

    for seen in (order, stale):
        with pytest.raises(AddressNotCorrected):
            correct_own_contact(
                order=seen, becomes=Contact("B", BIA), actor=buyer_of(order), now=clock.now()
            )

    assert contact_of(order) == ("Ana Souza", ANA)
    assert not Act.objects.filter(type="order.customer_corrected").exists()


def test_the_pages_offer_a_correction_of_a_reservation_until_it_ends():
    order = reserve(make_event())
    Order.objects.filter(pk=order.pk).update(reserved_until=NOON)
    order.refresh_from_db(fields=["reserved_until"])

    def is_offered(order: Order, now: datetime = NOON - timedelta(microseconds=1)) -> bool:
        return can_correct_own_contact(order, now)

    assert (is_offered(order), is_offered(order, NOON)) == (True, False)
    order.status = OrderStatus.PROCESSING
    assert not is_offered(order)
    order.status, order.event.status = OrderStatus.RESERVED, EventStatus.CANCELLED
    assert not is_offered(order)
    of_a_shop = reserve(make_event(), network="", shop=Shop(new_id()))
    assert not is_offered(of_a_shop, clock.now())


def test_what_somebody_else_has_changed_meanwhile_stays_and_so_do_other_orders_of_the_customer():
    order, other = reserve(make_event()), reserve(make_event())
    stale = Order.objects.select_related("event").get(pk=order.pk)
    of_order = Order.objects.filter(pk=order.pk)
    for changed in ({"customer_name": "Eva Reis"}, {"customer_email": "eva@example.com"}):
        of_order.update(customer_name="Ana Souza", customer_email=ANA)
        of_order.update(**changed)
        kept = contact_of(order)

        with pytest.raises(AddressNotCorrected):
            correct_own_contact(
                order=stale, becomes=Contact("B", BIA), actor=buyer_of(order), now=clock.now()
            )
        assert contact_of(order) == kept

    now = clock.now()
    correct_own_contact(order=order, becomes=Contact("Bia", BIA), actor=buyer_of(order), now=now)
    assert (contact_of(order), contact_of(other)) == (("Bia", BIA), ("Ana Souza", ANA))
    act = Act.objects.get(type="order.customer_corrected")
    assert (act.organizer_id, act.actor_id, act.at) == (
        order.event.organizer_id,
        buyer_of(order).id,
        now,
    )


def test_a_corrected_address_of_an_order_that_waits_for_no_mail_mails_nobody(
    queue: RecordingQueue,
):
    waiting = free_order_to_confirm()
    order = reserve(make_event())
    queue.sent.clear()

    correct(order)

    assert queue.sent == []
    assert EmailConfirmation.objects.get().order_id == waiting.pk


def test_the_reservation_of_an_event_that_was_just_cancelled_mails_nobody():
    order = free_order_to_confirm()
    cancel_event(event_id=order.event_id, actor=SOMEBODY, now=clock.now())

    with pytest.raises(AddressNotCorrected):
        correct(order)


def test_the_order_of_a_shop_is_corrected_by_the_shop_alone():
    order = reserve(make_event(), network="", shop=Shop(new_id()))

    with pytest.raises(AddressNotCorrected):
        correct(order)


@pytest.mark.parametrize(
    ("network", "is_paid", "is_refused"),
    [(HERE, False, True), (HERE, True, True), (ELSEWHERE, True, True), (ELSEWHERE, False, False)],
)
def test_the_limit_of_the_new_address_counts_as_for_a_reservation(
    network: str, *, is_paid: bool, is_refused: bool
):
    event = make_event(max_per_customer=3)
    other = reserve(event, "B.I.A+x@gmail.com", network=network)
    if is_paid:
        pay(other)
    order = reserve(event)

    def again() -> None:
        # Anybody can hold tickets with somebody else's address, and must not lock it out.
        correct(order, "bia@gmail.com")

    if is_refused:
        with pytest.raises(MaxPerCustomerExceeded):
            again()
        assert contact_of(order) == ("Ana Souza", ANA)
        assert not Act.objects.filter(type="order.customer_corrected").exists()
    else:
        again()
        assert contact_of(order) == ("Ana Souza", "bia@gmail.com")


def test_reservations_of_the_new_address_that_have_ended_do_not_count_and_the_limit_is_reached():
    event = make_event(max_per_customer=4)
    # This network has other tickets, so that what is held under an address counts.
    reserve(event, "caio@example.com")
    cancel(reserve(event, BIA))
    end(reserve(event, BIA))
    order = reserve(event)
    counted = reserve(event, BIA)

    correct(order)

    assert contact_of(order) == contact_of(counted) == ("Ana Souza", BIA)


def test_a_whole_network_counts_as_the_place_of_other_tickets():
    event = make_event(max_per_customer=3)
    order = reserve(event)
    reserve(event, BIA, network=ELSEWHERE)
    neighbor = reserve(event, "caio@example.com", network="c" * 16)
    Order.objects.filter(pk__in=[order.pk, neighbor.pk]).update(network_digest="d" * 16)

    with pytest.raises(MaxPerCustomerExceeded):
        correct(order)
    Order.objects.filter(pk=neighbor.pk).update(network_digest="e" * 16)
    correct(order)

    assert contact_of(order) == ("Ana Souza", BIA)


def test_a_limit_that_was_lowered_since_refuses_no_correction_of_the_only_order():
    order = reserve(make_event(max_per_customer=3))
    Event.objects.filter(pk=order.event_id).update(max_per_customer=1)

    correct(order)

    assert contact_of(order) == ("Ana Souza", BIA)


def test_a_corrected_address_frees_the_limit_of_the_old_one():
    event = make_event(max_per_customer=3)
    order = reserve(event)

    correct(order)

    assert reserve(event).customer_email == ANA
    with pytest.raises(MaxPerCustomerExceeded):
        correct(order, ANA)


def test_a_payment_counts_the_address_that_the_order_has_by_now():
    event = make_event(max_per_customer=3)
    stale = reserve(event)
    other = reserve(event, BIA, network=ELSEWHERE)
    correct(stale)
    pay(other)

    with pytest.raises(MaxPerCustomerExceeded):
        pay(stale)

    assert stale.customer_email == ANA
    stale.refresh_from_db()
    assert stale.status == OrderStatus.RESERVED


def test_a_limit_of_two_corrections_at_once_is_kept():
    event = make_event(max_per_customer=3)
    orders = [reserve(event, f"ana{n}@example.com", network=str(n) * 16) for n in range(2)]
    # Both networks have other tickets, so that what is held under an address counts there.
    for n in range(2):
        reserve(event, f"caio{n}@example.com", network=str(n) * 16)

    outcomes = race(*(lambda order=order: correct(order) for order in orders))

    assert sorted(type(each).__name__ for each in outcomes) == [
        "MaxPerCustomerExceeded",
        "NoneType",
    ]
    assert Order.objects.filter(customer_email=BIA).count() == 1


def test_the_confirmation_goes_to_the_new_address_and_the_old_link_confirms_nothing(
    queue: RecordingQueue,
):
    order = free_order_to_confirm()
    old = token_of(order)
    queue.run_all()

    correct(order)
    queue.run_all()

    with pytest.raises(ConfirmationNotValid):
        confirm_email(order_id=order.pk, token=old, now=clock.now())
    assert [letter.to for letter in mail.outbox] == [[ANA], [BIA]]
    order.refresh_from_db()
    confirm_email(order_id=order.pk, token=token_of(order), now=clock.now())
    assert Order.objects.get(pk=order.pk).status == OrderStatus.PROCESSING


def test_staff_who_correct_an_address_have_the_open_confirmation_mailed_to_it(
    queue: RecordingQueue,
):
    order, other = free_order_to_confirm(), free_order_to_confirm()
    queue.sent.clear()

    def correct_for_staff(was: Contact, becomes: Contact) -> None:
        with transaction.atomic():
            correct_contact(
                order_id=order.pk, was=was, becomes=becomes, actor=SOMEBODY, now=clock.now()
            )

    correct_for_staff(Contact("Ana Souza", ANA), Contact("Ana Lima", ANA))
    assert queue.sent == []
    correct_for_staff(Contact("Ana Lima", ANA), Contact("Ana Lima", BIA))
    assert queue.sent == [(Message.SEND_CONFIRMATION, {"order_id": str(order.pk)})]
    assert (contact_of(order), contact_of(other)) == (("Ana Lima", BIA), ("Ana Souza", ANA))


def test_a_corrected_name_mails_nothing():
    order = free_order_to_confirm()

    correct(order, ANA, "Ana Lima")

    assert EmailConfirmation.objects.get().mails == 1


def test_an_order_is_not_mailed_to_one_address_after_the_other():
    order = free_order_to_confirm()
    for n in range(2):
        correct(order, f"ana{n}@example.com")

    with pytest.raises(TooManyMails):
        correct(order, "ana2@example.com")

    assert contact_of(order) == ("Ana Souza", "ana1@example.com")
    assert EmailConfirmation.objects.get().mails == 3


def test_the_limit_of_mails_to_one_recipient_holds_for_the_new_address(settings: Any):
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 1
    first, second = free_order_to_confirm(), free_order_to_confirm(BIA)

    with pytest.raises(TooManyMails):
        correct(first, BIA)

    assert contact_of(first) == ("Ana Souza", ANA)
    assert contact_of(second) == ("Ana Souza", BIA)


def test_of_a_click_on_the_link_and_a_correction_one_wins():
    order = free_order_to_confirm()
    old = token_of(order)

    outcomes = race(
        lambda: correct(order),
        lambda: confirm_email(order_id=order.pk, token=old, now=clock.now()),
    )

    order.refresh_from_db()
    is_corrected = outcomes[0] is None
    assert order.customer_email == (BIA if is_corrected else ANA)
    assert order.status == (OrderStatus.RESERVED if is_corrected else OrderStatus.PROCESSING)
    refused = outcomes[1 if is_corrected else 0]
    assert isinstance(refused, ConfirmationNotValid | AddressNotCorrected)
