"""Check-in by hand: one statement with the scans at the gates, and on record."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from events.models import Event
from tests.make import (
    SOMEBODY,
    make_device,
    make_organizer,
    make_paid_order,
    make_ticket,
    make_user,
)
from tests.race import race
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.ids import new_id
from ticketing.models import Act, User
from tickets.door.by_hand import Hand, ReasonByHand, check_in_by_hand
from tickets.door.checkin import check_in_ticket
from tickets.door.guests import GuestCounts, Presence, count_guests, find_guests
from tickets.door.scanner import actor_of_device
from tickets.door.scans import CheckIn, ScannedCode, Scanner
from tickets.door.undo import undo_check_in
from tickets.models import Device, Scan, ScanResult, Ticket, TicketStatus
from tickets.replacement import replace_ticket, revoke_ticket

pytestmark = pytest.mark.django_db(transaction=True)


def by_hand(ticket: Ticket, by: User | Hand, scan_id: UUID | None = None) -> CheckIn:
    return check_in_by_hand(
        ticket=ticket,
        reason=ReasonByHand.PHONE_IS_OUT,
        by=Hand(user_actor(by)) if isinstance(by, User) else by,
        now=clock.now(),
        scan_id=scan_id,
    )


def test_a_check_in_by_hand_is_a_scan_and_an_act():
    ticket, user = make_ticket(), make_user()

    attempt = by_hand(ticket, user)

    scan = Scan.objects.get()
    assert attempt.result == ScanResult.ADMITTED
    assert (scan.ticket_id, scan.gate, scan.user_id) == (ticket.pk, "admin", user.pk)
    ticket.refresh_from_db()
    assert ticket.status == TicketStatus.USED
    act = Act.objects.get(type="ticket.checked_in_by_hand")
    assert act.subject_id == ticket.pk
    assert act.details == {
        "scan": str(attempt.scan_id),
        "gate": "admin",
        "reason": "The phone is lost or has no battery",
    }


def test_the_scanner_of_a_user_by_hand_admits_no_ticket_of_another_organizer():
    ticket, user = make_ticket(), make_user()
    scanner = Hand(user_actor(user)).scanner(make_organizer().pk)
    scanned = ScannedCode(new_id(), ticket.code, "admin", clock.now())

    attempt = check_in_ticket(scanned=scanned, scanner=scanner, now=clock.now())

    assert attempt.result == ScanResult.WRONG_EVENT


def test_a_refusal_of_a_code_of_a_dropped_key_counts_at_the_tickets_event(settings: Any):
    ticket = make_ticket()
    settings.TICKET_SIGNING_KEYS = {9: "the secret of the only key"}

    assert by_hand(ticket, make_user()).result == ScanResult.INVALID_CODE

    assert Scan.objects.get().event_id == ticket.event_id


def test_two_devices_that_choose_one_scan_id_are_both_on_record():
    tickets = Ticket.objects.of_order(make_paid_order(quantity=2).pk)
    for gate in ("North", "South"):
        make_device(tickets[0].event, gate=gate)
    scan_id = new_id()

    for device, ticket in zip(Device.objects.order_by("gate"), tickets, strict=True):
        by_hand(ticket, Hand(actor_of_device(device), device.gate, device.digest), scan_id)

    acts = Act.objects.filter(type="ticket.checked_in_by_hand")
    assert {act.subject_id for act in acts} == {ticket.pk for ticket in tickets}


def test_an_admission_after_an_undo_is_on_record_whatever_id_its_scan_has():
    ticket, user = make_ticket(), make_user()
    by_hand(ticket, user)
    undone = undo_check_in(ticket_id=ticket.pk, actor=SOMEBODY, now=clock.now())

    # The act of the undo has this id too.
    by_hand(ticket, user, undone.pk)

    assert Act.objects.filter(type="ticket.checked_in_by_hand").count() == 2


def test_a_refused_check_in_by_hand_is_a_scan_and_no_act():
    ticket, user = make_ticket(), make_user()
    revoke_ticket(ticket_id=ticket.pk, actor=SOMEBODY, now=clock.now())

    attempt = by_hand(ticket, user)

    assert attempt.result == ScanResult.REVOKED
    assert Scan.objects.get().result == ScanResult.REVOKED
    assert not Act.objects.filter(type="ticket.checked_in_by_hand").exists()


def test_the_hours_of_the_door_apply():
    ticket, user = make_ticket(), make_user()
    later = clock.now() + timedelta(hours=1)
    Event.objects.filter(pk=ticket.event_id).update(checkin_starts_at=later)

    assert by_hand(ticket, user).result == ScanResult.NOT_YET_OPEN


def test_a_check_in_by_hand_and_scans_at_gates_admit_once():
    ticket, user = make_ticket(), make_user()
    make_device(ticket.event)
    digest = Device.objects.get().digest

    def scan() -> CheckIn:
        return check_in_ticket(
            scanned=ScannedCode(scan_id=new_id(), code=ticket.code, gate="", at=clock.now()),
            scanner=Scanner(device_digest=digest),
            now=clock.now(),
        )

    outcomes = race(*[lambda: by_hand(ticket, user)] * 3, *[scan] * 3)

    results = [outcome.result for outcome in outcomes if isinstance(outcome, CheckIn)]
    assert sorted(results) == [ScanResult.ADMITTED, *[ScanResult.ALREADY_USED] * 5]
    assert Scan.objects.filter(result=ScanResult.ADMITTED).count() == 1
    by_user = Scan.objects.filter(result=ScanResult.ADMITTED, user=user).count()
    assert Act.objects.filter(type="ticket.checked_in_by_hand").count() == by_user


def test_the_undo_of_the_door_undoes_it():
    ticket, user = make_ticket(), make_user()
    by_hand(ticket, user)

    undo_check_in(ticket_id=ticket.pk, actor=SOMEBODY, now=clock.now())

    assert count_guests(ticket.event) == GuestCounts(entered=0, missing=1)
    assert by_hand(ticket, user).result == ScanResult.ADMITTED


def test_revoked_and_replaced_tickets_are_not_counted():
    order = make_paid_order(quantity=4)
    first, second, third, _fourth = Ticket.objects.of_order(order.pk)
    revoke_ticket(ticket_id=first.pk, actor=SOMEBODY, now=clock.now())
    replace_ticket(ticket_id=second.pk, actor=SOMEBODY, now=clock.now())
    by_hand(third, make_user())
    # At another event.
    make_ticket()

    assert count_guests(order.event) == GuestCounts(entered=1, missing=2)


def test_the_guests_of_a_large_event_are_counted_by_its_sales_and_admissions():
    order = make_paid_order(quantity=3)
    first, second, _third = Ticket.objects.of_order(order.pk)
    by_hand(first, make_user())
    revoke_ticket(ticket_id=second.pk, actor=SOMEBODY, now=clock.now())

    # The place of a revoked ticket stays sold.
    assert count_guests(order.event, most=1) == GuestCounts(entered=1, missing=2)
    assert count_guests(order.event, most=2) == GuestCounts(entered=1, missing=1)


def test_guests_are_found_by_name_code_order_and_email():
    order = make_paid_order(quantity=2)
    first, second = Ticket.objects.of_order(order.pk)
    Ticket.objects.filter(pk=second.pk).update(holder_name="Zoé Prado")

    def found(words: str, *, with_email: bool = True) -> set[str]:
        guests = find_guests(
            order.event_id, presence=Presence.ALL, words=words, with_email=with_email
        )
        return {str(ticket.pk) for ticket in guests}

    both = {str(first.pk), str(second.pk)}
    assert found("zoé") == {str(second.pk)}
    assert found(f"{order.code.lower()}-2") == {str(second.pk)}
    assert found(first.code) == {str(first.pk)}
    assert found(order.code) == both
    assert found("Ana@example.com") == both
    assert found("ana@example.com", with_email=False) == set()
    assert found("nobody\0") == set()


def test_the_list_shows_those_who_entered_or_those_who_are_missing():
    order = make_paid_order(quantity=3)
    first = Ticket.objects.of_order(order.pk)[0]
    by_hand(first, make_user())

    def shown(presence: Presence) -> int:
        return find_guests(order.event_id, presence=presence, words="", with_email=False).count()

    assert [shown(presence) for presence in Presence] == [3, 1, 2]
