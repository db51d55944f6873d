"""Refusals in the language of the admin's users. The API shows them in English only."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from ticketing.errors import Refusal

# By code, for all refusals that an action of the admin can meet. A test compares this list with the
# refusals of the code, so that a new one cannot be forgotten.
SENTENCES: Final[Mapping[str, Any]] = {
    "account_exists": _("This address has an account already. Sign in with it to accept."),
    "address_not_corrected": _(
        "The address cannot be corrected: it has changed already, or no mail will be sent to it."
        " Open the order again."
    ),
    "address_not_mailable": _(
        "No mail can reach this address. Check it, above all what follows the @."
    ),
    "already_member": _("This person is a member already."),
    "capacity_below_committed": _(
        "More tickets are sold or held already than the capacity. Enter a larger capacity."
    ),
    "currency_in_use": _("The event has orders, so its currency cannot be changed."),
    "device_revoked": _("This device is revoked. Make a new one."),
    "difference_has_changed": _("The price has changed meanwhile. Look at the difference again."),
    "difference_not_settled": _("Say what happens with the difference of the price."),
    "event_is_over": _("The event has ended. Correct its start and its end before you publish it."),
    "event_not_editable": _("The event was cancelled, so it cannot be changed."),
    "event_not_on_sale": _("The event was cancelled, or is over. Nothing was sold."),
    "event_not_publishable": _(
        "The event cannot be published: it was cancelled, or it has no ticket types yet."
    ),
    "gateway_away": _(
        "The payment gateway does not answer. Nothing was changed: try again in a moment."
    ),
    "guest_list_empty": _("The list has no lines."),
    "guest_list_not_readable": _("The list is neither CSV nor XLSX, or the file is damaged."),
    "guest_list_too_long": _("The list is too long: 500 lines and one megabyte at most."),
    "illegal_status": _(
        "The event has orders that are reserved or paid. Leave it on sale, or cancel it."
    ),
    "inventory_unavailable": _("The stock of tickets cannot be read right now. Try again."),
    "invitation_not_open": _("This invitation was accepted or withdrawn, or it has expired."),
    "invited_other": _("Sign in with the account of the invited address."),
    "last_owner": _("An organizer needs an owner. Make another member an owner first."),
    "last_ticket_type": _("An event on sale needs a ticket type: add another one first."),
    "logo_too_small": _("The logo is too small. It needs to be 384 pixels wide or 96 pixels high."),
    "max_per_address_exceeded": _("The limit of tickets per network address is reached."),
    "max_per_customer_exceeded": _("The limit of tickets per customer is reached."),
    "max_per_order_exceeded": _("An order may not have that many tickets."),
    "names_closed": _(
        "The names cannot be changed: the time for it is over, or the organizer does not allow it."
    ),
    "not_checked_in": _("This ticket is not checked in, or it was revoked."),
    "not_found": _("It does not exist any more, or you may not see it."),
    "nothing_to_deliver": _("Only a paid order's tickets can be sent."),
    "nothing_to_retry": _("Nothing of this order is unfinished, so there is nothing to retry."),
    "only_type_of_gate": _(
        "A gate admits only this ticket type. Change or delete the gate, then delete the type."
    ),
    "order_not_cancellable": _("Only an order that waits for its payment can be cancelled."),
    "order_not_paid": _("The order is not paid."),
    "order_not_payable": _("The order cannot be paid any more."),
    "order_not_refundable": _("Only a paid order can be refunded."),
    "other_terms": _("The terms of sale have changed. Show the guest the new ones."),
    "picture_too_large": _("The picture has too many pixels. Make it smaller."),
    "picture_too_small": _("The picture is too small. It needs 800 × 450 pixels or more."),
    "promo_code_in_use": _("An order has this promo code. Deactivate it instead of deleting it."),
    "promo_code_taken": _("This event already has that promo code."),
    "question_in_use": _(
        "Buyers have answered this question, so its kind and its choices must stay. You may add"
        " choices, or delete the question: its answers are kept."
    ),
    "reason_needed": _("Say why the tickets are given for free."),
    "refund_not_offered": _("These tickets cannot be given back now."),
    "refund_requested": _("A refund was requested already. Wait for the decision."),
    "request_decided": _("Somebody has decided this request already."),
    "reservation_expired": _("The reservation has expired."),
    "sales_ended": _("The sale of this ticket type has ended."),
    "sales_not_started": _("The sale of this ticket type has not started."),
    "second_factor_not_resettable": _(
        "The person is a member of other organizers too, or it is you. Ask whoever runs this site"
        " to reset it."
    ),
    "slug_taken": _("Another event has that address on the site."),
    "sold_out": _("Not enough tickets are left. Nothing was sold."),
    "storage_away": _("The storage of pictures does not answer. Try again in a moment."),
    "terms_missing": _("Without terms of sale there is nothing that buyers could accept."),
    "ticket_has_that_type": _("The ticket has that type already."),
    "ticket_not_valid": _(
        "The ticket is not valid any more: it was used, revoked, refunded or replaced. Open"
        " the order again."
    ),
    "ticket_type_in_use": _("A ticket type with orders cannot be deleted."),
    "ticket_type_name_taken": _("This event already has a ticket type of that name."),
    "tickets_needed": _("Choose at least one ticket."),
    "too_many_devices": _(
        "An organizer has reached the limit of door devices. Revoke one that is not used."
    ),
    "too_many_exports": _(
        "Ten exports of this organizer are being written already. Wait until one is ready."
    ),
    "too_many_invitations": _("An organizer has 50 open invitations at most. Withdraw one first."),
    "too_many_mails": _("Too many mails were sent to this address. Try again in an hour."),
    "too_many_names": _(
        "The names on these tickets were changed too often. Ask the organizer to change them."
    ),
    "gate_named_twice": _("Give each gate a name of its own."),
    "too_many_gates": _("An event has at most 50 gates for some ticket types."),
    "too_many_questions": _("An event asks 20 questions at most."),
    "too_many_reservations": _(
        "Too many reservations are open for this customer or address. Try again when they have"
        " expired."
    ),
    "too_many_ticket_types": _("An event has 50 ticket types at most."),
    "too_many_webhooks": _("An organizer has 16 webhooks at most. Delete one that is not used."),
    "too_many_wrong_sign_in_codes": _(
        "The code was wrong too many times. To keep your account safe, no code is accepted for a"
        " while."
    ),
    "later_scan_stands": _("A later entry or exit of this ticket must be undone first."),
    "undo_too_late": _("The check-in is older than 15 minutes, so it cannot be undone."),
    "unknown_ticket_of_order": _(
        "One of the tickets was replaced meanwhile. Open the order again."
    ),
    "unknown_ticket_type": _("The event does not have this ticket type any more."),
    "unknown_ticket_type_of_event": _("The event has no such ticket type any more."),
    "too_many_transfers": _(
        "This ticket was offered too often. Ask the organizer to change its holder."
    ),
    "transfer_not_open": _(
        "This offer is not open any more: it was taken back, accepted, or it has expired."
    ),
    "transfer_open": _("This ticket is offered to somebody already. Take that offer back first."),
    "transfers_not_allowed": _(
        "Tickets of this event cannot be transferred: the organizer does not allow it, or the event"
        " is over."
    ),
    "unreadable_picture": _("This is not a JPEG, PNG or WebP picture, or it is damaged."),
    "waiver_needs_reason": _("Say why the difference is waived."),
    "wrong_sign_in_code": _("This code is not valid, or was used already. Wait for the next one."),
}


def say_refusal(refusal: Refusal) -> str:
    """Return the sentence of a refusal in the active language."""
    return str(SENTENCES.get(refusal.code, refusal))
