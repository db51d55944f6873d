"""The mails of notices: complete in both languages, and the same facts as text and as HTML."""

import html
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from django.core import mail

from events.models import Event
from events.organizing import cancel_event
from orders.models import Order, Payment
from tests.make import SOMEBODY, make_event, make_paid_order
from tests.queue import RecordingQueue
from tests.tickets.notices.test_requests import change
from ticketing import clock
from ticketing.letters import HtmlMail
from tickets.models import Ticket
from tickets.notices.mails import compose_change_mail, compose_refund_mail
from tickets.notices.models import Notice
from tickets.refund import refund_order, refund_tickets

pytestmark = pytest.mark.django_db(transaction=True)

LANGUAGES = pytest.mark.parametrize("language", ["pt-br", "en"])
KINDS = pytest.mark.parametrize("kind", ["cancelled", "refund", "changed", "free", "tickets"])


def sold(language: str, *, price: str = "120.00") -> tuple[Event, Order]:
    event = make_event(
        name="Ópera & Cia",
        price=price,
        address="Rua dos Arcos, 24",
        starts_at="2027-01-11T00:00:00Z",
        ends_at="2027-01-12T04:00:00Z",
    )
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    Order.objects.filter(pk=order.pk).update(language=language)
    return event, order


def letter_about(kind: str, language: str, queue: RecordingQueue) -> EmailMessage:
    """Let something happen to an order with two tickets, and return the mail about it."""
    event, order = sold(language, price="0.00" if kind == "free" else "120.00")
    if kind != "tickets":
        queue.run_all()
        mail.outbox.clear()
    if kind == "cancelled":
        cancel_event(event_id=event.pk, note="O artista adoeceu.", actor=SOMEBODY, now=clock.now())
    elif kind == "refund":
        first = Ticket.objects.of_order(order.pk)[0]
        refund_tickets(order_id=order.pk, ticket_ids=[first.pk], actor=SOMEBODY, now=clock.now())
    elif kind == "free":
        refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    elif kind == "changed":
        change(event, venue="Fundição Progresso", starts_at=event.starts_at.replace(hour=22))
    queue.run_all()
    (sent,) = mail.outbox
    letter = message_from_bytes(sent.message().as_bytes(), policy=default)
    assert isinstance(letter, EmailMessage)
    return letter


def text_of(letter: EmailMessage) -> str:
    body = letter.get_body(preferencelist=("plain",))
    assert body is not None
    return _words(body.get_content())


def page_of(letter: EmailMessage) -> str:
    body = letter.get_body(preferencelist=("html",))
    assert body is not None
    page = re.sub(r"(?s)<style>.*?</style>|<title>.*?</title>", "", body.get_content())
    return _words(html.unescape(re.sub(r"<[^>]+>", " ", page)))


def _words(text: str) -> str:
    return " ".join(text.split())


@LANGUAGES
@KINDS
def test_text_and_page_have_the_same_facts(kind: str, language: str, queue: RecordingQueue):
    letter = letter_about(kind, language, queue)
    # The text has the addresses of the page's links, with ids that contain digits.
    text, page = re.sub(r"https?://\S+", "", text_of(letter)), page_of(letter)

    # Amounts, dates, times and codes.
    fact = r"(?:R\$|BRL) [\d.,]+|\d{4}|\d{1,2}h\d\d|\d{1,2}:\d\d [AP]M|[0-9A-Z]{6}-\d"
    facts = set(re.findall(fact, text))
    assert facts
    assert facts == set(re.findall(fact, page))
    for said in ("Ópera & Cia", "Rua dos Arcos, 24", "Rio de Janeiro", "Casa Azul", "Ana Souza"):
        assert said in text
        assert said in page


@KINDS
def test_no_sentence_stays_untranslated(kind: str, queue: RecordingQueue):
    portuguese = letter_about(kind, "pt-br", queue)
    mail.outbox.clear()
    english = letter_about(kind, "en", queue)
    ours = {line.strip() for line in _lines(portuguese)}
    theirs = {line.strip() for line in _lines(english)}

    # What both have in common are names and addresses, and no sentence.
    common = " ".join(ours & theirs)
    assert not re.search(r"\b(the|your|you|was|este|seus?|ingressos?)\b", common, re.IGNORECASE)
    assert portuguese["Subject"] != english["Subject"]


def _lines(letter: EmailMessage) -> list[str]:
    body = letter.get_body(preferencelist=("plain",))
    assert body is not None
    return [line for line in body.get_content().splitlines() if "T1:" not in line]


@LANGUAGES
@KINDS
def test_each_mail_comes_from_the_organizer_and_is_answered_to_it(
    kind: str, language: str, queue: RecordingQueue
):
    letter = letter_about(kind, language, queue)

    assert letter["From"] == "Casa Azul via Bilheteria <ingressos@example.com>"
    assert letter["Reply-To"] == "Casa Azul <contato@example.com>"
    assert letter["To"] == "ana@example.com"


@pytest.mark.parametrize(
    ("kind", "language", "sentences"),
    [
        ("cancelled", "pt-br", ["O artista adoeceu.", "R$ 240,00", "duas faturas"]),
        ("cancelled", "en", ["O artista adoeceu.", "BRL 240.00", "next two statements"]),
        ("refund", "pt-br", ["R$ 120,00", "Seu outro ingresso continua valendo."]),
        ("refund", "en", ["BRL 120.00", "Your other ticket stays valid."]),
        ("free", "pt-br", ["Estes ingressos foram cancelados:", "grátis"]),
        (
            "changed",
            "en",
            [
                "Before: Sunday, January 10, 2027, 9:00 PM",
                "Before: Circo Voador, Rua dos Arcos, 24, Rio de Janeiro",
                "Place: Fundição Progresso, Rua dos Arcos, 24, Rio de Janeiro",
                "Monday, January 11, 2027, 7:00 PM",
            ],
        ),
    ],
)
def test_the_mail_says(kind: str, language: str, sentences: list[str], queue: RecordingQueue):
    text = text_of(letter_about(kind, language, queue))

    for sentence in sentences:
        assert sentence in text


def test_names_from_outside_are_escaped(queue: RecordingQueue):
    event, order = sold("en")
    queue.run_all()
    mail.outbox.clear()
    Order.objects.filter(pk=order.pk).update(customer_name="<i>Ana</i>")
    note = "<script>x</script>\nWe are sorry."
    cancel_event(event_id=event.pk, note=note, actor=SOMEBODY, now=clock.now())
    queue.run_all()
    (sent,) = mail.outbox
    assert isinstance(sent, HtmlMail)
    page = sent.html

    assert "<script>" not in page
    assert "<i>Ana" not in page
    assert "<br>We are sorry." in page


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        ("pix", "O dinheiro volta por Pix para a conta usada na compra"),
        ("cash", "Você pagou em dinheiro, então o organizador devolve o valor a você."),
    ],
)
def test_the_buyer_reads_how_the_money_comes_back(
    method: str, sentence: str, queue: RecordingQueue
):
    _event, order = sold("pt-br")
    queue.run_all()
    mail.outbox.clear()
    Payment.objects.filter(order=order).update(method=method)
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    queue.run_all()

    assert sentence in str(mail.outbox[0].body)


def refund_mail(order: Order, **details: str) -> tuple[str, str]:
    """Return the subject and the text of the mail about a refund of an order's first ticket."""
    first = Ticket.objects.of_order(order.pk)[0]
    notice = Notice(order=order, details={"tickets": [str(first.pk)], **details})
    letter = compose_refund_mail(notice=notice)
    return str(letter.subject), _words(str(letter.body))


@pytest.mark.parametrize(
    ("details", "subject", "total", "sentences"),
    [
        ({"amount": "100.00"}, "Your refund: ", "BRL 100.00", ["to the card that paid"]),
        (
            {"amount": "100.00", "cash": "30.00"},
            "Your refund: ",
            "BRL 130.00",
            ["to the card that paid", "You paid BRL 30.00 of it in cash"],
        ),
        (
            {"amount": "0.00", "cash": "30.00"},
            "Your refund: ",
            "BRL 30.00",
            ["You paid BRL 30.00 of it in cash"],
        ),
        (
            {"amount": "30.00", "cash": "30.00"},
            "Your refund: ",
            "BRL 60.00",
            ["to the card that paid", "You paid BRL 30.00 of it in cash"],
        ),
        ({"amount": "0.00"}, "Tickets cancelled: ", "", []),
    ],
)
def test_the_mail_about_a_refund_adds_up_what_comes_back_and_by_which_ways(
    details: dict[str, str], subject: str, total: str, sentences: list[str]
):
    _event, order = sold("en")
    order.language = "en"

    found, text = refund_mail(order, **details)

    assert found == f"{subject}Ópera & Cia"
    assert total in text
    for sentence in ("to the card that paid", "You paid BRL 30.00 of it in cash"):
        assert (sentence in text) == (sentence in sentences)


def test_the_mail_about_a_refund_counts_the_tickets_that_stay_valid():
    _event, order = sold("en")
    order.language = "en"
    kind = order.event.ticket_types.get()
    large = make_paid_order(ticket_type=kind, quantity=3)
    large.language = "en"
    for each in (order, large):
        Ticket.objects.filter(order=each, position=1).update(status="revoked")

    assert "Your other ticket stays valid." in refund_mail(order, amount="1.00")[1]
    assert "Your other 2 tickets stay valid." in refund_mail(large, amount="1.00")[1]
    Ticket.objects.update(status="revoked")
    assert "Your other" not in refund_mail(large, amount="1.00")[1]


def test_the_mail_about_a_change_names_the_time_zones_only_if_they_differ():
    event, order = sold("en")
    order.event, order.language = event, "en"
    moved = {"starts_at": "2027-01-12T00:00:00+00:00"}

    same = compose_change_mail(notice=Notice(order=order), known=moved).body
    other = compose_change_mail(
        notice=Notice(order=order), known={"timezone": "America/Manaus"}
    ).body

    assert "Before: Monday, January 11, 2027, 9:00 PM\n" in same
    assert "Before: Sunday, January 10, 2027, 8:00 PM (" in other
    # The place has not changed.
    assert "Before: Circo Voador" not in f"{same} {other}"
