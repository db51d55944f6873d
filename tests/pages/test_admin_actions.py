"""Each action of the admin acts and is recorded for who may use it, and does nothing for others."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from PIL import Image

from events.models import Membership, TicketType
from orders.models import Order
from tests.make import make_event, make_ticket_type
from tests.pages.test_admin_privacy import OrganizerRows, name_of
from tests.pages.test_admin_roles import (
    CALLERS,
    EVENTS,
    MATRIX,
    NOBODY,
    OWNERS,
    here,
    is_allowed,
    organizer_of,
    short_name,
    sign_in,
    snapshot,
)
from ticketing import clock
from ticketing.models import Act, User
from tickets.models import RefundRequest, Ticket

__all__ = ["here"]

pytestmark = pytest.mark.django_db(transaction=True)

OWNER = "O"
# Pages about one row that change nothing, and the download of a file.
SHOWN = {
    ("events_event", "share_this"),
    ("events_event", "progress_this"),
    ("orders_promocode", ":export_chosen"),
    ("reports_export", "download"),
}
# Forms that many may see, and who may save them, with a new value of one field.
SAVED = {
    "events_event": (EVENTS, {"venue": "Teatro Rival"}),
    "events_organizer": (OWNERS, {"name": "Casa Verde"}),
    "orders_promocode": (EVENTS, {"note": "Friends"}),
}


@dataclass(frozen=True)
class Action:
    """A request that changes something, if the caller may use it."""

    model: str
    name: str
    allowed: str
    url: str
    body: Callable[[], Mapping[str, Any]]


@contextmanager
def undone() -> Iterator[None]:
    """Roll back what happens inside, also the durable transactions of verbs."""
    block = transaction.atomic()
    # As Django's own TestCase does.
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)


def acts(client: Client, action: Action) -> bool:
    """Send the request, and return whether it did something: each change is recorded."""
    before = Act.objects.count()
    response = client.post(action.url, action.body())
    assert response.status_code < 500, action
    return Act.objects.count() > before


def test_each_action_acts_for_who_may_use_it_and_changes_nothing_for_others(
    here: OrganizerRows,
):
    rows = add_rows(here)
    owner = sign_in(OWNER, here)
    acting: dict[tuple[str, str], Action] = {}
    for action in possible_actions(owner, rows):
        if (action.model, action.name) not in acting:
            with undone():
                if acts(owner, action):
                    acting[action.model, action.name] = action
    assert set(acting) == expected_actions()
    before = snapshot(here)

    found, expected = set(), set()
    for caller in CALLERS:
        client = sign_in(caller, here)
        for key, action in acting.items():
            # Of those who may, the one with the fewest rights stands for all.
            if is_allowed(caller, action.allowed) and caller != action.allowed[-1]:
                continue
            if is_allowed(caller, action.allowed):
                expected.add((caller, key))
                with undone():
                    acted = acts(client, action)
            else:
                acted = acts(client, action)
            if acted:
                found.add((caller, key))

    assert found == expected
    assert snapshot(here) == before


def add_rows(here: OrganizerRows) -> list[Any]:
    """Return the rows of an organizer, with some more, so that each action has a row to act on."""
    organizer = organizer_of(here)
    member = Membership.objects.filter(organizer=organizer).order_by("pk")[0]
    User.objects.filter(pk=member.user_id).update(second_factor_since=clock.now())
    quiet = make_event(organizer=organizer, name="Quiet azulejo")
    unused = next(row for row in reversed(here.rows) if isinstance(row, Order))
    make_ticket_type(event=unused.event, name="VIP azulejo", price="45.00")
    now = clock.now()
    request = RefundRequest.objects.create(
        order=unused,
        ticket_ids=list(Ticket.objects.of_order(unused.pk).values_list("pk", flat=True)),
        requested_at=now,
        asked_at=now,
        ask_again_at=now + timedelta(days=1),
    )
    # The limited members have this event too.
    here.rows.append(quiet)
    return [*here.rows, request, *Membership.objects.filter(organizer=organizer)]


def expected_actions() -> set[tuple[str, str]]:
    """Return the actions of the matrix that an owner may use, and the forms in `SAVED`."""
    of_rows = {
        (name_of(model), short_name(model, pattern.name or ""))
        for model, model_admin in admin.site._registry.items()
        for pattern in model_admin.urls
        if "object_id" in pattern.pattern.converters
    }
    actions = {
        (model, name)
        for model, names in MATRIX.items()
        for name, allowed in names.items()
        if OWNER in allowed and (name.startswith(":") or (model, name) in of_rows)
    }
    only_shown = {(model, name) for model, name in actions if name in {"change", "history"}}
    return actions - only_shown - SHOWN | {(model, "change") for model in SAVED}


def possible_actions(owner: Client, rows: list[Any]) -> Iterator[Action]:
    wanted = expected_actions()
    for model, model_admin in admin.site._registry.items():
        name = name_of(model)
        mine = [row for row in rows if isinstance(row, model)]
        pages = [
            (short_name(model, pattern.name), pattern.name)
            for pattern in model_admin.urls
            if pattern.name
        ]
        chosen: Any = model_admin
        for _, action, _ in chosen._get_base_actions():
            if (name, f":{action}") in wanted:
                allowed = MATRIX[name].get(f":{action}", NOBODY)
                url = reverse(f"admin:{name}_changelist")
                for row in mine:
                    sent = {"action": action, "_selected_action": [row.pk], "confirmed": "yes"}
                    yield Action(name, f":{action}", allowed, url, partial(dict, sent))
        for page, full in pages:
            if (name, page) not in wanted:
                continue
            for row in mine:
                url = reverse(f"admin:{full}", args=[row.pk])
                allowed, body = MATRIX[name][page], body_of(name, page, row)
                if page == "change":
                    allowed, changed = SAVED[name]
                    fields = fields_of(
                        owner.get(url).content.decode(), f"{row._meta.model_name}_form"
                    )
                    body = partial(dict, fields | changed)
                yield Action(name, page, allowed, url, body)


def body_of(model: str, page: str, row: Any) -> Callable[[], Mapping[str, Any]]:
    """Return what the form of a page sends. Most only ask for a confirmation."""
    if page == "correct_this":
        order = row if isinstance(row, Order) else row.order
        name, email = order.customer_name, order.customer_email
        sent = {"was_name": name, "was_email": email, "name": "Caio", "email": email}
        return lambda: sent
    bodies: dict[str, Callable[[], Mapping[str, Any]]] = {
        "picture_this": lambda: {"picture": picture(), "focus": "0.5 0.5"},
        "logo_this": lambda: {"logo": picture()},
        "clone_this": lambda: {
            "name": "Outra noite",
            "starts_at_0": "2099-02-01",
            "starts_at_1": "20:00",
        },
        "decline_this": lambda: {"answer": "Too late."},
        "rename_this": lambda: {"holder_name": "Caio"},
        "refund_this": lambda: {"all": "yes", "agreed": str(row.total)},
        "exchange_this": lambda: {
            "ticket_type": TicketType.objects.filter(event=row.event).latest("number").pk,
            "agreed": "0.00",
        },
    }
    return bodies.get(page, lambda: {"confirmed": "yes"})


def picture() -> SimpleUploadedFile:
    content = BytesIO()
    Image.new("RGB", (1600, 900), "#c2412d").save(content, "PNG")
    return SimpleUploadedFile("picture.png", content.getvalue(), "image/png")


def fields_of(page: str, form: str) -> dict[str, list[str]]:
    """Return what a browser sends if the form of that id is submitted as it is."""
    reader = FormReader(form)
    reader.feed(page)
    return reader.fields


class FormReader(HTMLParser):
    """Collects the values of the fields of one form."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.fields: dict[str, list[str]] = {}
        self._inside = False
        self._name = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name = found.get("name") or ""
        if tag == "form":
            self._inside = found.get("id") == self.form
        if not self._inside:
            return
        kind = found.get("type")
        if tag in {"select", "textarea"}:
            self._name = name
        if tag == "textarea":
            self.fields[name] = [""]
        if tag == "option" and "selected" in found:
            self._add(self._name, found.get("value"))
        is_choice = kind in {"checkbox", "radio"}
        is_sent = "checked" in found or not is_choice
        if tag == "input" and name and kind not in {"file", "submit"} and is_sent:
            self._add(name, found.get("value", "on" if is_choice else ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in {"select", "textarea"}:
            self._name = ""

    def handle_data(self, data: str) -> None:
        if self._name in self.fields and self.lasttag == "textarea":
            self.fields[self._name] = [self.fields[self._name][0] + data]

    def _add(self, name: str, value: str | None) -> None:
        self.fields.setdefault(name, []).append(value or "")
