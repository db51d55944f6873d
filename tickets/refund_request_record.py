"""The table of refunds that buyers ask for and staff decide."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orders.models import Order
from ticketing.ids import new_id
from tickets.outgoing import OutgoingMail


class RequestState(models.TextChoices):
    OPEN = "open", _("to be decided")
    APPROVED = "approved", _("approved")
    DECLINED = "declined", _("declined")


class RefundRequest(OutgoingMail):
    """
    A buyer asks for the money of some tickets back. The mail goes to the organizer, then the buyer.

    A refund that needs no approval has no row: it is made at once.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="refund_requests", verbose_name=_("order")
    )
    ticket_ids = ArrayField(models.UUIDField(), editable=False)
    # In the words of the buyer, and of staff.
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    answer = models.CharField(_("answer to the buyer"), max_length=500, blank=True)
    state = models.CharField(
        _("state"), max_length=8, choices=RequestState.choices, default=RequestState.OPEN
    )
    requested_at = models.DateTimeField(_("requested at"))
    decided_at = models.DateTimeField(_("decided at"), null=True)

    class Meta:
        verbose_name = _("refund request")
        verbose_name_plural = _("refund requests")
        ordering = ["-requested_at", "-id"]
        indexes = [
            models.Index(fields=["-requested_at", "-id"], name="refund_requests_by_age"),
            models.Index(
                fields=["ask_again_at"],
                condition=Q(sent_at__isnull=True),
                name="refund_requests_still_asking",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(state=RequestState.OPEN),
                name="one_open_refund_request",
            ),
            models.CheckConstraint(
                condition=Q(state__in=RequestState.values), name="request_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state=RequestState.OPEN, decided_at__isnull=True)
                | (~Q(state=RequestState.OPEN) & Q(decided_at__isnull=False)),
                name="decided_has_a_moment",
            ),
        ]

    def __str__(self) -> str:
        return self.order.code
