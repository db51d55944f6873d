"""The admin pages of promo codes."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from events.models import Event, Membership, Role, TicketType
from orders.models import Order
from orders.payment import confirm_payment
from orders.promo_code import PromoCode
from tests.make import (
    make_event,
    make_promo_code,
    make_reservation,
    make_ticket_type,
    make_user,
)
from ticketing import clock
from ticketing.models import Act, User
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/orders/promocode/"
ADD = "/admin/orders/promocode/add/"


def sign_in(event: Event, *, role: Role = Role.MANAGER, language: str = "en") -> Client:
    client = Client(headers={"Accept-Language": language})
    client.force_login(make_member(event, role))
    return client


def make_member(event: Event, role: Role) -> User:
    user = make_user(is_staff=True)
    Membership.objects.create(organizer=event.organizer, user=user, role=role)
    return user


def form(event: Event, **fields: Any) -> dict[str, Any]:
    """Return what a browser sends for a new promo code."""
    typed = {"event": str(event.pk), "code": "AMIGOS", "how_many": "1", "min_tickets": "1"}
    return typed | {"is_active": "on", "percent": "10"} | fields


def act(client: Client, name: str, *promos: PromoCode, **more: str) -> Any:
    chosen = [str(promo.pk) for promo in promos]
    return client.post(LIST, {"action": name, "_selected_action": chosen, **more})


def test_a_manager_makes_a_code_in_any_case_for_a_period_in_the_events_time_zone():
    event = make_event(timezone="America/Manaus")
    kind = event.ticket_types.get()
    hidden = make_ticket_type(event=event, name="Camarim")
    TicketType.objects.filter(pk=hidden.pk).update(is_hidden=True)

    answer = sign_in(event).post(
        ADD,
        form(
            event,
            code="amigos-10",
            valid_until_0="2099-01-10",
            valid_until_1="22:00",
            ticket_types=[str(kind.pk)],
            unlocked_types=[str(hidden.pk)],
        ),
    )

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    promo = PromoCode.objects.get()
    assert (promo.code, promo.percent, promo.max_uses) == ("AMIGOS-10", Decimal(10), None)
    assert promo.valid_until == datetime(2099, 1, 11, 2, tzinfo=UTC)
    assert (promo.ticket_types, promo.unlocked_types) == ([kind.pk], [hidden.pk])
    assert Act.objects.get(subject_id=promo.pk).type == "promo_code.created"


def test_many_random_codes_are_made_at_once():
    event = make_event()

    answer = sign_in(event).post(ADD, form(event, code="imprensa", how_many="40", max_uses="1"))

    codes = set(PromoCode.objects.values_list("code", flat=True))
    assert len(codes) == 40
    assert all(code.startswith("IMPRENSA-") for code in codes)
    assert answer.headers["Location"] == f"{LIST}?event__id__exact={event.pk}"
    assert [str(said) for said in get_messages(answer.wsgi_request)] == ["40 promo codes created."]


def test_a_code_that_is_left_empty_is_random():
    event = make_event()

    assert sign_in(event).post(ADD, form(event, code="")).status_code == 302

    assert len(PromoCode.objects.get().code) == 8


def test_an_amount_is_typed_as_people_write_it():
    event = make_event()

    answer = sign_in(event, language="pt-br").post(ADD, form(event, percent="", amount="1.005,50"))

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert PromoCode.objects.get().amount == Decimal("1005.50")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"amount": "5"}, "amount"),
        ({"percent": "101"}, "percent"),
        ({"code": "AB"}, "code"),
        ({"code": "DOIS NOMES"}, "code"),
        ({"code": "X" * 24, "how_many": "2"}, "code"),
        ({"how_many": "501"}, "how_many"),
        ({"max_uses": "0"}, "max_uses"),
        ({"min_tickets": "3", "max_tickets": "2"}, "max_tickets"),
        (
            {
                "valid_from_0": "2099-01-02",
                "valid_from_1": "10:00",
                "valid_until_0": "2099-01-01",
                "valid_until_1": "10:00",
            },
            "valid_until",
        ),
    ],
)
def test_bad_terms_are_shown_at_their_field(fields: dict[str, Any], field: str):
    event = make_event()

    answer = sign_in(event).post(ADD, form(event, **fields))

    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]
    assert PromoCode.objects.count() == 0


def test_an_event_has_a_code_once():
    event = make_event()
    make_promo_code(event=event)

    answer = sign_in(event).post(ADD, form(event, code="amigos"))

    assert "This event already has that promo code." in answer.content.decode()
    assert PromoCode.objects.count() == 1


def test_types_of_another_event_cannot_be_chosen():
    event = make_event()
    other = make_event(organizer=event.organizer).ticket_types.get()

    answer = sign_in(event).post(ADD, form(event, ticket_types=[str(other.pk)]))

    assert list(answer.context["adminform"].form.errors) == ["ticket_types"]


def test_the_list_shows_uses_of_the_most_and_the_revenue():
    event = make_event(price="1200.00")
    kind = event.ticket_types.get()
    make_promo_code(event=event, max_uses=5)
    reservation = make_reservation(ticket_type=kind, promo_code="AMIGOS")
    order = Order.objects.get(pk=reservation.order_id)
    confirm_payment(order=order, method="card", token="tok_approved", now=clock.now())
    settle_order(order_id=order.pk, now=clock.now())

    page = sign_in(event).get(LIST).content.decode()
    portuguese = sign_in(event, language="pt-br").get(LIST).content.decode()

    assert "1 of 5" in page
    assert "BRL\u00a01,080.00" in page
    assert "1 de 5" in portuguese
    assert "R$\u00a01.080,00" in portuguese


def test_a_code_is_changed_but_never_renamed():
    event = make_event()
    promo = make_promo_code(event=event)
    page = reverse("admin:orders_promocode_change", args=[promo.pk])
    kind = event.ticket_types.get()
    typed = form(event, code="OUTRO", percent="20", ticket_types=[str(kind.pk)])
    # Only the page of a new code has this field.
    del typed["how_many"]

    answer = sign_in(event).post(page, typed)

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    promo.refresh_from_db()
    assert (promo.code, promo.percent, promo.revision) == ("AMIGOS", Decimal(20), 2)
    changed = Act.objects.filter(subject_id=promo.pk).latest("at")
    assert changed.type == "promo_code.changed"
    assert changed.details["changes"] == [
        {"field": "percent", "of": "", "from": "10.00", "to": "20"},
        {"field": "ticket_types", "of": "", "from": "", "to": "Pista"},
    ]


def test_a_code_for_a_deleted_type_does_not_become_one_for_all_types_when_it_is_saved():
    event = make_event()
    vip = make_ticket_type(event=event, name="VIP")
    promo = make_promo_code(event=event, ticket_types=[vip.pk])
    TicketType.objects.filter(pk=vip.pk).delete()
    client, page = sign_in(event), reverse("admin:orders_promocode_change", args=[promo.pk])
    shown = client.get(page).context["adminform"].form["ticket_types"]
    boxes = [each.data for each in shown.subwidgets]

    chosen = {str(box["value"]): box["label"] for box in boxes if box["selected"]}
    typed = form(event, percent="20", ticket_types=list(chosen))
    del typed["how_many"]
    answer = client.post(page, typed)

    assert list(chosen.values()) == ["Deleted ticket type"]
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    promo.refresh_from_db()
    assert (promo.percent, promo.ticket_types) == (Decimal(20), [vip.pk])


def test_codes_are_deactivated_and_only_unused_ones_deleted():
    event = make_event()
    used, unused = (make_promo_code(event=event, code=code) for code in ("USADO", "NOVO"))
    make_reservation(ticket_type=event.ticket_types.get(), promo_code="USADO")
    client = sign_in(event)

    asked = act(client, "delete_chosen", used, unused)
    act(client, "deactivate_chosen", used, unused, confirmed="yes")
    done = act(client, "delete_chosen", used, unused, confirmed="yes")

    assert "deactivate those" in asked.content.decode()
    assert list(PromoCode.objects.values_list("code", "is_active")) == [("USADO", False)]
    assert [str(said) for said in get_messages(done.wsgi_request)][-2:] == [
        "USADO: An order has this promo code. Deactivate it instead of deleting it.",
        "1 promo code deleted.",
    ]


def test_an_export_has_a_row_for_each_code_and_runs_no_formula():
    event = make_event(name="=Show")
    promo = make_promo_code(event=event, code="-10", max_uses=3, note="=HYPERLINK(1)")
    make_reservation(ticket_type=event.ticket_types.get(), promo_code="-10")

    answer = act(sign_in(event), "export_chosen", promo)

    head, row = answer.content.decode("utf-8-sig").splitlines()
    assert head.startswith("event,code,note,discount,uses,most uses,revenue")
    assert row == "'=Show,'-10,'=HYPERLINK(1),10%,1,3,0.00,BRL,,,yes"


@pytest.mark.parametrize(
    ("role", "sees", "adds", "exports"),
    [
        (Role.OWNER, True, True, True),
        (Role.MANAGER, True, True, True),
        (Role.FINANCE, True, False, True),
        (Role.VIEWER, True, False, False),
        (Role.DOOR, False, False, False),
    ],
)
def test_each_role_may_do_what_it_is_for(role: Role, *, sees: bool, adds: bool, exports: bool):
    event = make_event()
    promo = make_promo_code(event=event)
    client = sign_in(event, role=role)
    page = reverse("admin:orders_promocode_change", args=[promo.pk])

    assert (client.get(LIST).status_code == 200) is sees
    assert (client.get(page).status_code == 200) is sees
    assert (client.post(ADD, form(event, code="OUTRO")).status_code == 302) is adds
    assert (client.post(page, form(event, percent="50")).status_code == 302) is adds
    act(client, "deactivate_chosen", promo, confirmed="yes")
    promo.refresh_from_db()
    assert promo.is_active is not adds
    exported = act(client, "export_chosen", promo)
    assert exported.headers["Content-Type"].startswith("text/csv") is exports


def test_a_member_of_one_event_makes_codes_for_that_event_only():
    event = make_event()
    other = make_event(organizer=event.organizer)
    user = make_user(is_staff=True)
    member = Membership.objects.create(
        organizer=event.organizer, user=user, role=Role.MANAGER, only_some_events=True
    )
    member.events.add(event)
    make_promo_code(event=other, code="ALHEIO")
    client = Client()
    client.force_login(user)

    assert client.post(ADD, form(event)).status_code == 302
    assert client.post(ADD, form(other)).status_code == 200
    assert "ALHEIO" not in client.get(LIST).content.decode()
    assert set(PromoCode.objects.values_list("code", flat=True)) == {"AMIGOS", "ALHEIO"}


def test_the_page_of_an_event_leads_to_its_promo_codes():
    event = make_event()
    client = sign_in(event)
    page = client.get(reverse("admin:events_event_change", args=[event.pk])).content.decode()
    link = reverse("admin:events_event_see_promo_codes", args=[event.pk])

    assert link in page
    assert client.get(link).headers["Location"] == f"{LIST}?event__id__exact={event.pk}"
