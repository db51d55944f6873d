"""Compose the mails of notices, each in the language of its order."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import translation
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext, ngettext

from events.event_mail import render_event_mail
from events.models import Event, EventStatus
from events.wording import show_start
from orders.declines import say_decline
from orders.models import Order, OrderStatus, PaymentMethod
from orders.page_link import order_link
from orders.pricing import check_on_sale
from ticketing.errors import Refusal
from ticketing.letters import HtmlMail
from ticketing.money import format_money
from tickets.models import Ticket, TicketStatus
from tickets.notices.models import Notice
from tickets.ticket_codes import number_tickets, readable_code


def compose_cancellation_mail(*, notice: Notice) -> HtmlMail:
    """Return the mail that tells a buyer that the event was cancelled, and of the refund."""
    order = notice.order
    with translation.override(order.language):
        subject = gettext("Cancelled: %(event)s") % {"event": order.event.name}
        return _compose(
            order,
            "cancelled",
            subject,
            {"note": order.event.cancellation_note, **_describe_refund(notice)},
        )


def compose_refund_mail(*, notice: Notice) -> HtmlMail:
    """Return the mail that tells a buyer that money was returned, or that free tickets ended."""
    order = notice.order
    with translation.override(order.language):
        refund = _describe_refund(notice)
        if refund["amount"]:
            subject = gettext("Your refund: %(event)s") % {"event": order.event.name}
        else:
            subject = gettext("Tickets cancelled: %(event)s") % {"event": order.event.name}
        return _compose(order, "refund", subject, refund)


def compose_change_mail(*, notice: Notice, known: Mapping[str, Any]) -> HtmlMail:
    """
    Return the mail that tells a buyer of an event's new date or place.

    :param known: the old values of the fields that changed, as `ChangeForBuyers` has them
    """
    order = notice.order
    with translation.override(order.language):
        context = {"changes": _describe_changes(order.event, known)}
        subject = gettext("Changed: %(event)s") % {"event": order.event.name}
        return _compose(order, "changed", subject, context)


def compose_decline_mail(*, notice: Notice, now: datetime) -> HtmlMail:
    """
    Return the mail that tells a buyer why a payment was declined, and how to try again.

    Anybody can order with somebody else's address and let the payment fail. So the mail shows no
    text from the request, such as the customer's name.
    """
    order = notice.order
    with translation.override(order.language):
        context = {
            "reason": say_decline(order.payment.decline_code),
            "is_cancelled": order.event.status == EventStatus.CANCELLED,
            "link": order_link(order) if _is_on_sale(order.event, now) else "",
        }
        subject = gettext("Your payment was not approved: %(event)s") % {"event": order.event.name}
        return _compose(order, "declined", subject, context)


def compose_pix_mail(*, notice: Notice) -> HtmlMail:
    """Return the mail that tells a buyer that a Pix did not pay the order, and was returned."""
    order = notice.order
    with translation.override(order.language):
        received = order.pix.received or order.pix.amount
        context = {
            "amount": format_money(received, order.currency),
            "reason": _say_why_returned(order, received),
            "arrival": _say_arrival(PaymentMethod.PIX),
            "link": order_link(order),
        }
        subject = gettext("We have returned your Pix: %(event)s") % {"event": order.event.name}
        return _compose(order, "pix_returned", subject, context)


def _is_on_sale(event: Event, now: datetime) -> bool:
    try:
        check_on_sale(event, now)
    except Refusal:
        return False
    return True


def _say_why_returned(order: Order, received: Decimal) -> str:
    if order.status == OrderStatus.PAID:
        return gettext(
            "The order was paid in another way already, and your tickets stay valid. This Pix was a"
            " second payment."
        )
    if received != order.pix.amount:
        return gettext("It was over %(received)s, and the order is over %(amount)s.") % {
            "received": format_money(received, order.currency),
            "amount": format_money(order.pix.amount, order.currency),
        }
    return gettext("It arrived when the tickets were not kept for you any more.")


def _compose(order: Order, name: str, subject: str, context: Mapping[str, Any]) -> HtmlMail:
    return render_event_mail(
        f"tickets/mail/{name}",
        order.event,
        {"order": order, **context},
        subject=subject,
        to=[order.customer_email],
    )


def _describe_refund(notice: Notice) -> dict[str, Any]:
    order, chosen = notice.order, {UUID(pk) for pk in notice.details["tickets"]}
    tickets = list(Ticket.objects.of_order(order.pk).select_related("ticket_type", "order_item"))
    numbers = number_tickets(tickets)
    amount, cash = (Decimal(notice.details.get(name, 0)) for name in ("amount", "cash"))
    left = sum(ticket.status != TicketStatus.REVOKED for ticket in tickets)
    return {
        "amount": format_money(amount + cash, order.currency) if amount + cash else "",
        "arrival": " ".join(
            [
                *([_say_arrival(order.payment.method)] if amount else []),
                *([_say_cash(format_money(cash, order.currency))] if cash else []),
            ]
        ),
        "tickets": [
            {
                "code": readable_code(order.code, numbers[ticket.pk]),
                "ticket_type": ticket.ticket_type.name,
                "holder_name": ticket.holder_name,
                "price": format_money(ticket.price, order.currency)
                if ticket.price
                else gettext("free"),
            }
            for ticket in tickets
            if ticket.pk in chosen
        ],
        "left": ngettext(
            "Your other ticket stays valid.", "Your other %(count)d tickets stay valid.", left
        )
        % {"count": left}
        if left
        else "",
    }


def _say_cash(cash: str) -> str:
    """Return in a sentence how the part of a refund that staff took by hand is given back."""
    return gettext(
        "You paid %(cash)s of it in cash, so the organizer gives you that back by hand. Reply to"
        " this email to agree how."
    ) % {"cash": cash}


def _say_arrival(method: str) -> str:
    """Return in a sentence when and where a refund arrives."""
    if method == PaymentMethod.CARD:
        return gettext(
            "The money goes back to the card that paid. Depending on your bank, it appears on one"
            " of the next two statements."
        )
    if method == PaymentMethod.PIX:
        return gettext(
            "The money goes back by Pix to the account that paid: usually within minutes, at the"
            " latest on the next business day."
        )
    if method == PaymentMethod.CASH:
        return gettext(
            "You paid in cash, so the organizer gives you the money back. Reply to this email to"
            " agree how."
        )
    return gettext("The money goes back in the way you paid. Ask the organizer for details.")


def _describe_changes(event: Event, known: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what changed, with its old and its new text. What has the old value again is none."""
    old = Event(**{name: getattr(event, name) for name in (*_TIME, *_PLACE)})
    for name, value in known.items():
        setattr(old, name, parse_datetime(value) if name == "starts_at" else value)
    # The zone is in the mail's list of facts too: here only a new one matters.
    zones = old.timezone != event.timezone
    times = {"old": _say_time(old, zones), "new": _say_time(event, zones)}
    said = [
        {"what": gettext("Date and time"), **times},
        {"what": gettext("Place"), "old": _say_place(old), "new": _say_place(event)},
    ]
    return [change for change in said if change["old"] != change["new"]]


_TIME = ("starts_at", "timezone")
_PLACE = ("venue", "address", "city")


def _say_time(event: Event, with_zone: bool) -> str:  # noqa: FBT001 - private
    shown = show_start(event)
    text = f"{shown['day']}, {shown['hour']}"
    return f"{text} ({shown['zone']})" if with_zone else text


def _say_place(event: Event) -> str:
    return ", ".join(filter(None, (event.venue, event.address, event.city)))
