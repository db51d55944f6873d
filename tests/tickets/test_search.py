"""The search by `modified_since` finds changed tickets, and no others."""

from datetime import datetime, timedelta

import pytest

from events.models import Event
from tests.make import as_bearer, make_device, make_paid_order, make_ticket
from tests.moments import NOON
from ticketing import clock
from tickets.models import Scan, ScanResult, Ticket, TicketStatus
from tickets.search import TicketFilter, tickets_of_event

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
LONG_AGO = NOON - timedelta(days=9)


def changed(ticket: Ticket) -> list[Ticket]:
    return list(tickets_of_event(ticket.event_id, TicketFilter(modified_since=NOON)))


def old_ticket() -> Ticket:
    ticket = make_ticket()
    Ticket.objects.filter(pk=ticket.pk).update(created_at=LONG_AGO)
    return ticket


def revoke(ticket: Ticket, **moments: datetime) -> None:
    Ticket.objects.filter(pk=ticket.pk).update(status=TicketStatus.REVOKED, **moments)


@pytest.mark.parametrize(("offset", "found"), [(timedelta(0), True), (-HOUR, False)])
def test_a_change_exactly_at_modified_since_is_found_and_an_earlier_one_is_not(
    offset: timedelta,
    found: bool,  # noqa: FBT001
):
    made, revoked, refunded = (old_ticket() for _ in range(3))
    Ticket.objects.filter(pk=made.pk).update(created_at=NOON + offset)
    revoke(revoked, revoked_at=NOON + offset)
    revoke(refunded, revoked_at=LONG_AGO, refunded_at=NOON + offset)

    assert [changed(each) for each in (made, revoked, refunded)] == [
        [made] * found, [revoked] * found, [refunded] * found,
    ]  # fmt: skip


@pytest.mark.parametrize("column", ["recorded_at", "undone_at"])
def test_an_admission_and_its_undo_are_changes(column: str):
    ticket = old_ticket()
    as_bearer(make_device(ticket.event)).post("/tickets/validate", {"code": ticket.code})
    Scan.objects.update(recorded_at=LONG_AGO)
    assert changed(ticket) == []

    Scan.objects.update(**{column: NOON})

    assert changed(ticket) == [ticket]


def test_words_are_a_qr_code_the_code_of_an_order_or_part_of_a_name():
    order, other = make_paid_order(quantity=2), make_paid_order()
    first, second = Ticket.objects.of_order(order.pk)
    Ticket.objects.filter(pk=second.pk).update(holder_name="Zoé Prado")
    of_other = other.tickets.get()

    def found(words: str) -> set[object]:
        return {each.pk for each in tickets_of_event(order.event_id, TicketFilter(words=words))}

    both = {first.pk, second.pk}
    assert (found(""), found(order.code.lower())) == (both, both)
    assert (found("zoé p"), found(first.code)) == ({second.pk}, {first.pk})
    assert found(of_other.code) == found(other.code) == set()


def test_a_page_begins_after_the_last_ticket_of_the_page_before():
    order = make_paid_order(quantity=4)
    Ticket.objects.update(created_at=NOON)
    first, second, third, fourth = Ticket.objects.of_order(order.pk).order_by("pk")
    # It changed later, so it comes after the others, whatever its id is.
    Ticket.objects.filter(pk=first.pk).update(created_at=NOON + HOUR)

    def page(after: Ticket | None = None) -> list[Ticket]:
        wanted = TicketFilter(modified_since=NOON, after=after.pk if after else None)
        return list(tickets_of_event(order.event_id, wanted))

    assert page() == [second, third, fourth, first]
    assert page(after=third) == [fourth, first]
    assert page(after=fourth) == [first]


def test_the_gate_of_a_ticket_is_the_one_that_has_admitted_it():
    first, second = Ticket.objects.of_order(make_paid_order(quantity=2).pk)
    devices = {
        gate: as_bearer(make_device(first.event, gate=gate)) for gate in ("North", "South", "West")
    }
    for ticket, gate in ((first, "North"), (first, "West"), (second, "South")):
        devices[gate].post("/tickets/validate", {"code": ticket.code})

    def gates() -> dict[object, str]:
        return {each.pk: each.gate for each in tickets_of_event(first.event_id, TicketFilter())}

    assert gates() == {first.pk: "North", second.pk: "South"}
    Scan.objects.filter(gate="North").update(undone_at=NOON)
    assert gates() == {first.pk: None, second.pk: "South"}


def test_a_refused_scan_is_not_a_change():
    ticket = old_ticket()
    Event.objects.update(checkin_starts_at=clock.now() + HOUR)
    as_bearer(make_device(ticket.event)).post("/tickets/validate", {"code": ticket.code})
    refused = Scan.objects.get(ticket=ticket)
    assert (refused.result, refused.recorded_at > NOON) == (ScanResult.NOT_YET_OPEN, True)

    assert changed(ticket) == []
