"""Users in the admin: what superusers do to them is recorded."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.make import make_user
from tests.pages.test_order_pages import read
from ticketing.models import AccountMail, Act, User
from ticketing.sign_in.accounts import user_subject

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "correct horse battery staple"


@pytest.fixture
def root() -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def user() -> User:
    return make_user(is_staff=True, first_name="Ana", email="ana@example.com")


def page_of(user: User) -> str:
    return reverse("admin:ticketing_user_change", args=[user.pk])


def save(root: Client, user: User, **changed: str) -> None:
    form = {"username": user.username, "first_name": "Ana", "email": user.email} | {
        "is_active": "on",
        "is_staff": "on",
        "date_joined_0": user.date_joined.strftime("%Y-%m-%d"),
        "date_joined_1": user.date_joined.strftime("%H:%M:%S"),
        "date_joined": user.date_joined.strftime("%Y-%m-%d %H:%M:%S"),
    }
    response = root.post(page_of(user), form | changed)
    assert response.status_code == 302, response.context["errors"]


def acts_of(user: User) -> list[tuple[str, dict[str, object]]]:
    acts = Act.objects.filter(subject_id=user_subject(user)).order_by("at", "id")
    return list(acts.values_list("type", "details"))


def test_a_change_of_a_user_is_recorded_with_its_rights_and_without_personal_data(
    root: Client, user: User
):
    save(root, user, email="bia@example.com", is_superuser="on")

    ((kind, details),) = acts_of(user)
    assert kind == "user.changed"
    assert "email" in details["fields"]  # type: ignore[operator]
    assert {"field": "is_superuser", "of": "", "from": "False", "to": "True"} in details["changes"]  # type: ignore[operator]
    assert "example.com" not in str(details)
    shown = read(root.get(page_of(user)))
    assert "user changed" in shown
    log = root.get(reverse("admin:ticketing_act_changelist")).content.decode()
    assert f'href="{page_of(user)}"' in log


def test_a_password_that_a_superuser_sets_is_recorded_and_mailed(root: Client, user: User):
    url = reverse("admin:auth_user_password_change", args=[user.pk])
    wrong = root.post(url, {"usable_password": "true", "password1": NEW, "password2": "other"})
    assert (wrong.status_code, acts_of(user)) == (200, [])

    root.post(
        url,
        {"usable_password": "true", "password1": NEW, "password2": NEW, "set-password": "1"},
    )

    user.refresh_from_db()
    assert user.check_password(NEW)
    assert acts_of(user) == [("user.password_set", {})]
    assert AccountMail.objects.get().user_id == user.pk
    assert AccountMail.objects.get().kind == "password_changed"


def test_users_that_a_superuser_makes_and_deletes_are_recorded(root: Client, user: User):
    form = {"username": "bia", "password1": NEW, "password2": NEW, "usable_password": "true"}
    root.post(reverse("admin:ticketing_user_add"), form)
    root.post(reverse("admin:ticketing_user_delete", args=[user.pk]), {"post": "yes"})

    assert acts_of(User.objects.get(username="bia")) == [("user.created", {})]
    assert not User.objects.filter(pk=user.pk).exists()
    assert acts_of(user) == [("user.deleted", {})]
