"""The mail that carries tickets, and the mailbox of the local stack that shows it."""

import io
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from django.test import override_settings
from django.urls import include, path
from PIL import Image
from rest_framework.test import APIClient

from orders.models import Order
from tests.make import SOMEBODY, make_event, make_paid_order, make_ticket_type
from ticketing import clock
from ticketing.stack.mailbox import store_message
from tickets.mail import compose_ticket_mail, tickets_to_mail
from tickets.models import Ticket
from tickets.pictures import render_png
from tickets.refund import refund_tickets
from tickets.replacement import replace_ticket

pytestmark = pytest.mark.django_db(transaction=True)

urlpatterns = [path("", include("ticketing.stack.mailbox_urls"))]


def read_qr(picture: bytes) -> str:
    return zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))[0].text


def codes_in(pdf: bytes) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        pages = [page.render(scale=2).to_pil() for page in document]
    return [found.text for page in pages for found in zxingcpp.read_barcodes(page)]


def paid_order(*, quantity: int = 2, language: str = "pt-br", **fields: Any) -> Order:
    event = make_event(
        price="120.00",
        starts_at="2027-01-11T00:00:00Z",
        ends_at="2027-01-11T04:00:00Z",
        **fields,
    )
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=quantity)
    Order.objects.filter(pk=order.pk).update(language=language)
    return Order.objects.select_related("event__organizer").get(pk=order.pk)


def letter_of(order: Order) -> EmailMessage:
    mail = compose_ticket_mail(
        order=order, tickets=list(tickets_to_mail(order.pk)), now=clock.now()
    )
    letter = message_from_bytes(mail.message().as_bytes(linesep="\r\n"), policy=default)
    assert isinstance(letter, EmailMessage)
    return letter


def compose(**options: Any) -> EmailMessage:
    return letter_of(paid_order(**options))


def text_of(letter: EmailMessage, kind: str) -> str:
    body = letter.get_body(preferencelist=(kind,))
    assert body is not None
    return str(body.get_content())


def test_a_barcode_reader_reads_the_code_from_a_picture_that_is_always_the_same():
    code = make_paid_order().tickets.get().code

    assert read_qr(render_png(code)) == code
    assert render_png(code) == render_png(code)
    # Version 6: 41 modules and a quiet zone of 4, 10 pixels each.
    assert Image.open(io.BytesIO(render_png(code))).size == (490, 490)


def test_the_mail_has_each_code_in_its_html_and_as_an_attachment():
    letter = compose(quantity=2)
    codes = set(Ticket.objects.values_list("code", flat=True))
    order = Order.objects.get()

    assert letter.get_content_type() == "multipart/mixed"
    alternative, pdf, calendar, *files = letter.iter_parts()
    assert alternative.get_content_type() == "multipart/alternative"
    related = list(alternative.iter_parts())[1]
    assert related.get_content_type() == "multipart/related"
    page, *inside = related.iter_parts()
    assert {read_qr(part.get_content()) for part in files} == codes
    assert {read_qr(part.get_content()) for part in inside} == codes
    assert [part.get_filename() for part in files] == [
        f"ticket-{order.code}-1.png",
        f"ticket-{order.code}-2.png",
    ]
    assert (pdf.get_content_type(), pdf.get_filename()) == (
        "application/pdf",
        f"ingressos-{order.code}.pdf",
    )
    assert set(codes_in(pdf.get_content())) == codes
    assert (calendar.get_content_type(), calendar.get_filename()) == (
        "text/calendar",
        f"evento-{order.code}.ics",
    )
    assert f"UID:{order.event_id}@" in calendar.get_content()
    for part in inside:
        assert f"cid:{part['Content-ID'].strip('<>')}" in page.get_content()
    assert all(code in text_of(letter, "plain") for code in codes)


@pytest.mark.parametrize(
    ("language", "subject", "moment", "total"),
    [
        (
            "pt-br",
            "Seus ingressos: Ópera",
            "Domingo, 10 de janeiro de 2027, 21h00",
            "R$\u00a0240,00",
        ),
        ("en", "Your tickets: Ópera", "Sunday, January 10, 2027, 9:00 PM", "BRL\u00a0240.00"),
    ],
)
def test_the_mail_is_in_the_buyers_language_and_in_the_events_time_zone(
    language: str, subject: str, moment: str, total: str
):
    letter = compose(language=language, name="Ópera", city="São Paulo")

    assert letter["Subject"] == subject
    for kind in ("plain", "html"):
        text = text_of(letter, kind)
        assert moment.split(", ", 1)[1].split(", ", maxsplit=1)[0] in text
        assert total in text
        assert "São Paulo" in text
    assert moment in text_of(letter, "plain")
    own_clock = {"pt-br": "horário de Brasília", "en": "Brasília time"}[language]
    assert f"{own_clock}, UTC−3" in text_of(letter, "plain")
    assert letter["Reply-To"] == "Casa Azul <contato@example.com>"
    assert letter["To"] == "ana@example.com"


def test_the_mail_comes_from_the_organizers_name_at_the_sites_address():
    letter = compose()

    assert letter["From"] == "Casa Azul via Bilheteria <ingressos@example.com>"


def test_each_ticket_has_its_price_and_a_code_to_read_aloud():
    letter = compose(quantity=2)
    code = Order.objects.get().code

    for kind in ("plain", "html"):
        text = text_of(letter, kind)
        assert "2 × Pista · R$\u00a0120,00" in text
        assert all(f"{code}-{number}" in text for number in (1, 2))


def test_the_mail_after_a_refund_of_one_ticket_says_how_much_was_refunded():
    order = paid_order(quantity=2)
    first = Ticket.objects.of_order(order.pk)[0]
    refund_tickets(order_id=order.pk, ticket_ids=[first.pk], actor=SOMEBODY, now=clock.now())

    letter = letter_of(order)

    for kind in ("plain", "html"):
        text = text_of(letter, kind)
        assert "1 × Pista · R$\u00a0120,00" in text
        assert "Reembolsado: R$\u00a0120,00" in text
        assert f"{order.code}-2" in text
        assert f"{order.code}-1" not in text


def test_the_mail_after_a_replacement_says_what_is_new_and_that_the_old_code_is_dead():
    order = paid_order(quantity=2)
    first, _second = Ticket.objects.of_order(order.pk)
    replace_ticket(ticket_id=first.pk, holder_name="Bia Lima", actor=SOMEBODY, now=clock.now())

    letter = letter_of(order)

    assert letter["Subject"].startswith("Seus novos ingressos: ")
    for kind in ("plain", "html"):
        text = text_of(letter, kind)
        assert "Agora em nome de Bia Lima, antes Ana Souza." in text
        assert text.count("o código dos e-mails anteriores não vale mais na entrada") == 1
        assert first.code not in text
        # It has the same price.
        assert "diferença" not in text
    pdf = next(part for part in letter.iter_attachments() if part.get_content_subtype() == "pdf")
    assert sorted(codes_in(pdf.get_content())) == sorted(
        ticket.code for ticket in Ticket.objects.of_order(order.pk)
    )


def test_names_are_escaped_in_the_mail_and_cannot_add_headers():
    letter = compose(name="<b>Show</b> & \u202fmais")

    assert "<b>Show</b>" not in text_of(letter, "html")
    assert "&lt;b&gt;Show&lt;/b&gt;" in text_of(letter, "html")
    assert "<b>Show</b> &" in text_of(letter, "plain")
    assert set(letter.keys()) >= {"Subject", "From", "To", "Date", "Message-ID"}


def test_the_mailbox_shows_sent_mails_and_no_other_file(tmp_path: Path, api: APIClient):
    order = make_paid_order(ticket_type=make_ticket_type(), quantity=1)
    order = Order.objects.select_related("event__organizer").get(pk=order.pk)
    tickets = list(tickets_to_mail(order.pk))
    (tmp_path / "secret.eml").write_text("not a mail of ours")
    with override_settings(MAILBOX_DIR=str(tmp_path), ROOT_URLCONF=__name__):
        kept = store_message(compose_ticket_mail(order=order, tickets=tickets, now=clock.now()))
        inbox = api.get("/mailbox")
        found = api.get("/mailbox/messages?to=ana@example.com").json()["messages"]
        nobody = api.get("/mailbox/messages?to=eva@example.com").json()["messages"]
        page = api.get(f"{found[0]['html_url']}/page")
        file = api.get(f"{found[0]['html_url']}/files/ticket-{order.code}-1.png")
        raw = api.get(found[0]["raw_url"])
        elsewhere = [
            api.get("/mailbox/messages/secret.eml").status_code,
            api.get("/mailbox/messages/..%2Fsecret.eml").status_code,
            api.get(f"{found[0]['html_url']}/files/..%2Fsecret.eml").status_code,
        ]

    assert kept.stem == found[0]["id"]
    assert (inbox.status_code, page.status_code, nobody) == (200, 200, [])
    assert b"cid:" not in page.content
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert read_qr(file.content) == tickets[0].code
    assert raw.content == kept.read_bytes()
    assert elsewhere == [404, 404, 404]
