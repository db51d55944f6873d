"""Refusals in the words of a buyer: what is wrong, and what to do next."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from ticketing.errors import Refusal

# By code, for all refusals of reserving, paying and cancelling. A test compares this list with the
# refusals of those verbs, so that a new one cannot be forgotten.
SENTENCES: Final[Mapping[str, Any]] = {
    "access_token_lost": _(
        "You reserved with this form before, but this browser can no longer open that order. Reload"
        " the page and reserve again. The first reservation ends by itself."
    ),
    "confirmation_not_valid": _("This link is not valid any more. Use the one of the newest mail."),
    "details_missing": _("Before you pay, the organizer needs some answers from you."),
    "event_not_on_sale": _("This event is not on sale any more. Nothing was reserved."),
    "gateway_away": _("The payment service does not answer. Try again in a moment."),
    "idempotency_key_in_use": _(
        "Your first click is still being worked on. Send the form again in a moment: nothing"
        " happens twice."
    ),
    "inventory_unavailable": _(
        "We cannot count the tickets at this moment, so nothing was reserved. Try again in a few"
        " seconds."
    ),
    "max_per_address_exceeded": _(
        "Your network has as many tickets of this event as it may have. Nothing was reserved."
    ),
    "max_per_customer_exceeded": _(
        "With these tickets you would have more of this event than one person may have."
    ),
    "max_per_order_exceeded": _("One order may not have so many tickets. Choose fewer."),
    "not_found": _("This event is not on sale any more. Nothing was reserved."),
    "order_not_cancellable": _("This order can no longer be cancelled: it was paid, or it ended."),
    "order_not_payable": _("This order can no longer be paid. Nothing was charged."),
    "other_terms": _(
        "The organizer has changed the terms of sale. Read the new ones, and accept them."
    ),
    "payment_not_accepted": _("This way of paying was not accepted. Nothing was charged."),
    "promo_code_expired": _("This promo code is not valid any more."),
    "promo_code_needs_other_quantity": _(
        "This promo code needs another number of tickets. Choose more or fewer of them."
    ),
    "promo_code_not_applicable": _("This promo code is for other tickets of this event."),
    "promo_code_not_started": _("This promo code is not valid yet."),
    "promo_code_used_up": _(
        "This promo code was used as often as it may be. Buy without it, or try again later: an"
        " order that is not paid gives its use back."
    ),
    "proof_of_work_invalid": _(
        "The check of your browser took too long or was used before. Send the form again."
    ),
    "proof_of_work_needed": _(
        "This event asks your browser for a short computation, against robots. It needs JavaScript:"
        " allow it, reload the page and send the form again."
    ),
    "required": _("This way of paying was not accepted. Nothing was charged."),
    "reservation_expired": _("The time to pay is over. Nothing was charged."),
    "sales_ended": _("The sale of these tickets has ended. Nothing was reserved."),
    "sales_not_started": _("The sale of these tickets has not started yet. Nothing was reserved."),
    "sold_out": _(
        "Somebody was faster: fewer tickets are left than you chose. The numbers below are new."
        " Nothing was reserved."
    ),
    "ticket_type_needed": _("Choose at least one ticket."),
    "terms_not_accepted": _("Accept the terms of sale first. Nothing was charged."),
    "too_many_mails": _("We have sent you several mails already. Look for the newest one."),
    "too_many_reservations": _(
        "You hold as many tickets of this event as allowed. Pay or cancel a reservation, or wait"
        " until one ends."
    ),
    "too_many_wrong_codes": _(
        "Too many wrong promo codes came from your network. Wait a few minutes, or buy without one."
    ),
    "unknown_promo_code": _("This event does not have that promo code. Check its spelling."),
    "unknown_ticket_type": _(
        "These tickets are not on sale any more. Look at what the event offers now."
    ),
}
# The field of the form beside which a refusal is shown. The others are shown above the form.
FIELDS: Final[Mapping[str, str]] = {
    "max_per_customer_exceeded": "email",
    "promo_code_expired": "promo_code",
    "promo_code_needs_other_quantity": "promo_code",
    "promo_code_not_applicable": "promo_code",
    "promo_code_not_started": "promo_code",
    "promo_code_used_up": "promo_code",
    "too_many_wrong_codes": "promo_code",
    "unknown_promo_code": "promo_code",
}


def say_refusal(refusal: Refusal) -> str:
    """Return the sentence of a refusal in the active language."""
    return str(SENTENCES.get(refusal.code, refusal))
