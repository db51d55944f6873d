"""What keeps an organizer from wondering: words for empty lists, one button, plain values."""

from datetime import UTC, datetime, time

import pytest
from django.test import Client
from django.utils.translation import override

from events.models import Event, Role
from events.wording import say_left
from tests.make import make_event, make_organizer, make_user
from tests.pages.test_admin_privacy import browse_as
from ticketing.moment_form import MomentInput
from tickets.models import Scan, ScanResult

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client() -> Client:
    return browse_as(make_user(organizer=make_organizer(), is_staff=True))


def content(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def test_an_empty_list_says_what_belongs_there_and_where_to_begin(client: Client):
    page = content(client, "/admin/orders/guestlist/")

    assert "Nothing here yet" in page
    assert "A list gives tickets to many guests at once." in page
    assert 'href="/admin/events/event/"' in page.partition("Nothing here yet")[2]


def test_a_search_without_results_leads_back_to_all_rows(client: Client):
    page = content(client, "/admin/events/event/?q=nothing")

    assert "Nothing here fits the search and the filters." in page
    assert "Nothing here yet" not in page


def test_a_form_has_one_button_and_no_menu_that_changes_its_choices(client: Client):
    page = content(client, "/admin/tickets/device/add/")

    assert page.count('name="_save"') == 1
    for other in ("_continue", "_addanother", "related-widget-wrapper-link"):
        assert other not in page


def test_the_only_organizer_of_a_member_is_chosen_already():
    organizer = make_organizer(name="Casa Azul")
    client = browse_as(make_user(organizer=organizer, is_staff=True))

    page = content(client, "/admin/tickets/device/add/")

    assert f'<option value="{organizer.pk}" selected>Casa Azul</option>' in page


def test_who_cannot_change_an_event_sees_the_place_of_its_clock():
    event = make_event(timezone="America/Manaus")
    viewer = make_user(organizer=event.organizer, role=Role.VIEWER, is_staff=True)

    page = content(browse_as(viewer), f"/admin/events/event/{event.pk}/change/")

    assert "Manaus" in page
    assert "America/Manaus" not in page


@override("pt-br")
def test_the_title_of_a_scan_has_the_clock_of_its_event():
    event = Event(timezone="America/Manaus")
    midnight = datetime(2026, 11, 29, tzinfo=UTC)

    title = str(Scan(event=event, result=ScanResult.ADMITTED, recorded_at=midnight))

    assert title == "admitido 20:00:00"


@override("pt-br")
def test_one_ticket_left_is_said_in_the_singular():
    assert [say_left(count) for count in (0, 1, 2)] == ["restam 0", "resta 1", "restam 2"]


@pytest.mark.parametrize(("moment", "shown"), [(time(21), "21:00"), (time(21, 0, 5), "21:00:05")])
def test_an_hour_is_shown_with_its_seconds_only_if_it_has_some(moment: time, shown: str):
    _day, hour = MomentInput().widgets

    assert hour.format_value(moment) == shown
