"""The table of mails with a link to all orders of an address."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ticketing.ids import new_id
from tickets.outgoing import OutgoingMail


class OrderListMail(OutgoingMail):
    """
    Somebody asked for the orders of an address. The mail goes to that address, if it has orders.

    The row is written for every address, so that nobody learns from the response which are known.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(_("email"))
    # A keyed digest of the address as limits count it.
    recipient = models.CharField(max_length=32, editable=False)
    language = models.CharField(_("language"), max_length=8, choices=settings.LANGUAGES)
    # The link works until then, and the row is deleted.
    expires_at = models.DateTimeField(_("expires at"))

    class Meta:
        indexes = [
            models.Index(fields=["recipient", "asked_at"], name="order_lists_of_an_address"),
            models.Index(fields=["expires_at"], name="order_lists_by_end"),
            models.Index(
                fields=["ask_again_at"],
                condition=Q(sent_at__isnull=True),
                name="order_lists_still_asking",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
