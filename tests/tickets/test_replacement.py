"""Revoking a ticket, and what a replacement says of a ticket that is not valid any more."""

import pytest

from tests.make import SOMEBODY, make_paid_order, make_ticket
from tests.moments import NOON
from ticketing import clock
from ticketing.models import Act
from tickets.models import Delivery, Ticket, TicketStatus
from tickets.replacement import TicketNotValid, replace_ticket, revoke_ticket

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
