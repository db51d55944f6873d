"""An event for a buyer's calendar, as iCalendar (RFC 5545), in the active language."""

import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext

from events.models import EventStatus
from events.wording import public_address
from orders.models import Order

CALENDAR_TYPE: Final = "text/calendar"
# RFC 5545, 3.1: a longer line is folded. It is counted in octets, without the line break.
_LONGEST_LINE: Final = 75


def render_calendar(*, order: Order, now: datetime) -> bytes:
    """
    Return the event of an order as an iCalendar file.

    Its times are in UTC, so it needs no rules of a time zone, and each calendar shows its own. A
    calendar that has the event already updates it: the UID stays, and SEQUENCE is the event's
    revision.
    """
    event = order.event
    cancelled = event.status == EventStatus.CANCELLED
    place = ", ".join(filter(None, (event.venue, event.address, event.city)))
    note = gettext("Order %(code)s. Your tickets are in our email.") % {"code": order.code}
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Bilheteria//Bilheteria//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{event.pk}@{urlsplit(settings.PUBLIC_URL).hostname}",
        f"SEQUENCE:{event.revision}",
        f"DTSTAMP:{_moment(now)}",
        f"DTSTART:{_moment(event.starts_at)}",
        f"DTEND:{_moment(event.ends_at)}",
        f"SUMMARY:{_escape(event.name)}",
        f"LOCATION:{_escape(place)}",
        f"DESCRIPTION:{_escape(note)}",
        f"URL:{public_address(event)}",
        f"STATUS:{'CANCELLED' if cancelled else 'CONFIRMED'}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return b"".join(_fold(line) for line in lines)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _escape(text: str) -> str:
    escaped = re.sub(r"([\\;,])", r"\\\1", text)
    return re.sub(r"\r\n?|\n", r"\\n", escaped)


def _fold(line: str) -> bytes:
    """Return a line in parts that begin with a space, without cutting through a letter."""
    parts, part = [], b""
    for letter in line:
        octets = letter.encode()
        if len(part) + len(octets) > _LONGEST_LINE:
            parts.append(part)
            part = b" "
        part += octets
    return b"\r\n".join([*parts, part]) + b"\r\n"
