"""The home page, an event's dashboard and the search: what each role sees, and what it costs."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from events.models import ApiToken, Event, Membership, Organizer, Role, TicketType
from orders.models import Order, Refund
from tests.make import (
    SOMEBODY,
    make_event,
    make_organizer,
    make_paid_order,
    make_reserved_order,
    make_ticket,
    make_user,
)
from ticketing import clock
from ticketing.ids import new_id
from ticketing.models import FailedMessage, User
from tickets.codes import CodeSubject, sign_code
from tickets.door.checkin import check_in_ticket
from tickets.door.scans import ScannedCode, Scanner
from tickets.home.board import fill_home
from tickets.models import Delivery, Device, Ticket
from tickets.refund import refund_order

pytestmark = pytest.mark.django_db(transaction=True)


def member_of(organizer: Organizer, role: Role = Role.OWNER, **membership: Any) -> Client:
    user = make_user(is_staff=True)
    Membership.objects.create(organizer=organizer, user=user, role=role, **membership)
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def home(client: Client, query: str = "") -> Any:
    response = client.get(reverse("admin:index") + query)
    assert response.status_code == 200
    return response


def dashboard(client: Client, event: Event) -> Any:
    return client.get(reverse("event_dashboard", args=[event.pk]))


def find(client: Client, text: str) -> Any:
    response = client.get(reverse("find"), {"q": text})
    assert response.status_code == 200
    return response.context["found"]


def start_in(event: Event, delta: timedelta) -> None:
    starts_at = clock.now() + delta
    Event.objects.filter(pk=event.pk).update(
        starts_at=starts_at, ends_at=starts_at + timedelta(hours=4)
    )


def check_in(ticket: Ticket) -> None:
    code = ScannedCode(new_id(), ticket.code, "North", clock.now())
    check_in_ticket(scanned=code, scanner=Scanner("token:1"), now=clock.now())


# --- The home page ---------------------------------------------------------------------


def test_the_next_event_comes_with_its_figures_and_the_later_ones_follow():
    organizer = make_organizer()
    later = make_event(organizer=organizer)
    soon = make_event(organizer=organizer, capacity=10, price="80.00")
    start_in(soon, timedelta(days=5))
    make_paid_order(ticket_type=soon.ticket_types.get(), quantity=2)
    make_reserved_order(ticket_type=soon.ticket_types.get(), quantity=3)

    context = home(member_of(organizer)).context

    shown = context["next"]
    assert (shown.event.pk, shown.sold, shown.held, shown.left) == (soon.pk, 2, 3, 5)
    assert (shown.capacity, shown.percent, shown.countdown) == (10, 20, "in 5 days")
    assert shown.revenue == "BRL\u00a0160.00"
    assert [each["event"].pk for each in context["coming"]] == [later.pk]
    assert context["today"] == []


def test_on_the_day_of_an_event_its_entries_come_first():
    event = make_event(capacity=10)
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    start_in(event, timedelta(hours=-1))
    check_in(Ticket.objects.of_order(order.pk)[0])

    response = home(member_of(event.organizer))

    (today,) = response.context["today"]
    assert (today.entries.admitted, today.missing, today.percent) == (1, 1, 50)
    page = response.content.decode()
    assert page.index(f'id="today-{event.pk}"') < page.index('id="home-next"')


def test_the_sections_and_buttons_of_the_home_page_keep_their_order():
    organizer = make_organizer()
    event, later = (make_event(organizer=organizer) for _ in range(2))
    start_in(event, timedelta(hours=-1))
    start_in(later, timedelta(days=3))
    make_paid_order(ticket_type=event.ticket_types.get())

    page = home(member_of(organizer)).content.decode()

    assert re.findall(r'<h2 id="([a-z-]+)', page) == [
        "today-",
        "home-steps",
        "home-next",
        "home-sales",
        "home-matters",
        "home-find",
        "home-coming",
        "home-latest",
    ]
    section = page[page.index('id="home-next"') : page.index('id="home-sales"')]
    buttons = re.findall(r'class="home-button.*?</(?:a|button)>', section)
    texts = [re.sub(r"<span.*?</span>|^.*?>|<.*", "", button) for button in buttons]
    assert texts == [
        "Sales and entries",
        "Copy link",
        "Edit event",
        "Orders",
        "Financial report",
        "Export",
        "Box office",
        "Check-in list",
        "Live door",
    ]


def test_the_chosen_period_is_drawn_and_any_other_value_means_seven_days():
    event = make_event()
    make_paid_order(ticket_type=event.ticket_types.get(), quantity=3)
    client = member_of(event.organizer)

    lengths = [len(home(client, f"?days={days}").context["chart"].columns) for days in (1, 30, 9)]

    assert lengths == [24, 30, 7]
    chart = home(client).context["chart"]
    assert [(series.name, series.total) for series in chart.series] == [
        (f"{event.name} · Pista", 3)
    ]
    assert [column.total for column in chart.columns] == [0] * 6 + [3]


def test_numbers_inside_the_drawing_have_points_in_portuguese_too():
    event = make_event()
    make_paid_order(ticket_type=event.ticket_types.get(), quantity=3)
    client = member_of(event.organizer)

    page = client.get(reverse("admin:index"), headers={"accept-language": "pt-br"}).content.decode()

    drawing = page[page.index('<svg viewBox="0 0 70') : page.index('<div class="home-times"')]
    assert 'y="25.00" width="8" height="75.00"' in drawing
    assert "Ingressos vendidos por dia" in page
    assert "<script>" not in drawing


def test_the_latest_orders_come_newest_first_and_of_all_ones_events():
    organizer = make_organizer()
    events = [make_event(organizer=organizer) for _ in range(2)]
    orders = [make_reserved_order(ticket_type=event.ticket_types.get()) for event in events * 2]
    make_reserved_order()

    context = home(member_of(organizer)).context

    assert [row["order"].pk for row in context["latest"]] == [o.pk for o in reversed(orders)]


def test_a_door_supervisor_sees_figures_and_entries_but_no_buyers():
    event = make_event()
    order = make_paid_order(ticket_type=event.ticket_types.get())
    client = member_of(event.organizer, Role.DOOR)

    response = home(client)

    assert response.context["next"].sold == 1
    assert response.context["sees_orders"] is False
    assert order.code not in response.content.decode()
    assert order.customer_email not in response.content.decode()


def test_a_member_limited_to_one_event_sees_nothing_of_the_others():
    organizer = make_organizer()
    ours, theirs = make_event(organizer=organizer), make_event(organizer=organizer)
    hidden = make_paid_order(ticket_type=theirs.ticket_types.get())
    client = member_of(organizer, Role.MANAGER, only_some_events=True)
    Membership.objects.get(organizer=organizer).events.set([ours])

    context = home(client).context

    assert context["next"].event.pk == ours.pk
    assert (context["coming"], context["latest"], context["chart"].total) == ([], [], 0)
    assert find(client, hidden.code).orders == []
    assert [dashboard(client, event).status_code for event in (ours, theirs)] == [200, 404]


def test_the_list_of_first_steps_ticks_each_step_that_is_done_until_all_are():
    organizer = make_organizer()
    client = member_of(organizer)
    seen = [home(client).context["steps"]]
    draft = make_event(organizer=organizer, status="draft")
    kinds = list(draft.ticket_types.all())
    draft.ticket_types.all().delete()
    seen.append(home(client).context["steps"])
    TicketType.objects.bulk_create(kinds)
    seen.append(home(client).context["steps"])
    Event.objects.filter(pk=draft.pk).update(status="published")
    seen.append(home(client).context["steps"])
    Device.objects.create(organizer=organizer, name="Celular", digest="d")

    assert [[step.done for step in steps] for steps in seen] == [
        [False, False, False, False],
        [True, False, False, False],
        [True, True, False, False],
        [True, True, True, False],
    ]
    assert [[step.is_next for step in steps].index(True) for steps in seen] == [0, 1, 2, 3]
    assert seen[2][2].url == reverse("admin:events_event_publish_this", args=[draft.pk])
    assert home(client).context["steps"] == []


def test_a_device_counts_before_the_event_does():
    organizer = make_organizer()
    Device.objects.create(organizer=organizer, name="Celular", digest="d")

    steps = home(member_of(organizer)).context["steps"]

    assert [step.done for step in steps] == [False, False, False, True]


def test_a_member_hides_the_list_of_first_steps_for_good_and_for_nobody_else():
    event = make_event()
    client, other = member_of(event.organizer), member_of(event.organizer)
    hide = reverse("hide_first_steps")

    assert f'action="{hide}"' in home(client).content.decode()
    assert client.get(hide).status_code == 405
    assert client.post(hide, follow=True).context["steps"] == []
    assert home(client).context["steps"] == []
    assert len(home(other).context["steps"]) == 4


def test_nobody_hides_the_list_before_there_is_an_event():
    client = member_of(make_organizer())
    client.post(reverse("hide_first_steps"))

    page = home(client)

    assert len(page.context["steps"]) == 4
    assert reverse("hide_first_steps") not in page.content.decode()


def test_members_who_may_not_make_events_get_no_checklist():
    client = member_of(make_organizer(), Role.VIEWER)

    assert home(client).context["steps"] == []


# --- What needs attention --------------------------------------------------------------


def matters(client: Client) -> list[tuple[str, str]]:
    return [(matter.text, matter.url) for matter in home(client).context["matters"]]


def make_something_of_each() -> dict[str, Any]:
    """Make one organizer with one matter of each kind."""
    organizer = make_organizer()
    draft = make_event(organizer=organizer, status="draft", name="Ensaio")
    draft.ticket_types.all().delete()
    event = make_event(organizer=organizer, name="Baile", capacity=10)
    kind = event.ticket_types.get()
    orders = [make_paid_order(ticket_type=kind) for _ in range(2)]
    refund_order(order_id=orders[0].pk, actor=SOMEBODY, now=clock.now())
    Refund.objects.update(created_at=clock.now() - timedelta(hours=2))
    Delivery.objects.filter(order=orders[1]).update(failed_at=clock.now())
    TicketType.objects.filter(pk=kind.pk).update(promised=9)
    device = Device.objects.create(organizer=organizer, name="Celular", digest="d")
    soon = clock.now() + timedelta(days=3)
    token = ApiToken.objects.create(organizer=organizer, name="Site", digest="t", expires_at=soon)

    return {
        "organizer": organizer,
        "refunded": orders[0],
        "draft": draft,
        "event": event,
        "device": device,
        "token": token,
    }


def test_each_matter_leads_to_the_page_on_which_it_is_dealt_with():
    made = make_something_of_each()

    found = matters(member_of(made["organizer"]))

    texts = [re.sub(r"^(Since|On) [^,]+", r"\1 then", text) for text, _url in found]
    code = made["refunded"].code
    assert texts == [
        f"Since then, the refund of BRL\u00a045.00 for order {code} has not been paid.",
        "The tickets of 1 order did not reach its buyer.",
        "“Ensaio” is a draft without ticket types.",
        "1 ticket of “Pista” is left for “Baile”.",
        "The door device “Celular” has no event, so it admits nobody.",
        "On then, the API token “Site” expires.",
    ]
    assert [url for _text, url in found] == [
        reverse("admin:orders_order_change", args=[made["refunded"].pk]),
        reverse("admin:tickets_delivery_changelist") + "?state=failed",
        reverse("admin:events_event_change", args=[made["draft"].pk]),
        reverse("admin:events_event_change", args=[made["event"].pk]),
        reverse("admin:tickets_device_change", args=[made["device"].pk]),
        reverse("admin:events_apitoken_change", args=[made["token"].pk]),
    ]


def test_every_matter_leads_to_a_page_that_opens():
    client = member_of(make_something_of_each()["organizer"])

    assert {client.get(url).status_code for _text, url in matters(client)} == {200}


def test_nothing_needs_the_attention_of_members_without_the_right_to_deal_with_it():
    organizer = make_something_of_each()["organizer"]

    assert [len(matters(member_of(organizer, role))) for role in Role] == [6, 5, 1, 1, 0]
    assert matters(member_of(make_event().organizer)) == []


def test_only_superusers_hear_of_failed_messages():
    event = make_event()
    FailedMessage.objects.create(
        message="tickets.settle_order", last_failed_at=clock.now(), died_at=clock.now()
    )
    client = Client(headers={"accept-language": "en"})
    client.force_login(make_user(is_staff=True, is_superuser=True))

    assert [text for text, _url in matters(client)] == ["1 message could not be processed."]
    assert matters(member_of(event.organizer)) == []


# --- The dashboard of an event ---------------------------------------------------------


def test_the_dashboard_shows_stock_sales_conversion_and_entries():
    event = make_event(capacity=10, price="80.00")
    kind = event.ticket_types.get()
    order = make_paid_order(ticket_type=kind, quantity=2)
    make_reserved_order(ticket_type=kind)
    check_in(Ticket.objects.of_order(order.pk)[0])

    context = dashboard(member_of(event.organizer), event).context

    (shown,) = context["shown"].types
    assert (shown.sold, shown.held, shown.left, shown.revenue) == (2, 1, 7, "BRL\u00a0160.00")
    assert context["paid_percent"] == 50
    assert [(part["name"], part["count"]) for part in context["parts"]][:2] == [
        ("Paid", 1),
        ("Still open", 1),
    ]
    assert context["entries_chart"].total == 1
    assert context["chart"].total == 2


@pytest.mark.parametrize(
    ("role", "count"),
    [(Role.OWNER, 7), (Role.FINANCE, 3), (Role.DOOR, 2), (Role.VIEWER, 2)],
)
def test_the_buttons_of_an_event_lead_to_pages_that_the_member_may_open(role: Role, count: int):
    event = make_event()
    client = member_of(event.organizer, role)

    links = dashboard(client, event).context["links"]

    assert len(links) == count
    assert {client.get(link.url).status_code for link in links} == {200}
    assert home(client).context["next_links"] == links


def test_a_draft_without_types_has_a_dashboard_and_nobody_else_sees_it():
    draft = make_event(status="draft")
    draft.ticket_types.all().delete()

    assert dashboard(member_of(draft.organizer), draft).status_code == 200
    assert dashboard(member_of(make_organizer()), draft).status_code == 404
    assert dashboard(Client(), draft).status_code == 302


@pytest.mark.parametrize("key", ["x", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_event_has_no_dashboard(key: str):
    client = member_of(make_organizer())

    assert client.get(reverse("event_dashboard", args=[key])).status_code == 404


# --- The search ------------------------------------------------------------------------


def test_one_box_finds_by_email_name_order_code_and_ticket_code():
    event = make_event()
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    make_paid_order(ticket_type=event.ticket_types.get())
    Order.objects.exclude(pk=order.pk).update(
        customer_name="Bia Lima", customer_email="bia@example.com"
    )
    Ticket.objects.exclude(order=order).update(holder_name="Caio Reis")
    client = member_of(event.organizer)
    tickets = list(Ticket.objects.of_order(order.pk))
    both = {ticket.pk for ticket in tickets}

    for text in (" ana@EXAMPLE.com ", "ana so", order.code.lower(), f"#{order.code}"):
        found = find(client, text)
        assert [each.pk for each in found.orders] == [order.pk]
        assert {ticket.pk for ticket in found.tickets} == both
    for text in (f"{order.code}-2", tickets[1].code):
        found = find(client, text)
        assert [each.pk for each in found.orders] == [order.pk]
        assert [ticket.pk for ticket in found.tickets] == [tickets[1].pk]
    by_holder = find(client, "caio")
    assert [ticket.holder_name for ticket in by_holder.tickets] == ["Caio Reis"]


@pytest.mark.parametrize("text", ["", " ", "nobody", "a@b", "\0", "x" * 500, "T1:abc", "ABC-1"])
def test_words_that_match_nothing_find_nothing(text: str):
    event = make_event()
    make_paid_order(ticket_type=event.ticket_types.get())

    found = find(member_of(event.organizer), text)

    assert (found.orders, found.tickets, found.more) == ([], [], False)


def test_orders_of_other_organizers_are_not_found():
    order = make_paid_order()
    ticket = Ticket.objects.of_order(order.pk).get()
    client = member_of(make_organizer())

    for text in (order.code, order.customer_email, order.customer_name, ticket.code):
        found = find(client, text)
        assert (found.orders, found.tickets) == ([], [])


def test_a_door_supervisor_finds_tickets_by_code_but_no_buyers():
    event = make_event()
    order = make_paid_order(ticket_type=event.ticket_types.get())
    client = member_of(event.organizer, Role.DOOR)

    by_code, by_email = find(client, order.code), find(client, order.customer_email)

    assert (by_code.orders, len(by_code.tickets)) == ([], 1)
    assert (by_email.orders, by_email.tickets) == ([], [])


def test_the_text_of_a_qr_code_finds_its_ticket_also_with_two_spaces_in_a_row():
    ticket = make_ticket()
    texts = (_text_of_code(ticket, valid_from=second) for second in range(1000))
    text = next(text for text in texts if "  " in text)

    found = find(member_of(ticket.event.organizer), f" {text}\n")

    assert found.tickets == [ticket]
    assert found.orders == [ticket.order]


def _text_of_code(ticket: Ticket, *, valid_from: int) -> str:
    event = ticket.event
    began = datetime.fromtimestamp(valid_from, tz=UTC)
    kind = ticket.ticket_type.number
    return sign_code(CodeSubject(event.pk, event.number, kind, began, event.ends_at), ticket.pk)


def test_a_search_shows_twenty_rows_and_says_that_there_are_more():
    event = make_event()
    for _ in range(21):
        make_reserved_order(ticket_type=event.ticket_types.get())

    found = find(member_of(event.organizer), "Ana")

    assert (len(found.orders), found.more) == (20, True)


# --- What it costs ---------------------------------------------------------------------


def test_the_pages_cost_the_same_with_many_events_and_orders():
    organizer = make_organizer()
    client = member_of(organizer)
    costs: list[list[int]] = []
    for _ in range(2):
        for _ in range(3):
            event = make_event(organizer=organizer)
            for quantity in (1, 2):
                make_paid_order(ticket_type=event.ticket_types.get(), quantity=quantity)
            make_reserved_order(ticket_type=event.ticket_types.get())
        costs.append(_costs(client, event))

    assert costs[0] == costs[1]
    # Beside the queries of every page of the admin.
    assert costs[0] == [42, 30, 5]


def _costs(client: Client, event: Event) -> list[int]:
    request = RequestFactory().get("/")
    request.user = User.objects.get(pk=client.session["_auth_user_id"])
    with CaptureQueriesContext(connection) as home_page:
        fill_home(request, {})
    every_page = _queries(client, reverse("find"))
    pages = [reverse("event_dashboard", args=[event.pk]), reverse("find") + "?q=Ana"]
    return [len(home_page), *(_queries(client, page) - every_page for page in pages)]


def _queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)
