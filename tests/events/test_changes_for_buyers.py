"""What of a changed event is recorded for its buyers, and when it counts as told."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction

from events.changes_for_buyers import note_buyers_told, record_change_for_buyers, told_values
from events.models import ChangeForBuyers, Event, EventStatus
from tests.make import make_event
from tests.moments import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def record(event: Event, *, now: datetime, venue: str = "Fundição Progresso") -> int:
    """Record that an event was at another venue before. Return how many changes are recorded."""
    before = told_values(event) | {"venue": venue}
    with transaction.atomic():
        record_change_for_buyers(event=event, before=before, now=now)
    return ChangeForBuyers.objects.count()


def test_a_change_is_recorded_while_the_event_is_on_sale_and_not_over():
    event, draft = make_event(), make_event(status=EventStatus.DRAFT)
    last = event.ends_at - timedelta(seconds=1)

    assert record(draft, now=last) == 0
    assert record(event, now=last, venue=event.venue) == 0
    assert record(event, now=event.ends_at) == 0
    assert record(event, now=last) == 1
    change = ChangeForBuyers.objects.get()
    assert (change.event, change.changed_at) == (event, last)
    assert change.before == {"venue": "Fundição Progresso"}


def test_a_change_counts_as_told_at_the_first_time_and_others_do_not():
    event = make_event()
    told, other = (
        ChangeForBuyers.objects.create(
            event=event, changed_at=NOON, before={}, ask_again_at=NOON, told_at=None
        )
        for _ in range(2)
    )

    for later in range(2):
        note_buyers_told(change_id=told.pk, now=NOON + timedelta(hours=later))

    rows = dict(ChangeForBuyers.objects.values_list("pk", "told_at"))
    assert rows == {told.pk: NOON, other.pk: None}
