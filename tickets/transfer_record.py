"""The tables of transfers: the offer of a ticket to another person, and the mails about it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ticketing.ids import new_id
from tickets.outgoing import OutgoingMail


class Transfer(models.Model):
    """A ticket that its buyer offers to another person, until it is accepted or withdrawn."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # The ticket that is offered. At the acceptance another one replaces it, which has this
    # transfer in `Ticket.transfer`.
    ticket = models.ForeignKey(
        "tickets.Ticket",
        on_delete=models.PROTECT,
        related_name="offers",
        verbose_name=_("ticket"),
    )
    name = models.CharField(_("name"), max_length=200)
    email = models.EmailField(_("email"))
    language = models.CharField(_("language"), max_length=8)
    created_at = models.DateTimeField(_("created at"))
    expires_at = models.DateTimeField(_("expires at"))
    # When the new holder followed the link in the mail first.
    opened_at = models.DateTimeField(_("opened at"), null=True)
    accepted_at = models.DateTimeField(_("accepted at"), null=True)
    # Also of an offer whose ticket was replaced, or that had expired before the next one was made.
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True)

    class Meta:
        verbose_name = _("transfer")
        verbose_name_plural = _("transfers")
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["email"], name="transfers_by_email")]
        constraints = [
            models.UniqueConstraint(
                fields=["ticket"],
                condition=Q(withdrawn_at__isnull=True),
                name="one_open_offer_per_ticket",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(withdrawn_at__isnull=True),
                name="an_accepted_transfer_stays",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TransferMailKind(models.TextChoices):
    # To the new holder: the offer, then the ticket.
    OFFER = "offer", _("offer")
    TICKET = "ticket", _("ticket")
    # To the new holder: another date or place; a cancelled event or a refund.
    CHANGED = "changed", _("event changed")
    ENDED = "ended", _("ticket ended")
    # To the new holder: the event is tomorrow.
    REMINDER = "reminder", _("reminder")
    # To the buyer, or to the holder who handed the ticket on: the old code ended.
    HANDED_ON = "handed_on", _("ticket handed on")


class TransferMail(OutgoingMail):
    """One mail about a transfer, and its state."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    transfer = models.ForeignKey(
        Transfer, on_delete=models.CASCADE, related_name="mails", db_index=False
    )
    kind = models.CharField(_("about"), max_length=10, choices=TransferMailKind.choices)

    class Meta:
        verbose_name = _("mail about a transfer")
        verbose_name_plural = _("mails about transfers")
        indexes = [
            models.Index(
                fields=["ask_again_at"],
                condition=Q(sent_at__isnull=True),
                name="transfer_mails_still_asking",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["transfer", "kind"], name="a_transfer_is_told_once_each_way"
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()
