"""The tables of exports are complete, and a table that is read in batches is the same table."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from events.models import Event, QuestionKind, QuestionScope, TicketType
from orders.answer_rules import GivenAnswer
from orders.answer_rules import Place as AnswerPlace
from orders.answers import answer_questions
from orders.exchanges import Difference
from orders.ledger_entry import LedgerEntry
from orders.models import Order
from orders.reports.ledger_rows import LedgerRows
from orders.reports.order_rows import OrderRows
from orders.reports.paging import Extent, TableSource
from orders.shop_record import ShopRecord
from tests.make import (
    SOMEBODY,
    as_bearer,
    make_device,
    make_event,
    make_organizer,
    make_paid_order,
    make_question,
    make_reserved_order,
    make_ticket_type,
    make_transfer,
)
from ticketing import clock
from tickets.exchange import WantedExchange, exchange_ticket
from tickets.models import Ticket
from tickets.refund import refund_tickets
from tickets.replacement import replace_ticket
from tickets.reports.admission_rows import AdmissionRows
from tickets.reports.ticket_rows import AttendeeRows, TicketRows

pytestmark = pytest.mark.django_db(transaction=True)

Source = Callable[[Extent], TableSource]
SOURCES: list[Source] = [OrderRows, LedgerRows, TicketRows, AttendeeRows, AdmissionRows]


def extent_of(event: Event, **fields: Any) -> Extent:
    wanted: dict[str, Any] = {
        "organizer_id": event.organizer_id,
        "event_id": event.pk,
        "taken_at": clock.now(),
    }
    return Extent(**(wanted | fields))


def read_all(source: TableSource, *, size: int = 1000, language: str = "en") -> list[list[Any]]:
    rows, place = [], None
    with translation.override(language):
        while True:
            batch = source.read(place, size)
            rows += [list(row) for row in batch.rows]
            place = batch.place
            if place is None:
                return rows


def by_title(source: TableSource, *, language: str = "en") -> list[dict[str, Any]]:
    with translation.override(language):
        titles = [column.title for column in source.columns()]
    return [dict(zip(titles, row, strict=True)) for row in read_all(source, language=language)]


def refund_one_ticket(order: Order) -> None:
    ticket = Ticket.objects.of_order(order.pk)[0]
    refund_tickets(order_id=order.pk, ticket_ids=[ticket.pk], actor=SOMEBODY, now=clock.now())


def answered_order(event: Event) -> Order:
    diet = make_question(event=event, label="Diet?")
    bus = make_question(
        event=event, label="Bus?", kind=QuestionKind.YES_NO, scope=QuestionScope.TICKET
    )
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    given = [
        GivenAnswer(diet.pk, AnswerPlace(), "Vegan"),
        GivenAnswer(bus.pk, AnswerPlace(order.items.get().pk, 2), value=True),
    ]
    answer_questions(order=order, given=given, actor=SOMEBODY, now=clock.now())
    return order


def exchange(ticket: Ticket, kind: TicketType, difference: Difference) -> Ticket:
    wanted = WantedExchange(ticket_id=ticket.pk, ticket_type_id=kind.pk, difference=difference)
    return exchange_ticket(wanted=wanted, actor=SOMEBODY, now=clock.now())


@pytest.fixture
def event() -> Event:
    return make_event(timezone="America/Manaus", currency="BRL", name="Noite de Jazz")


def test_orders_have_their_buyer_their_tickets_by_type_and_their_money(event: Event):
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=3)
    refund_one_ticket(order)
    ShopRecord.objects.create(
        order=order, api_token=uuid4(), external_id="A-1", metadata={"seat": "ção"}
    )
    reserved = make_reserved_order(ticket_type=event.ticket_types.get())

    row, other = by_title(OrderRows(extent_of(event)), language="pt-br")

    assert row == {
        "Evento": "Noite de Jazz",
        "Pedido": order.code,
        "Status": "pago",
        "Nome do comprador": "Ana Souza",
        "E-mail do comprador": "ana@example.com",
        "Idioma": "Português brasileiro",
        "Ingressos": 3,
        "Ingressos por tipo": "3 × Pista",
        "Ingressos reembolsados": 1,
        "Código promocional": "",
        "Moeda": "BRL",
        "Desconto": Decimal(0),
        "Total": Decimal("135.00"),
        "Reembolsado": Decimal("45.00"),
        "Dinheiro de trocas": Decimal(0),
        "Forma de pagamento": "cartão",
        "Status do pagamento": "aprovado",
        "Código da recusa": "",
        "Criado em": order.created_at,
        "Reservado até": order.reserved_until,
        "Pago em": order.paid_at,
        "Encerrado em": None,
        "Fuso horário": "America/Manaus",
        "Sua referência": "A-1",
        "Seus dados": '{"seat": "ção"}',
        "Termos aceitos": None,
        "Termos aceitos em": None,
        "Novidades": "não",
        "Novidades desde": None,
    }
    assert (other["Pedido"], other["Status"], other["Pago em"]) == (
        reserved.code,
        "reservado",
        None,
    )
    # The cells have the local time of the event, which a spreadsheet shows as it is.
    assert row["Pago em"].tzinfo == ZoneInfo("America/Manaus")


def test_each_ticket_has_its_readable_code_its_price_and_what_became_of_it(event: Event):
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=3)
    first, second, third = Ticket.objects.of_order(order.pk)
    refund_tickets(order_id=order.pk, ticket_ids=[first.pk], actor=SOMEBODY, now=clock.now())
    replace_ticket(ticket_id=second.pk, holder_name="Bia", actor=SOMEBODY, now=clock.now())
    as_bearer(make_device(event)).post("/tickets/validate", {"code": third.code})

    rows = by_title(TicketRows(extent_of(event)))

    assert [(r["Ticket"], r["Holder's name"], r["Status"]) for r in rows] == [
        (f"{order.code}-1", "Ana Souza", "refunded"),
        (f"{order.code}-2", "Bia", "valid"),
        (f"{order.code}-3", "Ana Souza", "used"),
    ]
    assert {(r["Price"], r["Currency"], r["Order"]) for r in rows} == {
        (Decimal("45.00"), "BRL", order.code)
    }
    assert [bool(row["Used at"]) for row in rows] == [False, False, True]
    assert [bool(row["Refunded at"]) for row in rows] == [True, False, False]


def test_attendees_are_those_who_may_enter_or_have_entered(event: Event):
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    refund_one_ticket(order)
    ticket = Ticket.objects.of_order(order.pk)[1]
    as_bearer(make_device(event)).post("/tickets/validate", {"code": ticket.code})

    (row,) = by_title(AttendeeRows(extent_of(event)))

    assert (row["Ticket"], row["Customer's email"]) == (f"{order.code}-2", "ana@example.com")
    assert (row["Entered"], row["Entered at"]) == ("yes", Ticket.objects.get(pk=ticket.pk).used_at)


def test_admissions_have_each_scan_and_never_the_scanned_code(event: Event):
    order = make_paid_order(ticket_type=event.ticket_types.get())
    ticket = Ticket.objects.get(order=order)
    door = as_bearer(make_device(event, gate="Portão 2"))
    for code in (ticket.code, ticket.code, "T1:nonsense"):
        door.post("/tickets/validate", {"code": code})

    rows = by_title(AdmissionRows(extent_of(event)))

    assert [(r["Result"], r["Ticket"], r["Gate"], r["Scanned by"]) for r in rows] == [
        ("admitted", f"{order.code}-1", "Portão 2", "Scanner Portão 2"),
        ("already used", f"{order.code}-1", "Portão 2", "Scanner Portão 2"),
        ("invalid code", None, "Portão 2", "Scanner Portão 2"),
    ]
    assert ticket.code not in str(rows)


def test_the_ledger_adds_up_to_what_was_charged_less_what_was_refunded(event: Event):
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    refund_one_ticket(order)

    rows = by_title(LedgerRows(extent_of(event)))

    assert [(r["Kind"], r["Amount"], r["Payment method"], r["Order"]) for r in rows] == [
        ("charge", Decimal("90.00"), "card", order.code),
        ("refund", Decimal("-45.00"), "card", order.code),
    ]
    assert [r["Entry"] for r in rows] == [
        str(pk) for pk in LedgerEntry.objects.order_by("at").values_list("pk", flat=True)
    ]


@pytest.mark.parametrize(
    ("source", "answers"),
    [
        (OrderRows, [{"Diet?": "Vegan"}]),
        (TicketRows, [{"Diet?": "Vegan", "Bus?": None}, {"Diet?": "Vegan", "Bus?": "yes"}]),
        (AttendeeRows, [{"Diet?": "Vegan", "Bus?": None}, {"Diet?": "Vegan", "Bus?": "yes"}]),
    ],
)
def test_the_rows_of_an_event_have_the_answers_to_its_questions(
    source: Source, answers: list[dict[str, Any]], event: Event
):
    answered_order(event)

    rows = by_title(source(extent_of(event)))

    questions = answers[0].keys()
    assert [{title: row.get(title) for title in questions} for row in rows] == answers


def test_the_orders_of_all_events_have_all_their_answers_in_one_column(event: Event):
    order = answered_order(event)
    other = make_paid_order(ticket_type=make_event(organizer=event.organizer).ticket_types.get())

    rows = by_title(OrderRows(extent_of(event, event_id=None)))

    assert {row["Order"]: row["Answers"] for row in rows} == {
        order.code: "Diet?: Vegan; Bus? (Pista 2): yes",
        other.code: None,
    }


def test_a_ticket_has_the_email_of_the_person_who_accepted_it_and_others_have_none(event: Event):
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=3)
    first, second, _third = Ticket.objects.of_order(order.pk)
    make_transfer(ticket=first, email="bia@example.com")
    make_transfer(ticket=second, email="caio@example.com", accepted=False)

    for source in (TicketRows, AttendeeRows):
        rows = by_title(source(extent_of(event)))
        assert [(r["Ticket"], r["Holder's email after a transfer"]) for r in rows] == [
            (f"{order.code}-1", "bia@example.com"),
            (f"{order.code}-2", None),
            (f"{order.code}-3", None),
        ]


def test_an_order_has_the_cash_that_staff_took_and_gave_back_for_exchanges(event: Event):
    kind = event.ticket_types.get()
    order = make_paid_order(ticket_type=kind, quantity=2)
    dearer = make_ticket_type(event=event, name="VIP", price=str(kind.price + 100))
    cheaper = make_ticket_type(event=event, name="Sofa", price=str(kind.price + 60))
    ticket = Ticket.objects.of_order(order.pk)[0]

    ticket = exchange(ticket, dearer, Difference.CASH)
    exchange(ticket, cheaper, Difference.REFUND)

    (row,) = by_title(OrderRows(extent_of(event)))
    assert (row["Total"], row["Cash for exchanges"]) == (order.total, Decimal(60))


@pytest.mark.parametrize("source", SOURCES)
def test_a_table_in_batches_is_the_whole_table_and_knows_its_length(source: Source):
    organizer = make_organizer()
    for _ in range(2):
        make_event(organizer=organizer, status="draft")
        event = make_event(organizer=organizer)
        door = as_bearer(make_device(event))
        for _ in range(3):
            order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
            for ticket in Ticket.objects.of_order(order.pk):
                door.post("/tickets/validate", {"code": ticket.code})
    everything = Extent(organizer_id=organizer.pk, event_id=None, taken_at=clock.now())
    make_paid_order()

    whole = read_all(source(everything))

    assert len(whole) in (6, 12)
    assert read_all(source(everything), size=1) == whole
    assert read_all(source(everything), size=2) == whole
    assert (source(everything).count(1000), source(everything).count(5)) == (len(whole), 5)


@pytest.mark.parametrize("source", SOURCES)
def test_rows_that_are_written_after_an_export_began_are_left_out(source: Source, event: Event):
    kind = event.ticket_types.get()
    make_paid_order(ticket_type=kind)
    began = extent_of(event)
    order = make_paid_order(ticket_type=kind)
    door = as_bearer(make_device(event))
    door.post("/tickets/validate", {"code": Ticket.objects.get(order=order).code})

    assert len(read_all(source(began))) == (0 if source is AdmissionRows else 1)


def test_a_ticket_that_is_replaced_while_the_export_is_written_is_not_missing(event: Event):
    kind = event.ticket_types.get()
    first, second = make_paid_order(ticket_type=kind), make_paid_order(ticket_type=kind)
    source = TicketRows(extent_of(event))
    batch = source.read(None, 1)
    replace_ticket(ticket_id=Ticket.objects.get(order=second).pk, actor=SOMEBODY, now=clock.now())

    rest = source.read(batch.place, 1)

    assert [row[2] for row in [*batch.rows, *rest.rows]] == [first.code, second.code]


def test_a_period_limits_orders_admissions_and_the_ledger(event: Event):
    order = make_paid_order(ticket_type=event.ticket_types.get())
    door = as_bearer(make_device(event))
    door.post("/tickets/validate", {"code": Ticket.objects.get(order=order).code})
    now, minute = clock.now(), timedelta(minutes=1)

    for source in (OrderRows, LedgerRows, AdmissionRows):
        lengths = [
            len(read_all(source(extent_of(event, since=since, until=until))))
            for since, until in ((now - minute, now), (now, now + minute), (None, now - minute))
        ]
        assert lengths == [1, 0, 0], source


def test_a_million_rows_need_no_more_queries_per_batch(
    event: Event, django_assert_max_num_queries: Any
):
    for _ in range(4):
        make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)

    for source in SOURCES:
        with django_assert_max_num_queries(6):
            source(extent_of(event)).read(None, 1000)
