"""The mail with a link to all orders of an address."""

from urllib.parse import urlencode

from django.conf import settings
from django.utils import formats, timezone, translation
from django.utils.translation import gettext

from events.time_zones import name_clock
from events.wording import show_hour
from ticketing.clock import zone_named
from ticketing.letters import HtmlMail
from ticketing.mail_templates import render_mail
from tickets.order_list_record import OrderListMail


def compose_order_list_mail(asked: OrderListMail, token: str) -> HtmlMail:
    """Return the mail, for the caller to send. It names no order: the page behind the link does."""
    with translation.override(asked.language):
        until = timezone.localtime(asked.expires_at, zone_named(settings.PAGES_TIME_ZONE))
        context = {
            "link": f"{settings.PUBLIC_URL}/find/{asked.pk}/?{urlencode({'token': token})}",
            "day": formats.date_format(until),
            "hour": show_hour(until),
            "zone": name_clock(settings.PAGES_TIME_ZONE),
        }
        return render_mail(
            "tickets/mail/order_list",
            context,
            subject=gettext("Your tickets: the link to all your orders"),
            to=[asked.email],
        )
