"""The page of an event in the shop: what it shows, and reserving by its form."""

import html
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from django.contrib.staticfiles.finders import find
from django.test import Client

from events.event_cache import clear_event_cache
from events.models import Event, TicketType
from events.organizing import cancel_event
from events.pages.live import clear_live_events
from events.stock.holds import InventoryUnavailable
from orders.models import Order
from orders.page_link import order_path
from orders.pages.refusals import SENTENCES
from orders.payment import REFUSALS as PAYING
from orders.reservation import REFUSALS as RESERVING
from tests.make import (
    SOMEBODY,
    make_event,
    make_promo_code,
    make_reservation,
    make_reserved_order,
    make_ticket_type,
)
from ticketing import clock
from ticketing.redis import get_redis

pytestmark = pytest.mark.django_db(transaction=True)

ENGLISH, PORTUGUESE = {"accept-language": "en"}, {"accept-language": "pt-BR"}


def read(response: Any) -> str:
    """Return the text of a page, without tags and with single blanks."""
    text = re.sub(
        r"<(script|noscript).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL
    )
    return " ".join(html.unescape(text).split())


def look(event: Event, query: str = "", **headers: str) -> str:
    clear_live_events()
    page = Client(headers=headers or ENGLISH).get(f"/e/{event.slug}{query}")
    assert page.status_code == 200
    return read(page)


def filled(event: Event, quantity: int = 1, **fields: str) -> dict[str, str]:
    kind = event.ticket_types.order_by("number").first()
    assert kind is not None
    return {
        f"q_{kind.pk}": str(quantity),
        "name": "Ana Souza",
        "email": "ana@example.com",
        "email_again": "ana@example.com",
        "form_key": "of-this-page",
    } | fields


def test_everybody_sees_a_published_event_in_their_language():
    event = make_event(name="Jazz <b>", description="Um quinteto.", capacity=12)
    hidden = make_ticket_type(event=event, name="Camarote", price="90.00")
    TicketType.objects.filter(pk=hidden.pk).update(is_hidden=True)
    make_reserved_order(ticket_type=event.ticket_types.get(name="Pista"))

    english, portuguese = look(event), look(event, **{"accept-language": "pt-BR"})

    assert "Jazz <b>" in english
    assert "BRL 45.00" in english
    assert "11 left" in english
    assert re.search(r"\w+ time, UTC−3", english)
    assert "R$ 45,00" in portuguese
    assert "restam 11" in portuguese
    assert "Camarote" not in english


def test_a_draft_has_no_page_and_a_cancelled_event_says_why():
    draft, event = make_event(status="draft"), make_event()
    assert Client().get(f"/e/{draft.slug}").status_code == 404
    assert Client().get(f"/e/{event.pk}").status_code == 404

    cancel_event(event_id=event.pk, note="O artista adoeceu.", actor=SOMEBODY, now=clock.now())

    page = look(event, **{"accept-language": "pt-BR"})
    assert "Este evento foi cancelado. O artista adoeceu." in page
    assert "R$" not in page


def test_a_sold_out_type_says_until_when_held_tickets_may_return():
    event = make_event(capacity=1, timezone="America/Manaus")
    reservation = make_reservation(ticket_type=event.ticket_types.get())
    until = (reservation.reserved_until - timedelta(hours=4)).strftime("%-I:%M")

    page = look(event)

    assert "Sold out. This page shows it at once if a ticket comes back." in page
    assert re.search(rf"at the latest on \w+ \d+, {until} [AP]M", page)
    live = Client().get(f"/e/{event.slug}/live").json()
    kind = str(event.ticket_types.get().pk)
    assert live["left"] == {kind: 0}
    assert live["returns"] == {kind: int(reservation.reserved_until.timestamp() * 1000)}
    assert "Reserve" not in page


@pytest.mark.parametrize(
    ("language", "one", "many"),
    [("en", "{n} left", "{n} left"), ("pt-BR", "resta {n}", "restam {n}")],
)
def test_the_script_has_the_sentences_of_one_and_of_many_that_are_left(
    language: str, one: str, many: str
):
    browser = Client(headers={"accept-language": language})
    page, last = (
        browser.get(f"/e/{make_event(capacity=capacity).slug}").content.decode()
        for capacity in (1_200, 1)
    )

    assert f'data-one="{one}" data-many="{many}"' in page
    number = "1,200" if language == "en" else "1.200"
    assert f'<span data-number="1200">{many.replace("{n}", number)}</span>' in page
    assert f'<span data-number="1">{one.replace("{n}", "1")}</span>' in last


def test_an_event_of_several_days_says_on_which_day_it_ends():
    event = make_event()
    night = look(event)
    Event.objects.filter(pk=event.pk).update(ends_at=event.starts_at + timedelta(days=2))

    clear_event_cache()

    assert re.search(r"\d:\d\d [AP]M – \d+:\d\d [AP]M", night)
    assert re.search(r"\d:\d\d [AP]M – \w+ \d+, \d+:\d\d [AP]M", look(event))


def test_sales_that_have_not_started_or_have_ended_have_no_form():
    now = clock.now()
    later = make_event(sales_start_at=now + timedelta(days=1))
    ended = make_event(sales_end_at=now - timedelta(seconds=1))
    over = make_event()
    Event.objects.filter(pk=over.pk).update(
        starts_at=now - timedelta(days=2), ends_at=now - timedelta(days=1)
    )

    assert "Sales start on" in look(later)
    assert "Sales have ended." in look(ended)
    assert "No longer on sale" in look(ended)
    assert "100 left" not in look(ended)
    assert "This event is over." in look(over)
    assert "Your email" not in look(later) + look(ended) + look(over)


def test_a_buyer_reserves_and_comes_to_the_page_of_the_order():
    event, browser = make_event(hold_seconds=120), Client(headers=PORTUGUESE)

    answer = browser.post(f"/e/{event.slug}", filled(event, 2))

    order = Order.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/o/{order.pk}/")
    assert (order.customer_name, order.customer_email) == ("Ana Souza", "ana@example.com")
    assert (order.language, str(order.total)) == ("pt-br", "90.00")
    page = read(browser.get(f"/o/{order.pk}/"))
    assert "Pague seus ingressos" in page
    assert "2 × Pista R$ 90,00" in page
    assert browser.get("/").cookies.get("order") is None


def test_a_form_that_is_sent_twice_reserves_once_and_opens_the_same_order():
    event, browser = make_event(), Client()

    first = browser.post(f"/e/{event.slug}", filled(event))
    again = Client().post(f"/e/{event.slug}", filled(event))

    assert Order.objects.count() == 1
    assert first.headers["Location"] == again.headers["Location"]
    assert first.cookies["order"].value == again.cookies["order"].value


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"email_again": "bia@example.com"}, "The two addresses differ."),
        ({"email": "ana", "email_again": "ana"}, "must contain an @"),
        ({"name": "www.spam.example"}, "must not contain a web address"),
        ({"quantity": "0"}, "Choose at least one ticket."),
        ({"quantity": "11"}, "One order may have 10 of these at most."),
        ({"quantity": "x"}, "Write a number, or leave it empty."),
    ],
)
def test_a_mistake_is_explained_at_its_field_and_reserves_nothing(
    fields: dict[str, str], complaint: str
):
    event = make_event()
    quantity = fields.pop("quantity", "1")
    kind = event.ticket_types.get()

    answer = Client(headers=ENGLISH).post(
        f"/e/{event.slug}", filled(event) | {f"q_{kind.pk}": quantity} | fields
    )

    assert answer.status_code == 422
    assert complaint in read(answer)
    assert ("Correct the marked fields" in read(answer)) == (quantity != "0")
    assert 'value="Ana Souza"' in answer.content.decode() or "name" in fields
    assert not Order.objects.exists()


def test_two_mistakes_are_both_said_above_the_form():
    event = make_event()

    answer = read(Client(headers=ENGLISH).post(f"/e/{event.slug}", filled(event, 0, name="")))

    assert "Choose at least one ticket." in answer
    assert "Correct the marked fields" in answer


def test_a_type_with_a_lower_limit_and_the_limit_of_the_order_are_both_checked():
    event = make_event(max_per_order=3)
    other = make_ticket_type(event=event, name="Meia")

    answer = Client(headers=ENGLISH).post(
        f"/e/{event.slug}", filled(event, 2) | {f"q_{other.pk}": "2"}
    )

    assert "One order may have 3 tickets at most." in read(answer)


def test_a_buyer_who_was_too_slow_sees_the_new_numbers():
    event, browser = make_event(capacity=2), Client(headers=ENGLISH)
    browser.get(f"/e/{event.slug}")
    make_reserved_order(ticket_type=event.ticket_types.get())

    answer = browser.post(f"/e/{event.slug}", filled(event, 2))

    assert answer.status_code == 409
    assert "Somebody was faster" in read(answer)
    assert Order.objects.count() == 1


def test_a_limit_of_the_customer_is_explained_beside_the_address():
    event = make_event(max_per_customer=1)
    browser = Client(headers=ENGLISH)
    browser.post(f"/e/{event.slug}", filled(event))
    Order.objects.update(status="paid", paid_at=clock.now())

    answer = browser.post(f"/e/{event.slug}", filled(event, form_key="another"))

    assert answer.status_code == 409
    assert "more of this event than one person may have" in read(answer)
    assert list(answer.context["form"].errors) == ["email"]


def test_a_promo_code_unlocks_a_hidden_type_and_lowers_prices():
    event = make_event()
    hidden = make_ticket_type(event=event, name="Imprensa", price="10.00")
    TicketType.objects.filter(pk=hidden.pk).update(is_hidden=True)
    make_promo_code(event=event, code="PRESS", unlocked_types=[hidden.pk])

    assert "Imprensa" not in look(event)
    page = look(event, "?code=press")
    wrong = look(event, "?code=prss")

    assert "Imprensa" in page
    assert "BRL 40.50" in page
    assert "Applied." in page
    assert "does not have that promo code" in wrong
    browser = Client(headers=ENGLISH)
    browser.post(f"/e/{event.slug}", filled(event, 1, code="PRESS"))
    assert Order.objects.get().promo_text == "PRESS"


def test_a_wrong_promo_code_reserves_nothing():
    event = make_event()

    answer = Client(headers=ENGLISH).post(f"/e/{event.slug}", filled(event, code="\x00"))

    assert (answer.status_code, Order.objects.count()) == (422, 0)
    assert "does not have that promo code" in read(answer)


def test_an_event_with_a_proof_of_work_says_so_where_scripts_are_off():
    event = make_event(requires_proof_of_work=True)
    browser = Client(headers=ENGLISH)

    page = browser.get(f"/e/{event.slug}").content.decode()
    answer = browser.post(f"/e/{event.slug}", filled(event))

    assert "needs JavaScript" in page
    assert f'data-challenge="/events/{event.slug}/challenge"' in page
    assert answer.status_code == 409
    assert "asks your browser for a short computation" in read(answer)
    assert not Order.objects.exists()


def test_nobody_is_told_to_pay_for_free_tickets():
    free, paid = look(make_event(price="0.00")), look(make_event())

    assert "for 15 minutes. They are free." in free
    assert "Nothing is charged before" not in free
    assert "while you pay. Nothing is charged before." in paid


def test_a_link_may_propose_quantities():
    event = make_event()
    kind = event.ticket_types.get()

    page = Client().get(f"/e/{event.slug}?q_{kind.pk}=3&q_x=1").content.decode()

    assert re.search(rf'name="q_{kind.pk}" value="3"', page)


def test_unknown_events_cannot_be_asked_for_without_a_limit(settings: Any):
    settings.RATE_LIMITS = {"read": ":2/600"}
    event = make_event()
    look(event)
    client = Client(headers=ENGLISH)

    known = [
        client.get(path).status_code
        for path in (f"/e/{event.slug}/live", f"/e/{event.slug}", "/")
        for _ in range(4)
    ]
    unknown = [
        client.get(path).status_code for path in ("/e/none", "/e/no-one", "/e/a", "/e/b/live")
    ]
    searches = client.get("/?q=jazz").status_code

    assert known == [200] * 12
    assert unknown == [404, 429, 429, 429]
    assert searches == 429


def test_addresses_that_no_page_has_are_counted(settings: Any):
    settings.RATE_LIMITS = {"read": ":2/600"}
    client = Client(headers=ENGLISH)

    answers = [
        client.get(path).status_code for path in ("/e/NONE", "/e/a_b", "/e/x//", "/e/X/live")
    ]

    assert answers == [404, 404, 429, 429]


def test_a_thousand_readers_read_redis_once_a_second(monkeypatch: pytest.MonkeyPatch):
    event, browser = make_event(capacity=5), Client()
    clock_of_process = [1000.0]
    monkeypatch.setattr("events.pages.live.time.monotonic", lambda: clock_of_process[0])
    address = f"/e/{event.slug}/live"
    kind = event.ticket_types.get()
    redis = get_redis()

    def commands() -> int:
        return int(redis.info("stats")["total_commands_processed"])

    first = browser.get(address).json()
    make_reserved_order(ticket_type=kind)
    before = commands()
    answers = [browser.get(address).json() for _ in range(20)]
    asked = commands() - before
    clock_of_process[0] += 1
    later = browser.get(address).json()

    assert first["left"] == {str(kind.pk): 5}
    assert answers == [first] * 20
    # The question itself is a command.
    assert asked == 1
    assert later["left"] == {str(kind.pk): 4}


@pytest.mark.parametrize("ending", ["", "/"])
def test_the_page_knows_where_to_ask_what_is_left(ending: str):
    event, browser = make_event(capacity=5), Client()

    page = browser.get(f"/e/{event.slug}{ending}").content.decode()
    live = re.search(r'data-live="([^"]+)"', page)

    assert live
    assert browser.get(live[1]).json()["left"] == {str(event.ticket_types.get().pk): 5}


def test_without_redis_the_page_shows_the_record(monkeypatch: pytest.MonkeyPatch):
    event = make_event(capacity=7)

    def away(*_arguments: Any, **_named: Any) -> None:
        raise InventoryUnavailable("gone")

    for name in ("read_stock", "read_stocks"):
        monkeypatch.setattr(f"events.catalogue.{name}", away)

    assert "7 left" in look(event)


def test_every_refusal_of_reserving_and_paying_has_words_for_buyers():
    assert {refusal.code for refusal in (*RESERVING, *PAYING)} <= set(SENTENCES)


def test_the_page_of_an_event_is_light():
    event = make_event(description="Uma noite. " * 100)
    for number in range(7):
        make_ticket_type(event=event, name=f"Setor {number}")

    page = Client().get(f"/e/{event.slug}")
    files = re.findall(r'(?:href|src)="/static/([^"]+)"', page.content.decode())
    assert len(files) == 4
    assert len(page.content) + sum(Path(str(find(each))).stat().st_size for each in files) < 60_000


ODD = ["%00", "%F0%9F%8E%B7", "9" * 5000, "-1", "(", "%FF", "%E2%80%AE", "1e9", "١"]


def test_no_odd_query_or_form_causes_an_internal_error():
    event, browser = make_event(), Client(raise_request_exception=False)
    order = order_path(make_reservation(ticket_type=event.ticket_types.get()).order_id)
    kind = event.ticket_types.get()
    pages = [
        address
        for odd in ODD
        for address in (
            f"/e/{event.slug}?code={odd}&q_{kind.pk}={odd}&lang={odd}",
            f"/?q={odd}&city={odd}&since={odd}&until={odd}&lang={odd}",
            f"/?page={odd}",
            f"{order}?token={odd}",
            f"/sitemap-{odd}.xml",
            f"/accent/{odd}.css",
        )
    ]

    statuses = {address: browser.get(address).status_code for address in pages}
    for odd in map(unquote, ODD):
        fields = {"code": odd, f"q_{kind.pk}": odd, "name": odd, "email": odd, "proof": odd}
        statuses[odd] = browser.post(f"/e/{event.slug}", fields).status_code
        browser.cookies["order"] = quote(odd)
        statuses[f"cookie {odd}"] = browser.get(order).status_code

    assert {address: status for address, status in statuses.items() if status >= 500} == {}
