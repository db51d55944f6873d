"""A repeated scan: it gets the whole first result, and its device's decision once."""

import pytest

from tests.make import make_paid_order
from tests.moments import NOON
from ticketing.ids import new_id
from tickets.door.checkin import check_in_ticket
from tickets.door.scans import CheckIn, ScannedCode, Scanner
from tickets.models import Decision, Scan, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def take(scanned: ScannedCode) -> CheckIn:
    return check_in_ticket(scanned=scanned, scanner=Scanner("token:1"), now=NOON)


def test_a_repeat_says_how_many_came_with_a_guest_who_was_let_in():
    first, *_others = Ticket.objects.of_order(make_paid_order(quantity=3).pk)
    refused, admitted = (
        ScannedCode(new_id(), first.code, "North", NOON, decision=decision)
        for decision in (Decision.REFUSED, None)
    )

    told = [take(scanned) for scanned in (refused, admitted)]

    assert [(each.result, each.unused) for each in told] == [("turned_away", 0), ("admitted", 2)]
    assert take(admitted) == told[1]
    # Its holder is inside meanwhile. Who was turned away is still told of no party.
    assert take(refused).unused == 0


def test_a_decision_that_is_reported_late_is_of_its_scan_only():
    scans = [ScannedCode(new_id(), "no code of ours", "North", NOON) for _ in range(2)]
    for scanned in scans:
        take(scanned)

    late = ScannedCode(scans[0].scan_id, scans[0].code, "", NOON, decision=Decision.ADMITTED)
    assert take(late).is_conflict is True

    decisions = dict(Scan.objects.values_list("scan_id", "decision"))
    assert decisions == {scans[0].scan_id: "admitted", scans[1].scan_id: ""}
