"""The public page of an event, and the admin's pages that share and copy it."""

import pytest
from django.test import Client
from django.urls import reverse

from events.models import Event
from events.organizing import cancel_event
from tests.make import (
    SOMEBODY,
    make_event,
    make_promo_code,
    make_reserved_order,
    make_ticket_type,
)
from tests.pages.test_admin import organizer_of
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)


def page_of(event: Event, language: str = "en") -> str:
    response = Client().get(f"/e/{event.slug}", headers={"accept-language": language})
    assert response.status_code == 200
    assert "script-src" not in response.headers["Content-Security-Policy"]
    return response.content.decode().replace("\xa0", " ")


def test_everybody_sees_a_published_event_in_their_language():
    event = make_event(name="Jazz <b>", description="Um quinteto.", capacity=1)
    kind = make_ticket_type(event=event, name="Camarote", price="90.00")
    kind.__class__.objects.filter(pk=kind.pk).update(is_hidden=True)
    make_reserved_order(ticket_type=event.ticket_types.get(name="Pista"))

    english, portuguese = page_of(event), page_of(event, "pt-BR")

    assert "Jazz &lt;b&gt;" in english
    assert "BRL 45.00" in english
    assert "R$ 45,00" in portuguese
    assert "esgotado" in portuguese
    assert "Camarote" not in english


def test_a_draft_has_no_page_and_a_cancelled_event_says_why():
    draft, event = make_event(status="draft"), make_event()
    assert Client().get(f"/e/{draft.slug}").status_code == 404
    assert Client().get(f"/e/{event.pk}").status_code == 404

    cancel_event(event_id=event.pk, note="O artista adoeceu.", actor=SOMEBODY, now=clock.now())

    page = page_of(event, "pt-BR")
    assert "Este evento foi cancelado. O artista adoeceu." in page
    assert "R$" not in page


def test_an_organizer_gets_the_link_a_qr_code_and_a_snippet_that_is_safe_to_paste():
    event = make_event(name='Jazz "<script>')

    page = organizer_of(event).get(reverse("admin:events_event_share_this", args=[event.pk]))

    text = page.content.decode()
    assert page.context["address"].endswith(f"/e/{event.slug}")
    assert page.context["qr_code"].startswith("data:image/svg+xml")
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
