"""A mailed link replaces a forgotten password, once, and tells nobody which addresses are known."""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from axes.models import AccessAttempt
from django.core import mail
from django.db import transaction
from django.test import Client

from tests.make import SOMEBODY, make_organizer, make_user
from tests.moments import NOON
from ticketing import clock
from ticketing.models import (
    AccountMail,
    Act,
    ActType,
    PasswordResetRequest,
    SecondFactor,
    User,
)
from ticketing.queue.messages import Message
from ticketing.sign_in.account_mail import send_account_mail
from ticketing.sign_in.passwords import (
    MOST_RESETS,
    answer_password_reset,
    record_set_password,
    request_password_reset,
    set_new_password,
)
from tickets.sweep import retry_waiting_work
from tickets.tasks import answer_password_reset_task, send_account_mail_task

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE, HOUR = timedelta(minutes=5), timedelta(hours=1)
OLD, NEW = "correct horse battery staple", "staple battery horse correct"


@pytest.fixture
def user() -> User:
    return make_user(
        organizer=make_organizer(), is_staff=True, email="ana@example.com", password=OLD
    )


def ask(address: str = "ana@example.com", language: str = "en") -> None:
    """Request a link as the page does, and do the worker's part."""
    now = clock.now()
    request_password_reset(address=address, language=language, now=now)
    run(answer_password_reset_task, reset_id=PasswordResetRequest.objects.get().pk)
    for waiting in AccountMail.objects.filter(sent_at=None, ask_again_at__lte=now + PATIENCE):
        run(send_account_mail_task, mail_id=waiting.pk)


def run(task: Any, **ids: UUID) -> None:
    """Run a task as a worker does that has received its message."""
    task.apply(kwargs={name: str(value) for name, value in ids.items()}, throw=True)


def link_of(letter: Any) -> str:
    (link,) = re.findall(r"http://[^/]+(/admin/reset/\S+)", letter.body)
    return str(link)


def follow(link: str, client: Client | None = None) -> tuple[Client, str]:
    """Open the link, and return the browser with the address of its form."""
    client = client or Client(headers={"Accept-Language": "en"})
    response = client.get(link)
    assert response.status_code == 302
    return client, response.headers["Location"]


def may_sign_in(user: User, password: str) -> bool:
    sent = {"username": user.username, "password": password}
    return Client().post("/admin/login/", sent).status_code == 302


def test_a_mailed_link_replaces_the_password_and_ends_all_sessions(user: User):
    elsewhere = Client()
    elsewhere.post("/admin/login/", {"username": user.username, "password": OLD})
    assert elsewhere.get("/admin/").status_code == 200
    ask("ANA@example.com")
    assert mail.outbox[0].subject == "Choose a new password"
    client, form = follow(link_of(mail.outbox[0]))

    stored = client.post(form, {"password": NEW}, follow=True)

    assert "Your new password is stored. Sign in with it." in stored.content.decode()
    assert elsewhere.get("/admin/").status_code == 302
    assert (may_sign_in(user, NEW), may_sign_in(user, OLD)) == (True, False)
    act = Act.objects.get()
    assert (act.type, act.actor_name, act.details) == ("user.password_reset", user.username, {})
    changed = AccountMail.objects.get(sent_at=None)
    send_account_mail(mail_id=changed.pk, now=clock.now())
    assert mail.outbox[1].subject == "Your password was changed"
    assert "/admin/password_reset/" in mail.outbox[1].body


def test_a_link_works_once_for_an_hour_and_ends_when_the_address_changes(settings, user: User):
    ask()
    link = link_of(mail.outbox[0])
    client, form = follow(link)
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "This link does not work" in client.get(link, follow=True).content.decode()
    settings.PASSWORD_RESET_TIMEOUT = 3600
    assert client.get(form).status_code == 200

    User.objects.filter(pk=user.pk).update(email="other@example.com")
    assert "This link does not work" in client.get(form).content.decode()
    User.objects.filter(pk=user.pk).update(email="ana@example.com")
    client.post(form, {"password": NEW})

    assert Client().get(link).status_code == 200
    assert may_sign_in(user, NEW)


def test_a_password_is_not_replaced_by_a_user_who_was_read_before_another_change(user: User):
    other = User.objects.get(pk=user.pk)

    def replace(row: User) -> bool:
        return set_new_password(
            user=row, password=NEW, act=ActType.PASSWORD_RESET, language="en", now=clock.now()
        )

    assert (replace(user), replace(other)) == (True, False)
    assert Act.objects.count() == 1


def test_a_password_is_replaced_for_one_active_user_only(user: User):
    copied = make_user(password="")
    User.objects.filter(pk=copied.pk).update(password=user.password)
    factors = [
        SecondFactor.objects.create(user=each, failures=4, locked_until=NOON, last_step=1)
        for each in (user, copied)
    ]

    def replace() -> bool:
        return set_new_password(
            user=user, password=NEW, act=ActType.PASSWORD_RESET, language="en", now=NOON
        )

    User.objects.filter(pk=user.pk).update(is_active=False)
    assert not replace()
    assert User.objects.get(pk=user.pk).check_password(OLD)
    User.objects.filter(pk=user.pk).update(is_active=True)
    assert replace()

    assert User.objects.get(pk=copied.pk).check_password(OLD)
    assert locks_of(*factors) == [(0, None), (4, NOON)]


def locks_of(*factors: SecondFactor) -> list[tuple[int, datetime | None]]:
    for factor in factors:
        factor.refresh_from_db()
    return [(factor.failures, factor.locked_until) for factor in factors]


def test_a_password_that_was_set_by_a_superuser_ends_the_locks_of_that_user_only(user: User):
    other = make_user()
    factors = [
        SecondFactor.objects.create(user=each, failures=4, locked_until=NOON, last_step=1)
        for each in (user, other)
    ]
    for each in (user, other):
        AccessAttempt.objects.create(username=each.username, failures_since_start=5)

    with transaction.atomic():
        record_set_password(user=user, actor=SOMEBODY, language="en", now=NOON)

    assert AccessAttempt.objects.get().username == other.username
    assert locks_of(*factors) == [(0, None), (4, NOON)]


def test_a_weak_password_is_refused_with_a_sentence(user: User):
    ask()
    client, form = follow(link_of(mail.outbox[0]))

    page = client.post(form, {"password": "12345678"})

    assert "This password is too common." in page.content.decode()
    assert may_sign_in(user, OLD)


def test_the_page_answers_the_same_for_known_and_unknown_addresses(user: User, queue: Any):
    shown = []
    for address in ("ana@example.com", "nobody@example.com"):
        client = Client(headers={"Accept-Language": "en"})
        page = client.post("/admin/password_reset/", {"email": address}, follow=True)
        shown.append((page.redirect_chain, page.content))

    assert shown[0] == shown[1]
    assert "If an account has this address" in shown[0][1].decode()
    assert PasswordResetRequest.objects.count() == 2
    assert AccountMail.objects.count() == 0


@pytest.mark.parametrize("lost", ["is_active", "is_staff"])
def test_nothing_is_mailed_to_unknown_addresses_and_to_people_without_access(user: User, lost: str):
    User.objects.filter(pk=user.pk).update(**{lost: False})

    ask()
    ask("nobody@example.com")

    assert mail.outbox == []
    assert not PasswordResetRequest.objects.exists()


def test_one_account_gets_three_links_an_hour_in_the_readers_language(user: User):
    for _ in range(MOST_RESETS + 1):
        ask(language="pt-br")

    assert len(mail.outbox) == MOST_RESETS
    assert mail.outbox[0].subject == "Escolha uma nova senha"
    assert "O link funciona uma vez, durante 1 hora." in mail.outbox[0].body
    assert '<html lang="pt-br">' in mail.outbox[0].html  # type: ignore[attr-defined]


def test_links_of_an_hour_are_counted_by_account_and_without_other_mails(user: User):
    other = make_user(organizer=make_organizer(), is_staff=True, email=user.email, password=OLD)
    asked = {"language": "en", "ask_again_at": NOON, "sent_at": NOON}
    for kind in ("password_reset", "password_reset", "password_reset", "password_changed"):
        AccountMail.objects.create(user=user, kind=kind, asked_at=NOON, **asked)
    AccountMail.objects.create(user=other, kind="password_changed", asked_at=NOON, **asked)

    def links_at(moment: datetime) -> list[User]:
        """Return who gets a link at that moment."""
        before = set(AccountMail.objects.values_list("pk", flat=True))
        request_password_reset(address=user.email, language="en", now=moment)
        answer_password_reset(reset_id=PasswordResetRequest.objects.get().pk, now=moment)
        return [row.user for row in AccountMail.objects.exclude(pk__in=before).order_by("user")]

    soon = NOON + HOUR - timedelta(microseconds=1)
    for _ in range(MOST_RESETS):
        assert links_at(soon) == [other]
    assert links_at(soon) == []
    assert links_at(NOON + HOUR) == [user]


def test_an_address_of_many_accounts_gets_links_for_the_first_five():
    accounts = [make_user(is_staff=True, email="bia@example.com", password=OLD) for _ in range(6)]
    now = clock.now()
    request_password_reset(address="bia@example.com", language="en", now=now)

    answer_password_reset(reset_id=PasswordResetRequest.objects.get().pk, now=now)

    mailed = AccountMail.objects.order_by("user").values_list("user", flat=True)
    assert list(mailed) == [account.pk for account in accounts[:5]]


def test_over_the_limit_of_mails_to_one_recipient_a_link_is_delayed_and_not_lost(
    settings, user: User
):
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 1
    ask()
    ask()
    assert len(mail.outbox) == 1
    later = clock.now() + timedelta(minutes=61)

    retry_waiting_work(now=later)
    send_account_mail(mail_id=AccountMail.objects.get(sent_at=None).pk, now=later)

    assert len(mail.outbox) == 2


def test_a_request_is_answered_by_a_message_which_the_sweep_sends_again(user: User, queue: Any):
    request_password_reset(address="ana@example.com", language="en", now=clock.now())

    asked = PasswordResetRequest.objects.get()
    assert queue.sent == [(Message.ANSWER_PASSWORD_RESET, {"reset_id": str(asked.pk)})]
    assert retry_waiting_work(now=clock.now() + timedelta(minutes=3)) == 1


def test_a_new_password_unlocks_the_name(user: User):
    for number in range(5):
        may_sign_in(user, f"wrong {number}")
    assert not may_sign_in(user, OLD)

    set_new_password(
        user=user, password=NEW, act=ActType.PASSWORD_RESET, language="en", now=clock.now()
    )

    assert may_sign_in(user, NEW)
    assert not AccessAttempt.objects.exists()


def test_requests_from_one_network_address_are_limited(settings, user: User):
    settings.RATE_LIMITS = {"signin": ":1/7200"}
    client = Client()

    first, second = (
        client.post("/admin/password_reset/", {"email": "ana@example.com"}) for _ in range(2)
    )

    assert (first.status_code, second.status_code) == (302, 429)


def test_the_sign_in_page_leads_to_it():
    page = Client().get("/admin/login/").content.decode()

    assert 'href="/admin/password_reset/"' in page


def change(client: Client, old: str) -> Any:
    sent = {"old_password": old, "new_password1": NEW, "new_password2": NEW}
    return client.post("/admin/password_change/", sent, follow=True)


def test_a_change_of_the_own_password_is_recorded_and_mailed(user: User):
    client = Client(headers={"Accept-Language": "en"})
    client.post("/admin/login/", {"username": user.username, "password": OLD})

    page = change(client, OLD)

    assert "You are signed out everywhere else." in page.content.decode()
    assert client.get("/admin/").status_code == 200
    assert Act.objects.get().type == "user.password_changed"
    assert AccountMail.objects.get().kind == "password_changed"


def test_an_open_session_does_not_help_to_guess_the_password(user: User):
    client = Client(headers={"Accept-Language": "en"})
    client.post("/admin/login/", {"username": user.username, "password": OLD})

    statuses = [change(client, f"wrong {number}").status_code for number in range(5)]

    assert statuses == [200, 200, 200, 200, 429]
    stored = AccessAttempt.objects.get()
    assert not re.search(f"wrong|{NEW}", stored.post_data + stored.get_data)
    assert change(client, OLD).status_code == 429
    assert not Act.objects.exists()
