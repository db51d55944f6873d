"""Codes of a phone and recovery codes: each works once, guesses are few, and sessions end."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django_otp.oath import hotp

from tests.make import SOMEBODY, make_user
from tests.moments import NOON
from ticketing.models import AccountMail, Act, RecoveryCode, SecondFactor, User
from ticketing.sign_in.account_mail import send_account_mail
from ticketing.sign_in.second_factor import (
    TooManyWrongSignInCodes,
    WrongSignInCode,
    check_second_factor,
    make_secret,
    renew_recovery_codes,
    reset_second_factor,
    spell_secret,
    turn_off_second_factor,
    turn_on_second_factor,
)

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = b"12345678901234567890"
STEP = timedelta(seconds=30)
LATER = NOON + STEP


def shown(moment: datetime, secret: bytes = SECRET) -> str:
    """Return what the phone shows."""
    return f"{hotp(secret, int(moment.timestamp()) // 30):06d}"


def turn_on(user: User, **fields: Any) -> list[str]:
    text = fields.get("text") or shown(NOON)
    return turn_on_second_factor(user=user, secret=SECRET, text=text, language="en", now=NOON)


def check(user: User, text: str, now: datetime = LATER) -> None:
    check_second_factor(user=user, text=text, language="en", now=now)


def refused(act: Callable[[], Any]) -> bool:
    try:
        act()
    except WrongSignInCode:
        return True
    return False


@pytest.fixture
def user() -> User:
    return make_user(is_staff=True, email="ana@example.com")


def test_the_code_of_a_phone_turns_it_on_and_the_user_gets_ten_recovery_codes(user: User):
    other = make_user()
    codes = turn_on(user)

    assert len(set(codes)) == 10
    assert all(len(code) == 19 and code.count("-") == 3 for code in codes)
    assert User.objects.get(pk=user.pk).second_factor_since == NOON
    assert User.objects.get(pk=other.pk).second_factor_since is None
    assert [act.type for act in Act.objects.all()] == ["user.second_factor_on"]
    send_account_mail(mail_id=AccountMail.objects.get().pk, now=NOON)
    assert mail.outbox[0].subject == "Two-factor sign-in is on"
    assert "/admin/security/" in mail.outbox[0].body


def test_another_code_or_a_second_phone_does_not_turn_it_on(user: User):
    assert refused(lambda: turn_on(user, text="000000"))
    assert not SecondFactor.objects.exists()
    turn_on(user)

    assert refused(lambda: turn_on(user))
    assert SecondFactor.objects.count() == 1


def test_the_database_has_neither_the_secret_nor_the_recovery_codes(user: User):
    codes = turn_on(user)

    stored = SecondFactor.objects.get().sealed_secret + "".join(
        RecoveryCode.objects.values_list("digest", flat=True)
    )

    assert SECRET.hex() not in stored
    assert spell_secret(SECRET) not in stored
    assert not any(code in stored or code.replace("-", "") in stored for code in codes)


@pytest.mark.parametrize(
    ("off_by", "said"), [(-2, "no"), (-1, "yes"), (0, "yes"), (1, "yes"), (2, "no")]
)
def test_a_phone_may_be_half_a_minute_fast_or_slow(user: User, off_by: int, said: str):
    turn_on(user)
    now = NOON + 10 * STEP

    assert refused(lambda: check(user, shown(now + off_by * STEP), now)) == (said == "no")


def test_a_code_works_once_and_an_older_one_not_after_a_newer_one(user: User):
    turn_on(user)
    assert refused(lambda: check(user, shown(NOON)))
    text = shown(LATER)
    check(user, f" {text[:3]} {text[3:]} ")

    assert refused(lambda: check(user, text))
    check(user, shown(LATER + STEP))
    assert refused(lambda: check(user, shown(LATER), LATER + STEP))


def test_a_recovery_code_works_once_however_it_is_typed(user: User):
    first, second, *_others = turn_on(user)

    check(user, first.lower().replace("-", " "))

    assert refused(lambda: check(user, first))
    check(user, second)
    assert RecoveryCode.objects.count() == 8
    assert Act.objects.filter(type="user.recovery_code_used").count() == 2


def test_a_recovery_code_of_somebody_else_is_refused(user: User):
    turn_on(user)
    (theirs, *_others) = turn_on(make_user(is_staff=True))

    assert refused(lambda: check(user, theirs))


def test_five_wrong_codes_lock_for_15_minutes_then_twice_as_long_and_the_user_is_told(user: User):
    codes = turn_on(user)
    AccountMail.objects.all().delete()
    now = LATER
    for minutes in (15, 30):
        for _ in range(5):
            assert refused(lambda: check(user, "000000", now))  # noqa: B023 - called at once
        with pytest.raises(TooManyWrongSignInCodes) as locked:
            check(user, shown(now), now)
        assert locked.value.retry_after == minutes * 60
        with pytest.raises(TooManyWrongSignInCodes):
            check(user, codes[0], now)
        now += timedelta(minutes=minutes)

    check(user, shown(now), now)

    assert SecondFactor.objects.get().failures == 0
    assert [row.kind for row in AccountMail.objects.all()] == ["wrong_codes"] * 2


@pytest.mark.parametrize("failures", [39, 499])
def test_no_lock_is_longer_than_a_day(user: User, failures: int):
    turn_on(user)
    SecondFactor.objects.update(failures=failures)

    assert refused(lambda: check(user, "000000"))

    assert SecondFactor.objects.get().locked_until == LATER + timedelta(days=1)


@pytest.mark.slow
def test_guesses_sent_at_once_are_all_counted(user: User):
    turn_on(user)
    outcomes: list[str] = []

    def guess() -> None:
        try:
            check(user, "000000")
        except (WrongSignInCode, TooManyWrongSignInCodes) as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["too_many_wrong_sign_in_codes"] * 3 + ["wrong_sign_in_code"] * 5


def test_new_recovery_codes_replace_the_old_ones(user: User):
    old = turn_on(user)

    new = renew_recovery_codes(user=user, text=shown(LATER), language="en", now=LATER)

    assert Act.objects.filter(type="user.recovery_codes_renewed").count() == 1
    assert refused(lambda: check(user, old[0]))
    check(user, new[0])
    assert refused(lambda: renew_recovery_codes(user=user, text="000000", language="en", now=LATER))


def test_it_is_turned_off_by_a_code_only(user: User):
    codes = turn_on(user)
    AccountMail.objects.all().delete()

    def turn_off(text: str) -> None:
        turn_off_second_factor(user=user, text=text, language="en", now=LATER)

    assert refused(lambda: turn_off("000000"))
    assert not AccountMail.objects.exists()
    turn_off(codes[0])

    assert user.second_factor_since is None
    assert Act.objects.filter(type="user.second_factor_off").count() == 1
    assert AccountMail.objects.get().kind == "second_factor_off"
    assert User.objects.get().second_factor_since is None
    assert not SecondFactor.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert refused(lambda: check(user, codes[1]))


def test_a_reset_removes_it_and_tells_the_user(user: User):
    turn_on(user)
    before = User.objects.get().get_session_auth_hash()
    AccountMail.objects.all().delete()

    def reset() -> bool:
        return reset_second_factor(user=user, actor=SOMEBODY, language="en", now=LATER)

    assert (reset(), reset()) == (True, False)
    assert User.objects.get().get_session_auth_hash() != before
    act = Act.objects.get(type="user.second_factor_reset")
    assert (act.actor_name, act.subject_id.int) == ("somebody", user.pk)
    send_account_mail(mail_id=AccountMail.objects.get().pk, now=LATER)
    assert "because the phone was reported lost" in " ".join(mail.outbox[0].body.split())


def test_an_operator_resets_it_by_a_command(user: User, capsys: pytest.CaptureFixture[str]):
    turn_on(user)

    call_command("reset_second_factor", user.username)

    assert User.objects.get().second_factor_since is None
    assert capsys.readouterr().out == "Removed.\n"
    with pytest.raises(CommandError):
        call_command("reset_second_factor", "nobody")


def test_a_new_secret_key_keeps_secrets_readable_once_they_are_sealed_again(
    settings, user: User, caplog: pytest.LogCaptureFixture
):
    codes = turn_on(user)
    old = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a-new-secret", [old]
    check(user, shown(LATER))
    other = make_user(is_staff=True)
    settings.SECRET_KEY = old
    turn_on(other)
    settings.SECRET_KEY = "a-new-secret"

    call_command("reseal_second_factors")

    settings.SECRET_KEY_FALLBACKS = []
    for each in (user, other):
        check(each, shown(LATER + STEP), LATER + STEP)
    settings.SECRET_KEY = "a-third-secret"
    with pytest.raises(CommandError, match="2 secrets"):
        call_command("reseal_second_factors")
    assert refused(lambda: check(user, shown(LATER + 2 * STEP), LATER + 2 * STEP))
    assert f"The second factor of user {user.pk} cannot be read" in caplog.text
    check(user, codes[0])


def test_secrets_are_random():
    assert make_secret() != make_secret()
    assert len(spell_secret(make_secret())) == 32
