"""The mails about a requested refund: to the organizer, and to the buyer if it is declined."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext, ngettext

from events.event_mail import render_event_mail
from orders.page_link import order_link
from ticketing.letters import HtmlMail
from ticketing.money import format_money
from tickets.refund import sum_of_refund
from tickets.refund_request_record import RefundRequest


def compose_request_mail(request: RefundRequest) -> HtmlMail:
    """Return the mail that asks the organizer for a decision."""
    order = request.order
    organizer = order.event.organizer
    with translation.override(settings.LANGUAGE_CODE):
        amount = sum_of_refund(order_id=order.pk, ticket_ids=request.ticket_ids)
        count = len(request.ticket_ids)
        tickets = ngettext("%(count)d ticket", "%(count)d tickets", count) % {"count": count}
        page = reverse("admin:tickets_refundrequest_change", args=[request.pk])
        context = {
            "heading": gettext("A buyer asks for a refund"),
            "lead": gettext("Order %(code)s: %(tickets)s, %(amount)s.")
            % {
                "code": order.code,
                "tickets": tickets,
                "amount": format_money(amount, order.currency),
            },
            "quote": request.reason,
            "button": gettext("Decide"),
            "link": f"{settings.PUBLIC_URL}{page}",
        }
        subject = gettext("Refund requested: order %(code)s, %(event)s")
        # The organizer's own address is no use as the one to reply to.
        return _compose(request, subject, context, to=[organizer.email], reply_to=[])


def compose_decline_mail(request: RefundRequest) -> HtmlMail:
    """Return the mail that tells the buyer that the request was declined."""
    order = request.order
    with translation.override(order.language):
        context = {
            "heading": gettext("Your tickets stay valid"),
            "lead": gettext(
                "The organizer has declined the refund of order %(code)s. You keep your tickets."
            )
            % {"code": order.code},
            "quote": request.answer,
            "to_buyer": True,
            "button": gettext("See the order"),
            "link": order_link(order),
        }
        subject = gettext("Your refund was declined: order %(code)s, %(event)s")
        return _compose(request, subject, context, to=[order.customer_email])


def _compose(
    request: RefundRequest, subject: str, context: dict[str, Any], **options: Any
) -> HtmlMail:
    order = request.order
    return render_event_mail(
        "tickets/mail/refund_request",
        order.event,
        {"order": order, **context},
        subject=subject % {"code": order.code, "event": order.event.name},
        **options,
    )
