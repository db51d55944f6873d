"""What a member may be told about: the member's events, what is sold out, the next morning."""

from datetime import datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import CharField, Exists, F, OuterRef, QuerySet
from django.db.models.functions import Cast

from events.models import Event, EventStatus, Membership, TicketType
from ticketing.clock import zone_named
from tickets.notices.member_models import DailySummary, MemberNotice, MemberNoticeKind

# When members begin to work.
MORNING: Final = time(8)


def events_of(membership: Membership) -> QuerySet[Event]:
    """Return the events that a member sees."""
    events = Event.objects.filter(organizer=membership.organizer_id)
    return events.filter(limited_members=membership) if membership.only_some_events else events


def newly_sold_out(membership: Membership, *, now: datetime) -> list[UUID]:
    """Return the ids of sold-out ticket types on sale that the member was not told about."""
    told = MemberNotice.objects.filter(
        membership=membership, kind=MemberNoticeKind.SOLD_OUT, cause=OuterRef("key")
    )
    on_sale = events_of(membership).filter(status=EventStatus.PUBLISHED, ends_at__gt=now)
    kinds = TicketType.objects.filter(event__in=on_sale.order_by(), sold__gte=F("capacity"))
    with_key = kinds.annotate(key=Cast("pk", CharField())).filter(~Exists(told))
    return list(with_key.order_by("event__starts_at", "number").values_list("pk", flat=True))


def zone_of_organizer(organizer_id: UUID) -> ZoneInfo:
    """Return the time zone of an organizer: that of its latest event."""
    zones = Event.objects.filter(organizer=organizer_id).order_by("-starts_at", "pk")
    return zone_named(zones.values_list("timezone", flat=True).first() or Event().timezone)


def summary_of_next_morning(*, organizer_id: UUID, now: datetime) -> None:
    """Write the row of an organizer's next summary, unless it has one. It begins with today."""
    zone = zone_of_organizer(organizer_id)
    today = now.astimezone(zone).date()
    morning = today + timedelta(days=1)
    DailySummary.objects.bulk_create(
        [
            DailySummary(
                organizer_id=organizer_id,
                day=morning,
                first_day=today,
                due_at=datetime.combine(morning, MORNING, tzinfo=zone),
            )
        ],
        ignore_conflicts=True,
    )
