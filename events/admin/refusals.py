"""Refusals in the language of the admin's users. The API shows them in English only."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from ticketing.errors import Refusal

# By code, for all refusals that actions of the admin can raise. Others are shown in English.
_SENTENCES: Final[Mapping[str, Any]] = {
    "address_not_corrected": _(
        "The address cannot be corrected: it has changed already, or no mail will be sent to it."
        " Open the order again."
    ),
    "capacity_below_committed": _(
        "More tickets are sold or held already than the capacity. Enter a larger capacity."
    ),
    "currency_in_use": _("The event has orders, so its currency cannot be changed."),
    "event_is_over": _("The event has ended. Correct its start and its end before you publish it."),
    "event_not_editable": _("The event was cancelled, so it cannot be changed."),
    "event_not_publishable": _(
        "The event cannot be published: it was cancelled, or it has no ticket types yet."
    ),
    "illegal_status": _(
        "The event has orders that are reserved or paid. Leave it on sale, or cancel it."
    ),
    "last_ticket_type": _("An event on sale needs a ticket type: add another one first."),
    "not_checked_in": _("This ticket is not checked in, or it was revoked."),
    "nothing_to_deliver": _("Only a paid order's tickets can be sent."),
    "order_not_cancellable": _("Only an order that waits for its payment can be cancelled."),
    "order_not_refundable": _("Only a paid order can be refunded."),
    "picture_too_large": _("The picture has too many pixels. Make it smaller."),
    "picture_too_small": _("The picture is too small. It needs 800 × 450 pixels or more."),
    "slug_taken": _("Another event has that address on the site."),
    "ticket_type_in_use": _("A ticket type with orders cannot be deleted."),
    "ticket_type_name_taken": _("This event already has a ticket type of that name."),
    "too_many_exports": _(
        "Ten exports of this organizer are being written already. Wait until one is ready."
    ),
    "too_many_ticket_types": _("An event has 50 ticket types at most."),
    "too_many_webhooks": _("An organizer has 16 webhooks at most. Delete one that is not used."),
    "too_many_mails": _("Too many mails were sent to this address. Try again in an hour."),
    "unreadable_picture": _("This is not a JPEG, PNG or WebP picture, or it is damaged."),
    "event_not_on_sale": _("The event was cancelled, or is over. Nothing was sold."),
    "guest_list_empty": _("The list has no lines."),
    "guest_list_not_readable": _("The list is neither CSV nor XLSX, or the file is damaged."),
    "guest_list_too_long": _("The list is too long: 500 lines and one megabyte at most."),
    "inventory_unavailable": _("The stock of tickets cannot be read right now. Try again."),
    "sold_out": _("Not enough tickets are left. Nothing was sold."),
    "unknown_ticket_type": _("The event does not have this ticket type any more."),
    "undo_too_late": _("The check-in is older than 15 minutes, so it cannot be undone."),
}


def say_refusal(refusal: Refusal) -> str:
    """Return the sentence of a refusal in the active language."""
    return str(_SENTENCES.get(refusal.code, refusal))
