"""How an event's facts are written in the active language: in mails and on pages."""

from datetime import datetime
from decimal import Decimal
from email.headerregistry import Address

from django.utils import formats
from django.utils.translation import gettext

from events.models import Event, Organizer
from ticketing.addresses import can_be_mailed, tidy_address
from ticketing.clock import zone_named

_SYMBOLS = {"BRL": "R$", "USD": "US$", "EUR": "€"}


def show_start(event: Event) -> dict[str, str]:
    """Return the `day`, the `hour` and the `zone` of an event's start, by its own clock."""
    starts_at = event.starts_at.astimezone(zone_named(event.timezone))
    return {
        "day": formats.date_format(starts_at, gettext("l, F j, Y")),
        "hour": show_hour(starts_at),
        "zone": f"{event.timezone.replace('_', ' ')}, UTC{_offset(starts_at.strftime('%z'))}",
    }


def show_hour(moment: datetime) -> str:
    """Return the time of day of a moment, by the clock that it was given with."""
    return formats.date_format(moment, gettext("g:i A"))


def show_money(amount: Decimal, currency: str) -> str:
    """Return an amount as the active language writes it."""
    if not amount:
        return gettext("free")
    number = formats.number_format(amount, decimal_pos=2, force_grouping=True)
    return f"{_SYMBOLS.get(currency, currency)} {number}"


def reply_to_addresses(organizer: Organizer) -> list[str]:
    """Return where answers to our mails go: nowhere, if no mail can reach the organizer."""
    if not can_be_mailed(organizer.email):
        return []
    return [str(Address(organizer.name, addr_spec=tidy_address(organizer.email)))]


def _offset(offset: str) -> str:
    hours = f"{offset[0].replace('-', '−')}{int(offset[1:3])}"
    return hours if offset[3:] == "00" else f"{hours}:{offset[3:]}"
