"""The pages of the admin that share an event and copy it."""

from urllib.parse import unquote

import pytest
from django.urls import reverse
from django.utils.html import escape

from events.models import Event
from tests.make import (
    make_event,
    make_promo_code,
)
from tests.pages.test_admin import organizer_of
from tests.pages.test_tickets_page import read_svg

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_organizer_gets_the_link_a_qr_code_and_a_snippet_that_is_safe_to_paste():
    event = make_event(name='Jazz "<script>')

    page = organizer_of(event).get(reverse("admin:events_event_share_this", args=[event.pk]))

    text = page.content.decode()
    assert page.context["address"].endswith(f"/e/{event.slug}")
    picture = page.context["qr_code"]
    assert picture.startswith("data:image/svg+xml")
    assert escape(picture) in text
    assert [code.text for code in read_svg(unquote(picture))] == [page.context["address"]]
    assert "<script>" not in page.context["snippet"]
    assert f"&lt;a href=&quot;{page.context['address']}&quot;&gt;Jazz" in text


def test_an_organizer_copies_an_event_and_comes_to_its_draft():
    event = make_event(timezone="America/Manaus")
    client = organizer_of(event)
    page = reverse("admin:events_event_clone_this", args=[event.pk])
    form = {"name": "Outra noite", "starts_at_0": "01/02/2099", "starts_at_1": "20:00"}
    language = {"accept-language": "pt-BR"}

    assert client.get(page).status_code == 200
    assert client.post(page, form | {"name": ""}, headers=language).status_code == 200
    assert Event.objects.count() == 1
    made = client.post(page, form, headers=language)

    copy = Event.objects.get(name="Outra noite")
    assert made.headers["Location"] == reverse("admin:events_event_change", args=[copy.pk])
    assert copy.starts_at.isoformat() == "2099-02-02T00:00:00+00:00"
    assert "with_promo_codes" not in client.get(page).content.decode()
    make_promo_code(event=event, code="AMIGOS")
    assert "with_promo_codes" in client.get(page).content.decode()
    for ticked, copied in (({}, 0), ({"with_promo_codes": "on"}, 1)):
        client.post(page, form | ticked | {"name": f"{copied} copied"}, headers=language)
        assert Event.objects.get(name=f"{copied} copied").promo_codes.count() == copied
