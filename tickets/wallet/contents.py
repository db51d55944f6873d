"""What a pass of either wallet says about a ticket, in the active language."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils import translation

from events.models import EventStatus
from events.wording import show_money
from orders.models import Order
from ticketing.clock import zone_named
from ticketing.pages.accent import Rgb, contrast
from tickets.documents.drawing import ACCENT
from tickets.models import Ticket, TicketStatus
from tickets.ticket_codes import readable_code

_WHITE, _INK = (0xFF, 0xFF, 0xFF), (0x14, 0x16, 0x1A)
# What both wallets show of a longer text is cut anyway, and a link must not be too long.
_LONGEST: Final = 90


@dataclass(frozen=True, slots=True)
class PassContents:
    """What one ticket says. `starts_at` and `ends_at` are in the event's time zone."""

    language: str
    organizer: str
    event: str
    starts_at: datetime
    ends_at: datetime
    venue: str
    address: str
    ticket_type: str
    price: str
    holder: str
    order_code: str
    readable_code: str
    code: str
    # Phones show such a pass as crossed out.
    is_void: bool
    back: Rgb
    ink: Rgb


def describe_pass(order: Order, ticket: Ticket, number: int) -> PassContents:
    """Return what a pass says about a ticket of an order."""
    event = order.event
    zone = zone_named(event.timezone)
    red, green, blue = bytes.fromhex((event.organizer.accent_color or ACCENT).removeprefix("#"))
    back = (red, green, blue)
    return PassContents(
        language=translation.get_language() or order.language,
        organizer=event.organizer.name[:_LONGEST],
        event=event.name[:_LONGEST],
        starts_at=event.starts_at.astimezone(zone),
        ends_at=event.ends_at.astimezone(zone),
        venue=event.venue[:_LONGEST],
        address=", ".join(filter(None, (event.address, event.city)))[:_LONGEST],
        ticket_type=ticket.ticket_type.name[:_LONGEST],
        price=show_money(ticket.price, order.currency),
        holder=ticket.holder_name[:_LONGEST],
        order_code=order.code,
        readable_code=readable_code(order.code, number),
        code=ticket.code,
        is_void=ticket.status == TicketStatus.REVOKED or event.status == EventStatus.CANCELLED,
        back=back,
        ink=max((_WHITE, _INK), key=lambda ink: contrast(ink, back)),
    )
