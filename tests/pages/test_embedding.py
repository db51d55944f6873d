"""Events on an organizer's own site: which sites, the page in the frame, and the snippet."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles.finders import find
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from events.event_cache import clear_event_cache
from events.models import Event, Organizer, Role
from events.organizing import cancel_event
from events.pages.live import clear_live_events
from tests.make import SOMEBODY, make_event, make_user
from tests.pages.test_admin import organizer_of
from tests.pages.test_shop_choosing import read
from ticketing import clock
from ticketing.models import Act
from ticketing.pages.embedding import tidy_origin

pytestmark = pytest.mark.django_db(transaction=True)

SITE, SHOP = "https://www.casa-azul.example", "https://loja.example:8443"


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://www.example.com", "https://www.example.com"),
        (" WWW.Example.com/ ", "https://www.example.com"),
        ("https://example.com:443", "https://example.com"),
        ("https://example.com:8443/", "https://example.com:8443"),
        ("https://münchen.de", "https://xn--mnchen-3ya.de"),
    ],
)
def test_a_site_is_stored_as_browsers_write_its_origin(written: str, origin: str):
    assert tidy_origin(written) == origin


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("http://www.example.com", "insecure_origin"),
        ("javascript://example.com", "insecure_origin"),
        ("https://www.example.com/agenda", "more_than_an_origin"),
        ("https://www.example.com?a", "more_than_an_origin"),
        ("https://ana@example.com", "more_than_an_origin"),
        ("https://*.example.com", "invalid_origin"),
        ("https://example.com; script-src *", "invalid_origin"),
        ("https://example.com\thttps://evil.example", "more_than_an_origin"),
        ("https://example.com:x", "invalid_origin"),
        ("https://10.0.0.1", "invalid_origin"),
        ("https://localhost", "invalid_origin"),
        ("https://", "invalid_origin"),
        ("*", "invalid_origin"),
        (f"https://{'.'.join(['a' * 60] * 4)}.example", "origin_too_long"),
    ],
)
def test_what_is_no_origin_of_a_site_is_refused(written: str, code: str):
    with pytest.raises(ValidationError) as refused:
        tidy_origin(written)

    assert refused.value.code == code


def embeddable(*origins: str, **fields: Any) -> Event:
    event = make_event(**fields)
    Organizer.objects.filter(pk=event.organizer_id).update(embedding_origins=list(origins))
    clear_event_cache()
    clear_live_events()
    return event


def test_only_the_sites_of_its_organizer_may_show_an_event_in_a_frame():
    event = embeddable(SITE, SHOP)

    frame = Client().get(f"/e/{event.slug}/embedded")
    page = Client().get(f"/e/{event.slug}")

    assert f"frame-ancestors {SITE} {SHOP};" in frame.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in frame.headers
    assert frame.headers["X-Robots-Tag"] == "noindex"
    assert "frame-ancestors 'none';" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Frame-Options"] == "DENY"


def test_without_a_site_there_is_nothing_to_embed():
    event, draft = embeddable(), embeddable(SITE, status="draft")

    for slug in (event.slug, draft.slug, "nowhere"):
        answer = Client().get(f"/e/{slug}/embedded")
        assert answer.status_code == 404
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_the_page_in_the_frame_sets_no_cookie_and_has_no_form_that_acts():
    event = embeddable(SITE)

    browser = Client(enforce_csrf_checks=True)
    frame = browser.get(f"/e/{event.slug}/embedded?lang=en")

    assert "Continue" in read(frame)
    assert not browser.cookies
    assert re.findall(r'<form method="(\w+)"', frame.content.decode()) == ["get"]
    assert browser.post(f"/e/{event.slug}/embedded").status_code in {403, 405}


def test_the_form_of_the_frame_opens_the_event_in_the_whole_window_with_its_quantities():
    event = embeddable(SITE)
    kind = event.ticket_types.get()

    frame = Client().get(f"/e/{event.slug}/embedded?lang=en").content.decode()
    page = Client().get(f"/e/{event.slug}?lang=en&q_{kind.pk}=2").content.decode()

    assert f'action="/e/{event.slug}#tickets" target="_top"' in frame
    assert f'name="q_{kind.pk}"' in frame
    assert '<input type="hidden" name="lang" value="en">' in frame
    assert re.search(rf'name="q_{kind.pk}" value="2"', page)
    assert 'id="tickets"' in page


def test_the_frame_tells_its_height_only_to_a_site_that_may_show_it():
    event = embeddable(SITE)

    def told(host: str) -> list[str]:
        frame = Client().get(f"/e/{event.slug}/embedded", {"host": host})
        return re.findall(r'data-host="([^"]*)"', frame.content.decode())

    assert told(SITE) == [SITE]
    assert told("https://evil.example") == told("*") == told("") == []


def test_the_frame_shows_what_is_left_or_why_nothing_is_sold():
    event, cancelled = embeddable(SITE, capacity=7), embeddable(SITE)
    cancel_event(event_id=cancelled.pk, note="", actor=SOMEBODY, now=clock.now())
    clear_live_events()

    english = {"accept-language": "en"}
    open_frame = read(Client(headers=english).get(f"/e/{event.slug}/embedded"))
    cancelled_frame = read(Client(headers=english).get(f"/e/{cancelled.slug}/embedded"))

    assert "7 left" in open_frame
    assert "BRL 45.00" in open_frame
    assert "All events" not in open_frame
    assert "This event is cancelled." in cancelled_frame
    assert "45.00" not in cancelled_frame


def test_an_owner_names_the_sites_and_it_is_recorded():
    event = make_event()
    page = reverse("admin:events_organizer_change", args=[event.organizer_id])
    form = {"name": "Casa Azul", "email": "contato@example.com"}
    owner = organizer_of(event)
    lines = f"casa-azul.example/\r\n\r\n{SHOP}\r\nhttps://casa-azul.example"

    wrong = owner.post(page, form | {"embedding_origins": "http://casa-azul.example"})
    many = "\n".join(f"https://s{number}.example" for number in range(11))
    too_many = owner.post(page, form | {"embedding_origins": many})
    assert Organizer.objects.get().embedding_origins == []
    owner.post(page, form | {"embedding_origins": lines})
    shown = owner.get(page).content.decode()
    owner.post(page, form | {"embedding_origins": f"https://casa-azul.example\r\n{SHOP}"})

    assert (wrong.status_code, too_many.status_code) == (200, 200)
    assert Organizer.objects.get().embedding_origins == ["https://casa-azul.example", SHOP]
    assert f"https://casa-azul.example\n{SHOP}</textarea>" in shown
    (act,) = Act.objects.filter(type="organizer.changed")
    (change,) = act.details["changes"]
    assert (change["field"], change["from"]) == ("embedding_origins", "")
    assert change["to"] == f"https://casa-azul.example, {SHOP}"


def test_sharing_shows_the_snippet_or_says_what_it_needs():
    event = embeddable(name='Jazz "<script>')
    share = reverse("admin:events_event_share_this", args=[event.pk])
    settings_page = reverse("admin:events_organizer_change", args=[event.organizer_id])
    manager = Client()
    manager.force_login(make_user(organizer=event.organizer, role=Role.MANAGER, is_staff=True))

    def told(client: Client) -> tuple[str, bool]:
        page = client.get(share)
        return str(page.context["embedding"]), settings_page in page.content.decode()

    before = [told(organizer_of(event)), told(manager)]
    Organizer.objects.update(embedding_origins=[SITE])
    (snippet, _) = told(manager)

    assert before == [("", True), ("", False)]
    assert "<script>" not in snippet.replace("<script async", "")
    assert snippet.count(f"/e/{event.slug}") == 2
    script = re.findall(r'script async src="([^"]+)"', snippet)
    assert [find(urlsplit(each).path.removeprefix("/static/")) is not None for each in script] == [
        True
    ]


def test_a_site_chooses_the_colors_of_the_page_in_its_frame():
    event = make_event()
    Organizer.objects.update(embedding_origins=[SITE], accent_color="#0A7F3C")
    path = f"/e/{event.slug}/embedded"

    dark, light, either, wrong = (
        Client().get(path + query).content.decode()
        for query in ("?theme=dark", "?theme=light", "", "?theme=%22%3E")
    )

    assert 'data-theme="dark"' in dark
    assert "/accent/0a7f3c.css?theme=dark" in dark
    assert ["ticketing/dark" in page for page in (dark, light, either)] == [True, False, False]
    assert 'content="light"' in light
    assert "data-theme" not in either + wrong
    assert "data-theme" not in Client().get(f"/e/{event.slug}?theme=dark").content.decode()


def test_the_dark_theme_has_the_colors_of_a_dark_device():
    shop, dark = (Path(str(find(f"ticketing/{name}.css"))).read_text() for name in ("shop", "dark"))
    for_dark_devices = shop.partition("@media (prefers-color-scheme: dark)")[2].partition("}")[0]

    assert re.findall("--.*;", for_dark_devices) == re.findall("--.*;", dark)


def test_an_accent_for_one_theme_does_not_follow_the_device():
    both = Client().get("/accent/0a7f3c.css").content.decode()
    light, dark = (
        Client().get(f"/accent/0a7f3c.css?theme={theme}").content.decode()
        for theme in ("light", "dark")
    )

    assert both == f"{light}@media (prefers-color-scheme:dark){{{dark}}}"
    assert light != dark
