"""A new token or secret is shown only in the response to the form that created it."""

import html
import logging
import re
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.urls import reverse
from redis import Redis

from events.models import ApiToken
from tests.make import as_bearer, make_event, make_user
from tests.race import race
from ticketing import clock
from ticketing.models import User
from tickets.models import Device
from tickets.webhooks.models import WebhookEndpoint
from tickets.webhooks.signing import secrets_of

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = re.compile(r"(?:api|dev)_[\w-]{20,}|whsec_[\w+/=]{20,}")
KINDS = ["events_apitoken", "tickets_device", "webhooks_webhookendpoint"]
MODELS: dict[str, Any] = dict(zip(KINDS, [ApiToken, Device, WebhookEndpoint], strict=True))


@dataclass
class Staff:
    """A staff user with a signed-in browser, and a filled-in form for each kind of row."""

    user: User
    client: Client
    form: dict[str, Any]


@pytest.fixture
def staff() -> Staff:
    event = make_event()
    user = make_user(organizer=event.organizer, is_staff=True)
    return Staff(user, browse_as(user), fill_in(event))


def browse_as(user: User) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    return client


def fill_in(event: Any) -> dict[str, Any]:
    return {
        "organizer": str(event.organizer_id),
        "name": "Portão",
        "events": [str(event.pk)],
        "scopes": ["tickets:validate"],
        "url": "https://shop.example.com/hook",
    }


def open_form(client: Client, kind: str) -> dict[str, str]:
    """Return the hidden fields of an empty form."""
    page = client.get(reverse(f"admin:{kind}_add")).content.decode()
    found = re.search(r'name="new_row" value="([^"]+)"', page)
    assert found is not None
    return {"new_row": found.group(1)}


def make(staff: Staff, kind: str) -> Any:
    form = staff.form | open_form(staff.client, kind)
    return staff.client.post(reverse(f"admin:{kind}_add"), form)


def renew(staff: Staff, hook: WebhookEndpoint) -> Any:
    url = reverse("admin:webhooks_webhookendpoint_renew_this", args=[hook.pk])
    page = staff.client.get(url).content.decode()
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found is not None
    return staff.client.post(url, {"confirmed": "yes", "version": found.group(1)})


def secret_on(page: Any) -> str:
    found = SECRET.search(html.unescape(page.content.decode()))
    assert found is not None
    return found.group()


def all_stored_data(redis: Redis) -> str:
    """Return all rows of all tables, and all values in Redis."""
    with connection.cursor() as cursor:
        rows: list[str] = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608 - our own names
            rows += [row[0] for row in cursor.fetchall()]
    # Sessions are stored compressed.
    rows += [str(session.get_decoded()) for session in Session.objects.all()]
    dumped = [repr(key) + repr(redis.dump(key)) for key in redis.scan_iter()]
    return "\n".join(rows + dumped)


def headers_and_messages(response: Any) -> str:
    """Return the headers and the messages of the cookie, decompressed."""
    storage: Any = CookieStorage(response.wsgi_request)
    cookie = response.cookies["messages"].value if "messages" in response.cookies else ""
    messages = storage._decode(cookie) or []
    return "\n".join([*map(str, [*response.items(), *messages]), response.cookies.output()])


@pytest.mark.parametrize("kind", [*KINDS, "renewed"])
def test_a_secret_is_in_the_response_to_its_form_and_nowhere_else(
    staff: Staff,
    kind: str,
    redis: Redis,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
):
    caplog.set_level(logging.DEBUG)
    if kind == "renewed":
        make(staff, "webhooks_webhookendpoint")
        response = renew(staff, WebhookEndpoint.objects.get())
    else:
        response = make(staff, kind)
    secret = secret_on(response)
    row = response.context["row"]
    page_of_row = reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk])
    pages = [
        reverse("admin:index"),
        reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_changelist"),
        reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_history", args=[row.pk]),
        page_of_row,
        response.wsgi_request.path,
    ]

    later = [staff.client.get(page, follow=True) for page in pages]

    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    assert f'href="{page_of_row}"' in response.content.decode()
    for text in [headers_and_messages(each) for each in [response, *later]]:
        assert secret not in text
    for shown in [html.unescape(each.content.decode()) for each in later]:
        assert secret not in shown
    assert secret not in staff.client.cookies.output()
    assert secret not in all_stored_data(redis)
    assert secret not in caplog.text + "".join(capfd.readouterr())


def test_shown_tokens_and_secrets_are_valid(staff: Staff):
    token = secret_on(make(staff, "events_apitoken"))
    device = secret_on(make(staff, "tickets_device"))
    first = secret_on(make(staff, "webhooks_webhookendpoint"))
    hook = WebhookEndpoint.objects.get()
    assert secrets_of(hook, now=clock.now()) == [first]
    second = secret_on(renew(staff, hook))

    for bearer in (token, device):
        assert as_bearer(bearer).post("/tickets/validate", {"code": "x"}).status_code == 422
    hook.refresh_from_db()
    assert secrets_of(hook, now=clock.now()) == [second, first]


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_that_is_sent_again_redirects_to_the_row_that_it_created(staff: Staff, kind: str):
    form = staff.form | open_form(staff.client, kind)
    add = reverse(f"admin:{kind}_add")
    staff.client.post(add, form)

    again = staff.client.post(add, form, follow=True)

    row = MODELS[kind].objects.get()
    assert again.redirect_chain == [(reverse(f"admin:{kind}_change", args=[row.pk]), 302)]
    assert "This form was sent before" in again.content.decode()
    assert not SECRET.search(html.unescape(again.content.decode()))


def test_a_form_that_is_sent_twice_at_once_makes_one_token(staff: Staff):
    form = staff.form | open_form(staff.client, "events_apitoken")
    browsers = [browse_as(staff.user) for _ in range(4)]

    responses: list[Any] = race(
        *[partial(client.post, reverse("admin:events_apitoken_add"), form) for client in browsers]
    )

    assert sorted(response.status_code for response in responses) == [200, 302, 302, 302]
    assert ApiToken.objects.count() == 1


def test_a_form_with_an_error_can_be_corrected_and_creates_one_token(staff: Staff):
    form = staff.form | open_form(staff.client, "events_apitoken")
    add = reverse("admin:events_apitoken_add")

    refused = staff.client.post(add, form | {"name": ""})
    assert not ApiToken.objects.exists()
    carried = re.search(r'name="new_row" value="([^"]+)"', refused.content.decode())
    assert carried is not None
    for _ in range(2):
        staff.client.post(add, form | {"new_row": carried.group(1)})

    assert ApiToken.objects.count() == 1


def test_the_id_of_a_new_row_cannot_be_chosen(staff: Staff):
    colleague = make_user(organizer=staff.user.organizers.get(), is_staff=True)
    theirs = open_form(browse_as(colleague), "events_apitoken")
    add = reverse("admin:events_apitoken_add")

    for sent in (theirs["new_row"], "nonsense", ""):
        assert staff.client.post(add, staff.form | {"new_row": sent}).status_code == 200

    assert ApiToken.objects.count() == 3


def test_a_renewal_that_is_sent_again_renews_nothing(staff: Staff):
    make(staff, "webhooks_webhookendpoint")
    hook = WebhookEndpoint.objects.get()
    url = reverse("admin:webhooks_webhookendpoint_renew_this", args=[hook.pk])
    sent = {"confirmed": "yes", "version": "1"}
    staff.client.post(url, sent)

    again = staff.client.post(url, sent, follow=True)

    hook.refresh_from_db()
    assert hook.secret_version == 2
    assert "This form was sent before" in again.content.decode()
    assert not SECRET.search(html.unescape(again.content.decode()))
