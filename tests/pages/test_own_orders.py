"""A buyer who comes back to an event's page is told of what is held or was bought already."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from events.models import Event
from events.organizing import cancel_event
from events.pages.live import clear_live_events
from orders.models import Order
from orders.page_link import order_path
from tests.make import SOMEBODY, make_event, make_question
from tests.pages.test_kept_pages import without_own_values
from tests.pages.test_shop_choosing import filled, read
from tests.pages.test_shop_order import buyer_of, send
from ticketing import clock
from tickets.refund import refund_order
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)

NOTICE = "on hold until"


def in_days(days: int) -> dict[str, Any]:
    starts_at = clock.now().replace(microsecond=0) + timedelta(days=days)
    return {"starts_at": starts_at, "ends_at": starts_at + timedelta(hours=4)}


def cookie_of(order: Order) -> str:
    return f"own-{order.pk.hex}"


def page_of(browser: Client, event: Event, query: str = "") -> Any:
    page = browser.get(f"/e/{event.slug}{query}")
    assert page.status_code == 200
    return page


@pytest.mark.parametrize("query", ["", "?lang=en"])
def test_the_page_tells_its_own_buyer_alone_and_leads_on(query: str):
    event = make_event(timezone="America/Manaus")
    page_of(Client(), event)
    browser, order = buyer_of(event, 2)
    stranger = Client(headers={"accept-language": "en"})

    own, others = page_of(browser, event, query), page_of(stranger, event, query)

    until = (order.reserved_until - timedelta(hours=4)).strftime("%-I:%M %p")
    notice = f"You have 2 tickets on hold until {until} (Manaus time, UTC−4). Continue to payment"
    assert notice in read(own)
    assert f'<a href="{order_path(order.pk)}">' in own.content.decode()
    assert own.headers["Cache-Control"] == "private, no-store"
    assert "Cookie" in own.headers["Vary"]
    assert NOTICE not in read(others)
    assert others.headers["Cache-Control"] == "private, no-cache"


def test_the_cookie_is_of_the_events_page_and_opens_no_order():
    event = make_event(hold_seconds=120)
    browser, order = buyer_of(event)
    own = browser.cookies[cookie_of(order)]

    assert (own["path"], own["httponly"], own["samesite"]) == (f"/e/{event.slug}", True, "Lax")
    assert 110 <= own["max-age"] <= 120
    thief = Client()
    thief.cookies["order"] = thief.cookies[cookie_of(order)] = own.value
    assert thief.get(order_path(order.pk)).status_code == 404


def test_the_page_stays_the_same_for_everybody_else_and_costs_its_buyer_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
):
    event = make_event()
    browser, _ = buyer_of(event)
    # The page from before the reservation would have another number of tickets left.
    clear_live_events()
    before = page_of(Client(), event)

    with django_assert_num_queries(1):
        own = page_of(browser, event)
    with django_assert_num_queries(0):
        after = page_of(Client(), event)

    assert NOTICE in read(own)
    assert without_own_values(before) == without_own_values(after)


@pytest.mark.parametrize("how", ["pay", "cancel", "end", "cancel the event"])
def test_the_notice_goes_with_the_hold(how: str):
    event = make_event()
    browser, order = buyer_of(event)
    assert NOTICE in read(page_of(browser, event))

    match how:
        case "pay":
            send(browser, order, "pay", method="card", token="tok_approved")
            processing = read(page_of(browser, event))
            assert "Your payment is being processed. See the order" in processing
            settle_order(order_id=order.pk, now=clock.now())
            assert "You bought 1 ticket" in read(page_of(browser, event))
            del browser.cookies[cookie_of(order)]
        case "cancel":
            send(browser, order, "cancel")
        case "end":
            Order.objects.filter(pk=order.pk).update(reserved_until=clock.now())
        case _:
            cancel_event(event_id=event.pk, note="", actor=SOMEBODY, now=clock.now())
    clear_live_events()

    page = page_of(browser, event)
    assert NOTICE not in read(page)
    assert "is being processed" not in read(page)
    assert page.headers["Cache-Control"] == "private, no-cache"


def test_a_browser_that_has_bought_is_led_to_its_order_until_the_event_ends():
    event = make_event(**in_days(2))
    browser, order = buyer_of(event, 2)
    send(browser, order, "pay", method="card", token="tok_approved")
    settle_order(order_id=order.pk, now=clock.now())
    browser.get(order_path(order.pk))
    own = browser.cookies[cookie_of(order)]

    page = page_of(browser, event)

    assert "You bought 2 tickets for this event in this browser. See the order" in read(page)
    assert f'href="{order_path(order.pk)}"' in page.content.decode()
    assert page.headers["Cache-Control"] == "private, no-store"
    assert order.customer_email not in page.content.decode()
    assert own["max-age"] == pytest.approx((event.ends_at - clock.now()).total_seconds(), abs=60)
    assert own["path"] == f"/e/{event.slug}"
    assert "for this event in this browser" not in read(page_of(Client(), event))
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    assert "for this event in this browser" not in read(page_of(browser, event))


def test_a_browser_forgets_a_paid_order_when_it_may_not_open_it_any_more():
    event = make_event(**in_days(200))
    browser, order = buyer_of(event)
    send(browser, order, "pay", method="card", token="tok_approved")
    settle_order(order_id=order.pk, now=clock.now())

    browser.get(order_path(order.pk))

    assert browser.cookies[cookie_of(order)]["max-age"] == 30 * 24 * 3600


def test_each_hold_of_a_browser_is_named_and_the_newest_are_remembered():
    event = make_event(max_per_customer=10)
    browser = Client(headers={"accept-language": "en"})
    orders: list[Order] = []
    for quantity in (2, 1, 3, 1, 1):
        browser.post(f"/e/{event.slug}", filled(event, quantity, form_key=f"form-{len(orders)}"))
        orders.append(Order.objects.latest("created_at"))

    page = page_of(browser, event)
    shown = page.content.decode()

    assert read(page).count(NOTICE) == 4
    assert "You have 2 tickets" not in read(page)
    assert "You have 3 tickets" in read(page)
    assert [order_path(order.pk) in shown for order in orders] == [False, True, True, True, True]
    assert browser.cookies[cookie_of(orders[0])]["max-age"] == 0


def test_every_page_of_an_event_leads_to_find_my_tickets():
    event, over, cancelled = make_event(), make_event(), make_event()
    Event.objects.filter(pk=over.pk).update(**in_days(-3))
    cancel_event(event_id=cancelled.pk, note="", actor=SOMEBODY, now=clock.now())
    clear_live_events()

    for each in (event, over, cancelled):
        article = page_of(Client(), each).content.decode().partition("</article>")[0]
        assert '<a class="whole" href="/find">' in article


def test_the_notice_leads_to_what_is_asked_first_and_nobody_pays_for_free_tickets():
    asking, free = make_event(), make_event(price="0.00")
    make_question(event=asking, label="Alguma alergia?", is_required=True)
    buyer, order = buyer_of(asking)
    guest, free_order = buyer_of(free, language="pt-BR")

    asked = page_of(buyer, asking).content.decode()
    before = read(page_of(guest, free))
    send(guest, free_order, "pay", method="free")

    assert f'<a href="{order_path(order.pk)}details/">Continue to payment</a>' in asked
    assert "Você tem 1 ingresso reservado até" in before
    assert "Continuar para o pagamento" not in before
    # Until the mailed link is opened the tickets are only held.
    assert "Você tem 1 ingresso reservado até" in read(page_of(guest, free))


def test_a_refused_second_reservation_shows_the_way_to_the_first():
    event = make_event(max_per_customer=2)
    browser, order = buyer_of(event, 2)

    refused = browser.post(f"/e/{event.slug}", filled(event, 1, form_key="another"))

    assert refused.status_code == 429
    assert NOTICE in read(refused)
    assert order_path(order.pk) in refused.content.decode()


@pytest.mark.parametrize("value", ["", "x", "01a2265c-f3f4-79a2-a26a-7fed2be96dc4", "{order}:x"])
def test_a_cookie_that_we_have_not_made_costs_no_query(
    value: str, django_assert_num_queries: DjangoAssertNumQueries
):
    event = make_event()
    browser, order = buyer_of(event)
    browser.cookies[cookie_of(order)] = value.format(order=order.pk)
    page_of(Client(headers={"accept-language": "en"}), event)

    with django_assert_num_queries(0):
        assert NOTICE not in read(page_of(browser, event))


def test_neither_another_event_nor_a_frame_shows_the_notice():
    event, other = make_event(), make_event()
    browser, _ = buyer_of(event)
    organizer = event.organizer
    organizer.embedding_origins = ["https://www.casaazul.example"]
    organizer.save(update_fields=["embedding_origins"])
    clear_live_events()

    assert NOTICE not in read(page_of(browser, other))
    assert NOTICE not in read(browser.get(f"/e/{event.slug}/embedded"))


def test_the_notice_of_a_browser_that_asks_too_often_is_left_out(settings: Any):
    event = make_event()
    browser, _ = buyer_of(event)
    settings.RATE_LIMITS = {"read": ":2/600"}

    shown = [NOTICE in read(page_of(browser, event)) for _ in range(3)]

    assert shown == [True, True, False]
