"""Copy an event together with its promo codes."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from events.cloning import clone_event, copied_fields, move_times, types_by_source
from events.models import Event, TicketType
from orders.promo_code import PromoCode
from ticketing.actors import Actor, record_acts
from ticketing.models import ActType

_AT_ONCE: Final = 500
_OF_ONE_CODE: Final = frozenset({"id", "event", "revision", "created_at"})


def clone_event_with_promo_codes(
    *, event_id: UUID, name: str, starts_at: datetime, actor: Actor, now: datetime
) -> Event:
    """
    Do what `clone_event` does, and copy the event's promo codes. Nobody has used the copies yet.

    Their periods move with the start, and they are about the copies of their ticket types. A code
    whose types are all deleted is left out: it would become one for all types.
    """
    with transaction.atomic():
        source = Event.objects.get(pk=event_id)
        clone = clone_event(event_id=event_id, name=name, starts_at=starts_at, actor=actor, now=now)
        types = types_by_source(source, clone)
        promos = PromoCode.objects.filter(event=source).order_by("created_at", "pk")
        copies = [copy for promo in promos if (copy := _copy(promo, clone, types))]
        for start in range(0, len(copies), _AT_ONCE):
            made = copies[start : start + _AT_ONCE]
            for copy in made:
                move_times(copy, source, starts_at)
            PromoCode.objects.bulk_create(made)
            record_acts(
                act=ActType.PROMO_CODE_CREATED,
                actor=actor,
                subject_ids=[copy.pk for copy in made],
                organizer_id=clone.organizer_id,
                at=now,
                details={"event": str(clone.pk)},
            )
    return clone


def _copy(promo: PromoCode, clone: Event, types: Mapping[UUID, TicketType]) -> PromoCode | None:
    copy = PromoCode(**copied_fields(promo, _OF_ONE_CODE), event=clone)
    copy.ticket_types = _renamed(promo.ticket_types, types)
    copy.unlocked_types = _renamed(promo.unlocked_types, types)
    lost_all = (promo.ticket_types and not copy.ticket_types) or (
        promo.unlocked_types and not copy.unlocked_types
    )
    return None if lost_all else copy


def _renamed(kind_ids: Collection[UUID], types: Mapping[UUID, TicketType]) -> list[UUID]:
    return [types[kind_id].pk for kind_id in kind_ids if kind_id in types]
