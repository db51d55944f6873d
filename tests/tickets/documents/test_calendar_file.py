"""The event for a calendar, by RFC 5545."""

from datetime import datetime
from typing import Any

import pytest
from django.utils import translation

from events.models import Event, EventStatus
from orders.models import Order
from ticketing.ids import new_id
from tickets.documents.calendar_file import render_calendar

NOON = datetime.fromisoformat("2027-01-01T12:00:00Z")
EVENT_ID = new_id()


def calendar(**fields: Any) -> bytes:
    event = Event(
        **{
            "pk": EVENT_ID,
            "slug": "opera",
            "name": "Ópera",
            "venue": "Teatro",
            "city": "São Paulo",
            "timezone": "America/Sao_Paulo",
            "starts_at": datetime.fromisoformat("2027-01-10T21:00:00-03:00"),
            "ends_at": datetime.fromisoformat("2027-01-11T01:00:00-03:00"),
            "revision": 7,
        }
        | fields
    )
    with translation.override("pt-br"):
        return render_calendar(order=Order(code="YD8X2B", event=event), now=NOON)


def values(text: bytes) -> dict[str, str]:
    unfolded = text.decode().replace("\r\n ", "")
    return dict(line.split(":", 1) for line in unfolded.removesuffix("\r\n").split("\r\n"))


def test_the_file_says_when_where_and_which_order(settings):
    settings.PUBLIC_URL = "https://ingressos.example.com"

    found = values(calendar())

    assert found["UID"] == f"{EVENT_ID}@ingressos.example.com"
    assert (found["DTSTART"], found["DTEND"]) == ("20270111T000000Z", "20270111T040000Z")
    assert (found["DTSTAMP"], found["SEQUENCE"]) == ("20270101T120000Z", "7")
    assert (found["SUMMARY"], found["LOCATION"]) == ("Ópera", "Teatro\\, São Paulo")
    assert found["URL"] == "https://ingressos.example.com/e/opera"
    assert found["DESCRIPTION"].startswith("Pedido YD8X2B.")


@pytest.mark.parametrize(
    ("status", "shown"),
    [(EventStatus.PUBLISHED, "CONFIRMED"), (EventStatus.CANCELLED, "CANCELLED")],
)
def test_a_cancelled_event_is_cancelled_in_the_calendar_too(status: str, shown: str):
    assert values(calendar(status=status))["STATUS"] == shown


def test_signs_with_a_meaning_are_escaped():
    found = values(calendar(name="Rock; Samba, \\ & Cia\nBEGIN:VALARM"))

    assert found["SUMMARY"] == "Rock\\; Samba\\, \\\\ & Cia\\nBEGIN:VALARM"


def test_long_lines_are_folded_between_letters():
    name = "ção 🎷 " * 30

    text = calendar(name=name)

    assert max(len(line) for line in text.split(b"\r\n")) == 75
    assert all(line.decode() for line in text.removesuffix(b"\r\n").split(b"\r\n"))
    assert values(text)["SUMMARY"] == name
    assert text.count(b"\n") == text.count(b"\r\n")
