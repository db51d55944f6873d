"""The models of what belongs to one user's account."""

from django.conf import settings
from django.db import models

from ticketing.ids import new_id


class PasswordResetRequest(models.Model):
    """
    An address that was typed by a person who has forgotten the password.

    The worker looks for its accounts, so that the time of the response does not tell whether there
    are any. Then it deletes the row.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    address = models.EmailField()
    # Of the page on which it was requested.
    language = models.CharField(max_length=10)
    asked_at = models.DateTimeField()
    asks = models.PositiveSmallIntegerField(default=0)
    ask_again_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.pk)


class AccountMailKind(models.TextChoices):
    """What a mail to a user is about."""

    PASSWORD_RESET = "password_reset"  # noqa: S105 - a name
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a name
    SECOND_FACTOR_ON = "second_factor_on"
    SECOND_FACTOR_OFF = "second_factor_off"
    SECOND_FACTOR_RESET = "second_factor_reset"
    WRONG_CODES = "wrong_codes"


class AccountMail(models.Model):
    """
    A mail to a user about the account.

    While it is neither sent nor given up, the sweep sends its message again. It contains no link:
    the worker makes the link when it sends the mail.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="account_mails"
    )
    # Without choices: a new kind needs no migration.
    kind = models.CharField(max_length=30)
    # Of the page on which it was requested.
    language = models.CharField(max_length=10)
    asked_at = models.DateTimeField(db_index=True)
    sent_at = models.DateTimeField(null=True)
    # SES refused the mail for good.
    failed_at = models.DateTimeField(null=True)
    # Until then one worker sends the mail, and other workers must not.
    leased_until = models.DateTimeField(null=True)
    asks = models.PositiveSmallIntegerField(default=0)
    ask_again_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                fields=["ask_again_at"],
                condition=models.Q(sent_at__isnull=True, failed_at__isnull=True),
                name="account_mails_still_asking",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class SecondFactor(models.Model):
    """
    The app on a user's phone that shows codes for signing in (TOTP, RFC 6238).

    `User.second_factor_since` is set if and only if the user has one.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="second_factor",
    )
    # The phone has the same secret. It is encrypted by a key that is derived from SECRET_KEY.
    sealed_secret = models.CharField(max_length=200)
    # The time step of the last accepted code. A code works once.
    last_step = models.BigIntegerField()
    # Wrong codes since the last right one.
    failures = models.PositiveIntegerField(default=0)
    locked_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.pk)


class RecoveryCode(models.Model):
    """A code that signs a user in once, instead of a code of the phone. Then it is deleted."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes"
    )
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "digest"], name="a_recovery_code_works_once"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
