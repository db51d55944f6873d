"""Who signs in, and what workers could not do."""

from datetime import timedelta

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from ticketing.ids import new_id


class User(AbstractUser):
    """A person who signs in to the admin. What he may do there, his organizers say."""

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class FailedMessage(models.Model):
    """
    A message to a worker that failed: why, how often, and when it was given up.

    What it was to do still stands in a row of its own that asks for it; this is for people.
    """

    KEPT = timedelta(days=7)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.CharField(_("message"), max_length=100)
    about = models.CharField(_("about"), max_length=500)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    failures = models.PositiveIntegerField(_("failures"), default=0)
    last_failed_at = models.DateTimeField(_("last failed at"))
    # When it came to the dead-letter queue; until then SQS still tries.
    died_at = models.DateTimeField(_("given up at"), null=True)
    sent_again_at = models.DateTimeField(_("sent again at"), null=True)
    queue = models.CharField(_("queue"), max_length=20, blank=True)
    body = models.TextField(blank=True, editable=False)

    class Meta:
        verbose_name = _("failed message")
        verbose_name_plural = _("failed messages")
        ordering = ["-last_failed_at", "-id"]
        indexes = [
            models.Index(fields=["-last_failed_at", "-id"], name="failed_messages_by_age"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["message", "about"], name="one_row_per_failure"),
        ]

    def __str__(self) -> str:
        return f"{self.message} {self.about}"


class KeptAnswer(models.Model):
    """The response to the first request with an `Idempotency-Key`, to be replayed."""

    KEPT = timedelta(hours=24)

    # Of the caller, the method, the path and the key.
    digest = models.CharField(max_length=64, primary_key=True)
    body_digest = models.CharField(max_length=64)
    # The order's token is derived from it and SECRET_KEY. The token itself is not in the body.
    salt = models.CharField(max_length=32, blank=True)
    status = models.PositiveSmallIntegerField()
    # JSON, with its members in the order of the first response.
    body = models.TextField()
    headers = models.JSONField()
    created_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.digest
