"""Repeated wrong passwords lock the user name, but only for the address that sent them."""

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.db.models import F
from django.test import Client

from tests.make import make_user
from ticketing import clock
from ticketing.models import User
from tickets.tasks import forget_task

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery staple"
LOGIN = "/admin/login/"


@pytest.fixture
def staff() -> User:
    return make_user(is_staff=True, password=PASSWORD)


def attempt(name: str, password: str, *, address: str = "203.0.113.9", **headers: str) -> Any:
    """Try to sign in from a browser without cookies."""
    sent = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address, headers=headers).post(LOGIN, sent)


def guess(name: str, times: int, **where: str) -> list[int]:
    return [attempt(name, f"wrong {number}", **where).status_code for number in range(times)]


def test_after_five_wrong_passwords_the_right_one_is_refused_too(staff: User):
    assert guess(staff.username, 5) == [200, 200, 200, 200, 429]

    assert attempt(staff.username, PASSWORD).status_code == 429


@pytest.mark.parametrize("name", ["a" * 151, "9" * 10_000])
def test_a_name_that_no_user_can_have_is_refused(name: str):
    answer = attempt(name, PASSWORD)

    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == ["username"]
    assert not AccessAttempt.objects.exists()


def test_the_lockout_page_gives_the_reason_and_the_duration(staff: User):
    guess(staff.username, 5)

    response = attempt(staff.username, PASSWORD)
    english = attempt(staff.username, PASSWORD, **{"Accept-Language": "en"})

    assert response.headers["Retry-After"] == "900"
    assert "Tente de novo em 15 minutos." in response.content.decode()
    assert "A senha esteve errada vezes demais." in response.content.decode()
    assert "Try again in 15 minutes." in english.content.decode()
    assert 'href="/admin/login/"' in english.content.decode()


def test_other_names_from_the_address_and_other_addresses_are_not_locked_out(staff: User):
    colleague = make_user(is_staff=True, password=PASSWORD)
    guess(staff.username, 5)

    assert attempt(colleague.username, PASSWORD).status_code == 302
    assert attempt(staff.username, PASSWORD, address="203.0.113.10").status_code == 302


def test_a_forged_address_or_browser_gives_no_more_attempts(staff: User):
    statuses = [
        attempt(
            staff.username,
            "wrong",
            **{"X-Forwarded-For": f"6.6.6.{number}", "User-Agent": f"browser {number}"},
        ).status_code
        for number in range(5)
    ]

    assert statuses == [200, 200, 200, 200, 429]


def test_signing_in_clears_the_failures_and_is_not_recorded(staff: User):
    guess(staff.username, 4)
    assert attempt(staff.username, PASSWORD).status_code == 302

    assert guess(staff.username, 4) == [200] * 4
    assert AccessLog.objects.count() == 0


def test_a_lock_ends_and_attempts_meanwhile_do_not_extend_it(staff: User):
    guess(staff.username, 5)
    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=14))
    assert attempt(staff.username, PASSWORD).status_code == 429

    AccessAttempt.objects.update(attempt_time=F("attempt_time") - timedelta(minutes=2))

    assert attempt(staff.username, PASSWORD).status_code == 302


def test_failures_too_old_for_a_lock_are_deleted(staff: User):
    guess(staff.username, 1, address="203.0.113.9")
    guess(staff.username, 1, address="203.0.113.10")
    AccessAttempt.objects.filter(ip_address="203.0.113.9").update(
        attempt_time=clock.now() - timedelta(minutes=16)
    )

    forget_task()

    assert AccessAttempt.objects.get().ip_address == "203.0.113.10"


def test_a_failure_is_recorded_without_the_password_and_logged_without_the_name(
    staff: User, caplog: pytest.LogCaptureFixture
):
    attempt(staff.username, "a secret guess")

    recorded = AccessAttempt.objects.get()
    assert "a secret guess" not in caplog.text + recorded.post_data + recorded.get_data
    assert "login failure" in caplog.text
    assert staff.username not in caplog.text
    assert "203.0.113.9" not in caplog.text


def test_too_many_attempts_from_one_address_get_a_page_before_any_password_is_checked(
    settings, staff: User
):
    settings.RATE_LIMITS = {"signin": ":2/7200"}

    statuses = [attempt(f"somebody {number}", "wrong").status_code for number in range(2)]
    refused = attempt(staff.username, PASSWORD)
    english = attempt(staff.username, PASSWORD, **{"Accept-Language": "en"})

    assert (statuses, refused.status_code) == ([200, 200], 429)
    assert refused.headers["Content-Type"].startswith("text/html")
    assert refused.headers["RateLimit-Policy"] == '"signin";q=2;w=7200'
    assert int(refused.headers["Retry-After"]) == pytest.approx(3600, abs=50)
    assert "Tente de novo em 60 minutos." in refused.content.decode()
    assert "Too many attempts to sign in" in english.content.decode()
    # Reading the sign-in page is not limited, and other addresses are not affected.
    assert Client(REMOTE_ADDR="203.0.113.9").get(LOGIN).status_code == 200
    assert attempt(staff.username, PASSWORD, address="203.0.113.10").status_code == 302
