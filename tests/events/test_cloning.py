"""Copying an event: everything but its sale, at another time."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from events.cloning import clone_event
from events.models import (
    Event,
    EventStatus,
    Gate,
    Question,
    RefundMode,
    RefundPolicy,
    TicketType,
)
from tests.make import SOMEBODY, make_event, make_paid_order, make_question, make_ticket_type
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.models import Act, ActType

pytestmark = pytest.mark.django_db(transaction=True)


def clone(event: Event, starts_at: datetime) -> Event:
    return clone_event(
        event_id=event.pk,
        name="Segunda noite",
        starts_at=starts_at,
        actor=SOMEBODY,
        now=clock.now(),
    )


def test_a_copy_is_a_draft_with_all_settings_and_no_sales(queue: RecordingQueue):
    event = make_event(
        description="Um quinteto.",
        max_per_order=4,
        hold_seconds=600,
        requires_proof_of_work=True,
        holder_names="optional",
        image_url="https://example.com/a.jpg",
        external_id="e-1",
    )
    kind = event.ticket_types.get()
    make_paid_order(ticket_type=kind)
    TicketType.objects.filter(pk=kind.pk).update(is_hidden=True, max_per_order=2)

    copy = clone(event, event.starts_at + timedelta(days=7))

    assert (copy.status, copy.name, copy.slug) == (
        EventStatus.DRAFT,
        "Segunda noite",
        "segunda-noite",
    )
    for name in ("description", "venue", "max_per_order", "hold_seconds", "holder_names"):
        assert getattr(copy, name) == getattr(event, name)
    assert copy.image_url == event.image_url
    assert (copy.requires_proof_of_work, copy.external_id) == (True, "")
    assert copy.number != event.number
    copied = copy.ticket_types.get()
    assert (copied.name, copied.price, copied.capacity) == ("Pista", Decimal(45), 100)
    assert (copied.is_hidden, copied.max_per_order) == (True, 2)
    assert (copied.sold, copied.promised) == (0, 0)


def test_a_copy_has_the_refund_policy_of_its_source_and_not_that_of_all_events():
    event, plain = make_event(), make_event()
    for each, days in ((event, 3), (None, 9)):
        RefundPolicy.objects.create(
            organizer=event.organizer,
            event=each,
            mode=RefundMode.AUTOMATIC,
            days_after_purchase=None,
            days_before_start=days,
        )

    copy = clone(event, event.starts_at + timedelta(days=7))
    of_all = clone(plain, plain.starts_at + timedelta(days=7))

    policy = RefundPolicy.objects.get(event=copy)
    assert policy.organizer_id == event.organizer_id
    assert (policy.mode, policy.days_after_purchase, policy.days_before_start) == ("auto", None, 3)
    assert Act.objects.get(type=ActType.REFUND_POLICY_SAVED).subject_id == policy.pk
    assert not RefundPolicy.objects.filter(event=of_all).exists()
    assert RefundPolicy.objects.count() == 3


def test_a_copy_has_each_rule_for_the_copy_of_its_type_although_another_was_deleted():
    event = make_event()
    pista = event.ticket_types.get()
    box, vip = (make_ticket_type(event=event, name=name) for name in ("Camarote", "VIP"))
    for kind in (box, vip):
        Gate.objects.create(event=event, name=f"Entrada {kind.name}").ticket_types.set([kind])
        make_question(event=event, label=f"{kind.name}?", only_for=[kind])
    pista.delete()

    copy = clone(event, event.starts_at + timedelta(days=7))

    assert list(copy.ticket_types.values_list("number", "name")) == [(1, "Camarote"), (2, "VIP")]
    copied = Gate.objects.filter(event=copy, ticket_types__event=copy)
    assert set(copied.values_list("name", "ticket_types__name")) == {
        ("Entrada Camarote", "Camarote"),
        ("Entrada VIP", "VIP"),
    }
    asked = Question.objects.filter(event=copy, ticket_types__event=copy)
    assert set(asked.values_list("label", "ticket_types__name")) == {
        ("Camarote?", "Camarote"),
        ("VIP?", "VIP"),
    }


def test_all_times_move_with_the_start():
    now = clock.now().replace(microsecond=0)
    event = make_event(sales_start_at=now, checkin_starts_at=now + timedelta(days=29))
    event.ticket_types.update(sales_end_at=now + timedelta(days=20))
    week = timedelta(days=7)

    copy = clone(event, event.starts_at + week)

    for name in ("starts_at", "ends_at", "sales_start_at", "checkin_starts_at"):
        assert getattr(copy, name) == getattr(event, name) + week
    assert copy.ticket_types.get().sales_end_at == now + timedelta(days=20) + week
    assert copy.sales_end_at is None


def test_a_door_opens_at_the_same_hour_on_the_other_side_of_summer_time():
    zone = ZoneInfo("Europe/Lisbon")
    event = make_event(
        timezone="Europe/Lisbon",
        starts_at=datetime(2027, 3, 20, 21, tzinfo=zone),
        ends_at=datetime(2027, 3, 20, 23, tzinfo=zone),
        checkin_starts_at=datetime(2027, 3, 13, 19, tzinfo=zone),
    )

    copy = clone(event, datetime(2027, 4, 3, 21, tzinfo=zone))

    assert copy.checkin_starts_at == datetime(2027, 3, 27, 19, tzinfo=zone)
    assert copy.ends_at == datetime(2027, 4, 3, 23, tzinfo=zone)
