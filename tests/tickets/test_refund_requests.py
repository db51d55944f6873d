"""Buyers give tickets back under the policy of the event: at once, or after approval."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse

from events.models import Event, EventStatus, Organizer, RefundMode, RefundPolicy, Role
from events.refund_policies import refund_deadline, refund_policy_of
from orders.access import buyer_of
from orders.box_office import sell_at_box_office
from orders.models import Order, OrderStatus, Refund
from orders.page_link import link_token, order_path
from tests.crash import BEFORE, watched
from tests.make import (
    SOMEBODY,
    a_sale,
    make_event,
    make_organizer,
    make_paid_order,
    make_transfer,
    make_user,
)
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.models import Act, ActType
from tickets.models import RefundRequest, RequestState, Ticket, TicketStatus
from tickets.refund import refund_order, refund_tickets
from tickets.refund_request_mails import compose_decline_mail
from tickets.refund_requests import (
    RefundNotOffered,
    RefundRequested,
    RequestDecided,
    approve_request,
    decline_request,
    offer_refund,
    open_request,
    request_refund,
    tickets_to_refund,
)
from tickets.replacement import replace_ticket
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)


def allow(organizer: Organizer, mode: RefundMode = RefundMode.APPROVAL, **fields: Any) -> None:
    RefundPolicy.objects.create(organizer=organizer, mode=mode, **fields)


def paid_order(mode: RefundMode | None = RefundMode.APPROVAL, *, quantity: int = 2) -> Order:
    order = make_paid_order(ticket_type=make_event().ticket_types.get(), quantity=quantity)
    if mode is not None:
        allow(order.event.organizer, mode)
    return Order.objects.select_related("event__organizer").get(pk=order.pk)


def ids_of(order: Order) -> list[Any]:
    return list(Ticket.objects.of_order(order.pk).values_list("pk", flat=True))


def ask(order: Order, *, count: int = 1, reason: str = "Doente") -> bool:
    return request_refund(
        order=order, ticket_ids=ids_of(order)[:count], reason=reason, now=clock.now()
    )


def asked(order: Order) -> RefundRequest:
    assert not ask(order)
    return RefundRequest.objects.get(order=order)


def test_without_a_policy_nothing_is_offered():
    order = paid_order(None)

    assert offer_refund(order, now=clock.now()) is None
    with pytest.raises(RefundNotOffered):
        ask(order)


def test_a_request_is_about_tickets_of_its_order():
    order, other = paid_order(), paid_order()

    for ids in ([], ids_of(other), [*ids_of(order), *ids_of(other)]):
        with pytest.raises(RefundNotOffered):
            request_refund(order=order, ticket_ids=ids, reason="", now=clock.now())

    assert not RefundRequest.objects.exists()


def test_an_events_own_policy_comes_before_that_of_its_organizer():
    organizer = make_organizer()
    own, other = make_event(organizer=organizer), make_event(organizer=organizer)
    allow(organizer, RefundMode.AUTOMATIC)
    allow(organizer, RefundMode.NONE, event=own)

    assert refund_policy_of(own) is None
    policy = refund_policy_of(other)
    assert policy is not None
    assert policy.mode == RefundMode.AUTOMATIC


@pytest.mark.parametrize(
    ("after", "before", "until"),
    [(7, 2, "2027-01-08"), (30, 2, "2027-01-18"), (None, 0, "2027-01-20")],
)
def test_the_earlier_end_of_the_two_times_counts(after: int | None, before: int, until: str):
    policy = RefundPolicy(days_after_purchase=after, days_before_start=before)
    paid_at = datetime.fromisoformat("2027-01-01T12:00:00+00:00")
    event = Event(starts_at=datetime.fromisoformat("2027-01-20T12:00:00+00:00"))

    assert refund_deadline(policy, event, paid_at=paid_at).date().isoformat() == until


def test_after_the_deadline_nothing_is_offered():
    order = paid_order()
    offer = offer_refund(order, now=clock.now())
    assert offer is not None

    assert offer_refund(order, now=offer.deadline) is not None
    assert offer_refund(order, now=offer.deadline + timedelta(seconds=1)) is None


def test_used_tickets_are_not_offered():
    order = paid_order()
    used, valid = ids_of(order)
    Ticket.objects.filter(pk=used).update(status=TicketStatus.USED, used_at=clock.now())

    offer = offer_refund(order, now=clock.now())

    assert offer is not None
    assert [ticket.pk for ticket in offer.tickets] == [valid]
    with pytest.raises(RefundNotOffered):
        request_refund(order=order, ticket_ids=[used], reason="", now=clock.now())


def test_a_ticket_that_was_handed_on_is_not_offered():
    order = paid_order()
    handed_on, own = Ticket.objects.of_order(order.pk)
    make_transfer(ticket=handed_on, email="bia@example.com")

    offer = offer_refund(order, now=clock.now())

    assert offer is not None
    assert [ticket.pk for ticket in offer.tickets] == [own.pk]
    with pytest.raises(RefundNotOffered):
        request_refund(order=order, ticket_ids=[], reason="", now=clock.now())


def test_orders_that_staff_sold_and_orders_of_a_cancelled_event_are_not_offered():
    order = paid_order()
    kind = order.event.ticket_types.get()
    sold = sell_at_box_office(sale=a_sale(kind), user_id=None, actor=SOMEBODY, now=clock.now())
    settle_order(order_id=sold, now=clock.now())
    order_of_staff = Order.objects.select_related("event").get(pk=sold)

    assert offer_refund(order_of_staff, now=clock.now()) is None
    order.event.status = EventStatus.CANCELLED
    assert offer_refund(order, now=clock.now()) is None


@pytest.mark.parametrize("mode", [RefundMode.AUTOMATIC, RefundMode.APPROVAL])
def test_the_response_is_stored_in_the_transaction_of_the_refund_or_the_request(mode: RefundMode):
    order = paid_order(mode)
    stored: list[tuple[bool, bool]] = []

    def store() -> None:
        is_written = Refund.objects.exists() or RefundRequest.objects.exists()
        stored.append((connection.in_atomic_block, is_written))

    request_refund(
        order=order,
        ticket_ids=ids_of(order)[:1],
        reason="",
        now=clock.now(),
        store_response=store,
    )

    assert stored == [(True, True)]


def test_without_approval_the_money_is_owed_at_once():
    order = paid_order(RefundMode.AUTOMATIC)

    assert ask(order)

    assert Refund.objects.get().amount == 45
    assert not RefundRequest.objects.exists()
    act = Act.objects.get(type=ActType.ORDER_TICKETS_REFUNDED)
    assert act.actor_id == buyer_of(order).id


@pytest.mark.parametrize("mode", [RefundMode.AUTOMATIC, RefundMode.APPROVAL])
def test_a_ticket_that_opens_the_gate_at_the_same_moment_is_not_refunded(mode: RefundMode):
    make_paid_order()
    order = paid_order(mode)
    give_back: Callable[[], object] = partial(ask, order)
    if mode == RefundMode.APPROVAL:
        request = asked(order)
        give_back = partial(approve_request, request_id=request.pk, actor=SOMEBODY, now=clock.now())

    def check_in(moment: str) -> None:
        if moment == BEFORE:
            tickets = Ticket.objects.of_order(order.pk)
            tickets.update(status=TicketStatus.USED, used_at=clock.now())

    with (
        watched("tickets.refund_requests:refund_tickets", at=check_in),
        pytest.raises(RefundNotOffered),
    ):
        give_back()

    assert not Refund.objects.exists()
    assert Ticket.objects.filter(status=TicketStatus.USED).count() == 2


def test_a_request_that_is_declined_while_it_is_approved_stays_declined():
    request = asked(paid_order())

    def decline(moment: str) -> None:
        if moment == BEFORE:
            decline_request(request_id=request.pk, answer="", actor=SOMEBODY, now=clock.now())

    with watched("tickets.refund_requests:refund_tickets", at=decline):
        approve_request(request_id=request.pk, actor=SOMEBODY, now=clock.now())

    request.refresh_from_db()
    assert request.state == RequestState.DECLINED


def test_a_request_waits_for_the_organizer_who_gets_a_mail(queue: RecordingQueue):
    order = paid_order()
    queue.sent.clear()
    request = asked(order)
    queue.run_all()

    (sent,) = mail.outbox
    assert sent.to == [order.event.organizer.email]
    assert sent.reply_to == []
    assert order.code in sent.subject
    assert "Doente" in sent.body
    assert not Refund.objects.exists()
    with pytest.raises(RefundRequested):
        ask(order)
    # No personal data in the change log.
    act = Act.objects.get(type=ActType.ORDER_REFUND_REQUESTED)
    assert act.details == {"tickets": [str(pk) for pk in request.ticket_ids]}


def test_an_approval_refunds_the_requested_tickets_once():
    order = paid_order()
    request = asked(order)

    approve_request(request_id=request.pk, actor=SOMEBODY, now=clock.now())

    request.refresh_from_db()
    assert request.state == RequestState.APPROVED
    assert Refund.objects.get().amount == 45
    assert request.sent_at is not None
    assert Order.objects.get().status == OrderStatus.PAID
    with pytest.raises(RequestDecided):
        approve_request(request_id=request.pk, actor=SOMEBODY, now=clock.now())


def test_an_approval_leaves_tickets_that_were_used_or_handed_on_meanwhile():
    order = paid_order()
    refund_order(order_id=make_paid_order().pk, actor=SOMEBODY, now=clock.now())
    assert not ask(order, count=2)
    request = RefundRequest.objects.get()
    first, second = Ticket.objects.of_order(order.pk)
    Ticket.objects.filter(pk=first.pk).update(status=TicketStatus.USED, used_at=clock.now())
    fresh = replace_ticket(ticket_id=second.pk, holder_name="Bia", actor=SOMEBODY, now=clock.now())
    assert [ticket.pk for ticket in tickets_to_refund(request)] == [fresh.pk]
    Ticket.objects.filter(pk=fresh.pk).update(status=TicketStatus.USED, used_at=clock.now())

    with pytest.raises(RefundNotOffered):
        approve_request(request_id=request.pk, actor=SOMEBODY, now=clock.now())

    assert RefundRequest.objects.get().state == RequestState.OPEN


def test_an_approval_whose_process_died_after_the_refund_is_finished_by_a_repeat():
    order = paid_order()
    request = asked(order)
    ids = request.ticket_ids
    refund_tickets(order_id=order.pk, ticket_ids=ids, actor=SOMEBODY, now=clock.now())

    approve_request(request_id=request.pk, actor=SOMEBODY, now=clock.now())

    assert RefundRequest.objects.get().state == RequestState.APPROVED
    assert Refund.objects.count() == 1


def test_a_declined_request_tells_the_buyer_and_leaves_the_tickets(queue: RecordingQueue):
    order = paid_order()
    request = asked(order)
    queue.run_all()
    mail.outbox.clear()

    decline_request(
        request_id=request.pk, answer="O prazo é curto.", actor=SOMEBODY, now=clock.now()
    )
    queue.run_all()

    (sent,) = mail.outbox
    assert sent.to == [order.customer_email]
    assert "O prazo é curto." in sent.body
    assert order.event.organizer.email in compose_decline_mail(request).html
    assert Ticket.objects.filter(status=TicketStatus.VALID).count() == 2
    with pytest.raises(RequestDecided):
        decline_request(request_id=request.pk, answer="", actor=SOMEBODY, now=clock.now())


def test_a_decision_is_about_one_request_and_its_buyer_may_ask_again():
    order, another = paid_order(), paid_order()
    first, other = asked(order), asked(another)

    decline_request(request_id=first.pk, answer="", actor=SOMEBODY, now=clock.now())

    assert Act.objects.get(type=ActType.ORDER_REFUND_DECLINED).subject_id == order.pk
    assert (open_request(order), open_request(another)) == (None, other)
    assert not ask(order)
    assert RefundRequest.objects.filter(state=RequestState.OPEN).count() == 2


def test_the_answer_to_the_buyer_does_not_wait_for_the_limit_of_the_organizer(
    queue: RecordingQueue,
):
    request = asked(paid_order())
    RefundRequest.objects.update(goes_at=clock.now() + timedelta(hours=1))
    queue.sent.clear()

    decline_request(request_id=request.pk, answer="", actor=SOMEBODY, now=clock.now())
    queue.run_all()

    assert [sent.to for sent in mail.outbox] == [[request.order.customer_email]]


def test_a_buyer_whose_address_was_erased_gets_no_answer_and_the_organizer_the_request(
    queue: RecordingQueue,
):
    order = paid_order()
    queue.sent.clear()
    request = asked(order)
    Order.objects.update(customer_email="")

    queue.run_all()
    decline_request(request_id=request.pk, answer="", actor=SOMEBODY, now=clock.now())
    queue.run_all()

    assert [sent.to for sent in mail.outbox] == [[order.event.organizer.email]]
    request.refresh_from_db()
    assert request.sent_at is not None


def buyer(order: Order) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.get(order_path(order.pk), {"token": link_token(order)})
    return client


def test_a_buyer_sees_the_sum_before_anything_happens():
    order = paid_order(RefundMode.AUTOMATIC)
    client, page = buyer(order), f"{order_path(order.pk)}refund"
    first = str(ids_of(order)[0])
    assert "Give tickets back" in client.get(order_path(order.pk)).content.decode()
    assert "You may give tickets back until" in client.get(page).content.decode()

    shown = client.post(page, {"tickets": first}).content.decode()
    assert "You get BRL\u00a045.00 back" in shown
    assert not Refund.objects.exists()
    done = client.post(page, {"tickets": first, "agreed": "45.00", "form_key": "a"})

    assert (done.status_code, done.headers["Location"]) == (303, order_path(order.pk))
    assert Refund.objects.get().amount == 45
    assert client.post(page, {}).status_code == 400


def test_a_repeated_form_asks_once_and_the_page_says_that_it_waits():
    order = paid_order()
    client, page = buyer(order), f"{order_path(order.pk)}refund"
    sent = {"tickets": str(ids_of(order)[0]), "agreed": "45.00", "form_key": "a"}

    client.post(page, sent)
    client.post(page, sent)

    assert RefundRequest.objects.count() == 1
    assert "Your request is with" in client.get(page).content.decode()
    assert "Your refund was requested" in client.get(order_path(order.pk)).content.decode()


def staff(order: Order, role: Role) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(make_user(organizer=order.event.organizer, role=role, is_staff=True))
    return client


def test_staff_find_the_request_on_the_home_page_and_approve_it():
    order = paid_order()
    request = asked(order)
    client = staff(order, Role.FINANCE)
    page = reverse("admin:tickets_refundrequest_approve_this", args=[request.pk])

    assert "1 buyer asks for a refund" in client.get("/admin/").content.decode()
    assert "Refund 1 ticket of order" in client.get(page).content.decode()
    assert not Refund.objects.exists()
    client.post(page)

    assert Refund.objects.get().amount == 45


def test_a_viewer_sees_a_request_and_cannot_decide_it():
    order = paid_order()
    request = asked(order)
    client = staff(order, Role.VIEWER)

    seen = client.get(f"/admin/tickets/refundrequest/{request.pk}/change/")
    client.post(reverse("admin:tickets_refundrequest_approve_this", args=[request.pk]))

    assert seen.status_code == 200
    assert not Refund.objects.exists()
    assert "asks for a refund" not in client.get("/admin/").content.decode()


def test_an_owner_saves_a_policy_which_is_recorded():
    organizer = make_organizer()
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(make_user(organizer=organizer, is_staff=True))
    add = "/admin/events/refundpolicy/add/"
    assert "Lei 8.078/1990, art. 49" in client.get(add).content.decode()

    sent = {
        "organizer": str(organizer.pk),
        "mode": "auto",
        "days_after_purchase": "7",
        "days_before_start": "2",
    }
    client.post(add, sent)
    again = client.post(add, sent)

    assert RefundPolicy.objects.get().mode == RefundMode.AUTOMATIC
    assert "There is a policy for all events already" in again.content.decode()
    assert Act.objects.filter(type=ActType.REFUND_POLICY_SAVED).count() == 1
