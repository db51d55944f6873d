"""The details of acts as people read them: names, words, money and local times."""

from typing import Any

import pytest
from django.utils import translation

from events.models import Event, Role
from orders.exchanges import Difference
from orders.models import PaymentMethod
from tests.make import make_event, make_user
from ticketing.act_details import WORDS, attach_people, show_details
from ticketing.field_changes import FieldChange, details_of
from ticketing.ids import new_id
from ticketing.models import Act
from ticketing.tables.columns import FileFormat
from tickets.reports.models import ExportKind

pytestmark = pytest.mark.django_db(transaction=True)


def shown(details: dict[str, Any], row: Any = Event, *, language: str = "en") -> str:
    with translation.override(language):
        return show_details(Act(details=details), row)


def changed(*changes: FieldChange, row: Any, language: str = "en") -> str:
    return shown(details_of(changes), row, language=language)


def test_a_member_is_shown_as_a_person_with_the_name_of_the_role():
    person = make_user(first_name="Ana", last_name="Souza")
    details = {"user": person.pk, "role": "door"}

    assert shown(details) == f"Ana Souza ({person.username}); role: door supervisor"
    assert shown(details, language="pt-br").endswith("função: supervisor da portaria")


def test_a_person_who_is_gone_is_no_number():
    assert shown({"user": 987654}) == "a person without an account now"


def test_the_people_of_many_acts_are_read_together(django_assert_num_queries: Any):
    acts = [Act(details={"user": make_user().pk}) for _ in range(3)]

    with django_assert_num_queries(1):
        attach_people(acts)
        assert len({show_details(act, Event) for act in acts}) == 3


def test_changed_values_are_words_money_and_times_of_the_event():
    event = make_event(timezone="America/Manaus")
    line = changed(
        FieldChange("status", "draft", "published"),
        FieldChange("confirms_free_orders", before=True, after=False),
        FieldChange("starts_at", event.starts_at.replace(hour=0, minute=30), None),
        FieldChange("price", "80.00", "1090.50", of="Pista"),
        row=event,
        language="pt-br",
    )

    assert "situação: rascunho → publicado" in line
    assert "sim → não" in line
    # Four hours before UTC, and so on the day before.
    assert " 20:30 → –" in line
    assert "(Pista): R$\u00a080,00 → R$\u00a01.090,50" in line


def test_a_value_that_only_looks_like_a_date_stays_as_it_is():
    event = make_event()

    assert "20260101 → 2026-02-30" in changed(
        FieldChange("venue", "20260101", "2026-02-30"), row=event
    )


def test_ids_are_left_out_and_reasons_stay_in_the_words_of_staff():
    details = {"replaced_by": str(new_id()), "scan": str(new_id()), "reason": "A broken seat"}

    assert shown(details) == "A broken seat"


def test_an_exchange_says_the_types_the_money_and_what_became_of_the_difference():
    details = {
        **details_of([FieldChange("ticket_type", "Pista", "VIP")]),
        "currency": "BRL",
        "cash": "120.00",
        "difference": "cash",
    }

    line = shown(details)

    assert line == "ticket type: Pista → VIP; BRL\u00a0120.00 in cash"
    assert shown({"difference": "waive", "reason": "A broken seat"}) == (
        "difference waived; A broken seat"
    )


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("role", Role.values),
        ("method", PaymentMethod.values),
        ("difference", list(Difference)),
        ("kind", ExportKind.values),
        ("format", FileFormat.values),
    ],
)
def test_every_code_has_a_word(name: str, codes: list[str]):
    assert set(WORDS[name]) == set(codes)
