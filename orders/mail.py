"""The mail that asks a buyer to confirm the email address of a free order."""

from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Sum
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext, ngettext

from events.wording import reply_to_addresses, sender_of, show_hour, show_start
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
        context = describe_free_order(order) | {
            "link": f"{settings.PUBLIC_URL}/orders/{order.pk}/confirmation?"
            + urlencode({"token": token}),
            "language": translation.get_language(),
        }
        subject = gettext("Confirm your email address: %(event)s") % {"event": order.event.name}
        return HtmlMail(
            subject=" ".join(subject.split()),
            body=render_to_string("orders/mail/confirmation.txt", context),
            html=render_to_string("orders/mail/confirmation.html", context),
            from_email=sender_of(order.event.organizer),
            to=[order.customer_email],
            reply_to=reply_to_addresses(order.event.organizer),
        )


def describe_free_order(order: Order) -> dict[str, object]:
    """Return the template context of an order whose address is to be confirmed."""
    event, count = order.event, order.items.aggregate(Sum("quantity"))["quantity__sum"]
    until = order.reserved_until.astimezone(zone_named(event.timezone))
    return {
        "order": order,
        "event": event,
        "organizer": event.organizer,
        "count": ngettext("%(count)d ticket", "%(count)d tickets", count) % {"count": count},
        **show_start(event),
        "until": show_hour(until),
    }
