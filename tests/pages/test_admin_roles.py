"""What each role may open and do in the admin, at all events of an organizer or at some."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from events.models import Event, Membership, Organizer, Role
from orders.models import Order
from tests.make import make_paid_order, make_user
from tests.pages.test_admin_privacy import (
    MOST_PAGES,
    OrganizerRows,
    browse_as,
    list_queries,
    name_of,
    pages_of,
    pages_of_models,
    populate,
    searches,
    shown_of,
    texts_of,
    walk,
)
from ticketing import clock
from ticketing.models import Act, User
from tickets.models import Device, Ticket
from tickets.webhooks.models import WebhookEndpoint

pytestmark = pytest.mark.django_db(transaction=True)

# Members with a role at the whole organizer, then members limited to some of its events. One more
# caller is a viewer here and the owner of another organizer, and one is the owner of another one.
ROLES = {
    "O": Role.OWNER,
    "M": Role.MANAGER,
    "F": Role.FINANCE,
    "D": Role.DOOR,
    "V": Role.VIEWER,
    "m": Role.MANAGER,
    "f": Role.FINANCE,
    "d": Role.DOOR,
    "v": Role.VIEWER,
}
OWNER_ELSEWHERE = "W"
STRANGER = "X"
CALLERS = [*ROLES, OWNER_ELSEWHERE, STRANGER]

# Who may open a page, or use an action, of a row of the organizer, or of the own events if limited.
# A list is open to each caller who may see such rows somewhere; the rows in it are another matter.
# Every page and action of the admin has its line here: the test fails for one that has none.
EVERYBODY = "OMFDVmfdv"
BUYERS = "OMFVmfv"
ORDERS = "OMm"
MONEY = "OMFmf"
EVENTS = "OMm"
DOOR = "OMDmd"
OWNERS = "O"
NOBODY = ""
MATRIX: dict[str, dict[str, str]] = {
    "events_event": {
        "changelist": EVERYBODY,
        "add": "OM",
        "change": EVERYBODY,
        "history": EVERYBODY,
        "delete": NOBODY,
        "publish_this": EVENTS,
        "unpublish_this": EVENTS,
        "cancel_this": EVENTS,
        "progress_this": EVERYBODY,
        # Limited members make no new events.
        "clone_this": "OM",
        "picture_this": EVENTS,
        "share_this": EVERYBODY,
        # They lead to the pages of the box office and of the door.
        "open_box_office": NOBODY,
        "open_check_in_list": NOBODY,
        "open_live_door": NOBODY,
        "see_promo_codes": NOBODY,
        ":publish_chosen": EVENTS,
    },
    "events_membership": {
        "changelist": OWNERS,
        # It leads to the form of invitations.
        "add": NOBODY,
        "change": OWNERS,
        "history": OWNERS,
        "delete": NOBODY,
        "remove_this": OWNERS,
        "reset_second_factor_this": OWNERS,
    },
    "events_invitation": {
        "changelist": OWNERS,
        "add": OWNERS,
        "change": OWNERS,
        "history": OWNERS,
        "delete": NOBODY,
        "invite_this_again": OWNERS,
        "withdraw_this": OWNERS,
    },
    "events_refundpolicy": {
        "changelist": OWNERS,
        "add": OWNERS,
        "change": OWNERS,
        "history": OWNERS,
        "delete": NOBODY,
    },
    "tickets_refundrequest": {
        "changelist": BUYERS,
        "add": NOBODY,
        "change": BUYERS,
        "history": BUYERS,
        "delete": NOBODY,
        "approve_this": MONEY,
        "decline_this": MONEY,
    },
    "events_termsversion": {
        "changelist": OWNERS,
        "add": OWNERS,
        "change": OWNERS,
        "history": OWNERS,
        "delete": NOBODY,
    },
    "events_organizer": {
        "changelist": EVERYBODY,
        "add": NOBODY,
        "change": EVERYBODY,
        "history": EVERYBODY,
        "delete": NOBODY,
        "logo_this": OWNERS,
    },
    "events_apitoken": {
        "changelist": OWNERS,
        "add": OWNERS,
        "change": OWNERS,
        "history": OWNERS,
        "delete": NOBODY,
        "revoke_this": OWNERS,
        ":revoke": OWNERS,
    },
    "orders_order": {
        "changelist": BUYERS,
        "add": NOBODY,
        "change": BUYERS,
        "history": BUYERS,
        "delete": NOBODY,
        "cancel_this": ORDERS,
        "resend_this": ORDERS,
        "correct_this": ORDERS,
        "refund_this": MONEY,
        "retry_this": MONEY,
        ":cancel_chosen": ORDERS,
        ":resend_chosen": ORDERS,
        ":refund_chosen": MONEY,
    },
    "tickets_ticket": {
        "changelist": EVERYBODY,
        "add": NOBODY,
        "change": EVERYBODY,
        "history": EVERYBODY,
        "delete": NOBODY,
        "undo_this": DOOR,
        "rename_this": ORDERS,
        "exchange_this": ORDERS,
        "reissue_this": ORDERS,
        "revoke_this": ORDERS,
    },
    "tickets_delivery": {
        "print": ORDERS,
        "changelist": BUYERS,
        "add": NOBODY,
        "change": BUYERS,
        "history": BUYERS,
        "delete": NOBODY,
        "correct_this": ORDERS,
        "resend_this": ORDERS,
        ":resend_chosen": ORDERS,
    },
    "notices_notice": {
        "changelist": BUYERS,
        "add": NOBODY,
        "change": BUYERS,
        "history": BUYERS,
        "delete": NOBODY,
        "resend_this": ORDERS,
        ":resend_chosen": ORDERS,
    },
    "tickets_device": {
        # Check-in by hand needs more: `test_check_in_list`.
        "check_in": EVERYBODY,
        "live": EVERYBODY,
        # By the pass of that page: `test_live_door`.
        "live_part": NOBODY,
        "changelist": DOOR,
        "add": DOOR,
        "change": DOOR,
        "history": DOOR,
        "delete": NOBODY,
        "pair_this": DOOR,
        ":revoke": DOOR,
    },
    "tickets_scan": {
        "changelist": EVERYBODY,
        "add": NOBODY,
        "change": EVERYBODY,
        "history": EVERYBODY,
        "delete": NOBODY,
    },
    "webhooks_webhookendpoint": {
        "changelist": OWNERS,
        "add": OWNERS,
        "change": OWNERS,
        "history": OWNERS,
        "delete": NOBODY,
        "test_this": OWNERS,
        "renew_this": OWNERS,
        "switch_off_this": OWNERS,
        "switch_on_this": OWNERS,
        ":test_chosen": OWNERS,
        ":switch_on_chosen": OWNERS,
    },
    "webhooks_webhookmessage": {
        "changelist": OWNERS,
        "add": NOBODY,
        "change": OWNERS,
        "history": OWNERS,
        "delete": NOBODY,
        "send_this_again": OWNERS,
        ":send_chosen_again": OWNERS,
    },
    "notices_noticechoice": {
        "changelist": NOBODY,
        "add": NOBODY,
        "change": NOBODY,
        "history": NOBODY,
        "delete": NOBODY,
        "my_notices": EVERYBODY,
    },
    "orders_ledgerentry": {
        "changelist": BUYERS,
        "add": NOBODY,
        "change": BUYERS,
        "history": BUYERS,
        "delete": NOBODY,
        # It leads to the report.
        "open_report": NOBODY,
        "report": BUYERS,
    },
    "orders_boxofficesale": {
        "changelist": BUYERS,
        "add": NOBODY,
        "change": BUYERS,
        "history": BUYERS,
        "delete": NOBODY,
        "event": ORDERS,
    },
    "orders_guestlist": {
        "changelist": BUYERS,
        "add": NOBODY,
        "change": BUYERS,
        "history": BUYERS,
        "delete": NOBODY,
        "upload": ORDERS,
    },
    "orders_promocode": {
        "changelist": BUYERS,
        "add": EVENTS,
        "change": BUYERS,
        "history": BUYERS,
        "delete": NOBODY,
        ":deactivate_chosen": EVENTS,
        ":delete_chosen": EVENTS,
        ":export_chosen": MONEY,
    },
    "reports_export": {
        "changelist": MONEY,
        "add": MONEY,
        "change": MONEY,
        "history": MONEY,
        "delete": NOBODY,
        "download": MONEY,
    },
    "reports_scheduledreport": {
        "changelist": MONEY,
        "add": MONEY,
        "change": MONEY,
        "history": MONEY,
        "delete": NOBODY,
        "end_this": MONEY,
        ":end_chosen": MONEY,
    },
    "ticketing_act": {
        "changelist": "OM",
        "add": NOBODY,
        "change": "OM",
        "history": "OM",
        "delete": NOBODY,
    },
    # Only superusers.
    "ticketing_user": {
        "auth_user_password_change": NOBODY,
        "changelist": NOBODY,
        "add": NOBODY,
        "change": NOBODY,
        "history": NOBODY,
        "delete": NOBODY,
        ":reset_second_factors": NOBODY,
    },
    "ticketing_failedmessage": {
        "changelist": NOBODY,
        "add": NOBODY,
        "change": NOBODY,
        "history": NOBODY,
        "delete": NOBODY,
        ":send_chosen_again": NOBODY,
    },
}
# Pages of the admin that belong to no model: each member may open them.
SITE_PAGES = {
    "index",
    "login",
    "logout",
    "password_change",
    "password_change_done",
    "autocomplete",
    "jsi18n",
    "view_on_site",
    "app_list",
    "search",
    None,
}


# The rows whose keys a page has in its URL, if not those of its own model.
ROW_OF_KEY: dict[str, Any] = {"event_id": Event, "order_id": Order}


def short_name(model: Any, pattern_name: str) -> str:
    return pattern_name.removeprefix(f"{name_of(model)}_")


def pages_and_actions() -> Iterator[tuple[str, str]]:
    model_admin: Any
    for model, model_admin in admin.site._registry.items():
        for pattern in model_admin.urls:
            if pattern.name:
                yield name_of(model), short_name(model, pattern.name)
        for _, action, _ in model_admin._get_base_actions():
            if action != "delete_selected":
                yield name_of(model), f":{action}"


def test_every_page_and_action_of_the_admin_is_in_the_matrix():
    listed = {(model, name) for model, names in MATRIX.items() for name in names}
    site = {getattr(pattern, "name", None) for pattern in admin.site.get_urls()}

    assert set(pages_and_actions()) == listed
    assert site == SITE_PAGES


@pytest.fixture
def here() -> OrganizerRows:
    """Make an organizer whose members are limited to the events that are called azulejo."""
    rows = populate("azulejo")
    organizer = next(row for row in rows if isinstance(row, Organizer))
    # Each page of a webhook needs one in its state.
    WebhookEndpoint.objects.create(
        organizer=organizer, url="https://azulejo.example.com/off", disabled_at=clock.now()
    )
    rows += WebhookEndpoint.objects.filter(organizer=organizer).exclude(disabled_at=None)
    show = next(row for row in rows if isinstance(row, Event) and row.status == "published")
    order = make_paid_order(ticket_type=show.ticket_types.get())
    rows += [
        order,
        *Ticket.objects.of_order(order.pk),
        *Act.objects.filter(organizer_id=organizer.pk),
    ]
    return OrganizerRows(make_user(), rows, texts_of(rows))


@pytest.fixture
def other_event(here: OrganizerRows) -> OrganizerRows:
    """Make another event of the same organizer, with orders, tickets, scans and devices."""
    organizer = organizer_of(here)
    rows = populate("begonia", organizer=organizer)
    rows = [row for row in rows if not isinstance(row, Organizer)]
    everywhere = Device.objects.create(
        organizer=organizer, name="Begonia everywhere", all_events=True, digest="e", hint="dev_e"
    )
    own_event = next(row for row in here.rows if isinstance(row, Event))
    both = Device.objects.create(organizer=organizer, name="Begonia both", digest="b", hint="dev_b")
    both.events.set([own_event, next(row for row in rows if isinstance(row, Event))])
    rows += [everywhere, both]
    return OrganizerRows(here.member, rows, {"begonia", *(texts_of(rows) - here.texts)})


def organizer_of(rows: OrganizerRows) -> Organizer:
    organizer: Organizer = next(row for row in rows.rows if isinstance(row, Organizer))
    return organizer


def sign_in(caller: str, here: OrganizerRows) -> Client:
    return browse_as(make_caller(caller, here))


def make_caller(caller: str, here: OrganizerRows) -> User:
    organizer = organizer_of(here)
    if caller in (STRANGER, OWNER_ELSEWHERE):
        elsewhere = Organizer.objects.create(name="Elsewhere", email="elsewhere@example.com")
        user = make_user(organizer=elsewhere, is_staff=True)
        if caller == OWNER_ELSEWHERE:
            Membership.objects.create(organizer=organizer, user=user, role=Role.VIEWER)
        return user
    user = make_user(organizer=organizer, role=ROLES[caller], is_staff=True)
    if caller.islower():
        membership = Membership.objects.get(user=user)
        membership.only_some_events = True
        membership.save()
        membership.events.set(row for row in here.rows if isinstance(row, Event))
    return user


def is_allowed(caller: str, expected: str) -> bool:
    return ("V" if caller == OWNER_ELSEWHERE else caller) in expected


def opens(response: Any) -> bool:
    """Return whether the page was shown. A refusal is 403, 404, or a redirect to another page."""
    assert response.status_code in (200, 302, 403, 404), response.status_code
    # A download redirects to the storage.
    return bool(response.status_code == 200 or response.headers.get("Location", "/")[0] != "/")


def snapshot(rows: OrganizerRows) -> list[dict[str, Any]]:
    return [vars(type(row).objects.get(pk=row.pk)) | {"_state": None} for row in rows.rows]


@pytest.mark.parametrize("caller", CALLERS)
def test_each_caller_opens_the_pages_and_is_offered_the_actions_of_the_matrix_and_no_others(
    here: OrganizerRows, caller: str
):
    client = sign_in(caller, here)
    found: dict[Any, bool] = {}
    expected: dict[Any, bool] = {}

    model_admin: Any
    for model, model_admin in admin.site._registry.items():
        for pattern in model_admin.urls:
            if not pattern.name:
                continue
            about = ROW_OF_KEY.get(next(iter(pattern.pattern.converters), ""), model)
            keys = [row.pk for row in here.rows if isinstance(row, about)] or [1]
            page = short_name(model, pattern.name)
            allowed = MATRIX[name_of(model)][page]
            if not pattern.pattern.converters:
                if caller in (STRANGER, OWNER_ELSEWHERE):
                    continue
                response = client.get(reverse(f"admin:{pattern.name}"))
                found[pattern.name] = opens(response)
                if page == "changelist":
                    text = response.content.decode()
                    for _, action, _ in model_admin._get_base_actions():
                        may = MATRIX[name_of(model)].get(f":{action}", NOBODY)
                        found[model, action] = f'<option value="{action}"' in text
                        expected[model, action] = is_allowed(caller, may)
            else:
                urls = [reverse(f"admin:{pattern.name}", args=[key]) for key in keys]
                # A page of an action is open only for rows in a certain state.
                found[pattern.name] = any(opens(client.get(url)) for url in urls)
            expected[pattern.name] = is_allowed(caller, allowed)

    assert found == expected


def test_the_menu_has_the_lists_that_the_user_may_open(here: OrganizerRows):
    for caller in ROLES:
        page = sign_in(caller, here).get(reverse("admin:index")).content.decode()
        menu = page.partition('id="nav-sidebar-apps"')[2].partition("</nav")[0]
        shown = set(re.findall(r'href="(/admin/\w+/\w+/)"', menu))

        lists = {
            reverse(f"admin:{model}_changelist"): caller in names["changelist"]
            for model, names in MATRIX.items()
        }
        assert shown <= {url for url, allowed in lists.items() if allowed}, caller
        assert {"/admin/events/event/", "/admin/tickets/ticket/"} <= shown, caller
        assert ("/admin/orders/order/" in shown) == (caller in BUYERS), caller
        assert ("/admin/events/apitoken/" in shown) == (caller in OWNERS), caller


@pytest.mark.parametrize("caller", list("mfdv"))
def test_a_member_limited_to_some_events_sees_nothing_of_the_others(
    here: OrganizerRows, other_event: OrganizerRows, caller: str
):
    client = sign_in(caller, here)
    found: dict[str, list[str]] = {}
    own_texts: set[str] = set()

    def look(url: str, response: Any) -> None:
        if response.status_code >= 500:
            found[url] = ["server error"]
        if shown := shown_of(other_event, url, response):
            found[url] = shown
        own_texts.update(text for text in here.texts if text in response.content.decode())

    for url in (page for row in other_event.rows for page in pages_of(row)):
        look(url, client.get(url))
        # The message that there is no row with the key of the URL, which another page would show.
        client.cookies.pop("messages", None)
    # A manager has all rights that the other roles have for an event.
    more = [*searches("begonia"), *list_queries(other_event)] if caller == "m" else []
    walk(client, [*pages_of_models(), *more], look, most_pages=MOST_PAGES if more else 120)

    assert found == {}
    assert "Show azulejo" in own_texts


@pytest.mark.parametrize("caller", list("mfdv"))
def test_no_action_of_a_limited_member_changes_another_event(
    here: OrganizerRows, other_event: OrganizerRows, caller: str
):
    client = sign_in(caller, here)
    before = snapshot(other_event)

    model_admin: Any
    for model, model_admin in admin.site._registry.items():
        keys = [str(row.pk) for row in other_event.rows if isinstance(row, model)]
        for _, action, _ in model_admin._get_base_actions() if keys else []:
            sent = {"action": action, "_selected_action": keys, "confirmed": "yes"}
            client.post(reverse(f"admin:{name_of(model)}_changelist"), sent)
    for row in other_event.rows:
        for url in pages_of(row):
            client.post(url, {"confirmed": "yes", "post": "yes", "email": "a@b.example"})

    assert snapshot(other_event) == before
