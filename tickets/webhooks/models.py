"""Webhook endpoints, the messages that the database writes for them, and attempts to send them."""

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models import NextNumber, Organizer
from ticketing.ids import new_id

# The most endpoints of an organizer. The trigger `cap_webhooks` has this number too.
MOST_WEBHOOKS = 16


class Topic(models.TextChoices):
    """The types of webhook messages. Triggers of the database write all of these messages."""

    ORDER_RESERVED = "order.reserved", _("order reserved")
    ORDER_PAID = "order.paid", _("order paid")
    ORDER_PAYMENT_FAILED = "order.payment_failed", _("payment failed")
    ORDER_EXPIRED = "order.expired", _("reservation expired")
    ORDER_CANCELLED = "order.cancelled", _("reservation cancelled")
    ORDER_REFUNDED = "order.refunded", _("order refunded")
    TICKET_ISSUED = "ticket.issued", _("ticket issued")
    TICKET_ADMITTED = "ticket.admitted", _("ticket admitted")
    TICKET_CHECKIN_UNDONE = "ticket.checkin_undone", _("check-in undone")
    TICKET_REVOKED = "ticket.revoked", _("ticket revoked")
    EVENT_PUBLISHED = "event.published", _("event published")
    EVENT_UPDATED = "event.updated", _("event changed")
    EVENT_CANCELLED = "event.cancelled", _("event cancelled")
    EVENT_SOLD_OUT = "event.sold_out", _("event sold out")


def newest_webhook_key() -> int:
    """Return the id of the key from which the secrets of new webhooks are derived."""
    return next(iter(settings.WEBHOOK_SIGNING_KEYS))


class WebhookEndpoint(models.Model):
    """
    The URL of a webhook receiver of an organizer, and the state of sending to it.

    Its secret is not stored. It is derived from a key of `WEBHOOK_SIGNING_KEYS`, the endpoint's id
    and `secret_version`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organizer = models.ForeignKey(
        Organizer,
        on_delete=models.CASCADE,
        related_name="webhooks",
        verbose_name=_("organizer"),
    )
    url = models.URLField(_("address"), max_length=500)
    types = ArrayField(
        models.CharField(max_length=30, choices=Topic.choices),
        verbose_name=_("tells of"),
        default=list,
        blank=True,
        help_text=_("None means all of them, also those to come."),
    )
    secret_version = models.PositiveIntegerField(default=1, editable=False)
    # The key of the present secret. 0, the default of the database, is the key of releases that
    # had only one key.
    secret_key_id = models.PositiveSmallIntegerField(
        default=newest_webhook_key, db_default=0, editable=False
    )
    # The key of the previous secret. NULL means the same key as now.
    previous_key_id = models.PositiveSmallIntegerField(null=True, editable=False)
    rotated_at = models.DateTimeField(_("secret renewed at"), null=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    disabled_at = models.DateTimeField(_("switched off at"), null=True, editable=False)
    # Until then no other message to a webhook worker is sent for this endpoint: one is queued, a
    # webhook worker serves the endpoint, or the endpoint is paused.
    leased_until = models.DateTimeField(null=True, editable=False)
    # The end of the lease of the present turn, or the time at which the last turn ended.
    turn_until = models.DateTimeField(null=True, editable=False)
    # The receiver did not answer: no webhook worker serves the endpoint until then.
    rests_until = models.DateTimeField(null=True, editable=False)
    # How many messages to a webhook worker were sent since the last turn began.
    asks = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        db_table = "events_webhookendpoint"
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["url", "id"]

    def __str__(self) -> str:
        return self.url


class WebhookDebt(models.Model):
    """
    The time that an organizer's slow receivers have taken from the webhook workers.

    The organizer owes the time from now until `owed_until`, and is paused while it owes too much.
    """

    organizer = models.OneToOneField(
        Organizer, primary_key=True, on_delete=models.CASCADE, related_name="webhook_debt"
    )
    owed_until = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.organizer_id)


class WebhookMessage(models.Model):
    """
    A notification for one endpoint, and the state of its delivery.

    It waits while `next_attempt_at` is set; otherwise it was delivered or given up. Messages of one
    subject are sent in order: each one waits until the one before was delivered or given up.
    """

    KEPT = timedelta(days=30)
    # When a waiting message is given up. The attempts of one message take a little over three days.
    WAITS = timedelta(days=7)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.CASCADE,
        related_name="messages",
        verbose_name=_("webhook"),
        db_index=False,
    )
    position = models.BigIntegerField(
        editable=False, db_default=NextNumber(models.Value("webhook_position"))
    )
    type = models.CharField(_("type"), max_length=30)
    # The id of the order, for messages about an order or its tickets, else that of the event.
    subject = models.UUIDField(_("about"))
    data = models.JSONField(_("content"))
    created_at = models.DateTimeField(_("created at"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt at"), null=True)
    delivered_at = models.DateTimeField(_("delivered at"), null=True)

    class Meta:
        db_table = "events_webhookmessage"
        verbose_name = _("webhook message")
        verbose_name_plural = _("webhook messages")
        ordering = ["-position"]
        indexes = [
            models.Index(
                fields=["endpoint", "subject", "position"],
                condition=Q(next_attempt_at__isnull=False),
                name="webhooks_that_wait",
            ),
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="webhooks_that_are_due",
            ),
            models.Index(
                fields=["endpoint", "created_at"],
                condition=Q(next_attempt_at__isnull=True, delivered_at__isnull=True),
                name="webhooks_given_up",
            ),
            models.Index(fields=["endpoint", "-position"], name="webhooks_of_an_endpoint"),
            models.Index(fields=["created_at"], name="webhooks_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class WebhookAttempt(models.Model):
    """One attempt to send a message: the receiver's response, or why there was none."""

    message = models.ForeignKey(
        WebhookMessage,
        on_delete=models.CASCADE,
        related_name="tries",
        verbose_name=_("webhook message"),
    )
    at = models.DateTimeField(_("at"))
    milliseconds = models.PositiveIntegerField(_("milliseconds"))
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    answer = models.TextField(_("answer"), blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)

    class Meta:
        db_table = "events_webhookattempt"
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.status or self.error}"
