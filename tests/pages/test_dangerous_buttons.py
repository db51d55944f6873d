"""No destructive button next to a harmless one: each act of the admin is one or the other."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from events.models import Event
from tests.make import make_paid_order, make_user
from tests.pages.test_admin_privacy import name_of, populate
from ticketing.asking import is_dangerous
from ticketing.models import Act
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

# The acts that only read, or that another act takes back. A new act fails the first test until it
# is here, or is marked as dangerous and asks first.
HARMLESS = {
    "events_event": {
        "publish_chosen",
        "open_box_office",
        "open_check_in_list",
        "open_live_door",
        "publish_this",
        # Only without buyers, and it can be published again.
        "unpublish_this",
        "share_this",
        "picture_this",
        "clone_this",
        "progress_this",
        "see_promo_codes",
    },
    "events_organizer": {"logo_this"},
    "events_invitation": {"invite_this_again"},
    "orders_order": {"resend_chosen", "resend_this", "correct_this", "retry_this"},
    "orders_ledgerentry": {"open_report"},
    "orders_promocode": {"export_chosen"},
    "tickets_ticket": {"rename_this", "exchange_this", "undo_this"},
    # The phone that was paired before works until another one is: it can be paired again.
    "tickets_device": {"pair_this"},
    # What the buyer has asked for. Its page shows the amount first.
    "tickets_refundrequest": {"approve_this"},
    "tickets_delivery": {"resend_chosen", "resend_this", "correct_this"},
    "notices_notice": {"resend_chosen", "resend_this"},
    "webhooks_webhookendpoint": {"test_chosen", "switch_on_chosen", "test_this", "switch_on_this"},
    "webhooks_webhookmessage": {"send_chosen_again", "send_this_again"},
    "ticketing_failedmessage": {"send_chosen_again"},
}


def list_acts(model_admin: Any) -> list[str]:
    return [name for _act, name, _text in model_admin._get_base_actions()]


def page_acts(model_admin: Any) -> list[str]:
    shown = [*model_admin.actions_list, *model_admin.actions_row, *model_admin.actions_detail]
    return list(model_admin._extract_action_names([*shown, *model_admin.actions_submit_line]))


def acts() -> Iterator[tuple[str, str, Any]]:
    for model, model_admin in admin.site._registry.items():
        for name in [*list_acts(model_admin), *page_acts(model_admin)]:
            yield name_of(model), name, getattr(model_admin, name, None)


def test_each_act_of_the_admin_is_known_as_harmless_or_marked_as_dangerous():
    harmless: dict[str, set[str]] = {}
    for model, name, act in acts():
        if not is_dangerous(act, name):
            harmless.setdefault(model, set()).add(name)

    assert harmless == HARMLESS


def test_the_dangerous_acts_of_a_list_are_a_group_of_their_own_at_the_end():
    request = RequestFactory().get("/")
    request.user = make_user(is_staff=True, is_superuser=True)
    model_admin: Any
    for model_admin in admin.site._registry.values():
        choices = model_admin.get_action_choices(request)
        alone = [value for value, texts in choices if not isinstance(texts, list)]
        grouped = [name for _, texts in choices[len(alone) :] for name, _ in texts]
        offered = model_admin.get_actions(request)

        assert {*alone, *grouped} == {"", *offered}
        for name in offered:
            act = getattr(model_admin, name, None)
            assert (name in grouped, name in alone) == (
                (True, False) if is_dangerous(act, name) else (False, True)
            )


def test_the_dangerous_acts_of_a_page_come_last_and_in_no_menu():
    found = expected = 0
    model_admin: Any
    for model_admin in admin.site._registry.values():
        names = page_acts(model_admin)
        every = [model_admin.get_unfold_action(name) for name in names]
        build = model_admin._get_actions_navigation
        for buttons in (
            build(model_admin.actions_list, every),
            build(model_admin.actions_detail, every, "1"),
        ):
            marks = [button.get("is_dangerous", False) for button in buttons]
            assert marks == sorted(marks)
            # A menu would mix what is inside it.
            assert all("items" not in button for button in buttons)
            found += sum(marks)
        expected += sum(is_dangerous(getattr(model_admin, name)) for name in names)

    assert found == expected > 0


def test_the_page_of_an_order_has_a_red_group_after_the_harmless_buttons():
    order = make_paid_order()
    client = Client(headers={"accept-language": "pt-br"})
    client.force_login(make_user(organizer=order.event.organizer, is_staff=True))

    page = client.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()

    harmless, _, dangers = page.partition('<ul class="font-medium dangers" aria-label="Cuidado">')
    assert "Enviar os ingressos de novo…" in harmless
    assert "Reembolsar ingressos…" in dangers.partition("</ul>")[0]
    assert "Reembolsar ingressos…" not in harmless


def test_each_dangerous_act_asks_first_with_a_red_button_and_changes_nothing():
    rows = populate("azulejo")
    boss = make_user(is_staff=True, is_superuser=True)
    client = Client(headers={"accept-language": "en"})
    client.force_login(boss)
    show = next(row for row in rows if isinstance(row, Event) and row.status == "published")
    order = make_paid_order(ticket_type=show.ticket_types.get())
    rows += [boss, order, *Ticket.objects.of_order(order.pk)]
    before = Act.objects.count()
    asked, expected = set(), set()

    for model, model_admin in admin.site._registry.items():
        keys = [str(row.pk) for row in rows if isinstance(row, model)]
        for name in list_acts(model_admin):
            if name == "delete_selected" or not is_dangerous(getattr(model_admin, name)):
                continue
            expected.add((model, name))
            sent = {"action": name, "_selected_action": keys}
            page = client.post(reverse(f"admin:{name_of(model)}_changelist"), sent)
            if b"bg-red-700" in page.content:
                asked.add((model, name))
        for name in page_acts(model_admin):
            if not is_dangerous(getattr(model_admin, name)):
                continue
            expected.add((model, name))
            urls = [reverse(f"admin:{name_of(model)}_{name}", args=[key]) for key in keys]
            # The refund asks after the choice of the tickets.
            choice = {"all": "yes"} if name == "refund_this" else None
            pages = (client.post(url, choice) if choice else client.get(url) for url in urls)
            # The act is open for rows in a certain state.
            if any(page.status_code == 200 and b"bg-red-700" in page.content for page in pages):
                asked.add((model, name))

    assert asked == expected
    assert Act.objects.count() == before
