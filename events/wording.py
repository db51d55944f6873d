"""Text in the active language, for mails and pages: an event's start, prices, reply addresses."""

from datetime import datetime
from decimal import Decimal
from email.headerregistry import Address
from email.utils import parseaddr

from django.conf import settings
from django.utils import formats
from django.utils.translation import gettext, ngettext

from events.models import Event, Organizer
from events.time_zones import name_clock
from ticketing.addresses import can_be_mailed, tidy_address
from ticketing.clock import zone_named
from ticketing.money import format_money


def show_start(event: Event) -> dict[str, str]:
    """Return the `day`, `hour` and `zone` of an event's start, in the event's time zone."""
    starts_at = event.starts_at.astimezone(zone_named(event.timezone))
    return {
        "day": formats.date_format(starts_at, gettext("l, F j, Y")),
        "hour": show_hour(starts_at),
        "zone": f"{name_clock(event.timezone)}, UTC{_offset(starts_at.strftime('%z'))}",
    }


def say_left(count: int) -> str:
    """Return how many tickets are left."""
    return ngettext("%(number)s left", "%(number)s left", count) % {"number": count}


def show_hour(moment: datetime) -> str:
    """Return the time of day of a moment, in the moment's own time zone."""
    return formats.date_format(moment, gettext("g:i A"))


def show_deadline(event: Event, closes_at: datetime) -> str:
    """Return the day and the time of day of a deadline, in the event's time zone."""
    local = closes_at.astimezone(zone_named(event.timezone))
    return f"{formats.date_format(local, 'DATE_FORMAT')}, {show_hour(local)}"


def public_address(event: Event) -> str:
    """Return the address of an event's page for everybody."""
    return f"{settings.PUBLIC_URL}/e/{event.slug}"


def show_money(amount: Decimal, currency: str) -> str:
    """Return the price of an order for the active language: "free" instead of zero."""
    return format_money(amount, currency) if amount else gettext("free")


def sender_of(organizer: Organizer) -> str:
    """Return the `From` of mails about an organizer's events: its name, at the site's address."""
    site, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    name = f"{organizer.name} via {site}" if site else organizer.name
    return str(Address(name, addr_spec=address))


def reply_to_addresses(organizer: Organizer) -> list[str]:
    """Return the `Reply-To` of mails about an organizer's events. It may be empty."""
    if not can_be_mailed(organizer.email):
        return []
    return [str(Address(organizer.name, addr_spec=tidy_address(organizer.email)))]


def _offset(offset: str) -> str:
    """Return an offset such as "+0530" in the form "+5:30", and "+0300" in the form "+3"."""
    hours = f"{offset[0].replace('-', '−')}{int(offset[1:3])}"
    return hours if offset[3:] == "00" else f"{hours}:{offset[3:]}"
