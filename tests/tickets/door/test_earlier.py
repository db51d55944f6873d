"""A repeated scan: it gets the whole first result, and its device's decision once."""

from dataclasses import replace
from typing import Any

import pytest

from tests.make import make_paid_order
from tests.moments import NOON
from ticketing.ids import new_id
from tickets.door.checkin import check_in_ticket
from tickets.door.earlier import ScanIdReused
from tickets.door.scans import CheckIn, ScannedCode, Scanner
from tickets.models import Decision, Direction, Scan, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def take(scanned: ScannedCode) -> CheckIn:
    return check_in_ticket(scanned=scanned, scanner=Scanner("token:1"), now=NOON)


def test_a_repeat_gets_the_whole_first_result():
    first, *_others = Ticket.objects.of_order(make_paid_order(quantity=3).pk)

    for decision, result, unused in ((Decision.REFUSED, "turned_away", 0), (None, "admitted", 2)):
        scanned = ScannedCode(new_id(), first.code, "North", NOON, decision=decision)
        told, again = take(scanned), take(scanned)
        assert (told.result, told.unused) == (result, unused)
        assert again == told


@pytest.mark.parametrize("other", [{"code": "T1:FORGED"}, {"direction": Direction.EXIT}])
def test_an_id_belongs_to_one_code_in_one_direction(other: Any):
    scanned = ScannedCode(new_id(), "no code of ours", "North", NOON)
    take(scanned)

    with pytest.raises(ScanIdReused):
        take(replace(scanned, **other))


def test_a_decision_that_is_reported_late_is_of_its_scan_only():
    scans = [ScannedCode(new_id(), "no code of ours", "North", NOON) for _ in range(2)]
    for scanned in scans:
        take(scanned)

    late = ScannedCode(scans[0].scan_id, scans[0].code, "", NOON, decision=Decision.ADMITTED)
    assert take(late).is_conflict is True

    decisions = dict(Scan.objects.values_list("scan_id", "decision"))
    assert decisions == {scans[0].scan_id: "admitted", scans[1].scan_id: ""}
