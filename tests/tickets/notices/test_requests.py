"""Each cause of a notice writes its row once, in its own transaction, and no crash loses it."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.core import mail
from django.db import transaction

from events.models import ChangeForBuyers, Event
from events.organizing import cancel_event, change_event
from orders.models import Order, Payment, PixCharge, PixState, Refund
from orders.refunds import return_money
from tests.make import (
    SOMEBODY,
    as_organizer,
    make_event,
    make_paid_order,
    make_reserved_order,
    make_transfer,
)
from tests.moments import NOON
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.ids import new_id
from ticketing.models import Act
from ticketing.queue.messages import Message
from tickets.models import Ticket, TransferMail
from tickets.notices import requests
from tickets.notices.models import Notice, NoticeKind
from tickets.notices.requests import (
    request_change_notices,
    request_pix_notice,
    request_unsent_notices_anew,
    resend_notice,
    send_refund_notices,
)
from tickets.refund import refund_order, refund_tickets
from tickets.sweep import retry_waiting_work

pytestmark = pytest.mark.django_db(transaction=True)

LATER = timedelta(minutes=3)


def sent_of(queue: RecordingQueue, message: Message) -> list[dict[str, str]]:
    return [body for sent, body in queue.sent if sent == message]


def change(
    event: Event, *, now: datetime | None = None, notify: bool = True, **fields: Any
) -> None:
    change_event(
        event_id=event.pk,
        fields=fields,
        ticket_types=None,
        notify_buyers=notify,
        actor=SOMEBODY,
        now=now or clock.now(),
    )


def paid_orders(count: int) -> tuple[Event, list[Order]]:
    event = make_event()
    kind = event.ticket_types.get()
    return event, [make_paid_order(ticket_type=kind) for _ in range(count)]


def test_a_refund_is_told_once_the_money_was_returned(queue: RecordingQueue):
    order = make_paid_order(quantity=2)
    first = Ticket.objects.of_order(order.pk)[0]
    # Another event was cancelled, and this one was not.
    cancel_event(event_id=make_event().pk, actor=SOMEBODY, now=clock.now())
    queue.sent.clear()
    mail.outbox.clear()

    for _ in range(2):
        refund_tickets(order_id=order.pk, ticket_ids=[first.pk], actor=SOMEBODY, now=clock.now())
    notice = Notice.objects.get()
    before = (notice.kind, notice.details, sent_of(queue, Message.SEND_NOTICE))
    queue.run_all()

    refund = Refund.objects.get()
    assert before == ("refund", {"amount": "45.00", "tickets": [str(first.pk)]}, [])
    assert notice.cause == refund.pk
    assert [letter.to for letter in mail.outbox] == [["ana@example.com"]]
    assert Notice.objects.get().sent_at is not None


def test_a_lost_message_about_returned_money_is_sent_by_the_sweep(queue: RecordingQueue):
    order = make_paid_order()
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    queue.sent.clear()
    mail.outbox.clear()

    # The money is still owed: the notice waits.
    retry_waiting_work(now=clock.now() + LATER)
    notices = sent_of(queue, Message.SEND_NOTICE)
    for body in notices:
        queue.run(Message.SEND_NOTICE, body)
    early = len(mail.outbox)
    return_money(order_id=order.pk, now=clock.now())
    queue.sent.clear()
    retry_waiting_work(now=clock.now() + 10 * LATER)
    for body in sent_of(queue, Message.SEND_NOTICE):
        queue.run(Message.SEND_NOTICE, body)

    assert (len(notices), early, len(mail.outbox)) == (1, 0, 1)


def test_each_paid_order_of_a_cancelled_event_gets_one_mail_and_no_other_mail(
    queue: RecordingQueue,
):
    event, orders = paid_orders(3)
    make_reserved_order(ticket_type=event.ticket_types.get())
    queue.run_all()
    mail.outbox.clear()

    cancel_event(event_id=event.pk, note="O artista adoeceu.", actor=SOMEBODY, now=clock.now())
    queue.run_all()
    assert len(mail.outbox) == 3
    # A repeat of the whole winding-up tells nobody twice.
    retry_waiting_work(now=clock.now() + LATER)
    queue.run_all()

    assert sorted(notice.order_id for notice in Notice.objects.all()) == sorted(
        order.pk for order in orders
    )
    assert set(Notice.objects.values_list("kind", flat=True)) == {"event_cancelled"}
    assert [letter.subject for letter in mail.outbox] == [f"Cancelado: {event.name}"] * 3
    assert all("O artista adoeceu." in str(letter.body) for letter in mail.outbox)


def test_a_refund_before_the_cancellation_is_told_as_a_refund(queue: RecordingQueue):
    event, (order,) = paid_orders(1)
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    cancel_event(event_id=event.pk, actor=SOMEBODY, now=clock.now())
    queue.run_all()

    assert [notice.kind for notice in Notice.objects.all()] == ["refund"]


@pytest.mark.parametrize(
    "fields",
    [
        {"venue": "Fundição Progresso"},
        {"city": "Niterói"},
        {"address": "Rua dos Arcos, 24"},
        {"timezone": "America/Manaus"},
    ],
)
def test_a_new_place_or_time_is_told_to_each_buyer(queue: RecordingQueue, fields: dict[str, Any]):
    event, orders = paid_orders(2)
    make_reserved_order(ticket_type=event.ticket_types.get())

    change(event, **fields)
    queue.run_all()

    assert {notice.order_id for notice in Notice.objects.all()} == {order.pk for order in orders}
    assert ChangeForBuyers.objects.get().told_at is not None


def test_other_changes_drafts_past_events_and_a_wish_for_silence_are_not_told():
    event, _orders = paid_orders(1)
    draft = make_event(status="draft")
    past = clock.now() - timedelta(days=2)
    over = make_event()
    Event.objects.filter(pk=over.pk).update(starts_at=past, ends_at=past + timedelta(hours=3))

    change(event, description="Com banda nova.", max_per_order=4)
    change(event, venue=event.venue)
    change(event, venue="Fundição Progresso", notify=False)
    change(draft, venue="Fundição Progresso")
    change(over, venue="Fundição Progresso")

    assert not ChangeForBuyers.objects.exists()


def test_buyers_of_many_orders_are_told_in_batches_and_once(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(requests, "BATCH", 2)
    event, orders = paid_orders(5)
    change(event, venue="Fundição Progresso")
    # The message of the change was lost: the sweep sends it.
    queue.sent.clear()
    retry_waiting_work(now=clock.now() + LATER)
    told = sent_of(queue, Message.TELL_BUYERS_OF_CHANGE)
    batches = []
    while told:
        queue.sent.clear()
        queue.run(Message.TELL_BUYERS_OF_CHANGE, told.pop())
        batches.append(len(sent_of(queue, Message.SEND_NOTICE)))
        told = sent_of(queue, Message.TELL_BUYERS_OF_CHANGE)
    request_change_notices(change_id=ChangeForBuyers.objects.get().pk, now=clock.now())

    assert batches == [2, 2, 1]
    assert Notice.objects.count() == len(orders)


def test_an_order_paid_after_the_change_is_not_told(queue: RecordingQueue):
    event, _orders = paid_orders(1)
    change(event, venue="Fundição Progresso", now=clock.now() - timedelta(hours=1))
    queue.run_all()

    assert not Notice.objects.exists()


def test_an_organizers_system_may_ask_for_silence(queue: RecordingQueue):
    event, _orders = paid_orders(1)
    client = as_organizer(event)

    quiet = client.patch(f"/events/{event.pk}", {"venue": "Fundição", "notify_buyers": False})
    silent = ChangeForBuyers.objects.count()
    loud = client.patch(f"/events/{event.pk}", {"venue": "Circo Voador"})
    wrong = client.patch(f"/events/{event.pk}", {"notify_buyers": "maybe"})

    assert (quiet.status_code, silent, loud.status_code) == (200, 0, 200)
    assert ChangeForBuyers.objects.get().before == {"venue": "Fundição"}
    assert wrong.status_code == 400


def test_a_notice_that_staff_send_again_is_on_record_and_mailed(queue: RecordingQueue):
    order = make_paid_order()
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    queue.run_all()
    mail.outbox.clear()

    resend_notice(notice_id=Notice.objects.get().pk, actor=SOMEBODY, now=clock.now())
    queue.run_all()

    assert len(mail.outbox) == 1
    assert Act.objects.filter(type="order.notice_resent", subject_id=order.pk).count() == 1


def notice_of(order: Order, kind: str, cause: UUID, **fields: Any) -> Notice:
    columns: dict[str, Any] = {"asked_at": NOON, "ask_again_at": NOON}
    columns |= {"details": {"amount": "45.00", "tickets": []}}
    return Notice.objects.create(order=order, kind=kind, cause=cause, **(columns | fields))


def refund_of(order: Order, *, returned: bool) -> UUID:
    refund = Refund.objects.create(
        payment=Payment.objects.get(order=order),
        amount=Decimal("1.00"),
        created_at=NOON,
        refunded_at=NOON if returned else None,
        ask_again_at=NOON,
    )
    return refund.pk


def pix_of(order: Order, state: str) -> None:
    """Store a Pix of an order, with its money if the state says that it arrived."""
    arrived = state not in (PixState.WAITING, PixState.UNPAID)
    PixCharge.objects.create(
        order=order,
        gateway_id=str(order.pk),
        br_code="br",
        amount=Decimal("45.00"),
        created_at=NOON,
        expires_at=NOON,
        state=state,
        token="money" if arrived else "",
        received=Decimal("45.00") if arrived else None,
        arrived_at=NOON if arrived else None,
        returned_at=NOON if state == PixState.RETURNED else None,
        ask_again_at=NOON,
    )


def test_the_messages_about_returned_money_are_those_of_one_order_that_still_wait(
    queue: RecordingQueue,
):
    order, other = make_paid_order(), make_paid_order()
    refund = NoticeKind.REFUND
    waits = notice_of(order, refund, refund_of(order, returned=True))
    notice_of(order, refund, refund_of(order, returned=False))
    notice_of(order, refund, refund_of(order, returned=True), sent_at=NOON)
    notice_of(order, refund, refund_of(order, returned=True), failed_at=NOON)
    notice_of(order, NoticeKind.EVENT_CANCELLED, refund_of(order, returned=True))
    notice_of(other, refund, refund_of(other, returned=True))
    queue.sent.clear()

    send_refund_notices(order_id=order.pk)

    assert queue.sent == [(Message.SEND_NOTICE, {"notice_id": str(waits.pk)})]


@pytest.mark.parametrize("state", PixState.values)
def test_a_notice_about_a_pix_is_asked_for_once_while_its_money_is_owed(state: str):
    order, other = make_reserved_order(), make_reserved_order()
    pix_of(order, state)
    pix_of(other, PixState.RETURNING)

    for moment in (NOON, NOON + LATER):
        request_pix_notice(order_id=order.pk, now=moment)

    asked = list(Notice.objects.values_list("order", "kind", "cause", "asked_at"))
    owed = (order.pk, NoticeKind.PIX_RETURNED, order.pk, NOON)
    assert asked == ([owed] if state == PixState.RETURNING else [])


def test_a_new_address_is_asked_to_get_the_unsent_notices_of_its_order(queue: RecordingQueue):
    order, other = make_paid_order(), make_paid_order()
    kind = NoticeKind.EVENT_CHANGED
    unsent = notice_of(order, kind, new_id(), failed_at=NOON, goes_at=NOON)
    notice_of(order, kind, new_id(), sent_at=NOON)
    notice_of(other, kind, new_id())
    before = list(Notice.objects.exclude(pk=unsent.pk).order_by("pk").values())
    queue.sent.clear()

    with transaction.atomic():
        request_unsent_notices_anew(order_id=order.pk, now=NOON + LATER)

    unsent.refresh_from_db()
    assert (unsent.asked_at, unsent.failed_at, unsent.goes_at) == (NOON + LATER, None, None)
    assert queue.sent == [(Message.SEND_NOTICE, {"notice_id": str(unsent.pk)})]
    assert list(Notice.objects.exclude(pk=unsent.pk).order_by("pk").values()) == before


def test_a_change_is_told_to_the_orders_of_its_event_that_were_paid_before_it(
    queue: RecordingQueue,
):
    event, (first, late, told) = paid_orders(3)
    elsewhere, refunded = make_paid_order(), make_paid_order(ticket_type=event.ticket_types.get())
    # Of another event, and told of nothing.
    make_paid_order()
    Order.objects.update(paid_at=NOON)
    Order.objects.filter(pk=late.pk).update(paid_at=NOON + timedelta(seconds=1))
    Order.objects.filter(pk=refunded.pk).update(status="refunded")
    changed = ChangeForBuyers.objects.create(
        event=event, changed_at=NOON, before={"venue": "Before"}, ask_again_at=NOON
    )
    notice_of(told, NoticeKind.EVENT_CHANGED, changed.pk)
    # Of another kind, about another change and of another order.
    others = [
        notice_of(first, NoticeKind.REFUND, changed.pk),
        notice_of(first, NoticeKind.EVENT_CHANGED, new_id()),
        notice_of(elsewhere, NoticeKind.EVENT_CHANGED, changed.pk),
    ]
    known = {notice.pk for notice in Notice.objects.all()}
    queue.sent.clear()

    request_change_notices(change_id=changed.pk, now=NOON + LATER)

    new = Notice.objects.exclude(pk__in=known).get()
    assert (new.order, new.kind, new.cause) == (first, "event_changed", changed.pk)
    assert len(others) + 1 == len(known)
    assert queue.sent == [(Message.SEND_NOTICE, {"notice_id": str(new.pk)})]


def test_new_holders_of_valid_tickets_are_told_of_the_change_too(queue: RecordingQueue):
    event = make_event()
    order, late = (
        make_paid_order(ticket_type=event.ticket_types.get(), quantity=2) for _ in range(2)
    )
    transfers = [
        make_transfer(ticket=ticket, email=f"bia{place}@example.com")
        for place, ticket in enumerate(
            [*Ticket.objects.of_order(order.pk), Ticket.objects.of_order(late.pk)[0]]
        )
    ]
    Ticket.objects.filter(transfer=transfers[1]).update(status="revoked", revoked_at=NOON)
    Order.objects.filter(pk=late.pk).update(paid_at=clock.now() + timedelta(hours=1))
    change(event, venue="Fundição Progresso")
    now = clock.now() + LATER

    request_change_notices(change_id=ChangeForBuyers.objects.get().pk, now=now)

    told = TransferMail.objects.filter(kind="changed")
    assert [(each.transfer, each.asked_at) for each in told] == [(transfers[0], now)]


def test_the_new_holder_of_a_refunded_ticket_is_told_and_no_other(queue: RecordingQueue):
    order = make_paid_order(quantity=2)
    first, _second = (
        make_transfer(ticket=ticket, email=f"bia{place}@example.com")
        for place, ticket in enumerate(Ticket.objects.of_order(order.pk))
    )
    now = clock.now()

    refund_tickets(
        order_id=order.pk,
        ticket_ids=[Ticket.objects.get(transfer=first).pk],
        actor=SOMEBODY,
        now=now,
    )

    told = TransferMail.objects.filter(kind="ended")
    assert [(each.transfer, each.asked_at) for each in told] == [(first, now)]
