"""What staff read when an act is refused, in their language: the API answers in English only."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from ticketing.errors import Refusal

# What the admin's acts can meet. Others are shown as the API says them.
_SENTENCES: Final[Mapping[str, Any]] = {
    "address_not_corrected": _(
        "Look at the order again: its address has changed, or no mail follows any more."
    ),
    "capacity_below_committed": _("So many are sold or held already: the capacity is too small."),
    "currency_in_use": _("Orders were made in the currency of before: it cannot change."),
    "event_is_over": _("It is over. Correct when it starts and ends before you publish it."),
    "event_not_editable": _("The event was cancelled: it does not change any more."),
    "event_not_publishable": _(
        "It cannot be published: it was cancelled, or it has no ticket types yet."
    ),
    "last_ticket_type": _("An event on sale needs a ticket type: add another one first."),
    "not_checked_in": _("This ticket is not checked in, or it was revoked."),
    "nothing_to_deliver": _("Only a paid order's tickets can be sent."),
    "order_not_cancellable": _("Only an order that waits for its payment can be cancelled."),
    "order_not_refundable": _("Only a paid order can be refunded."),
    "slug_taken": _("Another event has that address on the site."),
    "ticket_type_in_use": _("A ticket type with orders cannot be deleted."),
    "ticket_type_name_taken": _("This event already has a ticket type of that name."),
    "too_many_ticket_types": _("An event has 50 ticket types at most."),
    "too_many_webhooks": _("An organizer has 16 webhooks at most. Delete one that is not used."),
    "too_many_mails": _("This address had as many mails as it may have. Try again in an hour."),
    "undo_too_late": _("The check-in is older than 15 minutes: it cannot be undone any more."),
}


def say_refusal(refusal: Refusal) -> str:
    """Return a sentence about a refusal in the active language."""
    return str(_SENTENCES.get(refusal.code, refusal))
