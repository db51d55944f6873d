"""Revoking a ticket, and what a replacement says of a ticket that is not valid any more."""

import pytest
from django.db import connection

from tests.make import SOMEBODY, make_paid_order, make_ticket, make_transfer
from tests.moments import NOON
from ticketing import clock
from ticketing.models import Act
from tickets.models import Delivery, Ticket, TicketStatus, Transfer
from tickets.replacement import TicketNotValid, replace_ticket, revoke_ticket
from tickets.transfers.offering import withdraw_transfer

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_revoked_ticket_has_its_moment_and_a_repeat_changes_nothing():
    ticket, other = Ticket.objects.of_order(make_paid_order(quantity=2).pk)
    # Another ticket that was used is no reason to refuse.
    Ticket.objects.filter(pk=other.pk).update(status=TicketStatus.USED, used_at=NOON)
    now = clock.now()

    for moment in (now, clock.now()):
        revoke_ticket(ticket_id=ticket.pk, actor=SOMEBODY, now=moment)

    ticket.refresh_from_db()
    assert (ticket.status, ticket.revoked_at) == (TicketStatus.REVOKED, now)


def test_a_ticket_that_is_used_before_its_replacement_is_refused_as_used():
    ticket = make_ticket()

    def use() -> None:
        Ticket.objects.filter(pk=ticket.pk).update(status=TicketStatus.USED, used_at=NOON)

    with pytest.raises(TicketNotValid) as refused:
        replace_ticket(ticket_id=ticket.pk, actor=SOMEBODY, now=clock.now(), check=use)

    assert "used" in str(refused.value)
    assert "replaced" not in str(refused.value)
    assert not refused.value.details


def test_a_replaced_ticket_is_revoked_at_that_moment_and_the_record_names_the_new_one():
    ticket, now = make_ticket(), clock.now()
    assert Delivery.objects.get().codes_stored_at is not None

    new = replace_ticket(ticket_id=ticket.pk, actor=SOMEBODY, now=now)

    ticket.refresh_from_db()
    assert (ticket.revoked_at, ticket.replaced_by_id) == (now, new.pk)
    assert Act.objects.get(type="ticket.reissued").details == {"replaced_by": str(new.pk)}
    assert Delivery.objects.get().codes_stored_at is None


def test_a_replacement_ends_the_open_offer_of_its_ticket_and_touches_nothing_else():
    first, second = Ticket.objects.of_order(make_paid_order(quantity=2).pk)
    make_paid_order()
    earlier = make_transfer(ticket=first, email="bia@example.com", accepted=False)
    withdraw_transfer(order_id=first.order_id, ticket_id=first.pk, actor=SOMEBODY, now=NOON)
    ended, other = (
        make_transfer(ticket=each, email="eva@example.com", accepted=False)
        for each in (first, second)
    )
    now = clock.now()

    replace_ticket(ticket_id=first.pk, actor=SOMEBODY, now=now)

    moments = dict(Transfer.objects.values_list("pk", "withdrawn_at"))
    assert moments == {earlier.pk: NOON, ended.pk: now, other.pk: None}
    second.refresh_from_db()
    assert second.status == TicketStatus.VALID
    waiting = Delivery.objects.filter(codes_stored_at=None)
    assert list(waiting.values_list("order", flat=True)) == [first.order_id]


def test_responses_are_stored_in_the_transaction_of_a_revocation_or_a_replacement():
    first, second = Ticket.objects.of_order(make_paid_order(quantity=2).pk)
    stored: list[tuple[bool, object]] = []

    revoke_ticket(
        ticket_id=first.pk,
        actor=SOMEBODY,
        now=clock.now(),
        store_response=lambda: stored.append((connection.in_atomic_block, None)),
    )
    new = replace_ticket(
        ticket_id=second.pk,
        actor=SOMEBODY,
        now=clock.now(),
        store_response=lambda made: stored.append((connection.in_atomic_block, made.pk)),
    )

    assert stored == [(True, None), (True, new.pk)]
    act = Act.objects.get(type="ticket.revoked")
    assert (act.subject_id, act.organizer_id) == (first.pk, first.event.organizer_id)


def test_a_replacement_may_have_another_name_and_is_named_to_who_replaces_the_old_one_again():
    ticket = make_ticket()

    new = replace_ticket(
        ticket_id=ticket.pk, holder_name="Bia Lima", actor=SOMEBODY, now=clock.now()
    )
    with pytest.raises(TicketNotValid) as refused:
        replace_ticket(ticket_id=ticket.pk, actor=SOMEBODY, now=clock.now())

    assert new.holder_name == "Bia Lima"
    assert Act.objects.get(subject_id=ticket.pk).type == "ticket.renamed"
    assert refused.value.details == {"replaced_by": str(new.pk)}
