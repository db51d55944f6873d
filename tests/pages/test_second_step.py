"""Signing in with a second step: until it is done, the session opens nothing."""

import re
from base64 import b32decode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django_otp.oath import hotp

from tests.make import make_event, make_user
from ticketing import clock
from ticketing.models import ActType, RecoveryCode, SecondFactor, User
from ticketing.sign_in.passwords import set_new_password
from ticketing.sign_in.second_factor import turn_on_second_factor

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery staple"
RECOVERY_CODE = re.compile(r"\b[A-Z][A-Z2-7]{3}(?:-[A-Z2-7]{4}){3}\b")
STEP = timedelta(seconds=30)
SECRET = b"12345678901234567890"
LOGIN, CODE, SECURITY = "/admin/login/", "/admin/login/code/", "/admin/security/"


def code_at(moment: datetime, secret: bytes = SECRET) -> str:
    """Return what the phone shows."""
    return f"{hotp(secret, int(moment.timestamp()) // 30):06d}"


def code_now(secret: bytes = SECRET) -> str:
    return code_at(clock.now(), secret)


@pytest.fixture
def plain() -> User:
    return make_user(organizer=make_event().organizer, is_staff=True, password=PASSWORD)


@pytest.fixture
def user(plain: User) -> User:
    """Return a user with a phone whose code of this time step is unused."""
    protect(plain)
    return plain


def protect(user: User) -> list[str]:
    now = clock.now()
    text = code_at(now - STEP)
    return turn_on_second_factor(user=user, secret=SECRET, text=text, language="en", now=now)


def browser() -> Client:
    return Client(headers={"Accept-Language": "en"})


def send_password(client: Client, user: User, query: str = "") -> Any:
    sent = {"username": user.username, "password": PASSWORD}
    return client.post(LOGIN + query, sent)


def is_in(client: Client) -> bool:
    page, answer = client.get("/admin/"), client.post("/tickets/validate", {"code": "x"})
    assert (page.status_code == 200) == (answer.status_code != 401)
    return page.status_code == 200


def test_the_password_alone_opens_no_page_and_no_endpoint(user: User):
    client = browser()

    response = send_password(client, user)

    assert response.headers["Location"].startswith(CODE)
    assert not is_in(client)
    for path in (SECURITY, "/admin/security/off/", "/admin/password_change/"):
        assert client.get(path).status_code == 302
    assert "_auth_user_id" not in client.session


def test_the_code_of_the_phone_signs_in_and_leads_to_the_wanted_page(user: User):
    client = browser()
    step = send_password(client, user, "?next=/admin/events/event/").headers["Location"]
    shown = client.get(step).content.decode()
    before = client.session.session_key

    response = client.post(step, {"code": code_now()})

    assert 'autocomplete="one-time-code"' in shown
    assert 'inputmode="numeric"' in shown
    assert response.headers["Location"] == "/admin/events/event/"
    assert is_in(client)
    assert client.session.session_key != before
    # The page of the second step ends with it.
    assert client.get(CODE).headers["Location"].startswith(LOGIN)


def test_it_leads_to_no_other_site(user: User):
    client = browser()
    step = send_password(client, user, "?next=https://evil.example/").headers["Location"]

    response = client.post(f"{CODE}?next=https://evil.example/", {"code": code_now()})

    assert "evil" not in step
    assert response.headers["Location"] == "/admin/"


def test_a_recovery_code_signs_in_once(plain: User):
    code, *_others = protect(plain)
    statuses = []
    for _ in range(2):
        client = browser()
        send_password(client, plain)
        assert "recovery codes" in client.get(f"{CODE}?recovery=1").content.decode()
        statuses.append(client.post(f"{CODE}?recovery=1", {"code": code}).status_code)

    assert statuses == [302, 200]


def test_wrong_codes_are_said_then_locked_also_with_other_passwords_and_addresses(user: User):
    client = browser()
    send_password(client, user)
    for _ in range(5):
        page = client.post(CODE, {"code": "000000"})
        assert "This code is not valid" in page.content.decode()

    other = Client(REMOTE_ADDR="203.0.113.77", headers={"Accept-Language": "en"})
    send_password(other, user)
    page = other.post(CODE, {"code": code_now()})

    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) == pytest.approx(900, abs=30)
    assert "Try again in 15 minutes." in page.content.decode()
    assert not is_in(other)


@pytest.mark.parametrize(
    "change",
    [
        lambda user: User.objects.filter(pk=user.pk).update(password="another"),
        lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
        lambda user: User.objects.filter(pk=user.pk).update(is_staff=False),
    ],
)
def test_the_second_step_ends_when_the_account_changes(user: User, change: Callable[[User], Any]):
    client = browser()
    send_password(client, user)
    change(user)

    response = client.post(CODE, {"code": code_now()})

    assert response.headers["Location"].startswith(LOGIN)
    assert not is_in(client)


def test_the_second_step_waits_ten_minutes(user: User):
    client = browser()
    send_password(client, user)
    session = client.session
    session["waits_for_second_step"] |= {"until": clock.now().timestamp() - 1}
    session.save()

    assert client.post(CODE, {"code": code_now()}).headers["Location"].startswith(LOGIN)
    assert not is_in(client)


def test_a_password_typed_in_a_session_of_somebody_else_ends_that_session(user: User):
    client = browser()
    client.force_login(make_user(is_staff=True), backend="axes.backends.AxesStandaloneBackend")

    send_password(client, user)

    assert not is_in(client)


def set_up(client: Client, **fields: str) -> tuple[bytes, Any]:
    """Open the page, scan the secret, and send the form."""
    page = client.get("/admin/security/set-up/").content.decode()
    (spelled,) = re.findall(r'<code id="secret"[^>]*>([A-Z2-7 ]+)</code>', page)
    assert "<svg" in page
    assert "<script>" not in page
    secret = b32decode(spelled.replace(" ", ""))
    sent = {"code": code_now(secret), "password": PASSWORD} | fields
    return secret, client.post("/admin/security/set-up/", sent)


def test_a_user_sets_it_up_and_other_sessions_end(plain: User):
    here, elsewhere = browser(), browser()
    for client in (here, elsewhere):
        send_password(client, plain)

    _secret, page = set_up(here)

    codes = RECOVERY_CODE.findall(page.content.decode())
    assert len(codes) == 10
    assert page.headers["Cache-Control"] == "private, no-store"
    assert (is_in(here), is_in(elsewhere)) == (True, False)
    assert "You have 10 recovery codes left." in here.get(SECURITY).content.decode()
    again = browser()
    assert send_password(again, plain).headers["Location"].startswith(CODE)
    assert again.post(f"{CODE}?recovery=1", {"code": codes[0]}).status_code == 302


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"password": "wrong"}, "This is not your password."), ({"code": "1"}, "not valid")],
)
def test_it_is_not_set_up_without_the_password_and_a_right_code(
    plain: User, wrong: dict[str, str], said: str
):
    client = browser()
    send_password(client, plain)

    first, page = set_up(client, **wrong)

    assert said in page.content.decode()
    assert not SecondFactor.objects.exists()
    # The phone has the secret already.
    assert set_up(client)[0] == first


def test_a_user_renews_the_recovery_codes_and_turns_it_off(user: User):
    client = browser()
    send_password(client, user)
    client.post(CODE, {"code": code_now()})
    wrong = client.post("/admin/security/codes/", {"code": "AAAA-BBBB"})
    assert "This code is not valid" in wrong.content.decode()

    page = client.post("/admin/security/codes/", {"code": code_at(clock.now() + STEP)})
    code, *_others = RECOVERY_CODE.findall(page.content.decode())
    off = client.post("/admin/security/off/", {"code": code}, follow=True)

    assert "Two-factor sign-in is off." in off.content.decode()
    assert is_in(client)
    assert send_password(browser(), user).headers["Location"] == "/admin/"


def test_a_new_password_by_mail_does_not_skip_the_second_step(user: User):
    act = ActType.PASSWORD_RESET
    set_new_password(user=user, password=PASSWORD, act=act, language="en", now=clock.now())
    client = browser()

    assert send_password(client, user).headers["Location"].startswith(CODE)
    assert not is_in(client)


def test_wrong_passwords_at_the_set_up_lock_the_name(plain: User):
    client = browser()
    send_password(client, plain)

    statuses = [set_up_wrongly(client) for _ in range(5)]

    assert statuses == [200, 200, 200, 200, 429]
    assert send_password(browser(), plain).status_code == 429


def set_up_wrongly(client: Client) -> int:
    sent = {"code": "000000", "password": "wrong"}
    return client.post("/admin/security/set-up/", sent).status_code


def test_a_user_with_few_recovery_codes_is_told_after_signing_in(user: User):
    few = RecoveryCode.objects.filter(user=user).order_by("pk")[:8]
    RecoveryCode.objects.filter(pk__in=[code.pk for code in few]).delete()
    client = browser()
    send_password(client, user)

    page = client.post(CODE, {"code": code_now()}, follow=True)

    assert "You have 2 recovery codes left." in page.content.decode()
