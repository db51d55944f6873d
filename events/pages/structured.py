"""An event in the words of schema.org, for search engines."""

import json
from datetime import datetime
from typing import Any, Final

from django.utils.safestring import SafeString, mark_safe

from events.models import Event, EventStatus, TicketType
from events.pages.live import LiveEvent
from events.pages.sales import state_of_sales
from events.pictures import own_picture
from events.wording import public_address
from ticketing.clock import zone_named

_SCHEMA: Final = "https://schema.org"
_AVAILABILITY: Final = {"not_started": "PreOrder", "ended": "OutOfStock", "on_sale": "InStock"}
# So that no text of an organizer can end the element, as Django's `json_script` does.
_ESCAPES: Final = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}


def describe_for_machines(live: LiveEvent, now: datetime) -> dict[str, Any]:
    """Return an event with its offers as schema.org's `Event`, as JSON has it."""
    event = live.cached.event
    kinds = [kind for kind in live.cached.types.values() if not kind.is_hidden]
    document: dict[str, Any] = {
        "@context": _SCHEMA,
        "@type": "Event",
        "name": event.name,
        "url": public_address(event),
        "startDate": _moment(event.starts_at, event),
        "endDate": _moment(event.ends_at, event),
        "eventStatus": f"{_SCHEMA}/{_status(live)}",
        "eventAttendanceMode": f"{_SCHEMA}/OfflineEventAttendanceMode",
        "location": {
            "@type": "Place",
            "name": event.venue,
            "address": {
                "@type": "PostalAddress",
                "streetAddress": event.address,
                "addressLocality": event.city,
            },
        },
        "organizer": {"@type": "Organization", "name": event.organizer.name},
        "image": [own_picture(event, 1600) or f"{public_address(event)}/card.png"],
    }
    if event.description:
        document["description"] = event.description
    if live.earlier_start is not None:
        document["previousStartDate"] = _moment(live.earlier_start, event)
    if event.status == EventStatus.PUBLISHED and event.ends_at > now:
        document["offers"] = [_offer(kind, live, event, now) for kind in kinds]
    return document


def as_json_ld(document: dict[str, Any]) -> SafeString:
    """
    Return the document for an element `script`, which the policy of our pages allows.

    Browsers run no data, so the policy needs neither a hash nor a nonce for it.
    """
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return mark_safe(text.translate(_ESCAPES))  # noqa: S308 - all that could end the element is escaped


def _status(live: LiveEvent) -> str:
    if live.cached.event.status == EventStatus.CANCELLED:
        return "EventCancelled"
    return "EventScheduled" if live.earlier_start is None else "EventRescheduled"


def _offer(kind: TicketType, live: LiveEvent, event: Event, now: datetime) -> dict[str, Any]:
    state = state_of_sales(event, now)
    state = state_of_sales(kind, now) if state == "on_sale" else state
    availability = _AVAILABILITY[state]
    if state == "on_sale" and not live.left.get(kind.pk):
        availability = "SoldOut"
    offer = {
        "@type": "Offer",
        "name": kind.name,
        "price": f"{kind.price:.2f}",
        "priceCurrency": event.currency,
        "availability": f"{_SCHEMA}/{availability}",
        "url": public_address(event),
    }
    opens = kind.sales_start_at or event.sales_start_at
    return offer | ({"validFrom": _moment(opens, event)} if opens else {})


def _moment(moment: datetime, event: Event) -> str:
    return moment.astimezone(zone_named(event.timezone)).isoformat(timespec="seconds")
