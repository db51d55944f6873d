"""Mails about transfers, declined refunds, lists of orders and exports, in both languages."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from events.models import EventStatus
from orders.models import Order
from tests.make import make_event, make_paid_order, make_transfer, make_user
from tests.tickets.notices.test_mails import page_of, text_of
from ticketing import clock
from ticketing.letters import HtmlMail
from tickets.models import OrderListMail, RefundRequest, Ticket, Transfer
from tickets.order_list_mail import compose_order_list_mail
from tickets.refund_request_mails import compose_decline_mail, compose_request_mail
from tickets.reports.mail import compose_export_mail
from tickets.reports.models import Export
from tickets.transfers.accepting import ticket_of_transfer
from tickets.transfers.links import transfer_link
from tickets.transfers.mails import (
    compose_ended_mail,
    compose_handed_on_mail,
    compose_new_date_mail,
    compose_offer_mail,
    compose_received_mail,
)

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def paid_order(language: str) -> Order:
    event = make_event(
        name="Ópera & Cia",
        price="120.00",
        starts_at="2027-01-11T00:00:00Z",
        ends_at="2027-01-11T04:00:00Z",
    )
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    Order.objects.filter(pk=order.pk).update(language=language)
    return Order.objects.select_related("event__organizer").get(pk=order.pk)


def transferred(language: str, *, accepted: bool = True) -> Transfer:
    ticket = Ticket.objects.of_order(paid_order(language).pk)[0]
    made = make_transfer(ticket=ticket, email="bia@example.com", accepted=accepted)
    Transfer.objects.filter(pk=made.pk).update(language=language, expires_at=NOON)
    transfers = Transfer.objects.select_related(
        "ticket__order__event__organizer", "ticket__ticket_type"
    )
    return transfers.get(pk=made.pk)


def received(transfer: Transfer) -> dict[str, Any]:
    return {"transfer": transfer, "ticket": ticket_of_transfer(transfer)}


def offer(language: str) -> HtmlMail:
    return compose_offer_mail(transfer=transferred(language, accepted=False))


def ticket(language: str) -> HtmlMail:
    return compose_received_mail(**received(transferred(language)), now=clock.now())


def changed(language: str) -> HtmlMail:
    return compose_new_date_mail(**received(transferred(language)))


def refunded(language: str) -> HtmlMail:
    return compose_ended_mail(**received(transferred(language)))


def cancelled(language: str) -> HtmlMail:
    about = received(transferred(language))
    about["ticket"].order.event.status = EventStatus.CANCELLED
    about["ticket"].order.event.cancellation_note = "O artista adoeceu."
    return compose_ended_mail(**about)


def handed_on(language: str) -> HtmlMail:
    return compose_handed_on_mail(**received(transferred(language)))


def request_for(order: Order) -> RefundRequest:
    ids = list(Ticket.objects.of_order(order.pk).values_list("pk", flat=True))
    return RefundRequest(order=order, ticket_ids=ids, reason="Doente <3", answer="Já <foi> usado.")


def declined(language: str) -> HtmlMail:
    return compose_decline_mail(request_for(paid_order(language)))


def order_list(language: str) -> HtmlMail:
    asked = OrderListMail(email="ana@example.com", language=language, expires_at=NOON)
    return compose_order_list_mail(asked, "fnd_secret")


def export(language: str) -> HtmlMail:
    event = make_event(name="Ópera & Cia")
    user = make_user(organizer=event.organizer, is_staff=True, email="bia@example.com")
    made = Export(
        organizer=event.organizer,
        event=event,
        asked_by=user,
        kind="tickets",
        file_format="csv",
        language=language,
        since=datetime(2026, 11, 1, 3, tzinfo=UTC),
        until=datetime(2026, 12, 1, 3, tzinfo=UTC),
        rows=1234,
        expires_at=NOON,
    )
    return compose_export_mail(made)


def html_of(letter: EmailMessage) -> str:
    body = letter.get_body(preferencelist=("html",))
    assert body is not None
    return str(body.get_content())


def letter_of(mail: HtmlMail) -> EmailMessage:
    letter = message_from_bytes(mail.message().as_bytes(), policy=default)
    assert isinstance(letter, EmailMessage)
    return letter


FACT = r"(?:R\$|BRL) [\d.,]+|\d{4}|\d{1,2}h\d\d|\d{1,2}:\d\d [AP]M|[0-9A-Z]{6}-\d|\d+/\d+/\d+"
# Of each mail: whom it goes to, then the subject and what it says, in Portuguese and in English.
# "{code}" is the code of the order.
MAILS: dict[Callable[[str], HtmlMail], tuple[str, list[str], list[str]]] = {
    offer: (
        "bia@example.com",
        [
            "Ana Souza enviou um ingresso para você: Ópera & Cia",
            "Aceite até 1 de dezembro de 2026 e receba o seu próprio código",
            "Domingo, 10 de janeiro de 2027",
        ],
        [
            "Ana Souza sends you a ticket: Ópera & Cia",
            "Accept it until Dec. 1, 2026, and you get your own code",
            "Sunday, January 10, 2027",
        ],
    ),
    ticket: (
        "bia@example.com",
        ["Seu ingresso: Ópera & Cia", "Este ingresso agora é seu.", "{code}-1"],
        ["Your ticket: Ópera & Cia", "This ticket is yours now.", "{code}-1"],
    ),
    changed: (
        "bia@example.com",
        ["Mudança: Ópera & Cia", "A data ou o local deste evento mudou.", "Circo Voador"],
        ["Changed: Ópera & Cia", "The date or the place of this event has changed.", "9:00 PM"],
    ),
    refunded: (
        "bia@example.com",
        [
            "Ingresso cancelado: Ópera & Cia",
            "Seu ingresso não é mais válido:",
            "O dinheiro volta para Ana Souza, que comprou o ingresso.",
        ],
        [
            "Ticket ended: Ópera & Cia",
            "Your ticket is not valid any more:",
            "The money goes back to Ana Souza, who bought the ticket.",
        ],
    ),
    cancelled: (
        "bia@example.com",
        ["Cancelado: Ópera & Cia", "Este evento foi cancelado:", "O artista adoeceu."],
        ["Cancelled: Ópera & Cia", "This event was cancelled:", "O artista adoeceu."],
    ),
    handed_on: (
        "ana@example.com",
        ["Ingresso transferido: Ópera & Cia", "Bia Lima aceitou o seu ingresso.", "{code}-1"],
        ["Ticket handed on: Ópera & Cia", "Bia Lima has accepted your ticket.", "{code}-1"],
    ),
    declined: (
        "ana@example.com",
        [
            "Seu reembolso foi recusado: pedido {code}, Ópera & Cia",
            "O organizador recusou o reembolso do pedido {code}.",
            "Já <foi> usado.",
        ],
        [
            "Your refund was declined: order {code}, Ópera & Cia",
            "The organizer has declined the refund of order {code}.",
            "Já <foi> usado.",
        ],
    ),
    order_list: (
        "ana@example.com",
        [
            "Seus ingressos: o link para todos os seus pedidos",
            "O link funciona até 1 de dezembro de 2026, 9h00 (horário de Brasília).",
            "Ninguém além de você recebeu este link.",
        ],
        [
            "Your tickets: the link to all your orders",
            "The link works until Dec. 1, 2026, 9:00 AM (Brasília time).",
            "Nobody but you has got this link.",
        ],
    ),
    export: (
        "bia@example.com",
        [
            "Sua exportação está pronta: ingressos: Ópera & Cia",
            "01/11/2026 a 30/11/2026 Linhas: 1.234",
            "O arquivo será apagado em 01/12/2026, 9h00.",
        ],
        [
            "Your export is ready: tickets: Ópera & Cia",
            "11/01/2026 to 11/30/2026 Rows: 1,234",
            "The file is deleted on 12/01/2026, 9:00 AM.",
        ],
    ),
}


@pytest.mark.parametrize("compose", MAILS, ids=lambda compose: compose.__name__)
def test_a_mail_says_the_same_in_both_languages_as_text_and_as_a_page(
    compose: Callable[[str], HtmlMail],
):
    to, *said = MAILS[compose]

    for language, (subject, *sentences) in zip(("pt-br", "en"), said, strict=True):
        letter = letter_of(compose(language))
        # The text has the addresses of the page's links, with ids that contain digits.
        text, page = re.sub(r"https?://\S+", "", text_of(letter)), page_of(letter)
        code = Order.objects.get(language=language).code if Order.objects.exists() else ""
        assert (letter["To"], letter["Subject"]) == (to, subject.format(code=code))
        for sentence in sentences:
            assert sentence.format(code=code) in text
            assert sentence.format(code=code) in page
        for content in Ticket.objects.values_list("code", flat=True):
            # Of a QR code the page has the picture.
            text = text.replace(" ".join(content.split()), "")
        assert set(re.findall(FACT, text)) <= set(re.findall(FACT, page))
        assert "<foi>" not in html_of(letter)


@pytest.mark.parametrize("compose", [offer, ticket, changed])
def test_the_links_of_a_new_holder_are_in_the_text_and_on_the_page(
    compose: Callable[[str], HtmlMail],
):
    letter = letter_of(compose("en"))

    link = transfer_link(Transfer.objects.get())
    assert link in text_of(letter)
    assert link in html_of(letter)


@pytest.mark.parametrize("compose", [refunded, cancelled, handed_on])
def test_mails_about_a_dead_code_have_neither_that_code_nor_the_new_one(
    compose: Callable[[str], HtmlMail],
):
    letter = letter_of(compose("en"))

    for code in Ticket.objects.values_list("code", flat=True):
        assert code not in text_of(letter)
    assert list(letter.iter_attachments()) == []


def test_the_organizer_is_asked_to_decide_about_a_refund():
    order = paid_order("en")

    letter = letter_of(compose_request_mail(request_for(order)))

    assert letter["To"] == "contato@example.com"
    assert letter["Subject"] == f"Solicitação de reembolso: pedido {order.code}, Ópera & Cia"
    for body in (text_of(letter), page_of(letter)):
        assert f"Pedido {order.code}: 2 ingressos, R$ 240,00." in body
        assert "Doente <3" in body
    assert "/admin/tickets/refundrequest/" in text_of(letter)
    assert "Doente <3" not in html_of(letter)
