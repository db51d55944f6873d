"""The admin: permissions, forms, actions and buttons, and the same rules as in the API."""

import html
import re
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.messages import get_messages
from django.db import connection, transaction
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse

from events.catalogue import left_by_type
from events.models import ApiToken, Event
from orders.cancellation import cancel_order
from orders.models import Order
from tests.make import (
    SOMEBODY,
    as_bearer,
    as_user,
    make_device,
    make_event,
    make_organizer,
    make_paid_order,
    make_question,
    make_reserved_order,
    make_ticket,
    make_ticket_type,
    make_user,
)
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.actors import record_act, system_actor
from ticketing.models import ActType
from tickets.models import Device, Scan, Ticket
from tickets.refund import refund_order
from tickets.webhooks.models import WebhookEndpoint, WebhookMessage
from tickets.webhooks.sending import send_test
from tickets.webhooks.signing import secrets_of

pytestmark = pytest.mark.django_db(transaction=True)

OWN = [
    "act",
    "event",
    "order",
    "promocode",
    "ticket",
    "scan",
    "delivery",
    "device",
    "apitoken",
    "organizer",
    "membership",
    "invitation",
    "notice",
    "export",
    "scheduledreport",
    "ledgerentry",
    "noticechoice",
    "boxofficesale",
    "guestlist",
    "webhookendpoint",
    "webhookmessage",
    "termsversion",
    "refundpolicy",
    "refundrequest",
]


def sign_in(**fields: Any) -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(make_user(**fields))
    return client


def organizer_of(event: Event) -> Client:
    return sign_in(organizer=event.organizer, is_staff=True)


def change_page(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def list_page(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def rows_of_everything(event: Event) -> list[Any]:
    """Make a row of each model of the admin, for the organizer of this event."""
    order = make_paid_order(ticket_type=event.ticket_types.get())
    ticket = Ticket.objects.of_order(order.pk).get()
    token = ApiToken.objects.create(organizer=event.organizer, name="x", digest=str(event.pk))
    device = Device.objects.create(organizer=event.organizer, name="x", digest=str(event.pk))
    api = as_bearer("api_" + "x")
    api.logout()
    hook = WebhookEndpoint.objects.create(organizer=event.organizer, url="https://example.com/")
    message = send_test(endpoint=hook, actor=SOMEBODY, now=clock.now())
    return [event, order, ticket, order.delivery, token, device, event.organizer, hook, message]


def test_every_model_shows_members_the_rows_of_their_organizer_and_no_others():
    ours = rows_of_everything(make_event(organizer=make_organizer(name="Casa Azul")))
    theirs = rows_of_everything(make_event(organizer=make_organizer(name="Casa Verde")))
    client = organizer_of(ours[0])

    for own, other in zip(ours, theirs, strict=True):
        shown = client.get(list_page(own))
        assert shown.status_code == 200
        assert [row.pk for row in shown.context["cl"].result_list] == [own.pk]
        assert client.get(change_page(own)).status_code == 200
        assert client.get(change_page(other)).status_code == 302
        assert client.post(change_page(other), {"name": "Hijacked"}).status_code in (302, 403)


def test_only_staff_with_a_membership_and_superusers_can_use_the_admin():
    event = make_event()
    rows = rows_of_everything(event)
    callers = {
        "superuser": (sign_in(is_staff=True, is_superuser=True), 200),
        "member": (organizer_of(event), 200),
        "staff without membership": (sign_in(is_staff=True), 403),
        "member who is not staff": (sign_in(organizer=event.organizer), 302),
        "anonymous": (Client(), 302),
    }

    for name, (client, status) in callers.items():
        for row in rows:
            assert client.get(list_page(row)).status_code == status, (name, row)


def test_users_are_for_superusers_who_see_no_groups_and_permissions():
    users = reverse("admin:ticketing_user_changelist")
    root = sign_in(is_staff=True, is_superuser=True)

    assert organizer_of(make_event()).get(users).status_code == 403
    assert root.get(users).status_code == 200
    user = root.get(reverse("admin:ticketing_user_change", args=[make_user().pk]))
    assert {"is_staff", "is_superuser"} <= set(user.context["adminform"].form.fields)
    assert not {"groups", "user_permissions"} & set(user.context["adminform"].form.fields)
    with pytest.raises(NoReverseMatch):
        reverse("admin:auth_group_changelist")


def test_this_file_covers_every_registered_model():
    registered = {model._meta.model_name for model in admin.site._registry}

    assert registered == {*OWN, "user", "failedmessage"}


def test_orders_tickets_and_deliveries_are_read_only():
    event = make_event()
    _, order, ticket, delivery, *_ = rows_of_everything(event)
    client = organizer_of(event)

    for row in (order, ticket, delivery):
        page = client.get(change_page(row))
        assert not page.context["has_change_permission"]
        assert not page.context["has_add_permission"]
        assert not page.context["has_delete_permission"]
        assert client.post(change_page(row), {}).status_code == 403


def event_form(client: Client, event: Event | None = None, /, **changes: Any) -> dict[str, Any]:
    """Return the form that a browser would send from the event's page, with some changes."""
    page = client.get(change_page(event) if event else reverse("admin:events_event_add"))
    form: dict[str, Any] = {}
    fields = [page.context["adminform"].form]
    for formset in page.context["inline_admin_formsets"]:
        fields += [formset.formset.management_form, *formset.formset.forms]
    for one in fields:
        for bound in one:
            value = bound.value()
            widget = bound.field.widget
            if hasattr(widget, "widgets"):
                for number, part in enumerate(widget.decompress(value)):
                    form[f"{bound.html_name}_{number}"] = "" if part is None else str(part)
            else:
                form[bound.html_name] = "" if value is None else value
    return {name: value for name, value in form.items() if value is not False} | changes


def test_an_organizer_makes_and_publishes_an_event_with_times_in_its_own_time_zone(
    queue: RecordingQueue,
):
    organizer = make_organizer()
    client = sign_in(organizer=organizer, is_staff=True)
    form = event_form(
        client,
        organizer=str(organizer.pk),
        name="Roda de Samba",
        slug="roda-de-samba",
        venue="Pedra do Sal",
        city="Manaus",
        timezone="America/Manaus",
        starts_at_0="2099-02-01",
        starts_at_1="18:00:00",
        ends_at_0="2099-02-01",
        ends_at_1="23:00:00",
        **{
            "ticket_types-TOTAL_FORMS": "1",
            "ticket_types-0-name": "Pista",
            "ticket_types-0-price": "30",
            "ticket_types-0-capacity": "50",
        },
    )

    made = client.post(reverse("admin:events_event_add"), form)

    assert made.status_code == 302, made.context["errors"]
    event = Event.objects.get()
    assert event.starts_at.isoformat() == "2099-02-01T22:00:00+00:00"
    assert event.status == "draft"
    button = reverse("admin:events_event_publish_this", args=[event.pk])
    assert client.get(button).status_code == 200
    event.refresh_from_db()
    assert event.status == "draft"
    assert client.post(button, {"confirmed": "yes"}).status_code == 302
    event.refresh_from_db()
    assert event.status == "published"
    assert left_by_type([event.pk]) == {event.ticket_types.get().pk: 50}


def test_an_event_in_the_past_is_not_published_and_the_page_says_why():
    event = make_event(status="draft")
    Event.objects.filter(pk=event.pk).update(
        starts_at=clock.now() - timedelta(days=2), ends_at=clock.now() - timedelta(days=1)
    )
    button = reverse("admin:events_event_publish_this", args=[event.pk])

    english = {"accept-language": "en"}
    page = organizer_of(event).post(button, {"confirmed": "yes"}, follow=True, headers=english)

    assert any(
        "The event has ended. Correct its start and its end" in word for word in messages_of(page)
    )
    event.refresh_from_db()
    assert event.status == "draft"


def test_the_form_refuses_a_capacity_below_the_tickets_sold_and_held():
    event = make_event(capacity=10)
    make_reserved_order(ticket_type=event.ticket_types.get(), quantity=4)
    client = organizer_of(event)

    refused = client.post(
        change_page(event), event_form(client, event, **{"ticket_types-0-capacity": "3"})
    )
    assert refused.status_code == 200
    assert event.ticket_types.get().capacity == 10
    accepted = client.post(
        change_page(event), event_form(client, event, **{"ticket_types-0-capacity": "4"})
    )

    assert accepted.status_code == 302
    assert list(left_by_type([event.pk]).values()) == [0]


def test_a_higher_capacity_and_a_new_ticket_type_are_on_sale_immediately():
    event = make_event(capacity=10)
    client = organizer_of(event)
    form = event_form(
        client,
        event,
        **{
            "ticket_types-0-capacity": "12",
            "ticket_types-TOTAL_FORMS": "2",
            "ticket_types-1-name": "Camarote",
            "ticket_types-1-price": "90",
            "ticket_types-1-capacity": "5",
        },
    )

    saved = client.post(change_page(event), form)

    assert saved.status_code == 302
    assert sorted(left_by_type([event.pk]).values()) == [5, 12]


def test_a_ticket_type_with_orders_is_not_deleted():
    event = make_event(capacity=10)
    make_reserved_order(ticket_type=event.ticket_types.get())
    client = organizer_of(event)

    client.post(change_page(event), event_form(client, event, **{"ticket_types-0-DELETE": "on"}))

    assert event.ticket_types.count() == 1


def test_refund_and_resend_are_actions_that_refuse_unpaid_orders(queue: RecordingQueue):
    event = make_event()
    kind = event.ticket_types.get()
    paid, reserved = make_paid_order(ticket_type=kind), make_reserved_order(ticket_type=kind)
    queue.run_all()
    client = organizer_of(event)
    both = {"_selected_action": [str(paid.pk), str(reserved.pk)]}

    client.post(list_page(Order), both | {"action": "resend_chosen", "confirmed": "yes"})
    assert queue.sent[-1][1] == {"order_id": str(paid.pk)}
    client.post(list_page(Order), both | {"action": "refund_chosen", "confirmed": "yes"})

    statuses = dict(Order.objects.values_list("pk", "status"))
    assert statuses == {paid.pk: "refunded", reserved.pk: "reserved"}


def test_an_action_on_another_organizers_order_does_nothing():
    ours, theirs = make_event(), make_event(organizer=make_organizer(name="Casa Verde"))
    order = make_paid_order(ticket_type=theirs.ticket_types.get())
    client = organizer_of(ours)
    make_paid_order(ticket_type=ours.ticket_types.get())
    action = {"action": "refund_chosen", "_selected_action": [str(order.pk)], "confirmed": "yes"}

    client.post(list_page(Order), action)
    client.post(reverse("admin:orders_order_refund_this", args=[order.pk]), {"confirmed": "yes"})

    order.refresh_from_db()
    assert order.status == "paid"


def test_the_code_of_another_events_ticket_is_shown_to_nobody_who_scanned_it():
    here, elsewhere = make_ticket(), make_ticket()
    door = as_bearer(make_device(here.event))
    for code in (elsewhere.code, here.code):
        door.post("/tickets/validate", {"code": code})
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(make_user(organizer=here.event.organizer, is_staff=True))

    pages = {
        scan.result: html.unescape(
            client.get(
                reverse("admin:tickets_scan_change", args=[scan.pk]), follow=True
            ).content.decode()
        )
        for scan in Scan.objects.all()
    }

    assert here.code in pages["admitted"]
    assert "wrong event" in pages["wrong_event"]
    assert elsewhere.code not in pages["wrong_event"]


def test_orders_and_tickets_are_found_by_code_name_email_and_ticket_number():
    event = make_event()
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    make_paid_order(ticket_type=event.ticket_types.get())
    Order.objects.filter(pk=order.pk).update(
        customer_name="Iracema Alves", customer_email="ira@example.com"
    )
    first, second = Ticket.objects.of_order(order.pk)
    client = organizer_of(event)

    def found(model: Any, words: str) -> list[Any]:
        page = client.get(list_page(model), {"q": words})
        return [row.pk for row in page.context["cl"].result_list]

    for words in (order.code, order.code.lower(), "iracema", "ira@example.com"):
        assert found(Order, words) == [order.pk]
    assert found(Ticket, second.code) == [second.pk]
    assert found(Ticket, f"{order.code.lower()}-1") == [first.pk]
    assert set(found(Ticket, order.code)) == {first.pk, second.pk}
    assert found(Ticket, f"{order.code}-9") == found(Ticket, f"{order.code}-0") == []


@pytest.mark.parametrize("kind", ["apitoken", "device"])
def test_a_token_is_shown_once_and_works_until_it_is_revoked(kind: str):
    event = make_event()
    client = organizer_of(event)
    app = {"apitoken": "events", "device": "tickets"}[kind]
    form = {
        "organizer": str(event.organizer_id),
        "name": "Portão",
        "events": [str(event.pk)],
        "scopes": ["tickets:validate"],
    }

    made = client.post(reverse(f"admin:{app}_{kind}_add"), form, follow=True)
    found = re.search(r"(?:api|dev)_[\w-]{20,}", made.content.decode())
    assert found is not None
    token = found.group()
    again = client.get(reverse(f"admin:{app}_{kind}_changelist")).content.decode()
    scan = {"code": "nonsense"}

    assert token not in again
    assert as_bearer(token).post("/tickets/validate", scan).status_code == 422
    row = (ApiToken if kind == "apitoken" else Device).objects.get()
    client.post(list_page(row), {"action": "revoke", "_selected_action": [str(row.pk)]})
    assert as_bearer(token).post("/tickets/validate", scan).status_code == 422
    sure = {"confirmed": "yes", "action": "revoke", "_selected_action": [str(row.pk)]}
    done = client.post(list_page(row), sure, follow=True, headers={"accept-language": "pt-br"})
    what = {"apitoken": "token", "device": "aparelho"}[kind]
    assert f"1 {what} anulado." in done.content.decode()
    assert as_bearer(token).post("/tickets/validate", scan).status_code == 401


def test_a_device_gets_no_event_of_another_organizer():
    ours, theirs = make_event(), make_event(organizer=make_organizer(name="Casa Verde"))
    client = sign_in(is_staff=True, is_superuser=True)
    form = {
        "organizer": str(ours.organizer_id),
        "name": "Portão",
        "events": [str(ours.pk), str(theirs.pk)],
    }

    client.post(reverse("admin:tickets_device_add"), form)

    assert list(Device.objects.get().events.all()) == [ours]


@pytest.mark.parametrize(("model", "make"), [(Event, make_event), (Order, make_reserved_order)])
def test_a_longer_list_costs_no_more_queries(model: Any, make: Any):
    client = sign_in(is_staff=True, is_superuser=True)

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(list_page(model)).status_code == 200
        return len(captured)

    kind = make_ticket_type()
    make_reserved_order(ticket_type=kind)
    cost()
    few = cost()
    for _ in range(5):
        make(ticket_type=kind) if model is Order else make(organizer=kind.event.organizer)

    assert cost() == few


def cost_of(page: str, client: Client) -> int:
    client.get(page)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(page).status_code == 200
    return len(captured)


def test_an_order_with_many_tickets_costs_no_more_queries():
    kind = make_ticket_type()
    client = sign_in(organizer=kind.event.organizer, is_staff=True)

    few, many = (
        cost_of(change_page(make_paid_order(ticket_type=kind, quantity=quantity)), client)
        for quantity in (1, 8)
    )

    assert many == few <= 45


def test_an_event_with_many_ticket_types_and_questions_costs_no_more_queries():
    event = make_event()
    client = sign_in(organizer=event.organizer, is_staff=True)
    make_question(event=event)
    few = cost_of(change_page(event), client)

    for number in range(5):
        make_ticket_type(event=event, name=f"Lote {number}")
        make_question(event=event, label=f"Question {number}")
    many = cost_of(change_page(event), client)

    assert many == few <= 32


def test_the_rights_of_a_user_are_read_once_for_a_page():
    # A page asks about the rights to each list of the menu, and to each of its own actions.
    client = sign_in(organizer=make_event().organizer, is_staff=True)
    client.get(list_page(Event))

    with CaptureQueriesContext(connection) as captured:
        assert client.get(list_page(Event)).status_code == 200

    read = [query for query in captured if query["sql"].startswith("SELECT DISTINCT")]
    assert len([query for query in read if "events_membership" in query["sql"]]) <= 3
    assert len(captured) <= 12


@pytest.mark.parametrize(("method", "queries"), [("get", 1), ("post", 2)])
def test_a_page_asks_once_for_the_rights_to_a_row_and_a_change_each_time(method: str, queries: int):
    event = make_event()
    own = admin.site.get_model_admin(Event)
    request = getattr(RequestFactory(), method)("/")
    request.user = make_user(organizer=event.organizer, is_staff=True)
    own.has_view_permission(request)

    with CaptureQueriesContext(connection) as asked:
        answers = [own.has_view_permission(request, event) for _ in range(2)]

    assert (answers, len(asked)) == ([True, True], queries)
    assert not own.has_view_permission(request, make_event())


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_every_page_opens_in_both_languages(language: str):
    event = make_event()
    client = organizer_of(event)

    assert client.get("/admin/", HTTP_ACCEPT_LANGUAGE=language).status_code == 200
    for row in rows_of_everything(event):
        for page in (list_page(row), change_page(row)):
            response = client.get(page, HTTP_ACCEPT_LANGUAGE=language)
            assert response.status_code == 200
            assert response.headers["Content-Language"] == language


@pytest.mark.parametrize(
    ("language", "words"), [("pt-br", "Página não encontrada"), ("en", "Page not found")]
)
def test_a_missing_page_says_so_in_the_users_language(language: str, words: str):
    response = organizer_of(make_event()).get("/admin/nope/", HTTP_ACCEPT_LANGUAGE=language)

    assert response.status_code == 404
    assert words in response.content.decode()


def test_a_form_with_an_expired_csrf_token_says_what_to_do():
    client = Client(enforce_csrf_checks=True)

    response = client.post("/admin/login/", {"username": "ana"}, HTTP_ACCEPT_LANGUAGE="en")

    assert response.status_code == 403
    assert "reload the page and try again" in response.content.decode()


def test_a_webhook_shows_its_secret_once_and_can_be_tested_renewed_and_switched_off():
    event = make_event()
    client = organizer_of(event)
    form = {"organizer": str(event.organizer_id), "url": "https://shop.example.com/hook"}

    made = client.post(reverse("admin:webhooks_webhookendpoint_add"), form, follow=True)
    hook = WebhookEndpoint.objects.get()
    first = secrets_of(hook, now=clock.now())[0]
    assert first in html.unescape(made.content.decode())
    assert first not in client.get(change_page(hook)).content.decode()

    for name in ("test_this", "renew_this", "switch_off_this"):
        button = reverse(f"admin:webhooks_webhookendpoint_{name}", args=[hook.pk])
        assert client.get(button).status_code == 200
        response = client.post(button, {"confirmed": "yes"}, follow=True)
        assert response.status_code == 200
    hook.refresh_from_db()
    assert WebhookMessage.objects.get().type == "webhook.test"
    assert (hook.secret_version, hook.disabled_at is None) == (2, False)

    WebhookMessage.objects.update(next_attempt_at=None)
    message = WebhookMessage.objects.get()
    resend = {"action": "send_chosen_again", "_selected_action": [message.pk]}
    client.post(list_page(message), resend)
    client.post(list_page(hook), {"action": "switch_on_chosen", "_selected_action": [hook.pk]})
    assert WebhookMessage.objects.get().next_attempt_at is not None
    hook.refresh_from_db()
    assert hook.disabled_at is None


def test_a_webhook_that_is_off_gets_no_test_and_can_be_switched_on_from_its_page():
    event = make_event()
    client = organizer_of(event)
    hook = WebhookEndpoint.objects.create(organizer=event.organizer, url="https://example.com/")
    message = send_test(endpoint=hook, actor=SOMEBODY, now=clock.now())
    button = partial(reverse, args=[hook.pk])
    yes = {"confirmed": "yes"}

    assert client.get(button("admin:webhooks_webhookendpoint_switch_on_this")).status_code == 403
    client.post(button("admin:webhooks_webhookendpoint_switch_off_this"), yes)
    page = client.get(list_page(message), HTTP_ACCEPT_LANGUAGE="en").content.decode()
    assert "webhook switched off" in page

    assert client.post(button("admin:webhooks_webhookendpoint_test_this"), yes).status_code == 403
    client.post(list_page(hook), {"action": "test_chosen", "_selected_action": [hook.pk]})
    assert list(WebhookMessage.objects.all()) == [message]

    client.post(button("admin:webhooks_webhookendpoint_switch_on_this"), yes)
    hook.refresh_from_db()
    assert hook.disabled_at is None


def test_a_token_is_revoked_from_its_page_only_after_a_confirmation():
    event = make_event()
    client = organizer_of(event)
    token = ApiToken.objects.create(organizer=event.organizer, name="Loja", digest="x", hint="api_")
    button = reverse("admin:events_apitoken_revoke_this", args=[token.pk])

    client.get(button)
    assert ApiToken.objects.get().revoked_at is None

    client.post(button, {"confirmed": "yes"})
    assert ApiToken.objects.filter(revoked_at=None).count() == 0
    assert client.post(button, {"confirmed": "yes"}).status_code == 403


def test_a_list_offers_show_all_only_if_a_filter_or_search_is_active():
    event = make_event()
    client = organizer_of(event)

    def offered(query: str) -> bool:
        page = client.get(f"{list_page(Event)}{query}", HTTP_ACCEPT_LANGUAGE="en")
        return "Show all" in page.content.decode()

    assert not offered("")
    assert offered("?status__exact=draft")
    assert offered("?q=samba")


@pytest.mark.parametrize(
    "url",
    ["http://shop.example.com/", "https://10.0.0.1/", "nonsense", "https://shop.example.com/a[1]"],
)
def test_a_webhook_with_a_private_insecure_or_invalid_address_is_refused(url: str):
    event = make_event()
    form = {"organizer": str(event.organizer_id), "url": url}

    response = organizer_of(event).post(reverse("admin:webhooks_webhookendpoint_add"), form)

    assert response.status_code == 200
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize("kind", ["events_apitoken", "webhooks_webhookendpoint", "orders_order"])
def test_a_page_with_a_malformed_id_is_refused_without_an_error(kind: str):
    client = as_user(make_user(is_staff=True, is_superuser=True))

    response = client.get(reverse(f"admin:{kind}_change", args=["abc"]))

    assert (response.status_code, response["Location"]) == (302, reverse("admin:index"))


def test_an_orders_page_offers_only_actions_that_its_status_allows(queue: RecordingQueue):
    event = make_event()
    kind = event.ticket_types.get()
    paid, reserved = make_paid_order(ticket_type=kind), make_reserved_order(ticket_type=kind)
    cancelled = make_reserved_order(ticket_type=kind)
    cancel_order(order_id=cancelled.pk, actor=SOMEBODY, now=clock.now())
    client = organizer_of(event)
    names = ["cancel_this", "refund_this", "resend_this", "correct_this"]

    offered = {}
    for order in (paid, reserved, cancelled):
        page = client.get(change_page(order)).content.decode()
        links = [reverse(f"admin:orders_order_{name}", args=[order.pk]) for name in names]
        offered[order.pk] = [name for name, link in zip(names, links, strict=True) if link in page]

    assert offered == {
        paid.pk: ["refund_this", "resend_this", "correct_this"],
        reserved.pk: ["cancel_this", "correct_this"],
        cancelled.pk: [],
    }


def test_the_admin_shows_a_refusal_in_the_users_language(queue: RecordingQueue):
    event = make_event()
    order = make_reserved_order(ticket_type=event.ticket_types.get())
    client = organizer_of(event)

    response = client.post(
        list_page(Order),
        {"action": "resend_chosen", "_selected_action": [str(order.pk)], "confirmed": "yes"},
        headers={"Accept-Language": "pt-BR"},
    )

    assert messages_of(response) == [
        f"{order.code}: Só é possível enviar os ingressos de um pedido pago."
    ]


def test_the_history_describes_acts_in_the_users_language(queue: RecordingQueue):
    event = make_event()
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    queue.run_all()
    client = organizer_of(event)
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    with transaction.atomic():
        record_act(
            act=ActType.EVENT_CHANGED,
            actor=system_actor(ActType.EVENT_CANCELLED),
            subject_id=event.pk,
            organizer_id=event.organizer_id,
            at=clock.now(),
            details={"fields": ["max_per_order", "tickettype"]},
        )
    portuguese = {"Accept-Language": "pt-BR"}

    order_page = client.get(change_page(order), headers=portuguese).content.decode()
    event_page = client.get(change_page(event), headers=portuguese).content.decode()

    assert "R$\u00a090,00; 2 ingressos" in order_page
    assert "sistema: evento cancelado" in event_page
    assert "ingressos por pedido, tipos de ingresso" in event_page


def test_an_events_form_shows_the_default_limits_and_offers_check_in_hours(settings: Any):
    settings.TICKETS_PER_CUSTOMER, settings.TICKETS_PER_ADDRESS = 17, 0
    event = make_event()

    page = organizer_of(event).get(change_page(event)).content.decode()

    assert "Vazio: no máximo 17." in page
    assert "Vazio ou 0: sem limite." in page
    assert 'data-fills="checkin_starts_at" data-from="starts_at" data-hours="-4"' in page
    assert 'data-fills="checkin_ends_at" data-from="ends_at" data-hours="0"' in page
    assert "events/checkin_window.js" in page
