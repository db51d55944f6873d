"""The pages of an event that publish it, take it off sale, and cancel it."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from events.admin.cancelling import count_consequences, count_progress
from events.models import Event, EventStatus, Role
from events.organizing import cancel_event
from tests.make import (
    SOMEBODY,
    make_event,
    make_organizer,
    make_paid_order,
    make_reserved_order,
    make_user,
)
from tests.pages.test_admin import change_page, event_form, organizer_of, sign_in
from tests.queue import RecordingQueue
from ticketing import clock
from tickets.refund import refund_order

pytestmark = pytest.mark.django_db(transaction=True)

ENGLISH = {"accept-language": "en"}
YES = {"confirmed": "yes"}


def button(event: Event, name: str) -> str:
    return reverse(f"admin:events_event_{name}", args=[event.pk])


def offered(client: Any, event: Event) -> set[str]:
    page = client.get(change_page(event)).content.decode()
    return {
        name
        for name in ("publish_this", "unpublish_this", "cancel_this")
        if button(event, name) in page
    }


def test_a_cancellation_shows_people_amounts_and_entries_and_stores_the_sentence(
    queue: RecordingQueue,
):
    event = make_event(price="45.00")
    kind = event.ticket_types.get()
    paid = make_paid_order(ticket_type=kind, quantity=2)
    make_reserved_order(ticket_type=kind, quantity=3)
    event.tickets.filter(order=paid, position=1).update(status="used", used_at=paid.paid_at)
    client = organizer_of(event)

    page = client.get(button(event, "cancel_this"), headers=ENGLISH).content.decode()
    event.refresh_from_db()
    assert event.status == EventStatus.PUBLISHED
    for sentence in (
        "1 open reservation ends (3 tickets).",
        "1 paid order is refunded: BRL\u00a090.00 in all.",
        "1 buyer gets a mail about it.",
        "2 tickets are revoked and open no gate any more.",
        "Attention: 1 person has entered already, and is refunded too.",
        "Cancel the event and refund",
        "Keep the event",
    ):
        assert sentence in page

    too_long = client.post(button(event, "cancel_this"), YES | {"note": "x" * 501})
    event.refresh_from_db()
    assert (too_long.status_code, event.status) == (200, EventStatus.PUBLISHED)
    done = client.post(button(event, "cancel_this"), YES | {"note": "O artista adoeceu."})
    assert done.headers["Location"] == change_page(event)
    shown = client.get(button(event, "progress_this"), headers=ENGLISH).content.decode()
    assert "0 of 2 orders are refunded." in shown
    queue.run_all()

    event.refresh_from_db()
    paid.refresh_from_db()
    assert (event.status, paid.status) == (EventStatus.CANCELLED, "refunded")
    assert event.cancellation_note == "O artista adoeceu."
    finished = client.get(button(event, "progress_this"), headers=ENGLISH).content.decode()
    assert 'data-finished="yes"' in finished
    after = client.get(change_page(event), headers=ENGLISH).content.decode()
    assert "O artista adoeceu." in after
    assert "BRL\u00a090.00" in after
    assert offered(client, event) == set()


def test_a_large_event_is_counted_up_to_a_limit_but_its_money_and_tickets_are_exact():
    event = make_event(price="45.00")
    kind = event.ticket_types.get()
    paid = [make_paid_order(ticket_type=kind, quantity=2) for _ in range(3)]
    reserved = [make_reserved_order(ticket_type=kind) for _ in range(2)]
    event.tickets.filter(order=paid[0]).update(status="used", used_at=paid[0].paid_at)
    refund_order(order_id=paid[2].pk, actor=SOMEBODY, now=clock.now())

    found = count_consequences(event, most=1)

    assert (found.paid_orders, found.amount, found.tickets) == (2, Decimal(180), 4)
    assert (found.buyers, found.reserved_tickets) == (None, None)
    with translation.override("en"):
        assert (str(found.reservations), str(found.entries)) == ("more than 1", "more than 1")
    exact = count_consequences(event, most=2)
    assert (str(exact.reservations), exact.reserved_tickets) == (str(len(reserved)), 2)
    assert (exact.buyers, str(exact.entries)) == (1, "2")


def test_the_progress_of_a_large_event_has_no_percentage_until_few_orders_are_left():
    event = make_event()
    paid = [make_paid_order(ticket_type=event.ticket_types.get()) for _ in range(3)]
    refund_order(order_id=paid[0].pk, actor=SOMEBODY, now=clock.now())

    many, few = count_progress(event, most=1), count_progress(event, most=2)

    assert (many.done, many.percent, many.is_finished) == (None, None, False)
    assert (few.done, few.total, few.percent) == (1, 3, 33)
    with translation.override("en"):
        page = render_to_string("admin/cancellation_progress.html", {"progress": many})
    assert "more than 1 orders are still to be refunded." in page
    assert "The money of 1 order is on its way." in page


def test_each_status_offers_only_what_can_be_done():
    draft, published, sold = make_event(status="draft"), make_event(), make_event()
    make_reserved_order(ticket_type=sold.ticket_types.get())

    assert offered(organizer_of(draft), draft) == {"publish_this", "cancel_this"}
    assert offered(organizer_of(published), published) == {"unpublish_this", "cancel_this"}
    assert offered(organizer_of(sold), sold) == {"cancel_this"}


def test_only_a_published_event_leads_to_its_box_office():
    organizer = make_organizer()
    draft, published = (
        make_event(organizer=organizer, status=status) for status in ("draft", "published")
    )
    client = organizer_of(published)

    links = [
        button(event, "open_box_office") in client.get(change_page(event)).content.decode()
        for event in (draft, published)
    ]

    assert links == [False, True]


def test_a_past_event_is_over_in_the_list():
    event, now = make_event(), clock.now()
    client, address = organizer_of(event), reverse("admin:events_event_changelist")

    before = client.get(address, headers=ENGLISH).content.decode()
    Event.objects.update(starts_at=now - timedelta(hours=4), ends_at=now)
    after = client.get(address, headers=ENGLISH).content.decode()

    assert [bool(re.search(r">\s*over\s*<", page)) for page in (before, after)] == [False, True]


def test_a_draft_shows_what_it_needs_with_links_to_the_fields():
    event = make_event(status="draft")

    page = organizer_of(event).get(change_page(event), headers=ENGLISH).content.decode()

    assert 'href="#id_description"' in page
    assert 'href="#ticket_types-group"' not in page


def test_an_event_without_buyers_is_taken_off_sale_after_a_question():
    event = make_event()
    client = organizer_of(event)

    client.get(button(event, "unpublish_this"))
    event.refresh_from_db()
    assert event.status == EventStatus.PUBLISHED
    client.post(button(event, "unpublish_this"), YES)

    event.refresh_from_db()
    assert event.status == EventStatus.DRAFT


def test_the_list_shows_what_a_cancelled_event_had_sold():
    event = make_event(capacity=10)
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=3)
    client = organizer_of(event)
    cancel_event(event_id=event.pk, actor=SOMEBODY, now=clock.now())
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())

    page = client.get(reverse("admin:events_event_changelist"), headers=ENGLISH).content.decode()

    assert "3 / 10 · were sold" in page


@pytest.mark.parametrize("role", [Role.VIEWER, Role.FINANCE, Role.DOOR])
def test_members_who_may_not_change_events_publish_and_cancel_nothing(role: Role):
    event, draft = make_event(), make_event(status="draft")
    user = make_user(is_staff=True)
    for each in (event, draft):
        user.memberships.create(organizer=each.organizer, role=role)
    client = sign_in(is_staff=True)
    client.force_login(user)

    for name, each in (("cancel_this", event), ("unpublish_this", event), ("publish_this", draft)):
        assert client.get(button(each, name)).status_code == 403
        assert client.post(button(each, name), YES).status_code == 403
    assert offered(client, event) == offered(client, draft) == set()
    assert {each.status for each in Event.objects.all()} == {"draft", "published"}


@pytest.mark.parametrize("name", ["cancel_this", "unpublish_this", "progress_this"])
def test_an_event_of_another_organizer_is_out_of_reach(name: str):
    event = make_event()
    client = sign_in(organizer=make_organizer(name="Casa Verde"), is_staff=True)

    assert client.get(button(event, name)).status_code == 403
    assert client.post(button(event, name), YES).status_code == 403
    event.refresh_from_db()
    assert event.status == EventStatus.PUBLISHED


def test_a_member_limited_to_some_events_changes_them_but_makes_no_new_ones():
    event = make_event()
    user = make_user(is_staff=True)
    membership = user.memberships.create(
        organizer=event.organizer, role=Role.MANAGER, only_some_events=True
    )
    membership.events.add(event)
    client = sign_in(is_staff=True)
    client.force_login(user)

    renamed = client.post(change_page(event), event_form(client, event, name="Outro nome"))

    assert renamed.status_code == 302
    event.refresh_from_db()
    assert event.name == "Outro nome"
    assert button(event, "clone_this") not in client.get(change_page(event)).content.decode()
    assert client.get(button(event, "clone_this")).status_code == 403
    assert client.get(button(event, "cancel_this")).status_code == 200
