"""The model of invitations: a mailed link with which a person becomes an organizer's member."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from events.models.organizers import Organizer, Role
from ticketing.ids import new_id


class Invitation(models.Model):
    """
    An invitation by mail to become a member of an organizer with a role.

    It is open until it is accepted, withdrawn or expired. The token of its link is derived from the
    row, and never stored. While the mail is neither sent, given up nor needless, the sweep sends
    its message again.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    organizer = models.ForeignKey(
        Organizer,
        on_delete=models.CASCADE,
        related_name="invitations",
        verbose_name=_("organizer"),
    )
    # As long as the name with which the invited person signs in.
    email = models.EmailField(_("email"), max_length=150)
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
    only_some_events = models.BooleanField(
        _("only some events"),
        default=False,
        help_text=_("The member sees only the events chosen here, and makes no new ones."),
    )
    events = models.ManyToManyField(
        "events.Event", verbose_name=_("events"), blank=True, related_name="+"
    )
    # Of the mail: that of the user who invites.
    language = models.CharField(max_length=10, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("invited by"),
        editable=False,
    )
    asked_at = models.DateTimeField(_("invited at"), editable=False)
    expires_at = models.DateTimeField(_("expires at"), editable=False)
    accepted_at = models.DateTimeField(_("accepted at"), null=True, editable=False)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, editable=False)
    sent_at = models.DateTimeField(_("sent at"), null=True, editable=False)
    # SES refused the mail for good.
    failed_at = models.DateTimeField(_("given up at"), null=True, editable=False)
    failure = models.CharField(_("reason"), max_length=300, blank=True, editable=False)
    # Until then one worker sends the mail, and other workers must not.
    leased_until = models.DateTimeField(null=True, editable=False)
    asks = models.PositiveSmallIntegerField(default=0, editable=False)
    ask_again_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-asked_at", "-id"]
        indexes = [
            models.Index(
                fields=["ask_again_at"],
                condition=Q(
                    sent_at__isnull=True,
                    failed_at__isnull=True,
                    accepted_at__isnull=True,
                    withdrawn_at__isnull=True,
                ),
                name="invitations_still_asking",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organizer", "email"],
                condition=Q(accepted_at__isnull=True, withdrawn_at__isnull=True),
                name="one_open_invitation_each",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invited_role_is_known"),
            models.CheckConstraint(
                condition=Q(only_some_events=False) | ~Q(role=Role.OWNER),
                name="invited_owner_has_all_events",
                violation_error_message=_("An owner has all events. Choose another role."),
            ),
        ]

    def __str__(self) -> str:
        return self.email
