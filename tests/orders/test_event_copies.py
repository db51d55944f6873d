"""Copying an event with its promo codes: the same terms for the copied types, and no use."""

from datetime import timedelta
from decimal import Decimal

import pytest

from events.models import Event
from orders.event_copies import clone_event_with_promo_codes
from orders.promo_code import PromoCode
from orders.promo_uses import count_uses
from tests.make import SOMEBODY, make_event, make_promo_code, make_reservation, make_ticket_type
from ticketing import clock
from ticketing.models import Act

pytestmark = pytest.mark.django_db(transaction=True)

WEEK = timedelta(days=7)
# What belongs to an event beside its own columns. `Order` and what follows from it is the sale.
COPIED = {
    "events.TicketType",
    "events.Question",
    "events.RefundPolicy",
    "events.Gate",
    "orders.PromoCode",
}
NOT_COPIED = {
    # The sale, the door, and what was told and reported.
    "orders.Order",
    "orders.GuestList",
    "orders.OrderSlot",
    "orders.SalesSlot",
    "tickets.Ticket",
    "tickets.Scan",
    "tickets.ScanSlot",
    "tickets.ErasedEvent",
    "events.ChangeForBuyers",
    "notices.EventReminder",
    "reports.Export",
    # Rights of people and devices, and mails to people: they are given for one event.
    "events.Membership",
    "events.Invitation",
    "tickets.Device",
    "reports.ScheduledReport",
    # A trigger writes it.
    "events.EventWords",
}


def test_each_table_that_belongs_to_events_is_copied_or_left_out_on_purpose():
    relations = Event._meta.related_objects
    found = {relation.related_model._meta.label for relation in relations}

    assert found == COPIED | NOT_COPIED


def test_promo_codes_are_copied_for_the_copied_types_without_their_uses():
    event = make_event()
    kind, vip = event.ticket_types.get(), make_ticket_type(event=event, name="VIP")
    until = event.starts_at - timedelta(days=1)
    for_vip = make_promo_code(
        event=event, code="VIP10", ticket_types=[vip.pk], max_uses=3, valid_until=until, note="Fans"
    )
    make_promo_code(event=event, code="GERAL", percent=None, amount=Decimal(5))
    make_promo_code(event=event, code="ABRE", unlocked_types=[vip.pk])
    make_promo_code(event=make_event(), code="ALHEIO")
    make_reservation(ticket_type=vip, promo_code="VIP10")

    copy = clone_event_with_promo_codes(
        event_id=event.pk,
        name="Segunda noite",
        starts_at=event.starts_at + WEEK,
        actor=SOMEBODY,
        now=clock.now(),
    )

    copied = {promo.code: promo for promo in PromoCode.objects.filter(event=copy)}
    assert set(copied) == {"VIP10", "GERAL", "ABRE"}
    assert copied["ABRE"].unlocked_types == copied["VIP10"].ticket_types
    assert copied["VIP10"].ticket_types == [copy.ticket_types.get(name="VIP").pk]
    assert (copied["VIP10"].max_uses, copied["VIP10"].note) == (3, "Fans")
    assert copied["VIP10"].valid_until == until + WEEK
    assert (copied["GERAL"].amount, copied["GERAL"].ticket_types) == (Decimal(5), [])
    assert count_uses([promo.pk for promo in copied.values()]) == {}
    for_vip.refresh_from_db()
    assert (for_vip.event_id, for_vip.ticket_types) == (event.pk, [vip.pk])
    recorded = Act.objects.filter(type="promo_code.created", details__event=str(copy.pk))
    assert set(recorded.values_list("subject_id", flat=True)) == {p.pk for p in copied.values()}
    assert kind.pk not in {k for promo in copied.values() for k in promo.ticket_types}


def test_a_code_for_a_deleted_type_does_not_become_one_for_all_types():
    event = make_event()
    vip = make_ticket_type(event=event, name="VIP")
    make_promo_code(event=event, ticket_types=[vip.pk])
    make_promo_code(event=event, code="ABRE", unlocked_types=[vip.pk])
    vip.delete()

    copy = clone_event_with_promo_codes(
        event_id=event.pk,
        name="Segunda noite",
        starts_at=event.starts_at + WEEK,
        actor=SOMEBODY,
        now=clock.now(),
    )

    assert not PromoCode.objects.filter(event=copy).exists()
