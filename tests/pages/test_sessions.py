"""A session of the admin ends after 12 hours, after a new password, or without staff status."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from tests.make import make_organizer, make_user
from ticketing import clock
from ticketing.models import User
from tickets.tasks import forget_task

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery staple"
HOME = "/admin/"


@pytest.fixture
def user() -> User:
    return make_user(organizer=make_organizer(), is_staff=True, password=PASSWORD)


def sign_in(user: User) -> Client:
    client = Client()
    response = client.post("/admin/login/", {"username": user.username, "password": PASSWORD})
    assert response.status_code == 302
    return client


def test_a_new_password_ends_all_other_sessions(user: User):
    here, elsewhere = sign_in(user), sign_in(user)
    changed = {
        "old_password": PASSWORD,
        "new_password1": "staple battery horse correct",
        "new_password2": "staple battery horse correct",
    }

    assert here.post("/admin/password_change/", changed).status_code == 302

    assert here.get(HOME).status_code == 200
    assert elsewhere.get(HOME).status_code == 302
    assert elsewhere.post("/tickets/validate", {"code": "x"}).status_code == 401


def test_a_password_set_by_a_superuser_ends_all_sessions_of_its_user(user: User):
    theirs = sign_in(user)
    superuser = Client()
    superuser.force_login(make_user(is_staff=True, is_superuser=True))
    new = {
        "usable_password": "true",
        "password1": "staple battery horse correct",
        "password2": "staple battery horse correct",
    }

    response = superuser.post(f"/admin/ticketing/user/{user.pk}/password/", new)

    assert response.status_code == 302
    assert theirs.get(HOME).status_code == 302


@pytest.mark.parametrize("lost", ["is_active", "is_staff"])
def test_a_user_who_is_no_longer_active_staff_is_signed_out_immediately(user: User, lost: str):
    client = sign_in(user)

    User.objects.filter(pk=user.pk).update(**{lost: False})

    assert client.get(HOME).status_code == 302
    assert client.post("/tickets/validate", {"code": "x"}).status_code == 401


def test_a_sign_in_expires_after_12_hours(user: User):
    before = clock.now()
    client = sign_in(user)

    ends_at = Session.objects.get().expire_date
    assert before + timedelta(hours=12) <= ends_at <= clock.now() + timedelta(hours=12)
    assert client.cookies["sessionid"]["max-age"] == 12 * 3600

    Session.objects.update(expire_date=clock.now())
    assert client.get(HOME).status_code == 302


def test_sessions_that_have_ended_are_deleted(user: User):
    sign_in(user)
    kept = sign_in(user).session.session_key
    ended = Session.objects.exclude(session_key=kept)
    ended.update(expire_date=clock.now() - timedelta(seconds=1))

    forget_task()

    assert list(Session.objects.values_list("session_key", flat=True)) == [kept]
