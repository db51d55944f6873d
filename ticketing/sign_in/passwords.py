"""A new password for a user, also for one who has forgotten the old one."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import transaction

from ticketing.actors import Actor, record_act, user_actor
from ticketing.models import (
    AccountMail,
    AccountMailKind,
    ActType,
    PasswordResetRequest,
    SecondFactor,
    User,
)
from ticketing.pages.lockout import forget_failures_of
from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from ticketing.sign_in.account_mail import ask_account_mail
from ticketing.sign_in.accounts import accounts_of, user_subject

# A stranger who knows an address can fill its inbox with this many mails, and not with more.
MOST_RESETS: Final = 3
_WINDOW: Final = timedelta(hours=1)
# More accounts with one address are a mistake of a superuser.
_MOST_ACCOUNTS: Final = 5


@transaction.atomic(durable=True)
def request_password_reset(*, address: str, language: str, now: datetime) -> None:
    """Request a link by mail. The caller does not learn whether the address has an account."""
    request = PasswordResetRequest.objects.create(
        address=address,
        language=language,
        asked_at=now,
        ask_again_at=next_retry_at(0, now=now),
    )
    send_after_commit(Message.ANSWER_PASSWORD_RESET, reset_id=request.pk)


@transaction.atomic(durable=True)
def answer_password_reset(*, reset_id: UUID, now: datetime) -> None:
    """Mail a link to the accounts of the requested address, `MOST_RESETS` times an hour to each."""
    # The lock makes a repeated message wait, and then find nothing.
    found = PasswordResetRequest.objects.select_for_update().filter(pk=reset_id).first()
    if found is None:
        return
    known = accounts_of(found.address.lower()).filter(is_active=True, is_staff=True)
    # The lock prevents two requests at once from both requesting the last mail.
    for user in known.order_by("pk").select_for_update(no_key=True)[:_MOST_ACCOUNTS]:
        recent = AccountMail.objects.filter(
            user=user, kind=AccountMailKind.PASSWORD_RESET, asked_at__gt=now - _WINDOW
        )
        if user.has_usable_password() and recent.count() < MOST_RESETS:
            kind = AccountMailKind.PASSWORD_RESET
            ask_account_mail(user=user, kind=kind, language=found.language, now=now)
    found.delete()


def record_set_password(*, user: User, actor: Actor, language: str, now: datetime) -> None:
    """
    Record that a superuser has set the password of a user, and mail the user about it.

    It runs in the transaction that stores the password.
    """
    record_act(
        act=ActType.PASSWORD_SET,
        actor=actor,
        subject_id=user_subject(user),
        organizer_id=None,
        at=now,
    )
    if user.has_usable_password():
        kind = AccountMailKind.PASSWORD_CHANGED
        ask_account_mail(user=user, kind=kind, language=language, now=now)
    forget_failures_of(user_name=user.get_username())
    SecondFactor.objects.filter(pk=user.pk).update(failures=0, locked_until=None)


def set_new_password(
    *, user: User, password: str, act: ActType, language: str, now: datetime
) -> bool:
    """
    Give a user another password, and mail the user about it. All sessions of the user end.

    Return False, and change nothing, if the password was changed after `user` was read. API tokens
    belong to organizers and stay valid.
    """
    # Outside of the transaction, because hashing a password is slow on purpose.
    hashed = make_password(password)
    with transaction.atomic(durable=True):
        unchanged = User.objects.filter(pk=user.pk, password=user.password, is_active=True)
        if not unchanged.update(password=hashed):
            return False
        record_act(
            act=act,
            actor=user_actor(user),
            subject_id=user_subject(user),
            organizer_id=None,
            at=now,
        )
        kind = AccountMailKind.PASSWORD_CHANGED
        ask_account_mail(user=user, kind=kind, language=language, now=now)
        forget_failures_of(user_name=user.get_username())
        # Wrong codes were sent with the old password.
        SecondFactor.objects.filter(pk=user.pk).update(failures=0, locked_until=None)
    return True
