"""Guest lists in the admin: upload, the check before anything is sold, progress, and results."""

import html
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from events.models import Event, Membership, Role
from orders.guest_list_files import LARGEST_FILE
from orders.guest_list_record import GuestList, GuestListState
from orders.models import Order
from tests.make import make_event, make_organizer, make_user
from tests.queue import RecordingQueue

pytestmark = pytest.mark.django_db(transaction=True)

LINES = "nome;email;tipo;quantidade\nAna Souza;ana@example.com;Pista;2\nBia;bia@;Pista;1\n"


def sign_in(event: Event, role: Role = Role.MANAGER, language: str = "en") -> Client:
    user = make_user(organizer=event.organizer, is_staff=True)
    Membership.objects.filter(user=user).update(role=role)
    client = Client(headers={"Accept-Language": language})
    client.force_login(user)
    return client


def upload(client: Client, event: Event, **fields: Any) -> Any:
    sent = {
        "text": LINES,
        "method": "gift",
        "reason": "Imprensa",
        "language": "pt-br",
        **fields,
    }
    address = reverse("admin:orders_guestlist_upload", args=[event.pk])
    return client.post(address, sent, follow=True)


def text_of(response: Any) -> str:
    return html.unescape(response.content.decode())


def page_of(guests: GuestList) -> str:
    return reverse("admin:orders_guestlist_change", args=[guests.pk])


def test_a_list_is_checked_then_confirmed_and_its_tickets_are_given(queue: RecordingQueue):
    event = make_event()
    client = sign_in(event)

    checked = text_of(upload(client, event))
    assert "1 line is ready: 2 tickets." in checked
    assert "The email address is not valid." in checked
    assert "Give 2 tickets" in checked
    assert not Order.objects.exists()

    running = text_of(
        client.post(page_of(GuestList.objects.get()), {"act": "confirm"}, follow=True)
    )
    assert "1 of 2 lines are done." in running
    queue.run_all()

    done = text_of(client.get(page_of(GuestList.objects.get())))
    assert "Done: 1 of 2 lines have their tickets." in done
    assert Order.objects.get().code in done


def test_a_file_is_read_like_pasted_lines():
    event = make_event()
    client = sign_in(event)

    page = upload(client, event, text="", file=SimpleUploadedFile("guests.csv", LINES.encode()))

    assert "1 line is ready: 2 tickets." in text_of(page)
    assert GuestList.objects.get().file_name == "guests.csv"


def test_a_file_of_the_largest_size_is_read_and_a_larger_one_is_refused_with_words():
    event = make_event()
    client = sign_in(event)
    line = b"Ana Souza;ana@example.com;Pista;2;"

    def send(size: int) -> Any:
        content = (line + (b"x" * 9_999 + b";") * 200)[:size]
        return upload(client, event, text="", file=SimpleUploadedFile("guests.csv", content))

    assert "1 line is ready: 2 tickets." in text_of(send(LARGEST_FILE))
    assert "500 lines and one megabyte at most" in text_of(send(LARGEST_FILE + 1))
    assert send(LARGEST_FILE + 100_000).status_code == 413


def test_a_cash_list_shows_its_price():
    event = make_event(price="45.00")

    page = text_of(upload(sign_in(event), event, method="cash", reason=""))

    assert "Sell 2 tickets for BRL\u00a090.00" in page


def test_a_list_beyond_the_stock_says_so_before_it_is_confirmed():
    event = make_event(capacity=1)

    page = text_of(upload(sign_in(event), event))

    assert "Pista: the list has 2 tickets, and 1 are left." in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": ""}, "Choose a file, or paste lines."),
        ({"text": "nome;email"}, "The list has no lines."),
        ({"text": "Ana\n" * 501}, "The list is too long"),
        ({"reason": ""}, "Say why the tickets are free."),
        (
            {"text": "", "file": SimpleUploadedFile("a.xlsx", b"PK\x03\x04 damaged")},
            "neither CSV nor XLSX",
        ),
    ],
)
def test_a_wrong_upload_says_what_is_wrong_and_stores_nothing(fields: dict[str, Any], said: str):
    event = make_event()

    assert said in text_of(upload(sign_in(event), event, **fields))
    assert not GuestList.objects.exists()


def test_a_list_is_discarded_after_a_question_and_its_button_stands_apart():
    event = make_event()
    client = sign_in(event)
    shown = text_of(upload(client, event))
    give, discard = ">Give 2 tickets</button>", ">Discard the list…</button>"
    between = shown.partition(give)[2].partition(discard)[0]
    guests = GuestList.objects.get()

    assert "guest list uploaded" in text_of(client.get(page_of(guests)))
    asked = text_of(client.post(page_of(guests), {"act": "discard"}))

    assert "</form>" in between
    assert 'id="danger-zone"' in between
    assert "The list with 2 lines is deleted" in asked
    assert GuestList.objects.get() == guests

    sent = {"act": "discard", "confirmed": "yes"}
    page = client.post(page_of(guests), sent, follow=True)

    assert "Nothing was sold." in text_of(page)
    assert not GuestList.objects.exists()


def test_finance_sees_lists_and_confirms_none():
    event = make_event()
    upload(sign_in(event), event)
    guests = GuestList.objects.get()
    client = sign_in(event, Role.FINANCE)

    page = client.get(page_of(guests))
    refused = client.post(page_of(guests), {"act": "confirm"})

    assert page.status_code == 200
    assert "Give 2 tickets" not in text_of(page)
    assert refused.status_code == 404
    assert GuestList.objects.get().state == GuestListState.CHECKED


def test_staff_of_another_organizer_find_nothing():
    event = make_event()
    upload(sign_in(event), event)
    stranger = make_user(organizer=make_organizer(), is_staff=True)
    client = Client()
    client.force_login(stranger)

    page = page_of(GuestList.objects.get())
    form = reverse("admin:orders_guestlist_upload", args=[event.pk])
    assert client.get(page).status_code == 404
    assert client.post(page, {"act": "confirm"}).status_code == 404
    assert client.get(form).status_code == 404


def test_a_malformed_address_is_not_found():
    event = make_event()

    assert sign_in(event).get("/admin/orders/guestlist/x/change/").status_code == 404
