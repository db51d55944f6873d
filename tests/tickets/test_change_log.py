"""The change log: who changed what, from what to what, when and from where."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from events.invitations import OfferedMembership, invite_member
from events.members import change_member
from events.models import Event, Membership, RefundPolicy, Role
from events.organizing import change_event
from events.terms import Texts, save_terms
from orders.cancellation import cancel_order
from tests.make import (
    SOMEBODY,
    as_organizer,
    as_user,
    make_event,
    make_reserved_order,
    make_user,
)
from ticketing import clock
from ticketing.actors import Actor, user_actor
from ticketing.models import Act, ActorKind, ActType
from tickets.change_log import MODELS_OF_SUBJECTS
from tickets.notices.choices import Chosen, choose_notices

pytestmark = pytest.mark.django_db(transaction=True)

LOG = reverse("admin:ticketing_act_changelist")


def member(event: Event, role: Role = Role.MANAGER) -> Client:
    return as_user(make_user(organizer=event.organizer, role=role, is_staff=True))


def text_of(client: Client, **query: str) -> str:
    response = client.get(LOG, query, headers={"Accept-Language": "en"})
    assert response.status_code == 200
    return response.content.decode()


def change(event: Event, **fields: Any) -> None:
    change_event(
        event_id=event.pk,
        fields=fields.pop("fields", {}),
        ticket_types=fields.pop("ticket_types", None),
        actor=SOMEBODY,
        now=clock.now(),
    )


def test_a_change_is_recorded_with_the_values_before_and_after():
    event = make_event(price="80.00", capacity=50)

    change(
        event,
        fields={"venue": "Teatro Rival"},
        ticket_types=[{"name": "Pista", "price": Decimal("90.00"), "capacity": 60}],
    )

    act = Act.objects.get(type=ActType.EVENT_CHANGED)
    assert act.details["changes"] == [
        {"field": "venue", "of": "", "from": "Circo Voador", "to": "Teatro Rival"},
        {"field": "capacity", "of": "Pista", "from": "50", "to": "60"},
        {"field": "price", "of": "Pista", "from": "80.00", "to": "90.00"},
    ]
    shown = text_of(member(event))
    assert "Circo Voador → Teatro Rival" in shown
    assert "BRL\u00a080.00 → BRL\u00a090.00" in shown


def test_a_change_by_api_is_recorded_with_its_address():
    event = make_event()

    response = as_organizer(event).patch(
        f"/events/{event.pk}", {"venue": "Teatro Rival"}, REMOTE_ADDR="203.0.113.9"
    )

    assert response.status_code == 200, response.json()
    act = Act.objects.get(type=ActType.EVENT_CHANGED)
    assert (act.channel, act.address) == ("api", "203.0.113.9")
    assert "API · 203.0.113.9" in text_of(member(event))


def test_work_without_a_request_has_no_address():
    event = make_event()
    change(event, fields={"venue": "Teatro Rival"})

    act = Act.objects.get(type=ActType.EVENT_CHANGED)
    assert (act.channel, act.address) == ("worker", None)


def test_the_address_of_a_buyer_is_not_recorded():
    order = make_reserved_order()
    buyer = Actor(ActorKind.BUYER, str(order.pk))

    cancel_order(order_id=order.pk, actor=buyer, now=clock.now())

    assert Act.objects.get(type=ActType.ORDER_CANCELLED).address is None


def test_the_log_is_searched_by_order_code_actor_and_id():
    order, other = make_reserved_order(), make_reserved_order()
    event = order.event
    Event.objects.filter(pk=other.event_id).update(organizer=event.organizer)
    for each in (order, other):
        record = Actor(ActorKind.USER, "7", f"by-{each.code}")
        cancel_order(order_id=each.pk, actor=record, now=clock.now())
    client = member(event)

    for term in (order.code, order.code.lower(), f"by-{order.code}", str(order.pk)):
        shown = text_of(client, q=term)
        assert f"by-{order.code}" in shown
        assert f"by-{other.code}" not in shown


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.OWNER, True),
        (Role.MANAGER, True),
        (Role.FINANCE, False),
        (Role.DOOR, False),
        (Role.VIEWER, False),
    ],
)
def test_owners_and_managers_read_the_log(role: Role, *, allowed: bool):
    event = make_event()

    response = member(event, role).get(LOG)

    assert (response.status_code == 200) is allowed


def test_the_log_shows_acts_of_the_own_organizers_alone():
    ours, theirs = make_event(name="Our event"), make_event(name="Their event")
    for event in (ours, theirs):
        change(event, fields={"venue": "Teatro Rival"})

    shown = text_of(member(ours))

    assert "Our event" in shown
    assert "Their event" not in shown


def test_what_happened_is_shown_on_members_invitations_terms_and_refund_policies():
    organizer = make_event().organizer
    owner = make_user(organizer=organizer, is_staff=True)
    other = make_user(organizer=organizer, role=Role.VIEWER)
    by: dict[str, Any] = {"actor": SOMEBODY, "now": clock.now()}
    membership = Membership.objects.get(user=other)
    change_member(
        membership_id=membership.pk, role=Role.DOOR, only_some_events=False, event_ids=[], **by
    )
    offered = OfferedMembership(role=Role.FINANCE)
    invitation = invite_member(
        organizer_id=organizer.pk,
        email="bia@example.com",
        offered=offered,
        language="en",
        inviter=owner,
        now=clock.now(),
    )
    texts = Texts(sale_pt="Sem trocas.", sale_en="", privacy_pt="", privacy_en="")
    terms = save_terms(organizer_id=organizer.pk, texts=texts, is_required=False, **by)
    client = as_user(owner)
    saved = client.post(
        reverse("admin:events_refundpolicy_add"),
        {
            "organizer": organizer.pk,
            "mode": "auto",
            "days_after_purchase": 7,
            "days_before_start": 2,
        },
        format="multipart",
    )
    assert saved.status_code == 302, saved.context["errors"]

    for row, said in [
        (membership, "member changed"),
        (invitation, "member invited"),
        (terms, "terms and privacy saved"),
        (RefundPolicy.objects.get(), "refund policy saved"),
    ]:
        name = f"admin:events_{row._meta.model_name}_change"
        page = client.get(reverse(name, args=[row.pk]), headers={"Accept-Language": "en"})
        assert said in page.content.decode()


def test_each_type_of_act_is_recorded_by_some_verb_and_its_subject_is_known():
    root = Path(settings.BASE_DIR)
    sources = [
        path.read_text()
        for app in ("ticketing", "events", "orders", "tickets")
        for path in (root / app).rglob("*.py")
        if "migrations" not in path.parts
    ]
    used = {name for text in sources for name in re.findall(r"\bActType\.([A-Z_]+)\b", text)}
    subjects = {kind.partition(".")[0] for kind in ActType.values}

    assert used == set(ActType.__members__)
    # Messages that were sent again are of two models, and are soon deleted.
    assert subjects == {*MODELS_OF_SUBJECTS, "message"}


def test_a_members_choice_of_notices_is_recorded_if_it_changes_something():
    event = make_event()
    owner = make_user(organizer=event.organizer, is_staff=True)
    membership = Membership.objects.get(user=owner)
    chosen = Chosen(each_sale=True, daily_summary=False, sold_out=False, language="en")

    for _ in range(2):
        choose_notices(
            membership=membership, chosen=chosen, actor=user_actor(owner), now=clock.now()
        )

    act = Act.objects.get(type=ActType.NOTICES_CHOSEN)
    assert act.details["changes"] == [
        {"field": "Each sale", "of": "", "from": "False", "to": "True"}
    ]
    assert "Each sale: no → yes" in text_of(as_user(owner))


def test_nobody_adds_changes_or_deletes_an_act():
    event = make_event()
    act = Act.objects.filter(subject_id=event.pk).latest("at")
    client = as_user(make_user(is_staff=True, is_superuser=True))

    assert client.get(reverse("admin:ticketing_act_add")).status_code == 403
    page = reverse("admin:ticketing_act_change", args=[act.pk])
    assert client.get(page).status_code == 200
    assert client.post(page, {"type": "x"}).status_code == 403
    assert client.post(reverse("admin:ticketing_act_delete", args=[act.pk])).status_code == 403


def test_a_longer_page_of_the_log_makes_no_more_queries():
    event = make_event()
    client = member(event)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            text_of(client)
        return len(queries)

    count()
    short = count()
    for number in range(20):
        change(event, fields={"venue": f"Venue {number}"})

    assert count() == short
