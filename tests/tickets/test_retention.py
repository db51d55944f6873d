"""Buyers of past events are erased as long after an event as its organizer has chosen."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.storage import storages
from django.db import IntegrityError
from django.test import Client

from events.models import Event, Organizer, Role
from events.retention import set_retention
from orders.ledger import find_ledger_faults
from orders.models import Order, Payment, Refund, ShopRecord
from orders.personal_data import ERASED_NAME
from tests.make import SOMEBODY, make_event, make_organizer, make_paid_order, make_user
from ticketing import clock
from ticketing.actors import record_act
from ticketing.ids import new_id
from ticketing.models import Act, ActType
from ticketing.storage import StorageAway
from tickets import retention
from tickets.models import Delivery, ErasedEvent, ErasureRun, Ticket
from tickets.object_names import object_name
from tickets.personal_data import erase_orders
from tickets.retention import Preview, erase_old_data, preview_retention

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/admin/personal-data/retention/"


def keep(organizer: Organizer, months: int | None) -> None:
    set_retention(organizer_id=organizer.pk, months=months, actor=SOMEBODY, now=clock.now())


def end(event: Event, *, days: int) -> None:
    ended_at = clock.now() - timedelta(days=days)
    Event.objects.filter(pk=event.pk).update(
        starts_at=ended_at - timedelta(hours=3), ends_at=ended_at
    )


def order_of(organizer: Organizer, *, days: int, quantity: int = 1) -> Order:
    """Return a paid order of an event that ended so many days ago."""
    kind = make_event(organizer=organizer).ticket_types.get()
    order = make_paid_order(ticket_type=kind, quantity=quantity)
    end(order.event, days=days)
    return order


def erased_orders() -> set[object]:
    return set(Order.objects.filter(customer_email="").values_list("pk", flat=True))


def test_only_buyers_of_events_past_the_chosen_time_are_erased():
    organizer, keeper = make_organizer(), make_organizer()
    old, recent = order_of(organizer, days=100), order_of(organizer, days=80)
    order_of(keeper, days=2_000)
    keep(organizer, 3)

    erase_old_data(now=clock.now())

    assert erased_orders() == {old.pk}
    erase_old_data(now=clock.now() + timedelta(days=30))
    assert erased_orders() == {old.pk, recent.pk}
    acts = Act.objects.filter(type=ActType.BUYERS_ERASED)
    assert [act.details for act in acts] == [{"orders": 1}, {"orders": 1}]


def test_two_events_that_ended_at_one_moment_are_each_erased():
    orders = [order_of(make_organizer(), days=40) for _ in range(2)]
    ended_at = clock.now() - timedelta(days=40)
    Event.objects.update(starts_at=ended_at - timedelta(hours=3), ends_at=ended_at)

    for order in orders:
        keep(order.event.organizer, 1)
        erase_old_data(now=clock.now())

    assert erased_orders() == {order.pk for order in orders}


def test_everything_that_names_the_buyer_goes_and_the_accounts_stay():
    organizer = make_organizer()
    order = order_of(organizer, days=40, quantity=2)
    # An order from the box office may have a name without an address.
    Order.objects.filter(pk=order.pk).update(customer_email="")
    ShopRecord.objects.create(
        order=order, api_token=new_id(), external_id="customer-7", metadata={"note": "Ana"}
    )
    Delivery.objects.filter(order=order).update(failed_at=clock.now(), failure="No ana@")
    Ticket.objects.filter(order=order, position=1).update(status="used", used_at=clock.now())
    pictures = [f"{object_name(ticket)}.png" for ticket in order.tickets.all()]
    assert all(storages["tickets"].exists(name) for name in pictures)
    keep(organizer, 1)

    erase_old_data(now=clock.now())

    erased = Order.objects.get(pk=order.pk)
    assert (erased.customer_name, erased.customer_email) == (ERASED_NAME, "")
    assert (erased.code, erased.total, erased.status) == (order.code, order.total, "paid")
    assert set(order.tickets.values_list("holder_name", flat=True)) == {ERASED_NAME}
    assert order.tickets.filter(status="used").count() == 1
    record = ShopRecord.objects.get(order=order)
    assert (record.external_id, record.metadata) == ("", {})
    delivery = Delivery.objects.get(order=order)
    assert (delivery.failure, delivery.failed_at) == ("", None)
    assert delivery.sent_at is not None
    assert not any(storages["tickets"].exists(name) for name in pictures)
    assert list(find_ledger_faults()) == []


def test_a_run_is_one_act_of_each_organizer_without_a_person():
    first, second = make_organizer(), make_organizer()
    for _ in range(2):
        order_of(first, days=40)
    order_of(second, days=40)
    keep(first, 1)
    keep(second, 1)

    erase_old_data(now=clock.now())
    erase_old_data(now=clock.now())

    acts = Act.objects.filter(type=ActType.BUYERS_ERASED)
    assert {act.organizer_id: act.details for act in acts} == {
        first.pk: {"orders": 2},
        second.pk: {"orders": 1},
    }
    assert acts.count() == 2
    assert not Act.objects.filter(type=ActType.ORDER_ERASED).exists()


def test_a_run_that_died_is_continued_and_recorded_once(monkeypatch: pytest.MonkeyPatch):
    organizer = make_organizer()
    kind = make_event(organizer=organizer).ticket_types.get()
    for _ in range(3):
        make_paid_order(ticket_type=kind)
    end(kind.event, days=40)
    keep(organizer, 1)
    monkeypatch.setattr(retention, "BATCH", 1)
    calls = []

    def die_at_the_second(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 2:
            raise StorageAway("The storage is away.")
        erase_orders(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(retention, "erase_orders", die_at_the_second)
        with pytest.raises(StorageAway):
            erase_old_data(now=clock.now())
    assert len(erased_orders()) == 1
    assert not ErasedEvent.objects.exists()

    erase_old_data(now=clock.now())

    assert len(erased_orders()) == 3
    assert Act.objects.get(type=ActType.BUYERS_ERASED).details == {"orders": 3}
    assert ErasureRun.objects.get().finished_at is not None


def test_orders_of_one_moment_are_erased_in_batches_of_one_run(monkeypatch: pytest.MonkeyPatch):
    organizer = make_organizer()
    kind = make_event(organizer=organizer).ticket_types.get()
    orders = [make_paid_order(ticket_type=kind) for _ in range(3)]
    Order.objects.update(created_at=orders[0].created_at)
    end(kind.event, days=40)
    keep(organizer, 1)
    monkeypatch.setattr(retention, "BATCH", 1)

    assert erase_old_data(now=clock.now()) == 3


def test_runs_that_died_are_each_recorded_once_with_their_own_number(
    monkeypatch: pytest.MonkeyPatch,
):
    now = clock.now()
    # The oldest is finished first, whatever its key is.
    late, early, third = (
        ErasureRun.objects.create(
            organizer=make_organizer(), started_at=now - timedelta(hours=hours), orders=hours
        )
        for hours in (1, 3, 2)
    )

    def while_another_process_finishes_the_third(**arguments: Any) -> None:
        ErasureRun.objects.filter(pk=third.pk).update(finished_at=now)
        record_act(**arguments)

    monkeypatch.setattr(retention, "record_act", while_another_process_finishes_the_third)
    erase_old_data(now=now)

    acts = Act.objects.filter(type=ActType.BUYERS_ERASED)
    assert {(act.subject_id, act.organizer_id, act.at) for act in acts} == {
        (run.organizer_id, run.organizer_id, now) for run in (late, early)
    }
    assert {act.organizer_id: act.details for act in acts} == {
        late.organizer_id: {"orders": 1},
        early.organizer_id: {"orders": 3},
    }
    assert {(act.actor_kind, act.actor_id) for act in acts} == {
        ("system", str(run.organizer_id)) for run in (late, early)
    }
    assert set(ErasureRun.objects.values_list("finished_at", flat=True)) == {now}


def test_a_run_is_bounded_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch):
    organizer = make_organizer()
    kind = make_event(organizer=organizer).ticket_types.get()
    for _ in range(3):
        make_paid_order(ticket_type=kind)
    end(kind.event, days=40)
    keep(organizer, 1)
    monkeypatch.setattr(retention, "BATCH", 1)
    monkeypatch.setattr(retention, "_MOST_BATCHES", 2)

    assert erase_old_data(now=clock.now()) == 2
    assert len(erased_orders()) == 2
    assert erase_old_data(now=clock.now()) == 1
    assert erase_old_data(now=clock.now()) == 0
    assert ErasedEvent.objects.get().event_id == kind.event_id


def test_a_buyer_to_whom_money_is_owed_waits_for_it():
    organizer = make_organizer()
    order = order_of(organizer, days=40)
    payment = Payment.objects.get(order=order)
    owed = Refund.objects.create(
        payment=payment, amount=1, created_at=clock.now(), ask_again_at=clock.now()
    )
    keep(organizer, 1)

    erase_old_data(now=clock.now())
    assert erased_orders() == set()

    Refund.objects.filter(pk=owed.pk).update(refunded_at=clock.now())
    erase_old_data(now=clock.now())
    assert erased_orders() == {order.pk}


def test_an_event_that_was_moved_to_a_later_date_is_looked_at_again():
    organizer = make_organizer()
    order = order_of(organizer, days=400)
    keep(organizer, 1)
    erase_old_data(now=clock.now())
    Order.objects.update(customer_name="Bia", customer_email="bia@example.com")
    erase_old_data(now=clock.now())
    assert erased_orders() == set()

    end(order.event, days=40)
    erase_old_data(now=clock.now())

    assert erased_orders() == {order.pk}


def test_months_are_those_of_the_calendar():
    organizer = make_organizer()
    order = order_of(organizer, days=1)
    ended_at = datetime.fromisoformat("2026-01-31T22:00:00+00:00")
    Event.objects.filter(pk=order.event_id).update(
        starts_at=ended_at - timedelta(hours=3), ends_at=ended_at
    )

    def found(moment: str) -> int:
        now = datetime.fromisoformat(moment)
        return preview_retention(organizer_id=organizer.pk, months=1, now=now).orders

    assert found("2026-02-28T22:00:00+00:00") == 0
    assert found("2026-02-28T22:00:01+00:00") == 1


def test_a_preview_counts_the_orders_of_the_organizers_events_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
):
    organizer = make_organizer()
    kind = make_event(organizer=organizer).ticket_types.get()
    for _ in range(4):
        make_paid_order(ticket_type=kind)
    end(kind.event, days=40)
    order_of(organizer, days=40)
    order_of(make_organizer(), days=40)
    monkeypatch.setattr(retention, "MOST_COUNTED", 3)

    found = preview_retention(organizer_id=organizer.pk, months=1, now=clock.now())

    # One more than the limit says that there are more.
    assert found == Preview(orders=4, events=2)


def test_the_first_month_is_kept_and_each_change_is_recorded_once():
    organizer = make_organizer()
    with pytest.raises(IntegrityError):
        keep(organizer, 0)

    keep(organizer, 6)
    keep(organizer, 6)
    keep(organizer, None)

    changes = [
        act.details["changes"][0]
        for act in Act.objects.filter(type=ActType.RETENTION_CHANGED).order_by("at")
    ]
    assert [(change["from"], change["to"]) for change in changes] == [("", "6"), ("6", "")]


def owner_of(organizer: Organizer, role: Role = Role.OWNER) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(make_user(organizer=organizer, role=role, is_staff=True))
    return client


def test_an_owner_sees_what_a_choice_erases_before_it_is_saved():
    organizer = make_organizer()
    order_of(organizer, days=40)
    order_of(organizer, days=10)
    client = owner_of(organizer)
    sent = {"organizer": str(organizer.pk), "months": "1"}

    asked = client.post(PAGE, sent | {"look": ""}).content.decode()
    assert "Personal data of 1 order of past events is erased for good" in asked
    assert Organizer.objects.get().erases_after_months is None

    saved = client.post(PAGE, sent | {"save": ""}, follow=True)

    assert "Buyers are erased 1 month after the event." in saved.content.decode()
    assert Organizer.objects.get().erases_after_months == 1
    now = clock.now()
    assert preview_retention(organizer_id=organizer.pk, months=1, now=now) == Preview(1, 1)


def test_an_owner_chooses_nothing_for_another_organizer_and_a_manager_nothing_at_all():
    organizer, other = make_organizer(), make_organizer()
    client = owner_of(organizer)

    client.post(PAGE, {"organizer": str(other.pk), "months": "1", "save": ""})

    assert set(Organizer.objects.values_list("erases_after_months", flat=True)) == {None}
    assert owner_of(organizer, Role.MANAGER).get(PAGE).status_code == 403
