"""The record of acts: each names its actor, is recorded once, and never changes."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from events.models import ApiToken, Event
from orders.models import Order
from tests.make import (
    SOMEBODY,
    as_bearer,
    as_organizer,
    as_user,
    make_api_token,
    make_device,
    make_event,
    make_organizer,
    make_paid_order,
    make_reserved_order,
    make_ticket,
    make_user,
)
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.actors import record_act
from ticketing.ids import new_id
from ticketing.models import Act, ActType, User
from tickets.models import Device, Ticket
from tickets.tasks import finish_event_cancellation_task, refund_order_task
from tickets.webhooks.models import WebhookEndpoint
from tickets.webhooks.sending import send_test

pytestmark = pytest.mark.django_db(transaction=True)


def acts_of(row: Any) -> list[tuple[str, str, str]]:
    acts = Act.objects.filter(subject_id=row.pk)
    return list(acts.values_list("type", "actor_kind", "actor_name"))


def admin_of(event: Event) -> tuple[Client, User]:
    user = make_user(organizer=event.organizer, is_staff=True)
    client = Client(raise_request_exception=True)
    client.force_login(user)
    return client, user


def press(client: Client, row: Any, action: str) -> None:
    """Run an action of the admin's list and confirm it."""
    meta = row._meta
    page = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    response = client.post(
        page, {"action": action, "_selected_action": [str(row.pk)], "confirmed": "yes"}
    )
    assert response.status_code in (200, 302)


def press_on_page(client: Client, row: Any, action: str) -> None:
    """Run an action on the row's own page and confirm it."""
    meta = row._meta
    name = f"admin:{meta.app_label}_{meta.model_name}_{action}"
    response = client.post(reverse(name, args=[row.pk]), {"confirmed": "yes"})
    assert response.status_code in (200, 302)


def record(**more: Any) -> None:
    record_act(
        act=ActType.ORDER_REFUNDED,
        actor=SOMEBODY,
        subject_id=new_id(),
        organizer_id=None,
        at=clock.now(),
        **more,
    )


def test_an_act_is_recorded_only_inside_the_transaction_that_does_it():
    with pytest.raises(RuntimeError):
        record()

    assert not Act.objects.exists()


@pytest.mark.parametrize(
    "attempt",
    [lambda: Act.objects.update(actor_name="else"), lambda: Act.objects.all().delete()],
    ids=["change", "delete"],
)
def test_the_database_refuses_to_change_or_delete_an_act(attempt: Callable[[], object]):
    with transaction.atomic():
        record()

    with pytest.raises(DatabaseError, match="never changed or deleted"):
        attempt()

    assert Act.objects.get().actor_name == SOMEBODY.name


def test_a_refused_request_records_no_act():
    event = make_event()
    order = make_reserved_order(ticket_type=event.ticket_types.get())

    response = as_organizer(event).post(f"/orders/{order.pk}/refund", {"full": True})

    assert response.status_code == 409
    assert acts_of(order) == []


def test_a_buyer_who_cancels_is_recorded_by_the_id_of_the_order_only(api: APIClient):
    event = make_event()
    body = {"event": event.slug, "quantity": 1}
    customer = {"name": "Ana Souza", "email": "ana@example.com"}
    sent = api.post("/orders", body | {"customer": customer}, format="json").json()
    buyer = as_bearer(sent["access_token"])

    for _ in range(2):
        buyer.post(f"/orders/{sent['id']}/cancel")

    order = Order.objects.get(pk=sent["id"])
    assert acts_of(order) == [("order.cancelled", "buyer", "")]
    assert Act.objects.get(subject_id=order.pk).actor_id == str(order.pk)


API_ACTS = {
    "order.refunded": ("post", "/orders/{order}/refund", {"full": True}),
    "order.tickets_refunded": ("post", "/orders/{order}/refund", "tickets"),
    "order.resent": ("post", "/orders/{order}/resend", None),
    "ticket.revoked": ("post", "/tickets/{ticket}/revoke", None),
    "ticket.reissued": ("post", "/tickets/{ticket}/reissue", None),
    "ticket.renamed": ("patch", "/tickets/{ticket}", {"holder_name": "Bia Lima"}),
    "event.published": ("patch", "/events/{event}", {"status": "published"}),
    "event.changed": ("patch", "/events/{event}", {"name": "Outro nome"}),
    "event.cancelled": ("patch", "/events/{event}", {"status": "cancelled"}),
}


@pytest.mark.parametrize("caller", ["token", "user"])
@pytest.mark.parametrize("act", API_ACTS)
def test_an_act_through_the_api_names_the_token_or_the_user(act: str, caller: str):
    event = make_event()
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    ticket = Ticket.objects.of_order(order.pk)[0]
    if act == "event.published":
        event = make_event(organizer=event.organizer, status="draft")
    user = make_user(organizer=event.organizer, is_staff=True)
    client = as_organizer(event) if caller == "token" else as_user(user)
    method, path, content = API_ACTS[act]
    body: Any = {"tickets": [str(ticket.pk)]} if content == "tickets" else content
    subject = {"order": order, "ticket": ticket, "event": event}[act.partition(".")[0]]
    before = len(acts_of(subject))

    call = getattr(client, method)
    path = path.format(order=order.pk, ticket=ticket.pk, event=event.pk)
    response = call(path, body, format="json") if body else call(path)

    assert response.status_code < 300, response.content
    name = "integration" if caller == "token" else user.username
    assert acts_of(subject)[before:] == [(act, caller, name)]


def test_a_request_that_changes_nothing_records_no_act():
    event = make_event()
    order = make_paid_order(ticket_type=event.ticket_types.get())
    ticket = Ticket.objects.of_order(order.pk).get()
    client = as_organizer(event)
    for _ in range(2):
        client.post(f"/orders/{order.pk}/refund", {"full": True})
        client.post(f"/tickets/{ticket.pk}/revoke")
        client.patch(f"/events/{event.pk}", {"name": event.name, "status": "published"})

    assert [act for act, _, _ in acts_of(order)] == ["order.refunded"]
    assert acts_of(ticket) == []
    assert [act for act, _, _ in acts_of(event)] == ["event.created", "event.published"]


def test_creating_an_event_through_the_api_records_the_token():
    organizer = make_organizer()
    now = clock.now()
    body = {
        "name": "Noite de Jazz",
        "venue": "Circo Voador",
        "city": "Rio de Janeiro",
        "starts_at": now.replace(year=now.year + 1).isoformat(),
        "ends_at": now.replace(year=now.year + 1, hour=23, minute=59).isoformat(),
        "capacity": 10,
        "price": "1.00",
    }

    shown = as_bearer(make_api_token(organizer=organizer)).post("/events", body, format="json")

    event = Event.objects.get(pk=shown.json()["id"])
    assert acts_of(event) == [("event.created", "token", "integration")]


def test_refunds_and_cancellations_after_an_event_cancellation_name_the_event(
    queue: RecordingQueue,
):
    event = make_event()
    kind = event.ticket_types.get()
    paid, reserved = make_paid_order(ticket_type=kind), make_reserved_order(ticket_type=kind)
    as_organizer(event).patch(f"/events/{event.pk}", {"status": "cancelled"})

    for _ in range(2):
        finish_event_cancellation_task(event_id=str(event.pk))
        refund_order_task(order_id=str(paid.pk))

    assert acts_of(paid) == [("order.refunded", "system", "event.cancelled")]
    assert acts_of(reserved) == [("order.cancelled", "system", "event.cancelled")]
    causes = Act.objects.filter(subject_id__in=[paid.pk, reserved.pk])
    assert set(causes.values_list("actor_id", flat=True)) == {str(event.pk)}
    assert acts_of(event)[-1] == ("event.cancelled", "token", "integration")


@pytest.mark.parametrize(
    ("action", "act"),
    [
        ("cancel_chosen", "order.cancelled"),
        ("refund_chosen", "order.refunded"),
        ("resend_chosen", "order.resent"),
    ],
)
def test_an_admin_action_on_an_order_records_the_user(action: str, act: str):
    event = make_event()
    kind = event.ticket_types.get()
    make = make_reserved_order if action == "cancel_chosen" else make_paid_order
    order = make(ticket_type=kind)
    client, user = admin_of(event)

    press(client, order, action)

    assert acts_of(order) == [(act, "user", user.username)]


@pytest.mark.parametrize(
    ("status", "action", "act"),
    [
        ("draft", "publish_chosen", "event.published"),
    ],
)
def test_an_admin_action_on_an_event_records_the_user(status: str, action: str, act: str):
    event = make_event(status=status)
    client, user = admin_of(event)

    for _ in range(2):
        press(client, event, action)

    assert acts_of(event)[-1] == (act, "user", user.username)
    assert Act.objects.filter(subject_id=event.pk, type=act).count() == 1


def test_revoking_a_token_or_a_device_is_recorded_once_with_the_user():
    event = make_event()
    make_api_token(organizer=event.organizer)
    make_device(event)
    client, user = admin_of(event)

    for row in (ApiToken.objects.get(), Device.objects.get()):
        for _ in range(2):
            press(client, row, "revoke")

    assert acts_of(ApiToken.objects.get()) == [("token.revoked", "user", user.username)]
    assert acts_of(Device.objects.get()) == [("device.revoked", "user", user.username)]


def test_admin_actions_on_a_webhook_record_the_user():
    event = make_event()
    hook = WebhookEndpoint.objects.create(organizer=event.organizer, url="https://example.com/")
    message = send_test(endpoint=hook, actor=SOMEBODY, now=clock.now())
    client, user = admin_of(event)

    press_on_page(client, hook, "renew_this")
    press_on_page(client, hook, "switch_off_this")
    press_on_page(client, hook, "switch_on_this")
    press(client, hook, "switch_on_chosen")
    press(client, message, "send_chosen_again")

    assert acts_of(hook) == [
        ("webhook.tested", "user", "somebody"),
        ("webhook.secret_renewed", "user", user.username),
        ("webhook.switched_off", "user", user.username),
        ("webhook.switched_on", "user", user.username),
    ]
    assert acts_of(message) == [("message.sent_again", "user", user.username)]


def test_saving_an_admin_form_records_the_changed_fields():
    event = make_event()
    client, user = admin_of(event)
    page = reverse("admin:events_apitoken_add")
    body = {"organizer": str(event.organizer_id), "name": "shop", "scopes": ["orders:read"]}
    assert client.post(page, body).status_code in (200, 302)
    token = ApiToken.objects.get()
    page = reverse("admin:events_apitoken_change", args=[token.pk])
    for _ in range(2):
        client.post(page, body | {"scopes": ["orders:read", "orders:refund"]})

    assert acts_of(token) == [
        ("token.created", "user", user.username),
        ("token.changed", "user", user.username),
    ]
    changed = Act.objects.get(type="token.changed")
    assert changed.details["changes"] == [
        {
            "field": "scopes",
            "of": "",
            "from": "orders:read",
            "to": "orders:read, orders:refund",
        }
    ]
    assert changed.organizer_id == event.organizer_id


def test_an_admin_page_shows_the_acts_on_its_row():
    event = make_event()
    ticket = make_ticket(ticket_type=event.ticket_types.get())
    client, user = admin_of(event)
    as_organizer(event).post(f"/tickets/{ticket.pk}/revoke")
    press(client, ticket.order, "resend_chosen")

    of_ticket = client.get(reverse("admin:tickets_ticket_change", args=[ticket.pk]))
    of_order = client.get(reverse("admin:orders_order_change", args=[ticket.order_id]))

    assert "integration" in of_ticket.content.decode()
    assert "integration" in of_order.content.decode()
    assert user.username in of_order.content.decode()
