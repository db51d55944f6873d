"""What was not delivered is shown to the members who may do something about it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from events.models import Event, Invitation, Membership, Organizer, Role
from events.reach import read_reach
from orders.models import Order
from tests.make import make_event, make_organizer, make_paid_order, make_transfer, make_user
from ticketing import clock
from ticketing.ids import new_id
from tickets.home.matters import Matter
from tickets.home.unsent import find_unsent
from tickets.models import Delivery, RefundRequest, RequestState, Ticket, TransferMail
from tickets.notices.models import Notice, NoticeKind
from tickets.webhooks.models import WebhookEndpoint, WebhookMessage

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


def member(organizer: Organizer, role: Role = Role.OWNER) -> Any:
    return make_user(is_staff=True, organizer=organizer, role=role)


def matters(user: Any, *, after: timedelta = timedelta()) -> list[Matter]:
    with translation.override("en"):
        return list(find_unsent(read_reach(user), now=clock.now() + after))


def texts(user: Any, *, after: timedelta = timedelta()) -> list[str]:
    return [matter.text for matter in matters(user, after=after)]


def make_notice(order: Order, kind: NoticeKind = NoticeKind.EVENT_CHANGED, **state: Any) -> None:
    now = clock.now()
    Notice.objects.create(
        order=order, kind=kind, cause=new_id(), asked_at=now, ask_again_at=now, **state
    )


def make_message(endpoint: WebhookEndpoint, **state: Any) -> None:
    WebhookMessage.objects.create(
        endpoint=endpoint,
        type="test",
        subject=new_id(),
        data={},
        **({"created_at": clock.now()} | state),
    )


def make_one_of_each() -> tuple[Organizer, Order]:
    """Make an organizer whose every kind of mail was given up, and a webhook without a receiver."""
    organizer = make_organizer()
    event = make_event(organizer=organizer)
    order = make_paid_order(ticket_type=event.ticket_types.get())
    now = clock.now()
    Delivery.objects.filter(order=order).update(failed_at=now)
    make_notice(order, failed_at=now)
    Event.objects.filter(pk=event.pk).update(allows_transfers=True)
    make_transfer(ticket=Ticket.objects.of_order(order.pk)[0], email="bia@example.com")
    TransferMail.objects.filter(kind="ticket").update(failed_at=now)
    TransferMail.objects.exclude(kind="ticket").update(sent_at=now)
    RefundRequest.objects.create(
        order=order,
        ticket_ids=[],
        state=RequestState.DECLINED,
        requested_at=now,
        decided_at=now,
        asked_at=now,
        ask_again_at=now,
        failed_at=now,
    )
    Invitation.objects.create(
        organizer=organizer,
        email="bia@example.com",
        role=Role.VIEWER,
        language="en",
        asked_at=now,
        failed_at=now,
        expires_at=now + timedelta(days=7),
        ask_again_at=now,
    )
    make_message(WebhookEndpoint.objects.create(organizer=organizer, url="https://example.com/a"))
    return organizer, order


def test_each_kind_of_mail_that_was_given_up_leads_to_a_page_that_opens():
    organizer, order = make_one_of_each()
    owner = member(organizer)
    client = Client(headers={"accept-language": "en"})
    client.force_login(owner)

    assert texts(owner) == [
        "The tickets of 1 order did not reach its buyer.",
        "1 notice of a refund or a change did not reach its buyer.",
        f"A mail about a ticket of order {order.code} that changes hands was not delivered.",
        f"The buyer of order {order.code} was not told that the refund is declined.",
        "The invitation of bia@example.com was not delivered.",
        "The webhook https://example.com/a did not take messages, and they were given up.",
    ]
    pages = [client.get(matter.url, follow=True) for matter in matters(owner)]
    assert [page.status_code for page in pages] == [200] * 6
    assert texts(member(make_organizer())) == []


@pytest.mark.parametrize(
    ("role", "count"),
    [(Role.MANAGER, 4), (Role.FINANCE, 1), (Role.DOOR, 0), (Role.VIEWER, 0)],
)
def test_members_hear_only_of_what_they_may_deal_with(role: Role, count: int):
    organizer, _order = make_one_of_each()

    assert len(texts(member(organizer, role))) == count


def test_a_mail_counts_as_late_after_an_hour_but_not_while_it_is_put_off():
    event = make_event()
    for _ in range(2):
        make_paid_order(ticket_type=event.ticket_types.get())
    owner = member(event.organizer)
    soon, later = texts(owner, after=HOUR / 2), texts(owner, after=2 * HOUR)
    Delivery.objects.update(goes_at=clock.now() + 2 * HOUR)
    put_off = texts(owner, after=2 * HOUR)

    assert (soon, put_off) == ([], [])
    assert later == ["The tickets of 2 orders have waited to be sent for over an hour."]
    (matter,) = matters(owner, after=4 * HOUR)
    assert matter.url.endswith("?state=waiting")


def test_a_notice_that_waits_for_the_money_of_its_refund_is_not_late():
    order = make_paid_order()
    Delivery.objects.update(sent_at=clock.now())
    make_notice(order, NoticeKind.REFUND)
    owner = member(order.event.organizer)

    assert texts(owner, after=2 * HOUR) == []
    Notice.objects.update(attempts=1)
    assert texts(owner, after=2 * HOUR) == [
        "1 notice to a buyer has waited to be sent for over an hour."
    ]


def test_after_the_event_nobody_hears_of_its_tickets():
    order = make_paid_order()
    Delivery.objects.update(failed_at=clock.now())

    assert texts(member(order.event.organizer), after=timedelta(days=60)) == []


def test_a_webhook_is_shown_when_it_takes_no_messages():
    organizer, now = make_organizer(), clock.now()
    endpoint = WebhookEndpoint.objects.create(organizer=organizer, url="https://example.com/")
    owner = member(organizer)
    make_message(endpoint, delivered_at=now, created_at=now - 2 * HOUR)
    make_message(endpoint, next_attempt_at=now)
    # Given up long ago.
    make_message(endpoint, created_at=now - timedelta(days=8))
    before = texts(owner)
    make_message(endpoint, next_attempt_at=now, created_at=now - 2 * HOUR)

    assert before == []
    assert texts(owner) == [
        "The webhook https://example.com/ has not taken messages for over an hour."
    ]


def test_a_webhook_that_is_switched_off_is_shown_while_messages_wait_for_it():
    organizer, now = make_organizer(), clock.now()
    endpoint = WebhookEndpoint.objects.create(
        organizer=organizer, url="https://example.com/", disabled_at=now
    )
    owner = member(organizer)
    before = texts(owner)
    make_message(endpoint, next_attempt_at=now)

    assert before == []
    assert texts(owner) == [
        "The webhook https://example.com/ is switched off, and messages wait for it."
    ]


def test_no_more_than_a_hundred_mails_are_counted():
    event = make_event(capacity=200)
    orders = [make_paid_order(ticket_type=event.ticket_types.get()) for _ in range(2)]
    Delivery.objects.update(sent_at=clock.now())
    Notice.objects.bulk_create(
        Notice(
            order=order,
            kind=NoticeKind.EVENT_CHANGED,
            cause=new_id(),
            asked_at=clock.now(),
            ask_again_at=clock.now(),
            failed_at=clock.now(),
        )
        for order in orders
        for _ in range(60)
    )

    assert texts(member(event.organizer)) == [
        "99+ notices of a refund or a change did not reach their buyers."
    ]


def test_each_member_of_several_organizers_hears_of_all_of_them():
    (first, _), (second, _) = make_one_of_each(), make_one_of_each()
    owner = member(first)
    Membership.objects.create(organizer=second, user=owner, role=Role.MANAGER)

    assert texts(owner)[0] == "The tickets of 2 orders did not reach their buyers."
