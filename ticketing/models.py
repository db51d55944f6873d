"""Users, recorded acts, stored responses, failed messages and booked mails."""

from collections.abc import Iterator
from datetime import timedelta

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from ticketing.account_models import (
    AccountMail,
    AccountMailKind,
    PasswordResetRequest,
    RecoveryCode,
    SecondFactor,
)
from ticketing.ids import new_id

__all__ = [
    "AccountMail",
    "AccountMailKind",
    "Act",
    "ActType",
    "ActorKind",
    "BookedMail",
    "FailedMessage",
    "PasswordResetRequest",
    "RecoveryCode",
    "SecondFactor",
    "StoredResponse",
    "User",
]


class User(AbstractUser):
    """A person who signs in to the admin. Permissions come from organizer memberships."""

    # NULL without two-factor sign-in.
    second_factor_since = models.DateTimeField(
        _("two-factor sign-in since"), null=True, editable=False
    )
    # The user wants to see the list of first steps on the home page no longer.
    first_steps_closed_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    # A change of the second factor ends sessions as a change of the password does: those that
    # began without it, or with a phone that was lost.
    def get_session_auth_hash(self) -> str:
        return self._with_second_factor(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        return map(self._with_second_factor, super().get_session_auth_fallback_hash())

    def _with_second_factor(self, session_hash: str) -> str:
        since = self.second_factor_since
        return session_hash if since is None else f"{session_hash}.{since.timestamp()}"


class FailedMessage(models.Model):
    """
    A message whose task failed: why, how often, and when SQS gave it up.

    It informs operators. The sweep does not read it: the work is recorded in a row of its own.
    """

    KEPT = timedelta(days=7)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.CharField(_("message"), max_length=100)
    about = models.CharField(_("about"), max_length=500)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    failures = models.PositiveIntegerField(_("failures"), default=0)
    last_failed_at = models.DateTimeField(_("last failed at"))
    # When it was collected from the dead-letter queue. Until then SQS delivers it again.
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


class StoredResponse(models.Model):
    """The response to the first request with an `Idempotency-Key`. A retry gets it again."""

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

    class Meta:
        db_table = "ticketing_keptanswer"

    def __str__(self) -> str:
        return self.digest


class ActorKind(models.TextChoices):
    """The kind of an actor. A buyer is identified by the order, not by a name."""

    USER = "user", _("user")
    TOKEN = "token", _("API token")
    DEVICE = "device", _("door device")
    BUYER = "buyer", _("buyer")
    SYSTEM = "system", _("system")


class ActType(models.TextChoices):
    """What was done. The part before the dot is the kind of the subject."""

    ORDER_SOLD = "order.sold_at_box_office", _("sold or given at the box office")
    GUEST_LIST_UPLOADED = "guest_list.uploaded", _("guest list uploaded")
    GUEST_LIST_DISCARDED = "guest_list.discarded", _("guest list discarded")
    GUEST_LIST_CONFIRMED = "guest_list.confirmed", _("guest list confirmed")
    ORDER_CANCELLED = "order.cancelled", _("reservation cancelled")
    ORDER_REFUNDED = "order.refunded", _("order refunded")
    ORDER_TICKETS_REFUNDED = "order.tickets_refunded", _("tickets of the order refunded")
    ORDER_REFUND_REQUESTED = "order.refund_requested", _("refund requested")
    ORDER_REFUND_DECLINED = "order.refund_declined", _("requested refund declined")
    ORDER_RESENT = "order.resent", _("tickets sent again")
    ORDER_NOTICE_RESENT = "order.notice_resent", _("notice sent again")
    ORDER_CUSTOMER_CORRECTED = "order.customer_corrected", _("customer corrected")
    ORDER_MAILED = "order.mailed", _("tickets mailed")
    ORDER_MAIL_GIVEN_UP = "order.mail_given_up", _("mail of the tickets given up")
    ORDER_RETRIED = "order.retried", _("unfinished work retried")
    ORDER_CONSENT_WITHDRAWN = "order.consent_withdrawn", _("consent to news withdrawn")
    ORDER_ERASED = "order.erased", _("buyer erased from the order")
    PERSON_COPIED = "organizer.person_copied", _("data of a person copied")
    RETENTION_CHANGED = "organizer.retention_changed", _("time until buyers are erased changed")
    REFUND_POLICY_SAVED = "refund_policy.saved", _("refund policy saved")
    TERMS_SAVED = "organizer.terms_saved", _("terms and privacy saved")
    BUYERS_ERASED = "organizer.buyers_erased", _("buyers of past events erased")
    EVENT_CREATED = "event.created", _("event created")
    EVENT_CHANGED = "event.changed", _("event changed")
    EVENT_PUBLISHED = "event.published", _("event published")
    EVENT_UNPUBLISHED = "event.unpublished", _("event taken off sale")
    EVENT_CANCELLED = "event.cancelled", _("event cancelled")
    QUESTIONS_CHANGED = "event.questions_changed", _("questions to buyers changed")
    ORDER_ANSWERED = "order.answered", _("questions of the organizer answered")
    ORDER_HOLDERS_NAMED = "order.holders_named", _("holders of the tickets named")
    PROMO_CODE_CREATED = "promo_code.created", _("promo code created")
    PROMO_CODE_CHANGED = "promo_code.changed", _("promo code changed")
    PROMO_CODE_DELETED = "promo_code.deleted", _("promo code deleted")
    ORGANIZER_CREATED = "organizer.created", _("organizer created")
    ORGANIZER_CHANGED = "organizer.changed", _("organizer changed")
    MEMBER_INVITED = "organizer.member_invited", _("member invited")
    INVITATION_WITHDRAWN = "organizer.invitation_withdrawn", _("invitation withdrawn")
    MEMBER_JOINED = "organizer.member_joined", _("member joined")
    MEMBER_CHANGED = "organizer.member_changed", _("member changed")
    MEMBER_REMOVED = "organizer.member_removed", _("member removed")
    NOTICES_CHOSEN = "organizer.notices_chosen", _("choice of notices changed")
    USER_CREATED = "user.created", _("user created")
    USER_CHANGED = "user.changed", _("user changed")
    USER_DELETED = "user.deleted", _("user deleted")
    PASSWORD_SET = "user.password_set", _("password set by a superuser")
    PASSWORD_RESET = "user.password_reset", _("forgotten password replaced")
    PASSWORD_CHANGED = "user.password_changed", _("password changed")
    SECOND_FACTOR_ON = "user.second_factor_on", _("two-factor sign-in turned on")
    SECOND_FACTOR_OFF = "user.second_factor_off", _("two-factor sign-in turned off")
    SECOND_FACTOR_RESET = "user.second_factor_reset", _("two-factor sign-in reset")
    RECOVERY_CODES_RENEWED = "user.recovery_codes_renewed", _("recovery codes renewed")
    RECOVERY_CODE_USED = "user.recovery_code_used", _("signed in with a recovery code")
    MEMBER_SECOND_FACTOR_RESET = (
        "organizer.member_second_factor_reset",
        _("two-factor sign-in of a member reset"),
    )
    TICKET_REVOKED = "ticket.revoked", _("ticket revoked")
    TICKET_REISSUED = "ticket.reissued", _("ticket re-issued")
    TICKET_EXCHANGED = "ticket.exchanged", _("ticket moved to another type")
    TICKET_RENAMED = "ticket.renamed", _("ticket given to another holder")
    TICKET_OFFERED = "ticket.offered", _("ticket offered to another person")
    TICKET_OFFER_WITHDRAWN = "ticket.offer_withdrawn", _("offer of the ticket taken back")
    TICKET_TRANSFERRED = "ticket.transferred", _("ticket accepted by its new holder")
    TICKET_HOLDER_ERASED = "ticket.holder_erased", _("new holder erased from the ticket")
    TICKET_CHECKED_IN_BY_HAND = "ticket.checked_in_by_hand", _("checked in by hand")
    TICKET_CHECKIN_UNDONE = "ticket.checkin_undone", _("check-in undone")
    TICKET_CONFLICT_ACKNOWLEDGED = (
        "ticket.conflict_acknowledged",
        _("conflict at the door acknowledged"),
    )
    TOKEN_CREATED = "token.created", _("API token created")
    TOKEN_CHANGED = "token.changed", _("API token changed")
    TOKEN_REVOKED = "token.revoked", _("API token revoked")
    DEVICE_CREATED = "device.created", _("door device created")
    DEVICE_CHANGED = "device.changed", _("door device changed")
    DEVICE_REVOKED = "device.revoked", _("door device revoked")
    DEVICE_PAIRING_STARTED = "device.pairing_started", _("pairing of the door device started")
    DEVICE_PAIRED = "device.paired", _("door device paired")
    WEBHOOK_CREATED = "webhook.created", _("webhook created")
    WEBHOOK_CHANGED = "webhook.changed", _("webhook changed")
    WEBHOOK_SECRET_RENEWED = "webhook.secret_renewed", _("webhook secret renewed")
    WEBHOOK_SWITCHED_OFF = "webhook.switched_off", _("webhook switched off")
    WEBHOOK_SWITCHED_ON = "webhook.switched_on", _("webhook switched on")
    WEBHOOK_TESTED = "webhook.tested", _("test sent to the webhook")
    EVENT_EXPORTED = "event.exported", _("data of the event exported")
    ORGANIZER_EXPORTED = "organizer.exported", _("data of all events exported")
    REPORT_SCHEDULED = "report.scheduled", _("report scheduled")
    REPORT_CHANGED = "report.changed", _("scheduled report changed")
    REPORT_ENDED = "report.ended", _("scheduled report ended")
    MESSAGE_SENT_AGAIN = "message.sent_again", _("message sent again")


class Act(models.Model):
    """
    Something that an actor did to a subject. A trigger refuses to change or delete a row.

    It has ids instead of foreign keys, so that it stays when its actor or its subject is deleted.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    at = models.DateTimeField(_("at"))
    # Without choices: a new act needs no migration.
    type = models.CharField(_("act"), max_length=40)
    subject_type = models.CharField(_("about"), max_length=20)
    subject_id = models.UUIDField(_("id"))
    # NULL if the subject belongs to no organizer, such as a failed message.
    organizer_id = models.UUIDField(_("organizer"), null=True)
    actor_kind = models.CharField(_("actor"), max_length=8, choices=ActorKind.choices)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=150, blank=True)
    # The way of the request, as `ticketing.origin` names it, and the address of staff and of
    # programs. The address of a buyer is not stored.
    channel = models.CharField(_("by way of"), max_length=8, blank=True, default="", db_default="")
    address = models.GenericIPAddressField(_("address"), null=True)
    # Amounts, counts, ids, and fields with their values. No personal data of buyers.
    details = models.JSONField(_("details"), default=dict)

    class Meta:
        verbose_name = _("entry of the change log")
        verbose_name_plural = _("change log")
        ordering = ["at", "id"]
        indexes = [
            models.Index(fields=["subject_id", "at"], name="acts_of_a_subject"),
            models.Index(fields=["organizer_id", "-at"], name="acts_of_an_organizer"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(actor_kind__in=ActorKind.values), name="actor_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return str(ActType(self.type).label) if self.type in ActType.values else self.type


class BookedMail(models.Model):
    """The time at which one mail to a recipient may be sent. Only `mail_limit` reads it."""

    # A keyed digest of the address.
    recipient = models.CharField(max_length=32)
    goes_at = models.DateTimeField(db_index=True)

    class Meta:
        indexes = [
            models.Index(fields=["recipient", "goes_at"], name="mails_of_a_recipient"),
        ]

    def __str__(self) -> str:
        return f"{self.recipient} {self.goes_at:%H:%M:%S}"
