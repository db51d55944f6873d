"""Accepting one offer among several: its own ticket, place, name and record."""

from datetime import timedelta

import pytest
from django.db import connection

from tests.make import make_paid_order, make_ticket, make_transfer
from tests.moments import NOON
from ticketing import clock
from ticketing.models import Act
from tickets.models import Ticket, Transfer
from tickets.transfers.accepting import (
    accept_transfer,
    note_opening_of_transfer,
    ticket_at_place_of,
    ticket_of_transfer,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_acceptance_is_of_one_offer_and_a_repeat_keeps_its_name_and_moment():
    first, second = Ticket.objects.of_order(make_paid_order(quantity=2).pk)
    mine, other = (
        make_transfer(ticket=each, email="bia@example.com", accepted=False)
        for each in (first, second)
    )
    now, stored = clock.now(), list[bool]()

    for name, moment in (("Beatriz", now), ("Bia", now + timedelta(hours=1))):
        accept_transfer(
            transfer_id=mine.pk,
            holder_name=name,
            now=moment,
            store_response=lambda: stored.append(connection.in_atomic_block),
        )

    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.name, mine.accepted_at, other.accepted_at) == ("Beatriz", now, None)
    assert stored == [True, True]
    new = ticket_of_transfer(mine)
    assert new is not None
    assert new.holder_name == "Beatriz"
    act = Act.objects.get(type="ticket.transferred")
    assert act.subject_id == first.pk
    assert act.details == {"replaced_by": str(new.pk), "transfer": str(mine.pk)}


def test_the_first_opening_of_one_link_is_kept():
    opened, other = (
        make_transfer(ticket=make_ticket(), email="bia@example.com", accepted=False)
        for _ in range(2)
    )

    # The second process has read the row before the first one wrote it.
    for minutes in (0, 1):
        note_opening_of_transfer(transfer=opened, now=NOON + timedelta(minutes=minutes))

    assert Transfer.objects.get(pk=opened.pk).opened_at == NOON
    assert Transfer.objects.get(pk=other.pk).opened_at is None


def test_the_present_ticket_of_a_place_is_found_whoever_has_it():
    first, _second = Ticket.objects.of_order(make_paid_order(quantity=2).pk)
    transfer = make_transfer(ticket=first, email="bia@example.com", name="Bia")
    received = ticket_of_transfer(transfer)
    assert received is not None
    # By a process whose clock is slow.
    before = first.created_at - timedelta(seconds=5)
    Ticket.objects.filter(pk=received.pk).update(created_at=before)
    make_ticket()

    assert ticket_at_place_of(transfer) == received
