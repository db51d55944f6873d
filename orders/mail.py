"""The mail that asks a buyer to confirm the email address of a free order."""

from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Sum
from django.utils import translation
from django.utils.translation import gettext, ngettext

from events.event_mail import render_event_mail
from events.wording import show_hour
from orders.models import Order
from ticketing.clock import zone_named
from ticketing.letters import HtmlMail


def compose_confirmation_mail(*, order: Order, token: str) -> HtmlMail:
    """
    Return the mail with the link, for the caller to send.

    Anybody can order with somebody else's address. So the mail shows no text from the request, such
    as the customer's name.
    """
    with translation.override(order.language):
        context = _describe(order) | {
            "link": f"{settings.PUBLIC_URL}/orders/{order.pk}/confirmation?"
            + urlencode({"token": token}),
        }
        subject = gettext("Confirm your email address: %(event)s") % {"event": order.event.name}
        return render_event_mail(
            "orders/mail/confirmation",
            order.event,
            context,
            subject=subject,
            to=[order.customer_email],
        )


def _describe(order: Order) -> dict[str, object]:
    count = order.items.aggregate(Sum("quantity"))["quantity__sum"]
    until = order.reserved_until.astimezone(zone_named(order.event.timezone))
    return {
        "order": order,
        "count": ngettext("%(count)d ticket", "%(count)d tickets", count) % {"count": count},
        "until": show_hour(until),
    }
