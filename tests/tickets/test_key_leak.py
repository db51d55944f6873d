"""`reissue_tickets` after a leak: a new key signs new tickets, and gates refuse the old ones."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from events.models import Event
from tests.make import (
    SOMEBODY,
    as_bearer,
    make_device,
    make_event,
    make_paid_order,
    make_ticket_type,
    make_transfer,
)
from tests.moments import NOON
from tests.queue import RecordingQueue
from tests.race import race
from ticketing import clock
from ticketing.ids import new_id
from ticketing.models import Act
from tickets.codes import GRACE_AFTER_THE_END, read_code
from tickets.models import Ticket, TicketStatus
from tickets.replacement import KeyStillSigns, orders_signed_by, replace_tickets_signed_by

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "the secret of the new key"


def rotate(settings: Any) -> None:
    settings.TICKET_SIGNING_KEYS = {2: NEW, **settings.TICKET_SIGNING_KEYS}


def reissue(**options: Any) -> None:
    call_command("reissue_tickets", key_id=1, **options)


def key_ids(status: str = TicketStatus.VALID) -> list[int]:
    codes = Ticket.objects.filter(status=status).values_list("code", flat=True)
    return sorted(read_code(code).claims.key_id for code in codes)


def test_an_order_gets_new_tickets_and_one_mail_and_gates_refuse_the_old_ones(
    queue: RecordingQueue, settings: Any, mailoutbox: list[Any]
):
    order = make_paid_order(quantity=3)
    queue.run_all()
    old = list(Ticket.objects.of_order(order.pk))
    door = as_bearer(make_device(order.event))
    door.post("/tickets/validate", {"code": old[0].code})
    mailoutbox.clear()
    rotate(settings)

    reissue()
    queue.run_all()
    reissue()
    queue.run_all()

    assert (key_ids(), key_ids(TicketStatus.USED)) == ([2, 2], [1])
    acts = Act.objects.filter(type="ticket.reissued")
    assert {act.subject_id for act in acts} == {old[1].pk, old[2].pk}
    assert {act.actor_name for act in acts} == {"reissue_tickets --key-id 1"}
    assert len(mailoutbox) == 1
    assert door.post("/tickets/validate", {"code": old[1].code}).json()["code"] == "revoked"
    new = Ticket.objects.get(replaces=old[1])
    assert (new.holder_name, new.position) == (old[1].holder_name, old[1].position)
    assert door.post("/tickets/validate", {"code": new.code}).json()["result"] == "admitted"

    # With the old key dropped, no code that it signed is accepted any more.
    settings.TICKET_SIGNING_KEYS = {2: NEW}
    assert door.post("/tickets/validate", {"code": old[2].code}).json()["code"] == "invalid_code"


def test_gates_refuse_a_valid_ticket_whose_key_was_dropped(settings: Any):
    ticket = make_paid_order().tickets.get()
    door = as_bearer(make_device(ticket.event))
    settings.TICKET_SIGNING_KEYS = {2: NEW}

    response = door.post("/tickets/validate", {"code": ticket.code})

    assert (response.status_code, response.json()["code"]) == (422, "invalid_code")


def test_the_command_takes_an_event_a_limit_and_a_dry_run(
    settings: Any, capsys: pytest.CaptureFixture[str]
):
    event, other = make_event(), make_event()
    for _ in range(2):
        make_paid_order(ticket_type=event.ticket_types.get())
    offered = make_paid_order(ticket_type=other.ticket_types.get()).tickets.get()
    make_transfer(ticket=offered, email="caio@example.com", accepted=False)
    over = make_paid_order(ticket_type=make_ticket_type())
    Event.objects.filter(pk=over.event_id).update(
        starts_at=clock.now() - timedelta(days=2), ends_at=clock.now() - timedelta(days=1)
    )
    rotate(settings)

    reissue(dry_run=True)
    assert "key 1: 3." in capsys.readouterr().out
    reissue(event=event.slug, limit=1)
    assert key_ids() == [1, 1, 1, 2]
    reissue(event=event.slug)
    assert key_ids() == [1, 1, 2, 2]
    assert "Offers" not in capsys.readouterr().out
    reissue()
    assert key_ids() == [1, 2, 2, 2]
    assert "Offers to other people that ended: 1." in capsys.readouterr().out


def test_the_command_refuses_the_key_that_signs_new_tickets_and_an_unknown_event(settings: Any):
    order = make_paid_order()

    with pytest.raises(CommandError, match="Key 1 signs new tickets"):
        reissue()
    rotate(settings)
    with pytest.raises(CommandError, match="No event"):
        reissue(event="no-such-event")

    assert order.tickets.get().status == TicketStatus.VALID


def test_an_order_that_is_reissued_three_times_at_once_is_reissued_once(settings: Any):
    order = make_paid_order(quantity=2)
    rotate(settings)

    replaced: list[Any] = race(
        *[
            lambda: replace_tickets_signed_by(
                key_id=1, order_id=order.pk, actor=SOMEBODY, now=clock.now()
            )
        ]
        * 3
    )

    assert sorted(replaced) == [0, 0, 2]
    assert key_ids() == [2, 2]


def test_batches_leave_out_no_order(settings: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tickets.replacement._BATCH", 1)
    kind = make_event().ticket_types.get()
    for _ in range(3):
        make_paid_order(ticket_type=kind, quantity=2)
    rotate(settings)

    reissue()

    assert key_ids() == [2] * 6


def test_only_orders_with_valid_tickets_of_the_key_are_found(settings: Any):
    used, revoked, signed = (make_paid_order() for _ in range(3))
    used.tickets.update(status=TicketStatus.USED, used_at=NOON)
    revoked.tickets.update(status=TicketStatus.REVOKED, revoked_at=NOON)
    rotate(settings)
    make_paid_order()

    assert list(orders_signed_by(key_id=1, now=clock.now())) == [signed.pk]


@pytest.mark.parametrize(("seconds_more", "found"), [(-1, True), (0, False)])
def test_orders_are_found_until_their_event_stops_admitting_after_its_end(
    settings: Any,
    seconds_more: int,
    found: bool,  # noqa: FBT001
):
    order = make_paid_order()
    ends_at = NOON - GRACE_AFTER_THE_END - timedelta(seconds=seconds_more)
    Event.objects.update(starts_at=ends_at - timedelta(hours=4), ends_at=ends_at)
    rotate(settings)

    assert list(orders_signed_by(key_id=1, now=NOON)) == [order.pk] * found


def test_replace_tickets_signed_by_refuses_the_key_that_signs_new_tickets():
    order = make_paid_order()

    with pytest.raises(KeyStillSigns):
        replace_tickets_signed_by(key_id=1, order_id=order.pk, actor=SOMEBODY, now=clock.now())

    assert key_ids() == [1]


def test_a_ticket_that_is_used_meanwhile_does_not_prevent_the_others_from_being_replaced(
    settings: Any, monkeypatch: pytest.MonkeyPatch
):
    order = make_paid_order(quantity=2)
    first = Ticket.objects.of_order(order.pk)[0]
    rotate(settings)

    def new_id_after_a_scan() -> UUID:
        Ticket.objects.filter(pk=first.pk, status=TicketStatus.VALID).update(
            status=TicketStatus.USED, used_at=NOON
        )
        return new_id()

    monkeypatch.setattr("tickets.replacement.new_id", new_id_after_a_scan)
    replaced = replace_tickets_signed_by(
        key_id=1, order_id=order.pk, actor=SOMEBODY, now=clock.now()
    )

    assert (replaced, key_ids(), key_ids(TicketStatus.USED)) == (1, [2], [1])
