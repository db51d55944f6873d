"""The API and the admin apply the same rules to a change of an event."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from events.catalogue import look_up_event
from events.models import MOST_TICKET_TYPES, Event, EventStatus, TicketType
from events.organizing import cancel_event
from events.stock.holds import read_stock
from events.stock.record import recorded_left_by_type
from tests.make import (
    SOMEBODY,
    as_organizer,
    make_event,
    make_reserved_order,
    make_ticket_type,
    make_user,
)
from ticketing import clock
from ticketing.models import Act

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED, DONE = False, True
Step = Callable[[Event], object]


def send_to_api(event: Event, change: "Change") -> bool:
    """Send a change to the API: PATCH, or PUT without the ticket types to drop."""
    caller = as_organizer(event)
    path = f"/events/{event.pk}"
    if not change.dropped:
        body = change.fields | ({"ticket_types": types} if (types := change.types()) else {})
        return bool(caller.patch(path, body).status_code == 200)
    shown = caller.get(path).json()
    body = dict(shown)
    body["ticket_types"] = [
        kind for kind in shown["ticket_types"] if kind["name"] not in change.dropped
    ] + change.added
    return bool(caller.put(path, body).status_code == 200)


def send_to_admin(event: Event, change: "Change") -> bool:
    """Send the same change as the form of the admin's page. A page with errors has status 200."""
    client = Client()
    client.force_login(make_user(organizer=event.organizer, is_staff=True))
    page = reverse("admin:events_event_change", args=[event.pk])
    shown = client.get(page)
    if shown.status_code != 200 or not shown.context["has_change_permission"]:
        return bool(client.post(page, {}).status_code == 302)
    form = form_of(shown)
    kinds = shown.context["inline_admin_formsets"][0].formset.initial_forms
    for name, value in change.fields.items():
        form |= typed(name, value)
    for number, kind in enumerate(kinds):
        prefix = f"ticket_types-{number}"
        if kind.instance.name in change.dropped:
            form[f"{prefix}-DELETE"] = "on"
        for name, value in change.changed.get(kind.instance.name, {}).items():
            form |= typed(f"{prefix}-{name}", value)
    for number, kind in enumerate(change.added, start=len(kinds)):
        form["ticket_types-TOTAL_FORMS"] = str(number + 1)
        for name, value in kind.items():
            form |= typed(f"ticket_types-{number}-{name}", value)
    return bool(client.post(page, form).status_code == 302)


def form_of(page: Any) -> dict[str, Any]:
    """Return what a browser sends if the user submits the page without typing anything."""
    form: dict[str, Any] = {}
    fields = [page.context["adminform"].form]
    for formset in page.context["inline_admin_formsets"]:
        fields += [formset.formset.management_form, *formset.formset.forms]
    for bound in (bound for one in fields for bound in one):
        value, widget = bound.value(), bound.field.widget
        if hasattr(widget, "widgets"):
            for number, part in enumerate(widget.decompress(value)):
                form[f"{bound.html_name}_{number}"] = "" if part is None else str(part)
        elif value is not False:
            form[bound.html_name] = "" if value is None else value
    return form


def typed(name: str, value: Any) -> dict[str, Any]:
    """Return a value as a browser sends it: a date-time has a field for the date and the time."""
    if isinstance(value, str) and value.endswith("Z"):
        return {f"{name}_0": value[:10], f"{name}_1": value[11:19]}
    return {name: value}


@dataclass(frozen=True)
class Change:
    """A change of an event, to be sent to the API and to the admin."""

    fields: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    added: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def types(self) -> list[dict[str, Any]]:
        return [{"name": name, **what} for name, what in self.changed.items()] + self.added


@dataclass(frozen=True)
class Rule:
    before: Step
    change: Change
    outcome: bool


def nothing(event: Event) -> None:
    """Leave the event as it was made: on sale, with one ticket type of capacity ten."""


def hold_four(event: Event) -> None:
    make_reserved_order(ticket_type=event.ticket_types.get(), quantity=4)


def add_a_balcony(event: Event) -> None:
    make_ticket_type(event=event, name="Camarote", capacity=5)


def sell_the_balcony(event: Event) -> None:
    make_reserved_order(ticket_type=make_ticket_type(event=event, name="Camarote", capacity=5))


def cancel(event: Event) -> None:
    cancel_event(event_id=event.pk, actor=SOMEBODY, now=clock.now())


def become_a_draft(event: Event) -> None:
    Event.objects.filter(pk=event.pk).update(status=EventStatus.DRAFT)


def leave_room_for_one(event: Event) -> None:
    for number in range(2, MOST_TICKET_TYPES):
        make_ticket_type(event=event, name=f"Setor {number}", capacity=1)


def fill_up(event: Event) -> None:
    leave_room_for_one(event)
    make_ticket_type(event=event, name=f"Setor {MOST_TICKET_TYPES}", capacity=1)


BACKWARDS = {"sales_start_at": "2031-05-02T10:00:00Z", "sales_end_at": "2031-05-01T10:00:00Z"}
NEW_TYPE = {"name": "Mezanino", "price": "90.00", "capacity": 7}
RULES = {
    "a name": Rule(nothing, Change({"name": "Outro nome"}), DONE),
    "less capacity than is held": Rule(
        hold_four, Change(changed={"Pista": {"capacity": 3}}), REFUSED
    ),
    "as much capacity as is held": Rule(
        hold_four, Change(changed={"Pista": {"capacity": 4}}), DONE
    ),
    "more capacity": Rule(hold_four, Change(changed={"Pista": {"capacity": 20}}), DONE),
    "a capacity of none": Rule(nothing, Change(changed={"Pista": {"capacity": 0}}), REFUSED),
    "a negative price": Rule(nothing, Change(changed={"Pista": {"price": "-1.00"}}), REFUSED),
    "another type": Rule(nothing, Change(added=[NEW_TYPE]), DONE),
    "the fiftieth type": Rule(leave_room_for_one, Change(added=[NEW_TYPE]), DONE),
    "the fifty-first type": Rule(fill_up, Change(added=[NEW_TYPE]), REFUSED),
    "fifty types, one of them new": Rule(
        fill_up, Change(added=[NEW_TYPE], dropped=["Setor 9"]), DONE
    ),
    "a type is dropped": Rule(add_a_balcony, Change(dropped=["Camarote"]), DONE),
    "a type with orders is dropped": Rule(sell_the_balcony, Change(dropped=["Camarote"]), REFUSED),
    "the last type is dropped": Rule(nothing, Change(dropped=["Pista"]), REFUSED),
    "a currency": Rule(nothing, Change({"currency": "EUR"}), DONE),
    "a currency that is none": Rule(nothing, Change({"currency": "euro"}), REFUSED),
    "a cancelled event's name": Rule(cancel, Change({"name": "Outro nome"}), REFUSED),
    "a cancelled event's capacity": Rule(
        cancel, Change(changed={"Pista": {"capacity": 20}}), REFUSED
    ),
    "a sale that ends before it starts": Rule(nothing, Change(BACKWARDS), REFUSED),
    "the same of a type": Rule(nothing, Change(changed={"Pista": BACKWARDS}), REFUSED),
    "a picture by ftp": Rule(nothing, Change({"image_url": "ftp://example.com/a.png"}), REFUSED),
    "a picture at no address": Rule(
        nothing, Change({"image_url": "https://example.com/a[1].png"}), REFUSED
    ),
    "an address like an id": Rule(
        nothing, Change({"slug": "0198a5a2-7b1c-7d7e-8f00-112233445566"}), REFUSED
    ),
    "a zone that is none": Rule(nothing, Change({"timezone": "Mars/Olympus"}), REFUSED),
    "a draft's name": Rule(become_a_draft, Change({"name": "Outro nome"}), DONE),
}


def state_of(event: Event) -> dict[str, Any]:
    """Return the fields, ticket types and acts of an event, without those that always differ."""
    fields: dict[str, Any] = dict(Event.objects.filter(pk=event.pk).values().get())
    for name in (
        "id",
        "number",
        "slug",
        "organizer_id",
        "created_at",
        "cancelled_at",
        "epoch",
        "revision",
    ):
        del fields[name]
    kinds = TicketType.objects.filter(event=event).order_by("number")
    return fields | {
        "types": list(kinds.values("number", "name", "price", "capacity", "sales_end_at")),
        "acts": [
            (act.type, act.details)
            for act in Act.objects.filter(subject_id=event.pk).order_by("at", "id")
        ],
    }


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_api_and_the_admin_apply_the_same_rules(rule: Rule):
    starts_at = clock.now().replace(microsecond=0) + timedelta(days=30)
    states = []
    for send in (send_to_api, send_to_admin):
        event = make_event(
            name="Noite",
            capacity=10,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=4),
        )
        rule.before(event)
        epoch, before = Event.objects.get(pk=event.pk).epoch, state_of(event)

        assert send(event, rule.change) == rule.outcome, send.__name__

        after = state_of(event)
        assert (after != before) == rule.outcome, send.__name__
        states.append((after, Event.objects.get(pk=event.pk).epoch - epoch))
        stock = read_stock(event.pk)
        assert stock is not None
        if after["status"] == EventStatus.PUBLISHED:
            assert stock.left == recorded_left_by_type([event.pk])
            # The shortcut can show the event: Redis has the same ticket types.
            found = look_up_event(str(event.pk), now=clock.now())
            assert found is not None
            assert found[0].event.name == after["name"]
    (by_api, epochs_by_api), (by_admin, epochs_by_admin) = states
    different = {
        name: (by_api[name], by_admin[name]) for name in by_api if by_api[name] != by_admin[name]
    }
    assert (different, epochs_by_api) == ({}, epochs_by_admin)


def test_neither_api_nor_admin_changes_the_currency_of_an_event_with_orders():
    event = make_event(capacity=10)
    hold_four(event)

    outcome = send_to_api(event, Change({"currency": "EUR"}))
    # The admin's page has no such field then, and ignores a value that is sent.
    send_to_admin(event, Change({"currency": "EUR"}))

    event.refresh_from_db()
    assert (outcome, event.currency) == (REFUSED, "BRL")


def test_a_change_that_became_impossible_after_the_check_is_refused_in_the_admin(
    monkeypatch: pytest.MonkeyPatch,
):
    event = make_event(capacity=10)
    # As if the order came between the form's check and the verb: the check finds nothing.
    hold_four(event)
    monkeypatch.setattr("events.admin.ticket_types.refuse_low_capacity", lambda *_: None)
    client = Client()
    client.force_login(make_user(organizer=event.organizer, is_staff=True))
    page = reverse("admin:events_event_change", args=[event.pk])
    form = form_of(client.get(page)) | {"name": "Outro nome", "ticket_types-0-capacity": "3"}

    response = client.post(page, form, follow=True, headers={"accept-language": "pt-BR"})

    event.refresh_from_db()
    assert "Informe uma capacidade maior" in response.content.decode()
    assert (event.name == "Outro nome", event.ticket_types.get().capacity) == (False, 10)
