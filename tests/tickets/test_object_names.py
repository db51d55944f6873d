"""A ticket's row stores the name of its QR code, so that links survive a change of secrets."""

from typing import Any
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.core.management import call_command

from tests.crash import AFTER, crash
from tests.make import SOMEBODY, as_bearer, make_paid_order, make_processing_order, make_reservation
from ticketing import clock
from tickets.issue import code_url, issue_codes
from tickets.models import Delivery, Ticket
from tickets.object_names import ensure_object_name, object_name, store_object_names
from tickets.replacement import replace_ticket
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)


def is_stored(ticket: Ticket) -> bool:
    return storages["tickets"].exists(f"{object_name(ticket)}.png")


def test_a_link_survives_the_removal_of_the_secret_that_derived_its_name(settings: Any):
    ticket = make_paid_order().tickets.get()
    name = object_name(ticket)

    settings.TICKET_SIGNING_SECRET = ""

    assert object_name(Ticket.objects.get()) == name
    assert is_stored(ticket)
    assert str(ticket.pk) not in name


def test_without_the_old_secret_names_are_random_and_a_retry_keeps_them(settings: Any):
    settings.TICKET_SIGNING_SECRET = ""
    order = make_processing_order(quantity=2)
    settle_order(order_id=order.pk, now=clock.now())
    with crash(AFTER, "tickets.issue:_store"):
        issue_codes(order_id=order.pk, now=clock.now())
    names = [object_name(ticket) for ticket in Ticket.objects.of_order(order.pk)]

    issue_codes(order_id=order.pk, now=clock.now())

    tickets = list(Ticket.objects.of_order(order.pk))
    assert [object_name(ticket) for ticket in tickets] == names
    assert len(set(names)) == 2
    assert all(is_stored(ticket) for ticket in tickets)


def test_a_missing_name_is_stored_for_its_ticket_unless_another_worker_has_stored_one(
    settings: Any,
):
    settings.TICKET_SIGNING_SECRET = ""
    order = make_paid_order(quantity=3)
    Ticket.objects.update(object_name="")
    first, second, third = Ticket.objects.of_order(order.pk)
    Ticket.objects.filter(pk=second.pk).update(object_name="codes/theirs")

    names = [ensure_object_name(first), ensure_object_name(second)]

    assert names[1] == "codes/theirs"
    stored = dict(Ticket.objects.values_list("pk", "object_name"))
    assert stored == {first.pk: names[0], second.pk: names[1], third.pk: ""}


def test_a_replaced_ticket_has_a_name_of_its_own(settings: Any):
    settings.TICKET_SIGNING_SECRET = ""
    old = make_paid_order().tickets.get()

    new = replace_ticket(ticket_id=old.pk, actor=SOMEBODY, now=clock.now())

    assert object_name(new).startswith(f"codes/{old.event_id}/")
    assert object_name(new) != object_name(old)


def test_a_row_of_the_previous_release_keeps_its_derived_name(settings: Any):
    """Links must keep working after an upgrade. The previous release made the expected name."""
    settings.TICKET_SIGNING_SECRET = "a-signing-secret-for-tests-only-32-bytes"
    ticket = Ticket(
        pk=UUID("01890000-0000-7000-8000-00000000000a"),
        event_id=UUID("01890000-0000-7000-8000-000000000001"),
    )

    assert object_name(ticket) == (
        "codes/01890000-0000-7000-8000-000000000001/2e49ed0a100e0e94bb22207f38a9eede09798688"
    )


def test_a_worker_of_the_previous_release_stores_our_tickets_under_the_name_in_their_row():
    """The previous release derives the name, so the row must have the derived one."""
    ticket = make_paid_order().tickets.get()
    name = ticket.object_name
    Ticket.objects.update(object_name="")

    assert object_name(Ticket.objects.get()) == name != ""


def test_store_object_names_stores_the_derived_names_and_needs_their_secret(
    settings: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("tickets.object_names._BATCH", 2)
    order = make_paid_order(quantity=5)
    names = {ticket.pk: object_name(ticket) for ticket in Ticket.objects.all()}
    Ticket.objects.exclude(position=1).update(object_name="")

    call_command("store_object_names")
    assert store_object_names() == 0
    settings.TICKET_SIGNING_SECRET = ""

    assert "Names stored: 4." in capsys.readouterr().out
    assert {ticket.pk: object_name(ticket) for ticket in order.tickets.all()} == names
    with pytest.raises(ImproperlyConfigured, match="TICKET_SIGNING_SECRET"):
        call_command("store_object_names")


def test_a_ticket_whose_name_is_lost_has_no_link_until_its_code_is_stored_again(settings: Any):
    reservation = make_reservation()
    buyer = as_bearer(reservation.token.text)
    pay = {"method": "card", "token": "tok_approved"}
    buyer.post(f"/orders/{reservation.order_id}/payment", pay)
    settle_order(order_id=reservation.order_id, now=clock.now())
    issue_codes(order_id=reservation.order_id, now=clock.now())
    Ticket.objects.update(object_name="")
    settings.TICKET_SIGNING_SECRET = ""

    shown = buyer.get(f"/orders/{reservation.order_id}/ticket").json()
    assert shown["tickets"][0]["qr_code_url"] is None

    Delivery.objects.update(codes_stored_at=None)
    issue_codes(order_id=reservation.order_id, now=clock.now())
    ticket = Ticket.objects.get()
    assert code_url(ticket) is not None
    assert is_stored(ticket)
