"""Permissions: the status of every endpoint and method for every kind of caller."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import get_resolver
from rest_framework.test import APIClient

from events.models import ApiToken, Event, Membership
from orders.confirmation import accept_payment, confirmation_token
from orders.pix import request_pix
from tests.make import (
    SOMEBODY,
    as_bearer,
    as_user,
    make_api_token,
    make_device,
    make_event,
    make_paid_order,
    make_promo_code,
    make_reservation,
    make_reserved_order,
    make_ticket_type,
    make_user,
    reservation_request,
)
from ticketing import clock
from ticketing.ids import new_id
from ticketing.models import User
from ticketing.pages.shop import is_shop_page
from ticketing.tokens import make_pairing_code
from tickets.door.devices import start_pairing
from tickets.models import Device, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

CALLERS = [
    "anonymous",
    "order token",
    "another order's token",
    "device",
    "another organizer's device",
    "revoked device",
    "organizer token",
    "another organizer's token",
    "revoked token",
    "expired token",
    "token of other scopes",
    "unknown token",
    "member",
    "member of another",
    "staff without membership",
    "superuser",
]

# fmt: off
# Method and path, then the status for each caller, in the order of CALLERS.
MATRIX: dict[tuple[str, str], list[int]] = {
    #                                          anon ord  ord2 dev  dev2 dev0 api  api2 api0 late few  unk  mem  mem2 staf super
    ("get", "/events"):                     [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200],
    ("get", "/events/{event}"):             [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200],
    ("get", "/events/{draft}"):             [404, 404, 404, 404, 404, 404, 200, 404, 404, 404, 404, 404, 200, 404, 404, 200],
    ("get", "/events/{event}/challenge"):   [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200],
    ("get", "/events/{draft}/challenge"):   [404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404],
    ("post", "/events"):                    [401, 403, 403, 403, 403, 403, 201, 201, 401, 401, 403, 401, 201, 201, 403, 400],
    ("patch", "/events/{event}"):           [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("put", "/events/{event}"):             [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("post", "/orders"):                    [201, 201, 201, 201, 201, 201, 201, 201, 201, 201, 201, 201, 201, 201, 201, 201],
    ("get", "/events/{event}/promo-codes"): [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("post", "/events/{event}/promo-codes"): [401, 403, 403, 403, 403, 403, 201, 404, 401, 401, 403, 401, 201, 404, 404, 201],
    ("get", "/events/{event}/promo-codes/{promo}"): [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("patch", "/events/{event}/promo-codes/{promo}"): [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("delete", "/events/{event}/promo-codes/{promo}"): [401, 403, 403, 403, 403, 403, 204, 404, 401, 401, 403, 401, 204, 404, 404, 204],
    ("post", "/events/{event}/promo-code"): [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200],
    ("get", "/orders"):                     [401, 403, 403, 403, 403, 403, 200, 200, 401, 401, 403, 401, 200, 200, 200, 200],
    ("get", "/orders/{order}"):             [401, 200, 404, 404, 404, 404, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("post", "/orders/{order}/payment"):    [401, 202, 404, 404, 404, 404, 404, 404, 401, 401, 403, 401, 404, 404, 404, 404],
    ("post", "/orders/{shop}/payment"):     [401, 404, 404, 404, 404, 404, 202, 404, 401, 401, 403, 401, 404, 404, 404, 404],
    ("get", "/events/{event}/gates"):       [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("put", "/events/{event}/gates"):       [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("get", "/events/{event}/questions"):   [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200],
    ("get", "/events/{draft}/questions"):   [404, 404, 404, 404, 404, 404, 200, 404, 404, 404, 404, 404, 200, 404, 404, 200],
    ("get", "/orders/{order}/answers"):     [401, 200, 404, 404, 404, 404, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("put", "/orders/{order}/answers"):     [401, 200, 404, 404, 404, 404, 404, 404, 401, 401, 403, 401, 404, 404, 404, 404],
    ("get", "/orders/{order}/holders"):     [401, 200, 404, 404, 404, 404, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("patch", "/orders/{order}/holders"):   [401, 409, 404, 404, 404, 404, 404, 404, 401, 401, 403, 401, 404, 404, 404, 404],
    ("get", "/orders/{pix}/pix"):           [401, 404, 404, 404, 404, 404, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("post", "/orders/{order}/pix"):        [401, 200, 404, 404, 404, 404, 404, 404, 401, 401, 403, 401, 404, 404, 404, 404],
    ("post", "/orders/{shop}/pix"):         [401, 404, 404, 404, 404, 404, 200, 404, 401, 401, 403, 401, 404, 404, 404, 404],
    ("post", "/orders/{free}/confirmation"): [202, 202, 202, 202, 202, 202, 202, 202, 202, 202, 202, 202, 202, 202, 202, 202],
    ("post", "/orders/{order}/cancel"):     [401, 200, 404, 404, 404, 404, 404, 404, 401, 401, 403, 401, 404, 404, 404, 404],
    ("post", "/orders/{shop}/cancel"):      [401, 404, 404, 404, 404, 404, 200, 404, 401, 401, 403, 401, 404, 404, 404, 404],
    ("get", "/orders/{order}/ticket"):      [401, 409, 404, 404, 404, 404, 409, 404, 401, 401, 403, 401, 409, 404, 404, 409],
    ("post", "/tickets/validate"):          [401, 403, 403, 200, 409, 401, 200, 409, 401, 401, 403, 401, 200, 409, 403, 200],
    ("post", "/door/parties"):              [401, 403, 403, 200, 409, 401, 200, 409, 401, 401, 403, 401, 200, 409, 403, 200],
    ("post", "/door/guests"):               [401, 403, 403, 403, 403, 401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403],
    ("post", "/door/guests/{ticket}/admit"): [401, 403, 403, 403, 403, 401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403],
    ("get", "/door/state"):                 [401, 403, 403, 200, 200, 401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403],
    ("post", "/door/scans"):                [401, 403, 403, 200, 200, 401, 200, 200, 401, 401, 403, 401, 200, 200, 403, 200],
    ("get", "/door/bundle"):                [401, 403, 403, 200, 200, 401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403],
    ("get", "/healthz"):                    [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200],
    ("get", "/schema"):                     [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200],
    ("get", "/docs"):                       [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200],
    ("get", "/problems"):                   [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200],
    ("get", "/problems/{problem}"):         [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200],
    ("get", "/events/{event}/orders"):      [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("get", "/events/{event}/orders.csv"):  [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("get", "/events/{event}/tickets"):     [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("get", "/events/{event}/attendance"):  [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("post", "/orders/{paid}/refund"):      [401, 403, 403, 403, 403, 403, 202, 404, 401, 401, 403, 401, 202, 404, 404, 202],
    ("post", "/orders/{paid}/resend"):      [401, 403, 403, 403, 403, 403, 202, 404, 401, 401, 403, 401, 202, 404, 404, 202],
    ("get", "/webhooks"):                   [401, 403, 403, 403, 403, 403, 200, 200, 401, 401, 403, 401, 200, 200, 200, 200],
    ("post", "/webhooks"):                  [401, 403, 403, 403, 403, 403, 201, 201, 401, 401, 403, 401, 201, 201, 403, 400],
    ("get", "/devices"):                    [401, 403, 403, 403, 403, 403, 200, 200, 401, 401, 403, 401, 200, 200, 200, 200],
    ("post", "/devices"):                   [401, 403, 403, 403, 403, 403, 201, 201, 401, 401, 403, 401, 201, 201, 403, 400],
    ("post", "/devices/{device}/revoke"):   [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("post", "/devices/{device}/pairing"):  [401, 403, 403, 403, 403, 403, 201, 404, 401, 401, 403, 401, 201, 404, 404, 201],
    ("post", "/devices/pair"):              [200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200],
    ("get", "/tickets/{ticket}"):           [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("patch", "/tickets/{ticket}"):         [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("post", "/tickets/{ticket}/checkin/undo"): [401, 403, 403, 403, 403, 401, 409, 404, 401, 401, 403, 401, 409, 404, 404, 409],
    ("post", "/tickets/{ticket}/revoke"):   [401, 403, 403, 403, 403, 403, 200, 404, 401, 401, 403, 401, 200, 404, 404, 200],
    ("post", "/tickets/{ticket}/reissue"):  [401, 403, 403, 403, 403, 403, 201, 404, 401, 401, 403, 401, 201, 404, 404, 201],
    ("post", "/tickets/{ticket}/exchange"): [401, 403, 403, 403, 403, 403, 409, 404, 401, 401, 403, 401, 409, 404, 404, 409],
}
# fmt: on
# Acts that each caller may do, also after the others: one world is enough for all of them.
FOR_EVERYBODY = [
    ("post", "/orders"),
    ("post", "/events/{event}/promo-code"),
    ("post", "/orders/{free}/confirmation"),
]
# Paths outside the matrix: pages, and endpoints for monitoring. Other tests cover them.
NOT_HERE = {
    "/readyz",
    "/metrics",
    # The payment gateway's own class checks who calls: tests/orders/test_pix_views.py.
    "/payments/notifications",
    "/admin",
    "/admin/…",
    "/i18n/…",
    "/mailbox…",
    # For the script of a buyer's page: tests/orders/test_confirmation.py.
    "/orders/{}/confirmation/state",
    # Of an organizer's terms of sale: tests/events/test_terms.py.
    "/events/{}/terms",
    "/terms/{}(?:/{})?",
    "/accent/{}.css",
    # The page for door staff: tests/tickets/door/test_page.py.
    "/door",
    "/door/manifest.webmanifest",
    "/door/sw.js",
    "/door/decoder.js",
    "/robots.txt",
    "/sitemap.xml",
    "/sitemap-{}.xml",
    "/pictures/{}/{}.jpg",
    "/pictures/{}/logo-{}x.png",
    # A page: tests/pages/test_team.py.
    "/admin/invitations/<uuid:invitation_id>/",
}


@dataclass
class World:
    """Two organizers, an event, a draft, an order of each kind, and a client for each caller."""

    event: Event
    paths: dict[str, str]
    bodies: dict[str, Any]
    callers: dict[str, APIClient]


@pytest.fixture
def world() -> World:
    event, elsewhere = make_event(), make_event()
    draft = make_event(organizer=event.organizer, status="draft")
    promo = make_promo_code(event=event)
    ours = make_reservation(ticket_type=event.ticket_types.get())
    theirs = make_reservation(ticket_type=event.ticket_types.get())
    paid = make_paid_order(ticket_type=event.ticket_types.get())
    ticket = Ticket.objects.of_order(paid.pk).get()
    by_pix = make_reserved_order(ticket_type=event.ticket_types.get())
    request_pix(order=by_pix, now=clock.now())
    free = make_reserved_order(ticket_type=make_ticket_type(price="0.00"))
    accept_payment(order=free, method="free", token="", now=clock.now())
    dead_device, dead_token = make_device(event), make_api_token(organizer=event.organizer)
    Device.objects.update(revoked_at=clock.now())
    ApiToken.objects.update(revoked_at=clock.now())
    callers = {
        "anonymous": APIClient(raise_request_exception=False),
        "order token": as_bearer(ours.token.text),
        "another order's token": as_bearer(theirs.token.text),
        "device": as_bearer(make_device(event)),
        "another organizer's device": as_bearer(make_device(elsewhere)),
        "revoked device": as_bearer(dead_device),
        "organizer token": as_bearer(make_api_token(organizer=event.organizer)),
        "another organizer's token": as_bearer(make_api_token(organizer=elsewhere.organizer)),
        "revoked token": as_bearer(dead_token),
        "expired token": as_bearer(
            make_api_token(organizer=event.organizer, expires_at=clock.now())
        ),
        "token of other scopes": as_bearer(make_api_token(organizer=event.organizer, scopes=[])),
        "unknown token": as_bearer("api_" + "x" * 43),
        "member": as_user(make_user(organizer=event.organizer, is_staff=True)),
        "member of another": as_user(make_user(organizer=elsewhere.organizer, is_staff=True)),
        "staff without membership": as_user(make_user(is_staff=True)),
        "superuser": as_user(make_user(is_superuser=True, is_staff=True)),
    }
    reservation = reservation_request(event)
    sold = callers["organizer token"].post("/orders", reservation).json()
    device = Device.objects.filter(organizer=event.organizer, revoked_at=None).get()
    pairing = make_pairing_code()
    start_pairing(device_id=device.pk, digest=pairing.digest, actor=SOMEBODY, now=clock.now())
    new_event = {
        "name": "Show",
        "venue": "Teatro",
        "city": "Recife",
        "starts_at": "2099-01-10T21:00:00-03:00",
        "ends_at": "2099-01-11T02:00:00-03:00",
        "capacity": 100,
        "price": "45.00",
    }
    return World(
        event,
        paths={
            "event": event.slug,
            "draft": draft.slug,
            "order": str(ours.order_id),
            "shop": sold["id"],
            "paid": str(paid.pk),
            "free": str(free.pk),
            "pix": str(by_pix.pk),
            "ticket": str(ticket.pk),
            "problem": "sold_out",
            "device": str(device.pk),
            "promo": str(promo.pk),
        },
        bodies={
            "post /events": new_event,
            "put /events/{event}": new_event,
            "patch /events/{event}": {"name": "Outro nome"},
            "post /events/{event}/promo-codes": {"code": "NOVO-10", "percent": "10.00"},
            "patch /events/{event}/promo-codes/{promo}": {"is_active": False},
            "post /events/{event}/promo-code": {"promo_code": "AMIGOS"},
            "post /orders": reservation,
            "post /orders/{order}/payment": {"method": "card", "token": "tok_approved"},
            "post /orders/{shop}/payment": {"method": "card", "token": "tok_approved"},
            "put /events/{event}/gates": {"gates": []},
            "put /orders/{order}/answers": {"answers": []},
            "patch /orders/{order}/holders": {"holders": []},
            "post /orders/{free}/confirmation": {"token": confirmation_token(free)},
            "post /orders/{paid}/refund": {"full": True},
            "post /tickets/validate": {"code": ticket.code},
            "post /door/scans": {"scans": [{"code": ticket.code, "scan_id": str(new_id())}]},
            "post /door/parties": {"code": ticket.code, "scan_ids": [str(new_id())]},
            "post /door/guests": {"event": str(event.pk), "q": "ana"},
            "post /door/guests/{ticket}/admit": {"reason": "phone_is_out"},
            "patch /tickets/{ticket}": {"holder_name": "Bruno"},
            "post /tickets/{ticket}/exchange": {"ticket_type": str(ticket.ticket_type_id)},
            "post /webhooks": {"url": "https://shop.example.com/hooks"},
            "post /devices": {"name": "Phone", "all_events": True},
            "post /devices/pair": {"pairing_code": pairing.text},
        },
        callers=callers,
    )


def send_request(world: World, client: APIClient, method: str, path: str) -> int:
    """Send a valid request, and return the status of its response."""
    send: Callable[..., Any] = getattr(client, method)
    body = world.bodies.get(f"{method} {path}")
    address = path.format(**world.paths)
    status: int = (send(address, body) if body else send(address)).status_code
    return status


def changes(method: str, status: int) -> bool:
    return method != "get" and status < 400


@pytest.mark.parametrize("caller", CALLERS)
def test_each_caller_can_read_only_what_the_matrix_allows(world: World, caller: str):
    expected = {
        row: statuses[CALLERS.index(caller)]
        for row, statuses in MATRIX.items()
        if not changes(row[0], statuses[CALLERS.index(caller)])
    }

    found = {row: send_request(world, world.callers[caller], *row) for row in expected}

    assert found == expected


@pytest.mark.parametrize(
    ("method", "path", "caller"),
    [
        (method, path, caller)
        for (method, path), statuses in MATRIX.items()
        for caller, status in zip(CALLERS, statuses, strict=True)
        if changes(method, status) and (method, path) not in FOR_EVERYBODY
    ],
)
def test_each_caller_can_change_what_the_matrix_allows(
    world: World, method: str, path: str, caller: str
):
    expected = MATRIX[method, path][CALLERS.index(caller)]

    assert send_request(world, world.callers[caller], method, path) == expected


@pytest.mark.parametrize(("method", "path"), FOR_EVERYBODY)
def test_everybody_may_do_what_the_matrix_allows_everybody(world: World, method: str, path: str):
    found = [send_request(world, world.callers[caller], method, path) for caller in CALLERS]

    assert found == MATRIX[method, path]


@pytest.mark.parametrize("lost", ["is_staff", "is_active"])
def test_the_session_of_a_user_who_is_no_longer_staff_is_anonymous(world: World, lost: str):
    user = make_user(organizer=world.event.organizer, is_staff=True)
    client = as_user(user)
    User.objects.filter(pk=user.pk).update(**{lost: False})

    found = {row: send_request(world, client, *row) for row in MATRIX}

    assert found == {row: statuses[CALLERS.index("anonymous")] for row, statuses in MATRIX.items()}


def test_the_session_of_a_former_member_gets_404_for_the_organizers_event(
    world: World,
):
    client = world.callers["member"]
    path = f"/events/{world.event.slug}/orders"
    assert client.get(path).status_code == 200

    Membership.objects.filter(organizer=world.event.organizer).delete()

    assert client.get(path).status_code == 404


def test_every_path_of_the_api_has_its_rows():
    listed = {re.sub(r"\{\w+\}", "{}", path) for _, path in MATRIX} | NOT_HERE

    found = {_spell(str(pattern.pattern)) for pattern in _walk(get_resolver().url_patterns)}

    # Pages for buyers: tests/pages/test_order_access.py and others.
    assert {path for path in found if not is_shop_page(path)} <= listed


def test_every_method_of_the_api_has_its_row():
    listed = {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in MATRIX}
    missing: list[tuple[str, str]] = []
    for pattern in _walk(get_resolver().url_patterns):
        view = getattr(getattr(pattern, "callback", None), "view_class", None)
        path = _spell(str(pattern.pattern))
        missing += [
            (method, path)
            for method in ("get", "post", "put", "patch", "delete")
            if path not in NOT_HERE and hasattr(view, method) and (method, path) not in listed
        ]

    assert missing == []


def test_a_session_without_its_csrf_token_changes_nothing(world: World):
    member = APIClient(enforce_csrf_checks=True)
    member.force_login(make_user(organizer=world.event.organizer, is_staff=True))

    answer = member.patch(f"/events/{world.event.slug}", {"name": "Hijacked"})

    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def _walk(patterns: list[Any]) -> list[Any]:
    found = []
    for pattern in patterns:
        inner = getattr(pattern, "url_patterns", None)
        if inner is not None and str(pattern.pattern) == "":
            found += _walk(inner)
        else:
            found.append(pattern)
    return found


def _spell(pattern: str) -> str:
    """Write a URL pattern as the matrix does."""
    path = pattern.removeprefix("^").removesuffix("\\Z").replace("/?", "").replace("\\.", ".")
    if path in ("admin/", "i18n/"):
        return f"/{path}…"
    if path.startswith("mailbox"):
        return "/mailbox…"
    while (start := path.find("(?P<")) >= 0:
        depth, end = 0, start
        for end in range(start, len(path)):
            depth += {"(": 1, ")": -1}.get(path[end], 0)
            if not depth:
                break
        path = path[:start] + "{}" + path[end + 1 :]
    return "/" + path
