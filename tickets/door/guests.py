"""Find and count the guests of an event: who has entered, and who is missing."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum

from events.models import Event
from tickets.codes import read_ticket_id
from tickets.figures import read_entries
from tickets.models import Ticket, TicketStatus
from tickets.ticket_codes import find_ticket_id

_ADMITTING = [TicketStatus.VALID, TicketStatus.USED]


class Presence(StrEnum):
    ALL = "all"
    ENTERED = "entered"
    MISSING = "missing"


# The list counts its guests one by one up to here, and shows no more of them: search instead.
MOST_GUESTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class GuestCounts:
    """How many tickets of an event admit somebody. Revoked and replaced ones do not count."""

    entered: int
    missing: int

    @property
    def total(self) -> int:
        return self.entered + self.missing


def count_guests(event: Event, *, most: int = MOST_GUESTS) -> GuestCounts:
    """
    Count an event's tickets by whether they were used.

    If there are more than `most`, return what the event's dashboard shows: tickets sold, and
    admissions. There, a ticket that was refunded after its use counts as entered.
    """
    counts = GuestCounts(
        **_guests(event.pk)
        .order_by()[: most + 1]
        .aggregate(
            entered=Count("pk", filter=Q(status=TicketStatus.USED)),
            missing=Count("pk", filter=Q(status=TicketStatus.VALID)),
        )
    )
    if counts.total <= most:
        return counts
    entered = read_entries(event).admitted
    sold = event.ticket_types.aggregate(sum=Sum("sold"))["sum"]
    return GuestCounts(entered=entered, missing=max(0, sold - entered))


def find_guests(
    event_id: UUID, *, presence: Presence, words: str, with_email: bool
) -> QuerySet[Ticket]:
    """
    Return the tickets of an event that match, by name.

    `words` is the text of a QR code, a ticket's code such as `YD8X2B-1`, an order's code, a part of
    the holder's or the customer's name, or the customer's email if `with_email`.
    """
    tickets = _guests(event_id).select_related("order", "ticket_type")
    if presence is Presence.ENTERED:
        tickets = tickets.filter(status=TicketStatus.USED)
    if presence is Presence.MISSING:
        tickets = tickets.filter(status=TicketStatus.VALID)
    words = words.replace("\0", "").strip()
    if words:
        tickets = tickets.filter(_matches(event_id, words, with_email))
    return tickets.order_by("holder_name", "order_id", "number", "pk")


def _guests(event_id: UUID) -> QuerySet[Ticket]:
    return Ticket.objects.filter(event_id=event_id, status__in=_ADMITTING)


def _matches(event_id: UUID, words: str, with_email: bool) -> Q:  # noqa: FBT001 - a right, not a mode
    known = read_ticket_id(words) or find_ticket_id(words, _guests(event_id))
    if known is not None:
        return Q(pk=known)
    found = (
        Q(order__code=words.upper())
        | Q(holder_name__icontains=words)
        | Q(order__customer_name__icontains=words)
    )
    return found | Q(order__customer_email__iexact=words) if with_email else found
