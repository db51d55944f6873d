"""What the page of an event shows: what, when, where, and what tickets cost."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.utils import formats
from django.utils.translation import get_language, gettext

from events.models import Event, TicketType
from events.pages.live import LiveEvent
from events.pages.sales import state_of_event, state_of_sales
from events.pages.structured import as_json_ld, describe_for_machines
from events.pictures import own_picture
from events.wording import public_address, show_hour, show_money, show_start
from ticketing.clock import zone_named

_LONGEST_NIGHT: Final = timedelta(hours=16)


def describe_event(live: LiveEvent, now: datetime) -> dict[str, Any]:
    """Return the template context of an event, in the active language."""
    event, earlier = live.cached.event, live.earlier_start
    picture, language = own_picture(event, 800), get_language() or settings.LANGUAGE_CODE
    return {
        "event": event,
        "organizer": event.organizer,
        "start": show_start(event),
        "end": _show_end(event),
        "picture": picture,
        "large_picture": own_picture(event, 1600),
        "map_link": _map_link(event),
        "earlier": _show_moment(earlier, event),
        "card": f"{public_address(event)}/card.png?lang={language}&v={event.revision}",
        "structured": as_json_ld(describe_for_machines(live, now)),
        "state": state_of_event(event, now),
        "opens": _show_moment(event.sales_start_at, event),
    }


def describe_types(
    live: LiveEvent,
    offered: Mapping[UUID, TicketType],
    prices: Mapping[UUID, Any],
    now: datetime,
) -> list[dict[str, Any]]:
    """
    Return what the page shows of each ticket type, in the order of the event.

    :param prices: the prices of types that a promo code makes cheaper
    """
    event = live.cached.event
    return [_describe_type(kind, live, event, prices, now) for kind in offered.values()]


def _describe_type(
    kind: TicketType,
    live: LiveEvent,
    event: Event,
    prices: Mapping[UUID, Any],
    now: datetime,
) -> dict[str, Any]:
    left = live.left.get(kind.pk, 0)
    state = state_of_sales(kind, now)
    if state == "on_sale" and not left:
        state = "sold_out"
    until = live.returns.get(kind.pk)
    price = prices.get(kind.pk, kind.price)
    limit = min(kind.max_per_order or event.max_per_order, event.max_per_order)
    return {
        "id": kind.pk,
        "name": kind.name,
        "price": show_money(price, event.currency),
        "amount": price,
        "list_price": show_money(kind.price, event.currency) if price != kind.price else "",
        "state": state,
        "left": left,
        "number": formats.number_format(left, force_grouping=True),
        "limit": limit,
        "most": min(limit, left),
        "own_limit": kind.max_per_order,
        "opens": _show_moment(kind.sales_start_at, event),
        "returns": _show_moment(until, event) if until is not None and until > now else "",
    }


def _show_end(event: Event) -> str:
    """Return the time of the end, with the day if the event is longer than a night."""
    if event.ends_at - event.starts_at > _LONGEST_NIGHT:
        return _show_moment(event.ends_at, event)
    return show_hour(event.ends_at.astimezone(zone_named(event.timezone)))


def _show_moment(moment: datetime | None, event: Event) -> str:
    """Return the day and the time of a moment in the event's time zone, without the year."""
    if moment is None:
        return ""
    local = moment.astimezone(zone_named(event.timezone))
    day = formats.date_format(local, gettext("F j"))
    return gettext("%(day)s, %(hour)s") % {"day": day, "hour": show_hour(local)}


def _map_link(event: Event) -> str:
    place = ", ".join(filter(None, [event.venue, event.address, event.city]))
    return f"https://www.openstreetmap.org/search?{urlencode({'query': place})}"
