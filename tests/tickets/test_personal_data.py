"""A person's data at an organizer: a copy of it, and its erasure, while the accounts add up."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Sum
from django.test import Client

from events.models import Event, Role, TermsVersion
from orders.consent_record import Consent, ConsentWay
from orders.email_confirmation import EmailConfirmation
from orders.models import Order
from orders.personal_data import ERASED_NAME, no_longer_needed
from tests.make import (
    SOMEBODY,
    make_organizer,
    make_paid_order,
    make_reserved_order,
    make_ticket_type,
    make_transfer,
    make_user,
)
from tests.moments import NOON
from ticketing import clock
from ticketing.ids import new_id
from ticketing.models import Act, ActType, User
from tickets.models import Delivery, RefundRequest, Ticket, Transfer, TransferMail
from tickets.notices.models import Notice
from tickets.notices.reminder_models import Reminder
from tickets.personal_data import (
    Erasure,
    copy_of_person,
    erase_orders,
    erase_person,
    received_by_person,
    received_no_longer_needed,
)
from tickets.refund import refund_order
from tickets.transfers.accepting import accept_transfer
from tickets.transfers.offering import NewHolder, offer_ticket

pytestmark = pytest.mark.django_db(transaction=True)

ANA, BIA = "ana@example.com", "bia@example.com"
PAGE = "/admin/personal-data/"


def end(event: Event) -> None:
    now = clock.now()
    Event.objects.filter(pk=event.pk).update(
        starts_at=now - timedelta(days=2), ends_at=now - timedelta(days=1)
    )


def past_order() -> Order:
    order = make_paid_order()
    end(order.event)
    return order


def erase(order: Order, email: str = ANA) -> Erasure:
    return erase_person(
        organizer_id=order.event.organizer_id, email=email, actor=SOMEBODY, now=clock.now()
    )


def owner(order: Order, role: Role = Role.OWNER) -> Client:
    return browser_of(make_user(organizer=order.event.organizer, role=role, is_staff=True))


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def ask(order: Order, button: str, email: str = ANA) -> dict[str, str]:
    return {"email": email, "organizer": str(order.event.organizer_id), button: ""}


def test_a_person_is_erased_from_past_orders_and_the_amounts_stay():
    order, now = past_order(), clock.now()
    Order.objects.update(address_digest="address", network_digest="network")
    EmailConfirmation.objects.create(
        order=order, asked_at=now, ask_again_at=now, failure=f"{ANA} is not verified"
    )
    before = Order.objects.aggregate(total=Sum("total"))

    assert erase(order) == Erasure(erased=1, needed=0)

    erased = Order.objects.get(pk=order.pk)
    assert (erased.customer_name, erased.customer_email) == (ERASED_NAME, "")
    assert (erased.address_digest, erased.network_digest) == ("", "")
    assert EmailConfirmation.objects.get().failure == ""
    assert (erased.code, erased.status, erased.total) == (order.code, "paid", order.total)
    assert Order.objects.aggregate(total=Sum("total")) == before
    holders = Ticket.objects.filter(order=order).values_list("holder_name", flat=True)
    assert set(holders) == {ERASED_NAME}


def test_an_erasure_is_recorded_without_the_person_and_a_repeat_records_nothing():
    order = past_order()
    erase(order)

    assert erase(order) == Erasure(erased=0, needed=0)

    act = Act.objects.get(type=ActType.ORDER_ERASED)
    assert (act.subject_id, act.actor_name) == (order.pk, SOMEBODY.name)
    assert ANA not in json.dumps(act.details)


def test_orders_that_are_open_or_for_an_event_to_come_stay():
    kind = make_ticket_type()
    paid, reserved = make_paid_order(ticket_type=kind), make_reserved_order(ticket_type=kind)

    assert erase(paid) == Erasure(erased=0, needed=2)

    assert set(Order.objects.values_list("customer_email", flat=True)) == {ANA}
    end(kind.event)
    assert erase(reserved) == Erasure(erased=1, needed=1)


def test_an_order_is_needed_until_its_event_is_over_and_its_own_refund_is_paid():
    order, owed = past_order(), past_order()
    refund_order(order_id=owed.pk, actor=SOMEBODY, now=clock.now())
    order.event.refresh_from_db()
    own = Order.objects.filter(pk=order.pk)

    assert not no_longer_needed(own, now=order.event.ends_at).exists()
    assert list(no_longer_needed(Order.objects.all(), now=clock.now())) == [order]


def test_a_buyer_who_only_gave_a_dash_as_name_is_erased_too():
    order = past_order()
    Order.objects.update(customer_name=ERASED_NAME)

    assert erase(order) == Erasure(erased=1, needed=0)


def test_orders_of_other_people_and_other_organizers_stay():
    kind, elsewhere = make_ticket_type(), past_order()
    order, other = (make_paid_order(ticket_type=kind) for _ in range(2))
    Order.objects.filter(pk=other.pk).update(customer_email="bia@example.com")
    end(kind.event)

    erase(order)

    kept = Order.objects.exclude(customer_email="").values_list("pk", flat=True)
    assert set(kept) == {elsewhere.pk, other.pk}


def test_a_search_for_no_address_erases_nothing():
    order = past_order()
    erase(order)
    Order.objects.update(customer_name="Guest without an address")

    assert erase(order, "") == Erasure(erased=0, needed=0)
    assert Order.objects.get().customer_name == "Guest without an address"


def test_a_copy_has_the_orders_and_tickets_and_is_recorded_without_the_person():
    order = past_order()

    copy = copy_of_person(
        organizer_id=order.event.organizer_id, email=ANA, actor=SOMEBODY, now=clock.now()
    )

    (copied,) = copy["orders"]
    assert (copied["code"], copied["name"], copied["email"]) == (order.code, "Ana Souza", ANA)
    assert [ticket["holder"] for ticket in copied["tickets"]] == ["Ana Souza"]
    act = Act.objects.get(type=ActType.PERSON_COPIED)
    assert (act.subject_id, act.details) == (order.event.organizer_id, {"orders": 1})


def test_an_owner_looks_copies_and_erases_after_a_question():
    order = past_order()
    client = owner(order)

    looked = client.post(PAGE, ask(order, "look"), headers={"Accept-Language": "en"})
    assert "1 order" in looked.content.decode()
    copied = client.post(PAGE, ask(order, "copy"))
    assert copied.json()["orders"][0]["code"] == order.code
    asked = client.post(PAGE, ask(order, "ask"), headers={"Accept-Language": "en"})
    assert "Erase the person" in asked.content.decode()
    assert Order.objects.get().customer_email == ANA

    client.post(PAGE, ask(order, "erase"))

    assert Order.objects.get().customer_email == ""


@pytest.mark.parametrize("role", [Role.MANAGER, Role.FINANCE, Role.DOOR, Role.VIEWER])
def test_only_owners_open_the_page(role: Role):
    assert owner(past_order(), role).get(PAGE).status_code == 403


def test_an_owner_erases_nothing_at_another_organizer():
    order, stranger = past_order(), make_user(organizer=make_organizer(), is_staff=True)

    response = browser_of(stranger).post(PAGE, ask(order, "erase"))

    assert response.status_code == 200
    assert Order.objects.get().customer_email == ANA


def test_nobody_without_a_session_opens_the_page():
    assert Client().get(PAGE).status_code == 302


def received_ticket() -> tuple[Order, Ticket]:
    """Return an order, and its ticket that Bia has got from Ana."""
    order = make_paid_order()
    transfer = offer_ticket(
        order_id=order.pk,
        ticket_id=Ticket.objects.of_order(order.pk).get().pk,
        to=NewHolder("Bia Lima", BIA, "en"),
        actor=SOMEBODY,
        now=clock.now(),
    )
    accept_transfer(transfer_id=transfer.pk, holder_name="Bia Lima", now=clock.now())
    return order, Ticket.objects.of_order(order.pk).get()


def test_a_new_holder_is_erased_from_the_ticket_and_its_buyer_stays():
    order, ticket = received_ticket()

    before = erase(order, BIA)
    end(order.event)
    after = erase(order, BIA)

    assert (before, after) == (Erasure(0, 0, 0), Erasure(0, 0, 1))
    ticket.refresh_from_db()
    assert ticket.holder_name == ERASED_NAME
    assert set(Transfer.objects.values_list("name", "email")) == {(ERASED_NAME, "")}
    assert Order.objects.get(pk=order.pk).customer_email == ANA
    act = Act.objects.get(type=ActType.TICKET_HOLDER_ERASED)
    assert BIA not in json.dumps(act.details)
    assert erase(order, BIA) == Erasure(0, 0, 0)


def test_a_copy_has_the_tickets_that_a_person_has_got_from_others():
    order, _ticket = received_ticket()

    copied = copy_of_person(
        organizer_id=order.event.organizer_id, email=BIA, actor=SOMEBODY, now=clock.now()
    )

    assert copied["orders"] == []
    (received,) = copied["received_tickets"]
    assert (received["event"], received["name"]) == (order.event.name, "Bia Lima")
    assert ANA not in json.dumps(copied)


def test_an_owner_sees_and_erases_what_a_person_has_got_from_others():
    order, _ticket = received_ticket()
    end(order.event)
    browser = owner(order)

    looked = browser.post(PAGE, ask(order, "look", BIA), headers={"accept-language": "en"})
    erased = browser.post(PAGE, ask(order, "erase", BIA), follow=True)

    assert "1 ticket was offered to this person by its buyer." in looked.content.decode()
    assert 'name="ask"' in looked.content.decode()
    assert "1 ingresso transferido" in erased.content.decode()
    assert not Transfer.objects.filter(email=BIA).exists()


def test_what_a_person_was_offered_is_needed_until_the_event_is_over_or_the_offer_ended():
    order = make_paid_order(quantity=6)
    now, ends = clock.now(), order.event.ends_at
    fields: dict[str, dict[str, Any]] = {
        "accepted": {"accepted_at": now},
        "accepted, once expired": {"accepted_at": now, "expires_at": now},
        "open": {"expires_at": now + timedelta(seconds=1)},
        "expired": {"expires_at": now},
        "withdrawn": {"withdrawn_at": now, "expires_at": ends},
        "withdrawn and expired": {"withdrawn_at": now, "expires_at": now},
    }
    for ticket, (name, columns) in zip(
        Ticket.objects.of_order(order.pk), fields.items(), strict=True
    ):
        made = make_transfer(ticket=ticket, email=BIA, accepted=False)
        Transfer.objects.filter(pk=made.pk).update(name=name, **columns)

    def ended(moment: datetime) -> set[str]:
        found = received_no_longer_needed(Transfer.objects.all(), now=moment)
        return set(found.values_list("name", flat=True))

    done = {"expired", "withdrawn", "withdrawn and expired"}
    assert ended(now) == done
    assert ended(ends) == done | {"open"}
    assert ended(ends + timedelta(seconds=1)) == set(fields)
    Event.objects.update(status="cancelled")
    assert ended(now) == set(fields)


def rows_of(order: Order) -> dict[str, list[dict[str, Any]]]:
    """Return what is stored of an order's people and mails."""
    transfers = Transfer.objects.filter(ticket__order=order)
    found: dict[str, Any] = {
        "order": Order.objects.filter(pk=order.pk),
        "tickets": Ticket.objects.filter(order=order),
        "requests": RefundRequest.objects.filter(order=order),
        "transfers": transfers,
        "transfer mails": TransferMail.objects.filter(transfer__in=transfers),
        "deliveries": Delivery.objects.filter(order=order),
        "notices": Notice.objects.filter(order=order),
        "reminders": Reminder.objects.filter(order=order),
    }
    return {name: list(rows.order_by("pk").values()) for name, rows in found.items()}


def test_the_mails_of_an_erased_order_wait_for_nobody_and_other_orders_keep_all():
    kind = make_ticket_type()
    orders = [make_paid_order(ticket_type=kind, quantity=2) for _ in range(2)]
    before, now = clock.now() - timedelta(hours=1), clock.now()
    waiting = {"asked_at": before, "ask_again_at": before, "failure": "No ana@", "goes_at": now}
    for order in orders:
        ids = list(Ticket.objects.of_order(order.pk).values_list("pk", flat=True))
        RefundRequest.objects.create(
            order=order, ticket_ids=ids, reason="Ana", answer="Ana", requested_at=now, **waiting
        )
        make_transfer(ticket=Ticket.objects.get(pk=ids[0]), email=BIA, accepted=False)
        Notice.objects.create(order=order, kind="refund", cause=new_id(), **waiting)
        sent = waiting | {"sent_at": before}
        Notice.objects.create(order=order, kind="event_changed", cause=new_id(), **sent)
        Reminder.objects.create(order=order, failed_at=before, **waiting)
    for model in (TransferMail, Delivery):
        model.objects.update(failed_at=before, **waiting)
    erased, kept = orders
    theirs = rows_of(kept)
    recorded: list[Any] = []

    erase_orders([erased.pk], record=recorded.append, now=now)

    assert rows_of(kept) == theirs
    assert recorded == [[erased.pk]]
    ours = rows_of(erased)
    assert {(row["holder_name"], row["object_name"]) for row in ours["tickets"]} == {
        (ERASED_NAME, "")
    }
    assert {(row["name"], row["email"]) for row in ours["transfers"]} == {(ERASED_NAME, "")}
    assert {(row["reason"], row["answer"], row["failure"]) for row in ours["requests"]} == {
        ("", "", "")
    }
    for name in ("transfer mails", "deliveries", "notices", "reminders"):
        assert {row["failure"] for row in ours[name]} == {""}
        assert {row["failed_at"] for row in ours[name]} == {None}
        unsent = [row for row in ours[name] if row["sent_at"] != before]
        assert {(row["sent_at"], row["goes_at"]) for row in unsent} == {(now, None)}
    assert [row["sent_at"] for row in ours["notices"]].count(before) == 1


def test_what_other_organizers_events_have_of_a_person_is_neither_found_nor_erased():
    order, elsewhere = make_paid_order(), make_paid_order()
    erased = make_paid_order(ticket_type=order.event.ticket_types.get())
    for each, address in ((order, BIA), (elsewhere, BIA), (erased, "eva@example.com")):
        make_transfer(ticket=each.tickets.get(), email=address)
    for each in (order, elsewhere):
        end(each.event)
    Transfer.objects.filter(email="eva@example.com").update(email="")

    found = received_by_person(organizer_id=order.event.organizer_id, email="BIA@example.com")
    assert [transfer.ticket.order_id for transfer in found] == [order.pk]
    assert not received_by_person(organizer_id=order.event.organizer_id, email="").exists()
    assert erase(order, BIA) == Erasure(0, 0, 1)

    assert Transfer.objects.get(ticket__order=elsewhere).email == BIA


def test_a_copy_has_the_moments_of_a_consent_as_text():
    order = make_paid_order()
    terms = TermsVersion.objects.create(
        organizer=order.event.organizer, number=1, sale_pt="x", valid_from=NOON
    )
    Consent.objects.create(
        order=order, terms=terms, accepted_at=NOON, news_at=NOON, way=ConsentWay.SHOP
    )

    copied = copy_of_person(
        organizer_id=order.event.organizer_id, email=ANA, actor=SOMEBODY, now=NOON
    )

    consent = copied["orders"][0]["consent"]
    assert (consent["terms_accepted_at"], consent["news_agreed_at"]) == (NOON.isoformat(),) * 2
    assert consent["news_withdrawn_at"] is None
