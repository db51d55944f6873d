"""Amounts in forms: as people write them in both languages."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from ticketing.money import parse_money
from ticketing.money_form import AmountField


@pytest.mark.parametrize("language", ["pt-br", "en"])
@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("80,00", "80"),
        ("80.00", "80"),
        ("80", "80"),
        ("0,5", "0.5"),
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("1.234", "1234"),
        ("1 234,50", "1234.50"),
        ("1.234.567,89", "1234567.89"),
        ("R$ 80,00", "80"),
        ("BRL 80.00", "80"),
    ],
)
def test_an_amount_is_read_as_it_was_meant(language: str, written: str, amount: str):
    with translation.override(language):
        assert AmountField(max_digits=10, decimal_places=2).clean(written) == Decimal(amount)


@pytest.mark.parametrize(
    "written", ["abc", "-5", "0.123", "1.2345", "1.234.50", "1.23.4", "1234,567", "80,00 €"]
)
def test_an_ambiguous_or_senseless_amount_is_refused_with_an_example(written: str):
    with translation.override("pt-br"), pytest.raises(ValidationError) as refused:
        parse_money(written)

    assert refused.value.messages == ["Escreva um valor como 80,00 ou 1.234,50."]


def test_an_amount_is_shown_as_it_can_be_written():
    field = AmountField(max_digits=10, decimal_places=2)
    for language, shown in (("pt-br", "1.234,50"), ("en", "1,234.50")):
        with translation.override(language):
            assert field.prepare_value(Decimal("1234.50")) == shown
            assert not field.has_changed(Decimal("1234.50"), shown)
