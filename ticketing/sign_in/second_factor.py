"""The second step of signing in: a code of the user's phone (TOTP), or a recovery code."""

import hashlib
import hmac
import logging
import math
import secrets
from base64 import b32encode
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django_otp.oath import hotp

from ticketing.actors import Actor, record_act, user_actor
from ticketing.errors import Forbidden, TooMany
from ticketing.models import (
    AccountMailKind,
    ActType,
    RecoveryCode,
    SecondFactor,
    User,
)
from ticketing.sign_in.account_mail import ask_account_mail
from ticketing.sign_in.accounts import user_subject
from ticketing.sign_in.sealing import Unreadable, seal, unseal

logger = logging.getLogger(__name__)

RECOVERY_CODES: Final = 10
_SECRET_BYTES: Final = 20
_STEP_SECONDS: Final = 30
_DIGITS: Final = 6
# The clock of a phone may differ, and typing takes time: one step before and one after.
_DRIFT: Final = (0, -1, 1)
# 80 bits cannot be guessed, so a plain digest is safe to store.
_CODE_BYTES: Final = 10
_CODE_GROUP: Final = 4
_LONGEST_LOCK: Final = timedelta(days=1)


class WrongSignInCode(Forbidden):
    """The code is neither that of the phone now nor an unused recovery code."""

    code = "wrong_sign_in_code"
    title = "This code is not valid"


class TooManyWrongSignInCodes(TooMany):
    """After some wrong codes in a row no code is accepted for a while."""

    code = "too_many_wrong_sign_in_codes"
    title = "Too many wrong codes"


def make_secret() -> bytes:
    """Return a new random secret, to be shared with a phone."""
    return secrets.token_bytes(_SECRET_BYTES)


def spell_secret(secret: bytes) -> str:
    """Return a secret as apps take it: base32."""
    return b32encode(secret).decode()


def turn_on_second_factor(
    *, user: User, secret: bytes, text: str, language: str, now: datetime
) -> list[str]:
    """
    Require codes of a phone at each sign-in from now on. All other sessions of the user end.

    Return the recovery codes, which are not stored in this form.

    :param text: the code that the phone shows for `secret`, which proves that it has it
    :raises WrongSignInCode: if the phone shows another code
    """
    step = _step_of(text, secret, now)
    if step is None:
        raise WrongSignInCode("The phone shows another code. Check its clock.")
    with transaction.atomic(durable=True):
        # The condition decides between two forms that are sent at once.
        waiting = User.objects.filter(pk=user.pk, second_factor_since=None)
        if not waiting.update(second_factor_since=now):
            raise WrongSignInCode("Two-factor sign-in is on already.")
        SecondFactor.objects.create(user=user, sealed_secret=seal(secret), last_step=step)
        codes = _replace_recovery_codes(user)
        _record(ActType.SECOND_FACTOR_ON, user, user_actor(user), now)
        kind = AccountMailKind.SECOND_FACTOR_ON
        ask_account_mail(user=user, kind=kind, language=language, now=now)
    user.second_factor_since = now
    return codes


def check_second_factor(*, user: User, text: str, language: str, now: datetime) -> None:
    """
    Accept a code of the user's phone, or a recovery code, once.

    After `SIGN_IN_FAILURES` wrong codes in a row no code is accepted for `SIGN_IN_LOCK_MINUTES`,
    after as many more twice as long, and so on up to a day. The user gets a mail at each lock.

    :raises WrongSignInCode: if the code is wrong, or was used before
    :raises TooManyWrongSignInCodes: if no code is accepted now
    """
    with transaction.atomic(durable=True):
        # The lock makes guesses that are sent at once wait for each other, so that all are counted.
        factor = SecondFactor.objects.select_for_update().filter(pk=user.pk).first()
        if factor is None:
            raise WrongSignInCode("Two-factor sign-in is off.")
        if factor.locked_until is not None and factor.locked_until > now:
            raise _too_many(factor.locked_until - now)
        accepted = _accept(factor, text, now)
        if not accepted:
            _count_failure(factor, language, now)
        factor.save()
    if not accepted:
        raise WrongSignInCode("Wait for the next code of your phone, or use a recovery code.")


def renew_recovery_codes(*, user: User, text: str, language: str, now: datetime) -> list[str]:
    """
    Replace all recovery codes of a user, and return the new ones.

    :raises WrongSignInCode, TooManyWrongSignInCodes: as `check_second_factor` does
    """
    check_second_factor(user=user, text=text, language=language, now=now)
    with transaction.atomic(durable=True):
        # The lock makes two forms at once wait for each other: the last one's codes work.
        if not SecondFactor.objects.select_for_update().filter(pk=user.pk).first():
            raise WrongSignInCode("Two-factor sign-in was turned off meanwhile.")
        codes = _replace_recovery_codes(user)
        _record(ActType.RECOVERY_CODES_RENEWED, user, user_actor(user), now)
    return codes


def turn_off_second_factor(*, user: User, text: str, language: str, now: datetime) -> None:
    """
    Let a user sign in with the password alone again. All other sessions of the user end.

    :raises WrongSignInCode, TooManyWrongSignInCodes: as `check_second_factor` does
    """
    check_second_factor(user=user, text=text, language=language, now=now)
    with transaction.atomic(durable=True):
        if _remove(user):
            _record(ActType.SECOND_FACTOR_OFF, user, user_actor(user), now)
            kind = AccountMailKind.SECOND_FACTOR_OFF
            ask_account_mail(user=user, kind=kind, language=language, now=now)
    user.second_factor_since = None


@transaction.atomic
def reset_second_factor(*, user: User, actor: Actor, language: str, now: datetime) -> bool:
    """
    Take the second factor from a user who has lost the phone and the recovery codes.

    All sessions of the user end, and the user gets a mail. Return False if the user had none.
    """
    if not _remove(user):
        return False
    _record(ActType.SECOND_FACTOR_RESET, user, actor, now)
    kind = AccountMailKind.SECOND_FACTOR_RESET
    ask_account_mail(user=user, kind=kind, language=language, now=now)
    return True


def reseal_second_factors() -> int:
    """Encrypt each secret by the current `SECRET_KEY`. Return how many no key in use could read."""
    lost = 0
    for user_id in SecondFactor.objects.values_list("pk", flat=True).iterator():
        with transaction.atomic(durable=True):
            factor = SecondFactor.objects.select_for_update().filter(pk=user_id).first()
            secret = _read_secret(factor) if factor else None
            if factor and secret:
                factor.sealed_secret = seal(secret)
                factor.save(update_fields=["sealed_secret"])
            lost += bool(factor and not secret)
    return lost


def _accept(factor: SecondFactor, text: str, now: datetime) -> bool:
    """Return whether the code is right, and prepare the row, which the caller has locked."""
    typed = "".join(text.split()).replace("-", "").upper()
    if typed.isdecimal():
        secret = _read_secret(factor)
        step = _step_of(typed, secret, now, after=factor.last_step) if secret else None
        if step is None or secret is None:
            return False
        factor.last_step = step
        factor.sealed_secret = seal(secret)
    else:
        used = RecoveryCode.objects.filter(user=factor.user_id, digest=_digest(typed))
        if not used.delete()[0]:
            return False
        _record(ActType.RECOVERY_CODE_USED, factor.user, user_actor(factor.user), now)
    factor.failures, factor.locked_until = 0, None
    return True


def _count_failure(factor: SecondFactor, language: str, now: datetime) -> None:
    factor.failures += 1
    series, rest = divmod(factor.failures, settings.AXES_FAILURE_LIMIT)
    if rest:
        return
    # Not more than 2 to the power of 20, which is more than a day anyway.
    wait: timedelta = settings.AXES_COOLOFF_TIME * (1 << min(series - 1, 20))
    factor.locked_until = now + min(wait, _LONGEST_LOCK)
    kind = AccountMailKind.WRONG_CODES
    ask_account_mail(user=factor.user, kind=kind, language=language, now=now)


def _too_many(wait: timedelta) -> TooManyWrongSignInCodes:
    refusal = TooManyWrongSignInCodes("No code is accepted for a while. Retry later.")
    refusal.retry_after = math.ceil(wait.total_seconds())
    return refusal


def _step_of(text: str, secret: bytes, now: datetime, after: int = -1) -> int | None:
    """Return the time step of a code around `now`, or None if no step after `after` has it."""
    typed = "".join(text.split())
    current = int(now.timestamp()) // _STEP_SECONDS
    for step in (current + drift for drift in _DRIFT):
        shown = f"{hotp(secret, step, _DIGITS):0{_DIGITS}d}"
        if step > after and hmac.compare_digest(shown.encode(), typed.encode(errors="replace")):
            return step
    return None


def _read_secret(factor: SecondFactor) -> bytes | None:
    try:
        return unseal(factor.sealed_secret)
    except Unreadable:
        logger.exception(
            "The second factor of user %s cannot be read: SECRET_KEY was changed without"
            " reseal_second_factors. Recovery codes work; reset_second_factor removes it.",
            factor.pk,
        )
        return None


def _replace_recovery_codes(user: User) -> list[str]:
    codes = [_make_code() for _ in range(RECOVERY_CODES)]
    RecoveryCode.objects.filter(user=user).delete()
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user=user, digest=_digest(code.replace("-", ""))) for code in codes
    )
    return codes


def _make_code() -> str:
    # With its first character a letter it cannot be taken for a code of the phone.
    text = ""
    while not text[:1].isalpha():
        text = b32encode(secrets.token_bytes(_CODE_BYTES)).decode()
    return "-".join(text[at : at + _CODE_GROUP] for at in range(0, len(text), _CODE_GROUP))


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode(errors="replace")).hexdigest()


def _remove(user: User) -> bool:
    # In the order in which the other functions lock: the user, the factor, its codes.
    having = User.objects.filter(pk=user.pk).exclude(second_factor_since=None)
    removed = having.update(second_factor_since=None)
    SecondFactor.objects.filter(pk=user.pk).delete()
    RecoveryCode.objects.filter(user=user).delete()
    return bool(removed)


def _record(act: ActType, user: User, actor: Actor, now: datetime) -> None:
    record_act(act=act, actor=actor, subject_id=user_subject(user), organizer_id=None, at=now)
