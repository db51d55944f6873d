"""Security and cache headers: a policy on every page, and no cache stores private responses."""

import re
from typing import Any

import pytest
from django.conf import settings as live
from django.core.files.storage import storages
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import reverse
from rest_framework.test import APIClient

from tests.make import as_organizer, as_user, make_event, make_paid_order, make_user
from tests.pages.test_admin import rows_of_everything
from ticketing.api.browsers import BrowserHeadersMiddleware
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

NOT_STORED = "private, no-store"
NO_PAGE = "default-src 'none'; frame-ancestors 'none'"


def superuser() -> APIClient:
    return as_user(make_user(is_staff=True, is_superuser=True))


def policy(answer: Any) -> dict[str, list[str]]:
    parts = answer.headers["Content-Security-Policy"].split("; ")
    return {name: values for name, *values in (part.split() for part in parts)}


def test_caches_may_store_the_public_catalogue_and_the_documents(api: APIClient):
    event = make_event()

    for path in ("/events", "/events?q=jazz", f"/events/{event.slug}", f"/events/{event.pk}/"):
        first = api.get(path)
        again = api.get(path, HTTP_IF_NONE_MATCH=first.headers["ETag"])
        assert (first.status_code, again.status_code) == (200, 304)
        assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "no-cache"
    for path in ("/schema", "/docs", "/problems", "/problems/sold_out"):
        assert api.get(path).headers["Cache-Control"] == "public, max-age=300"
        assert not api.get(path).cookies


def test_a_response_to_a_request_with_credentials_or_a_cookie_is_not_stored():
    event = make_event()
    draft = make_event(organizer=event.organizer, status="draft")
    member = as_user(make_user(organizer=event.organizer, is_staff=True))
    stranger = APIClient(headers={"Cookie": "theme=dark"})

    for caller in (as_organizer(event), member, stranger):
        for path in (f"/events/{event.slug}", "/events", "/docs", "/schema"):
            answer = caller.get(path)
            assert (answer.status_code, answer.headers["Cache-Control"]) == (200, NOT_STORED), path
    for caller in (as_organizer(event), member):
        shown = caller.get(f"/events/{draft.slug}")
        same = caller.get(f"/events/{draft.slug}", HTTP_IF_NONE_MATCH=shown.headers["ETag"])
        assert (shown.status_code, same.status_code) == (200, 304)
        assert shown.headers["Cache-Control"] == same.headers["Cache-Control"] == NOT_STORED


def test_no_other_response_is_stored(api: APIClient, monkeypatch: pytest.MonkeyPatch):
    event = make_event()
    order = make_paid_order(ticket_type=event.ticket_types.get())
    ticket = Ticket.objects.of_order(order.pk).get()
    organizer = as_organizer(event)
    reservation = {
        "event": event.slug,
        "quantity": 1,
        "customer": {"name": "Ana", "email": "a@b.com"},
    }

    answers = [
        api.post("/orders", reservation),
        api.post("/orders", {}),
        api.get("/events/nowhere"),
        api.get("/events?page=0"),
        api.put(f"/events/{event.slug}", {}),
        api.get("/nowhere"),
        api.get("/admin"),
        api.get("/admin/"),
        api.get("/admin/login/"),
        api.get("/static/nowhere.js"),
        api.post("/i18n/setlang/", {"language": "en", "next": "/admin/"}, format="multipart"),
        api.get("/healthz"),
        organizer.get(f"/orders/{order.pk}"),
        organizer.get(f"/orders/{order.pk}/ticket"),
        organizer.get(f"/tickets/{ticket.pk}"),
        organizer.get(f"/events/{event.pk}/orders.csv"),
        organizer.get(f"/events/{event.pk}/attendance"),
        superuser().get("/admin/"),
        superuser().get("/admin/jsi18n/"),
    ]
    with monkeypatch.context() as bug:
        bug.setattr("django.db.models.query.QuerySet.count", lambda _: 1 / 0)
        answers.append(api.get("/events"))

    assert answers[-1].status_code == 500
    for answer in answers:
        assert answer.headers["Cache-Control"] == NOT_STORED, answer.request["PATH_INFO"]


@pytest.mark.parametrize(
    ("status", "cache_control"), [(200, "max-age=60"), (304, "max-age=60"), (404, NOT_STORED)]
)
def test_caches_may_store_static_files(status: int, cache_control: str):
    def file(_request: object) -> HttpResponse:
        return HttpResponse(status=status, headers={"Cache-Control": "max-age=60"})

    answer = BrowserHeadersMiddleware(file)(RequestFactory().get("/static/ticketing/docs.js"))

    assert answer.headers["Cache-Control"] == cache_control


def test_a_refusal_by_a_rate_limit_has_the_headers_too(api: APIClient, settings):
    settings.RATE_LIMITS = {"read": ":1/60", "signin": ":1/60"}
    api.get("/events")
    api.post("/admin/login/", {})

    refused, waits = api.get("/events"), api.post("/admin/login/", {})

    assert refused.status_code == waits.status_code == 429
    assert refused.headers["Cache-Control"] == waits.headers["Cache-Control"] == NOT_STORED
    assert refused.headers["Content-Security-Policy"] == NO_PAGE
    assert "'none'" in policy(waits)["default-src"]


def test_a_response_that_is_not_a_page_may_load_nothing(api: APIClient):
    event = make_event()
    csv = as_organizer(event).get(f"/events/{event.pk}/orders.csv")

    for answer in (api.get("/events"), api.get(f"/events/{event.slug}"), api.get("/nowhere"), csv):
        assert answer.headers["Content-Security-Policy"] == NO_PAGE
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"


def pages_of_the_admin() -> list[str]:
    rows = rows_of_everything(make_event())
    pages = ["/admin/", "/admin/password_change/", "/admin/nowhere/"]
    for row in rows:
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
        pages += [reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])]
        pages.append(reverse(f"{name}_history", args=[row.pk]))
    pages += [
        reverse("admin:events_event_add"),
        reverse("admin:events_event_cancel_this", args=[rows[0].pk]),
    ]
    return pages


INLINE = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*type=.application/json)[^>]*>", re.IGNORECASE)
HANDLER = re.compile(r"<[a-z]+\s[^>]*?\son[a-z]+=|href=.javascript:", re.IGNORECASE)


def test_every_page_has_a_policy_that_forbids_inline_scripts(api: APIClient, tmp_path, settings):
    client = superuser()
    pages = {path: client.get(path) for path in pages_of_the_admin()}
    pages |= {path: api.get(path) for path in ("/admin/login/", "/admin/nowhere/", "/docs")}

    for path, answer in pages.items():
        allowed = policy(answer)
        assert allowed["default-src"] == allowed["frame-ancestors"] == ["'none'"], path
        assert allowed["base-uri"] == ["'none'"], path
        assert set(allowed["script-src"]) <= {"'self'", "'unsafe-eval'"}, path
        body = answer.content.decode()
        assert not INLINE.search(body), (path, INLINE.search(body))
        assert not HANDLER.search(body), (path, HANDLER.search(body))
        assert answer.headers["Permissions-Policy"].startswith("camera=()")
    assert policy(pages["/docs"])["script-src"] == ["'self'"]


def test_the_admin_may_show_qr_codes_from_their_storage():
    order = make_paid_order()
    link = storages["ticket_links"].url("codes/x.png")

    allowed = policy(superuser().get(f"/admin/orders/order/{order.pk}/change/"))["img-src"]

    assert [origin for origin in allowed if link.startswith(origin + "/")]


def test_a_view_keeps_a_policy_of_its_own():
    def letter(_request: object) -> HttpResponse:
        return HttpResponse("", headers={"Content-Security-Policy": "sandbox"})

    answer = BrowserHeadersMiddleware(letter)(RequestFactory().get("/mailbox/x/page"))

    assert answer.headers["Content-Security-Policy"] == "sandbox"


def test_the_middleware_of_the_headers_wraps_all_that_may_respond():
    names = live.MIDDLEWARE

    assert names.index("ticketing.api.browsers.BrowserHeadersMiddleware") == 1
