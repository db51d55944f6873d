"""A party enters by one scan: all unused tickets of an order, or none."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from events.models import Gate
from tests.make import (
    SOMEBODY,
    as_bearer,
    make_device,
    make_event,
    make_paid_order,
    make_ticket,
    make_ticket_type,
)
from tests.race import race
from ticketing import clock
from ticketing.ids import new_id
from tickets.door.checkin import check_in_ticket
from tickets.door.earlier import ScanIdReused
from tickets.door.party import PartyChanged, ScannedParty, TicketRefused, admit_party
from tickets.door.scans import CheckIn, ScannedCode, Scanner
from tickets.door.undo import undo_check_in
from tickets.models import Scan, Ticket
from tickets.refund import refund_order
from tickets.replacement import revoke_ticket

pytestmark = pytest.mark.django_db(transaction=True)


def tickets_of_order(quantity: int = 3) -> list[Ticket]:
    return list(Ticket.objects.of_order(make_paid_order(quantity=quantity).pk))


def admit(
    code: str, scan_ids: Sequence[UUID], *, gate: str = "", scanner: Scanner | None = None
) -> list[CheckIn]:
    now = clock.now()
    party = ScannedParty(code, scan_ids, gate, now)
    return admit_party(party=party, scanner=scanner or Scanner("token:1"), now=now)


def scan(ticket: Ticket, scanner: Scanner) -> str:
    scanned = ScannedCode(new_id(), ticket.code, "", clock.now())
    return check_in_ticket(scanned=scanned, scanner=scanner, now=clock.now()).result.value


def ids(count: int) -> list[UUID]:
    return [new_id() for _ in range(count)]


def used() -> int:
    return Ticket.objects.filter(status="used").count()


def test_all_unused_tickets_of_the_order_enter_each_with_a_scan():
    first, *others = tickets_of_order()
    make_ticket(ticket_type=first.ticket_type)
    scan(first, Scanner("token:1"))
    scan_ids = ids(2)

    admitted = admit(first.code, scan_ids, gate="North")

    assert [attempt.scan_id for attempt in admitted] == scan_ids
    assert {attempt.ticket.id for attempt in admitted if attempt.ticket} == {
        ticket.pk for ticket in others
    }
    assert [attempt.unused for attempt in admitted] == [0, 0]
    scans = Scan.objects.filter(scan_id__in=scan_ids)
    assert set(scans.values_list("result", "gate")) == {("admitted", "North")}
    assert used() == 3


def test_a_repeated_party_gets_the_same_scans_and_admits_nobody():
    first, *_others = tickets_of_order()
    scan_ids = ids(3)

    again = [admit(first.code, scan_ids) for _ in range(2)]

    assert again[0] == again[1]
    assert Scan.objects.count() == 3


def test_a_repeated_party_gets_its_first_result_after_an_admission_was_undone_too():
    first, *others = tickets_of_order()
    scan_ids, stored = ids(3), list[Sequence[CheckIn]]()
    admit(first.code, scan_ids)
    undo_check_in(ticket_id=others[0].pk, actor=SOMEBODY, now=clock.now())

    party = ScannedParty(first.code, scan_ids, "", clock.now())
    again = admit_party(
        party=party, scanner=Scanner("token:1"), now=clock.now(), store_response=stored.append
    )

    assert [(each.scan_id, each.unused) for each in again] == [(one, 0) for one in scan_ids]
    assert stored == [again]
    assert used() == 2


def test_a_party_of_another_size_is_refused_with_the_number_of_its_tickets():
    first, *_others = tickets_of_order()

    for count in (2, 4):
        with pytest.raises(PartyChanged, match="3 tickets of the order may enter") as refused:
            admit(first.code, ids(count))
        assert refused.value.details == {"party": {"unused": 3}}
    assert (used(), Scan.objects.count()) == (0, 0)


def test_if_one_ticket_is_refused_nobody_enters():
    event = make_event(checkin_ends_at=clock.now())
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    code = Ticket.objects.of_order(order.pk)[0].code

    with pytest.raises(TicketRefused) as refused:
        admit(code, ids(2))

    assert refused.value.attempt.result == "closed"
    # A log that has the exception has no guest's name.
    assert str(refused.value) == "closed"
    assert (used(), Scan.objects.count()) == (0, 0)


def test_a_code_that_admits_nobody_is_refused_as_at_the_gate():
    event = make_event()
    Gate.objects.create(event=event, name="VIP").ticket_types.set(
        [make_ticket_type(event=event, name="VIP")]
    )
    refunded = make_ticket()
    refund_order(order_id=refunded.order_id, actor=SOMEBODY, now=clock.now())
    pista = make_ticket(ticket_type=event.ticket_types.get(name="Pista"))
    stranger = Scanner("token:2", organizers=(new_id(),))
    cases: list[tuple[str, str, Scanner | None, str]] = [
        ("T1:FORGED", "", None, "invalid_code"),
        (refunded.code, "", None, "revoked"),
        (pista.code, "vip", None, "wrong_gate"),
        (pista.code, "", stranger, "wrong_event"),
    ]

    for code, gate, scanner, result in cases:
        for count in (1, 2):
            with pytest.raises(TicketRefused) as refused:
                admit(code, ids(count), gate=gate, scanner=scanner)
            assert refused.value.attempt.result == result
    assert Scan.objects.count() == 0


def test_the_gate_of_a_device_limits_its_party():
    event = make_event()
    vip = make_ticket_type(event=event, name="VIP")
    Gate.objects.create(event=event, name="VIP").ticket_types.set([vip])
    make_device(event, gate="VIP")
    scanner = Scanner(device_digest=event.devices.get().digest)
    pista = make_ticket(ticket_type=event.ticket_types.get(name="Pista"))

    with pytest.raises(TicketRefused) as refused:
        admit(pista.code, ids(1), scanner=scanner)

    assert refused.value.attempt.result == "wrong_gate"


def test_at_a_gate_for_one_type_only_those_of_the_party_enter():
    event = make_event()
    vip = make_ticket_type(event=event, name="VIP")
    Gate.objects.create(event=event, name="VIP").ticket_types.set([vip])
    make_device(event, gate="VIP")
    scanner = Scanner(device_digest=event.devices.get().digest)
    order = make_paid_order(ticket_type=event.ticket_types.get(name="Pista"), quantity=3)
    pista, *vips = Ticket.objects.of_order(order.pk)
    Ticket.objects.filter(pk__in=[ticket.pk for ticket in vips]).update(ticket_type=vip)

    admitted = admit(vips[0].code, ids(2), scanner=scanner)
    # A gate that is named counts before the device's own.
    elsewhere = admit(pista.code, ids(1), gate="North", scanner=scanner)

    assert {each.ticket.id for each in admitted if each.ticket} == {one.pk for one in vips}
    assert [each.ticket.id for each in elsewhere if each.ticket] == [pista.pk]


def test_a_code_with_a_wrong_signature_stands_for_no_party():
    first, *_others = tickets_of_order(2)
    forged = first.code[:-1] + ("1" if first.code[-1] == "0" else "0")

    with pytest.raises(TicketRefused) as refused:
        admit(forged, ids(2))

    assert refused.value.attempt.result == "invalid_code"
    assert used() == 0


def test_a_scan_id_of_another_scan_is_refused():
    first, *_others = tickets_of_order(2)
    other, taken = make_ticket(), new_id()
    scanned = ScannedCode(taken, other.code, "", clock.now())
    check_in_ticket(scanned=scanned, scanner=Scanner("token:1"), now=clock.now())

    with pytest.raises(ScanIdReused):
        admit(first.code, [taken, new_id()])

    assert used() == 1


def test_two_scanners_admit_one_party_once():
    first, *_others = tickets_of_order(4)

    results = race(
        *(
            partial(admit, first.code, ids(4), scanner=Scanner(f"token:{number}"))
            for number in range(6)
        )
    )

    admitted = [result for result in results if isinstance(result, list)]
    refused = [result for result in results if isinstance(result, PartyChanged)]
    assert (len(admitted), len(refused)) == (1, 5), results
    assert Scan.objects.filter(result="admitted").count() == used() == 4


def test_a_party_and_single_scans_at_once_admit_each_ticket_once():
    for _ in range(3):
        tickets = tickets_of_order(4)
        singles = [partial(scan, ticket, Scanner("token:2")) for ticket in tickets]
        together = partial(admit, tickets[0].code, ids(4))
        runners: list[Any] = [*singles, together, *singles]

        results = race(*runners)

        of_party = results[4]
        of_singles = results[:4] + results[5:]
        assert not [one for one in of_singles if isinstance(one, Exception)]
        if isinstance(of_party, PartyChanged):
            assert of_singles.count("admitted") == 4
        else:
            assert isinstance(of_party, list)
            assert of_singles.count("admitted") == 0
        of_order = Scan.objects.filter(ticket__in=tickets, result="admitted")
        assert of_order.values("ticket").distinct().count() == of_order.count() == 4


def test_a_party_and_a_refund_of_its_order_end_without_a_deadlock():
    for _ in range(3):
        tickets = tickets_of_order(4)
        order_id = tickets[0].order_id

        results = race(
            partial(admit, tickets[0].code, ids(4)),
            partial(refund_order, order_id=order_id, actor=SOMEBODY, now=clock.now()),
        )

        assert isinstance(results[0], list | TicketRefused), results
        assert not isinstance(results[1], Exception), results


def admit_while(code: str, scan_ids: Sequence[UUID], *statements: tuple[str, UUID]) -> Any:
    """Admit a party while another transaction has run these statements. It then commits."""
    other = connection.copy()
    other.inc_thread_sharing()

    def commit_once_the_party_waits() -> None:
        with connection.cursor() as cursor:
            for _ in range(20_000):
                cursor.execute(
                    "SELECT EXISTS (SELECT FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock')"
                )
                if cursor.fetchone() == (True,):
                    break
        other.commit()

    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            for statement, key in statements:
                cursor.execute(statement, [key])
        outcome, _ = race(partial(admit, code, scan_ids), commit_once_the_party_waits)
    finally:
        other.close()
    return outcome


def test_a_code_that_is_taken_back_while_its_party_waits_for_the_order_admits_nobody():
    first, *others = tickets_of_order()

    outcome = admit_while(
        first.code,
        ids(len(others)),
        ("SELECT FROM orders_order WHERE id = %s FOR NO KEY UPDATE", first.order_id),
        ("UPDATE tickets_ticket SET status = 'revoked' WHERE id = %s", first.pk),
    )

    assert isinstance(outcome, TicketRefused), outcome
    assert outcome.attempt.result == "revoked"
    assert used() == 0


def test_a_ticket_that_is_used_while_its_party_waits_for_it_is_not_of_the_party():
    first, second, _third = tickets_of_order()

    outcome = admit_while(
        first.code,
        ids(3),
        ("UPDATE tickets_ticket SET status = 'used', used_at = now() WHERE id = %s", second.pk),
    )

    assert isinstance(outcome, PartyChanged), outcome
    assert outcome.details == {"party": {"unused": 2}}
    assert used() == 1


# --- Over HTTP --------------------------------------------------------------------------------


def test_a_device_admits_the_party_that_the_first_scan_has_shown():
    first, *_others = tickets_of_order()
    door = as_bearer(make_device(first.event))
    shown = door.post("/tickets/validate", {"code": first.code}).json()
    body = {"code": first.code, "scan_ids": [str(one) for one in ids(shown["party"]["unused"])]}

    admitted, again = (door.post("/door/parties", body, format="json") for _ in range(2))

    results = admitted.json()["results"]
    assert [one["scan_id"] for one in results] == body["scan_ids"]
    assert {one["result"] for one in results} == {"admitted"}
    assert again.json() == admitted.json()
    # A new party of the same order.
    more = door.post("/door/parties", body | {"scan_ids": [str(new_id())]}, format="json").json()
    assert (more["code"], more["party"]) == ("party_changed", {"unused": 0})
    assert "scan_id" not in more


@pytest.mark.parametrize("scan_ids", [[], ["x"], ["{id}", "{id}"], None])
def test_wrong_scan_ids_are_an_error_of_that_field(scan_ids: list[str] | None):
    ticket, same = make_ticket(), str(new_id())
    door = as_bearer(make_device(ticket.event))
    sent = scan_ids and [each.format(id=same) for each in scan_ids]

    problem = door.post("/door/parties", {"code": ticket.code, "scan_ids": sent}, format="json")

    assert problem.status_code == 400
    assert problem.json()["errors"][0]["pointer"].startswith("#/scan_ids")


def test_a_forged_code_of_a_party_is_an_invalid_code():
    ticket = make_ticket()
    door = as_bearer(make_device(ticket.event))

    problem = door.post(
        "/door/parties", {"code": "T1:FORGED", "scan_ids": [str(new_id())]}, format="json"
    ).json()

    assert (problem["code"], "scan_id" in problem) == ("invalid_code", False)


def test_a_code_that_was_taken_back_admits_nobody_who_came_with_it():
    first, *others = tickets_of_order()
    revoke_ticket(ticket_id=first.pk, actor=SOMEBODY, now=clock.now())

    with pytest.raises(TicketRefused) as refused:
        admit(first.code, ids(len(others)))

    assert refused.value.attempt.result == "revoked"
    assert used() == 0
