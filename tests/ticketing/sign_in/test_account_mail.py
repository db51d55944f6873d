"""Mails about an account: each is sent once, tried again after a failure, and leads somewhere."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import transaction

from tests.make import make_user
from tests.moments import NOON
from tests.queue import RecordingQueue
from ticketing.mailing import send_mail
from ticketing.models import AccountMail, AccountMailKind, User
from ticketing.queue.messages import Message, next_retry_at
from ticketing.sign_in import account_mail
from ticketing.sign_in.account_mail import (
    account_mails_to_send,
    ask_account_mail,
    forget_account_mails,
    send_account_mail,
)

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE, HOUR, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=7)


def make_mail(user: User | None = None, **fields: object) -> AccountMail:
    values = {"kind": "wrong_codes", "language": "en", "asked_at": NOON, "ask_again_at": NOON}
    user = user or make_user(email="ana@example.com")
    return AccountMail.objects.create(user=user, **(values | fields))


@pytest.mark.parametrize(
    ("kind", "text", "place"),
    [
        ("password_reset", "Choose a new password", "/admin/reset/"),
        ("password_changed", "Choose a new password", "/admin/password_reset/"),
        ("wrong_codes", "Choose a new password", "/admin/password_reset/"),
        ("second_factor_on", "See the security of your account", "/admin/security/"),
        ("second_factor_off", "See the security of your account", "/admin/security/"),
        ("second_factor_reset", "See the security of your account", "/admin/security/"),
    ],
)
def test_a_mail_leads_to_what_its_reader_should_do(settings, kind: str, text: str, place: str):
    settings.PUBLIC_URL = "https://tickets.example.com"

    send_account_mail(mail_id=make_mail(kind=AccountMailKind(kind)).pk, now=NOON)

    (letter,) = mail.outbox
    assert f"\n{text}:\n\nhttps://tickets.example.com{place}" in letter.body
    assert f">{text}</a>" in letter.html  # type: ignore[attr-defined]
    assert letter.from_email == settings.DEFAULT_FROM_EMAIL


def test_over_the_limit_of_an_hour_the_sweep_sends_a_mail_later(settings, queue: RecordingQueue):
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 1
    user, kind = make_user(email="ana@example.com"), AccountMailKind.WRONG_CODES
    for moment in (NOON, NOON + MINUTE):
        with transaction.atomic():
            ask_account_mail(user=user, kind=kind, language="en", now=moment)

    now, later = AccountMail.objects.order_by("asked_at")
    assert queue.sent == [(Message.SEND_ACCOUNT_MAIL, {"mail_id": str(now.pk)})]
    assert (now.ask_again_at, later.ask_again_at) == (next_retry_at(0, now=NOON), NOON + HOUR)


@pytest.mark.parametrize(("name", "mails"), [("ana", 0), ("ana@example.com", 1)])
def test_a_user_without_an_address_is_mailed_only_if_the_name_is_one(name: str, mails: int):
    user = make_user()
    User.objects.update(username=name)
    user.refresh_from_db()

    with transaction.atomic():
        kind = AccountMailKind.WRONG_CODES
        ask_account_mail(user=user, kind=kind, language="en", now=NOON)

    assert AccountMail.objects.count() == mails


def test_a_mail_that_could_not_be_sent_may_be_tried_again_at_once(monkeypatch: pytest.MonkeyPatch):
    row = make_mail()

    def fail(_letter: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(account_mail, "send_mail", fail)
    with pytest.raises(ConnectionError):
        send_account_mail(mail_id=row.pk, now=NOON)
    monkeypatch.setattr(account_mail, "send_mail", send_mail)
    assert account_mails_to_send().get() == row

    send_account_mail(mail_id=row.pk, now=NOON)
    assert len(mail.outbox) == 1
    send_account_mail(mail_id=row.pk, now=NOON + HOUR)

    assert len(mail.outbox) == 1
    assert not account_mails_to_send().exists()


def test_a_refused_mail_is_not_tried_again():
    user = make_user(email="not an address")
    refused, waiting = make_mail(user), make_mail()

    send_account_mail(mail_id=refused.pk, now=NOON)

    assert account_mails_to_send().get() == waiting
    refused.refresh_from_db()
    assert (refused.failed_at, refused.sent_at, mail.outbox) == (NOON, None, [])
    User.objects.update(email="ana@example.com")
    send_account_mail(mail_id=refused.pk, now=NOON + HOUR)
    assert mail.outbox == []


def test_mails_are_forgotten_after_a_week():
    kept = make_mail(asked_at=NOON - WEEK)
    make_mail(asked_at=NOON - WEEK - timedelta(microseconds=1))

    forget_account_mails(now=NOON)

    assert AccountMail.objects.get() == kept
