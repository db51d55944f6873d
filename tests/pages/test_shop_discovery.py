"""What machines find of the shop: schema.org, pictures for links, the sitemap, robots.txt."""

import json
import re
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from PIL import Image

from events.models import ChangeForBuyers, Event
from events.organizing import cancel_event
from events.pages import robots
from events.pages.live import clear_live_events
from tests.make import SOMEBODY, make_event, make_reserved_order, make_ticket_type
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)

SITE = "http://localhost:8000"


def page_of(event: Event, query: str = "") -> str:
    clear_live_events()
    return Client().get(f"/e/{event.slug}{query}").content.decode()


def structured(event: Event) -> dict[str, Any]:
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page_of(event))
    assert found is not None
    document: dict[str, Any] = json.loads(found[1])
    return document


def test_an_event_describes_itself_and_its_offers_to_search_engines():
    event = make_event(name="Jazz </script><b>", capacity=1, timezone="America/Manaus")
    make_reserved_order(ticket_type=event.ticket_types.get())
    make_ticket_type(event=event, name="Camarote", price="90.00")

    document = structured(event)

    assert document["@type"] == "Event"
    assert document["name"] == "Jazz </script><b>"
    assert document["eventStatus"] == "https://schema.org/EventScheduled"
    assert document["startDate"].endswith("-04:00")
    offers = {offer["name"]: offer for offer in document["offers"]}
    assert offers["Pista"]["availability"] == "https://schema.org/SoldOut"
    assert offers["Camarote"]["availability"] == "https://schema.org/InStock"
    assert (offers["Camarote"]["price"], offers["Camarote"]["priceCurrency"]) == ("90.00", "BRL")


def test_a_cancelled_and_a_rescheduled_event_are_marked_for_people_and_machines():
    cancelled, moved = make_event(), make_event()
    cancel_event(event_id=cancelled.pk, note="", actor=SOMEBODY, now=clock.now())
    earlier = moved.starts_at - timedelta(days=7)
    ChangeForBuyers.objects.create(
        event=moved,
        changed_at=clock.now(),
        before={"starts_at": earlier.isoformat()},
        ask_again_at=clock.now(),
    )

    document = structured(moved)

    assert structured(cancelled)["eventStatus"] == "https://schema.org/EventCancelled"
    assert "offers" not in structured(cancelled)
    assert document["eventStatus"] == "https://schema.org/EventRescheduled"
    assert document["previousStartDate"] != document["startDate"]
    assert "New date." in page_of(moved, "?lang=en")


def test_a_link_in_a_messenger_shows_a_card_of_the_event():
    event = make_event(name="São João no interior com muita sanfona e quadrilha " * 3)
    page = page_of(event)
    card = Client().get(f"/e/{event.slug}/card.png?lang=en")
    again = Client().get(
        f"/e/{event.slug}/card.png?lang=en", headers={"if-none-match": card.headers["ETag"]}
    )

    assert f'<meta property="og:image" content="{SITE}/e/{event.slug}/card.png?lang=' in page
    assert Image.open(BytesIO(card.content)).size == (1200, 630)
    assert len(card.content) < 60_000
    assert (again.status_code, again.content) == (304, b"")
    assert card.headers["Cache-Control"] == again.headers["Cache-Control"]
    assert card.headers["Cache-Control"] == "public, max-age=3600"
    assert Client().get(f"/e/{make_event(status='draft').slug}/card.png").status_code == 404


def test_an_event_says_which_addresses_are_the_same_page():
    event = make_event()
    head = page_of(event)

    assert f'<link rel="canonical" href="{SITE}/e/{event.slug}">' in head
    assert f'hreflang="en" href="{SITE}/e/{event.slug}?lang=en"' in head


def test_the_sitemap_lists_what_is_on_sale_page_by_page(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(robots, "_EVENTS_ON_A_PAGE", 2)
    events = [make_event() for _ in range(3)]
    draft = make_event(status="draft")

    index = Client().get("/sitemap.xml").content.decode()
    pages = [Client().get(f"/sitemap-{number}.xml").content.decode() for number in (1, 2)]

    assert re.findall("<loc>(.*?)</loc>", index) == [f"{SITE}/sitemap-{n}.xml" for n in (1, 2)]
    listed = [address for page in pages for address in re.findall("<loc>(.*?)</loc>", page)]
    assert listed[0] == f"{SITE}/"
    assert set(listed[1:]) == {f"{SITE}/e/{event.slug}" for event in events}
    assert draft.slug not in "".join(pages)
    assert Client().get("/sitemap-51.xml").status_code == 404
    assert f"Sitemap: {SITE}/sitemap.xml" in Client().get("/robots.txt").content.decode()
