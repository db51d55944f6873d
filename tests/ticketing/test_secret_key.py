"""Changing SECRET_KEY: what happens to sessions, and that tokens do not depend on it."""

from typing import Any

import pytest
from django.test import Client

from tests.make import as_bearer, make_api_token, make_event, make_reservation, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in() -> Client:
    client = Client()
    client.force_login(
        make_user(organizer=make_event().organizer, is_staff=True),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return client


def test_with_the_old_key_as_a_fallback_sessions_stay_valid(settings: Any):
    client = signed_in()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a-new-secret", [settings.SECRET_KEY]

    assert client.get("/admin/").status_code == 200


def test_a_process_with_the_new_key_as_a_fallback_accepts_sessions_signed_with_it(settings: Any):
    old = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a-new-secret", [old]
    client = signed_in()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = old, ["a-new-secret"]

    assert client.get("/admin/").status_code == 200


def test_without_a_fallback_a_new_key_ends_every_session(settings: Any):
    client = signed_in()
    settings.SECRET_KEY = "a-new-secret"

    assert client.get("/admin/").status_code == 302


def test_orders_and_tokens_do_not_depend_on_the_secret_key(settings: Any):
    reservation = make_reservation()
    event = make_event()
    organizer = as_bearer(make_api_token(organizer=event.organizer))
    settings.SECRET_KEY = "a-new-secret"

    buyer = as_bearer(reservation.token.text)
    assert buyer.get(f"/orders/{reservation.order_id}").status_code == 200
    assert organizer.get(f"/events/{event.slug}/orders").status_code == 200
