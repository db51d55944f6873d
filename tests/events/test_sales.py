"""The sales of an event in the admin: figures, and marks when few tickets are left or none."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from events.admin.sales import attach_figures, is_nearly_sold_out, show_sales, show_summary
from events.models import Event
from tests.make import make_event, make_reserved_order, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def event_with(reserved: int, *, status: str = "published") -> Event:
    event = make_event(capacity=10, max_per_order=10)
    if reserved:
        make_reserved_order(ticket_type=event.ticket_types.get(), quantity=reserved)
    Event.objects.filter(pk=event.pk).update(status=status)
    return Event.objects.get(pk=event.pk)


def sales_of(event: Event) -> str:
    attach_figures([event])
    with translation.override("en"):
        return show_sales(event)


@pytest.mark.parametrize(
    ("left", "capacity", "expected"),
    [(0, 10, False), (1, 10, True), (2, 10, False), (10, 100, True), (11, 100, False)],
)
def test_a_tenth_of_the_capacity_is_few(left: int, capacity: int, *, expected: bool):
    assert is_nearly_sold_out(left, capacity) is expected


@pytest.mark.parametrize(
    ("reserved", "mark"), [(0, None), (8, None), (9, "nearly sold out"), (10, "sold out")]
)
def test_an_event_on_sale_is_marked_when_few_or_no_tickets_are_left(
    reserved: int, mark: str | None
):
    event = event_with(reserved)

    listed = sales_of(event)
    with translation.override("en"):
        summary = show_summary(event, with_revenue=True)

    assert f"0 / 10 · {10 - reserved} left" in listed
    for shown in (listed, summary):
        found = {words for words in ("nearly sold out", "sold out") if f">{words}<" in shown}
        assert found == ({mark} if mark else set())


def test_a_draft_and_a_cancelled_event_have_no_mark():
    for status in ("draft", "cancelled"):
        assert "sold out" not in sales_of(event_with(10, status=status))


def test_the_list_of_events_shows_the_mark():
    event = event_with(9)
    client = Client(headers={"accept-language": "en"})
    client.force_login(make_user(organizer=event.organizer, is_staff=True))

    page = client.get(reverse("admin:events_event_changelist")).content.decode()

    assert ">nearly sold out<" in page
