from decimal import Decimal

import pytest
from django.utils import translation

from ticketing.money import format_money


@pytest.mark.parametrize(
    ("language", "amount", "currency", "shown"),
    [
        ("pt-br", "240", "BRL", "R$\u00a0240,00"),
        ("pt-br", "1234567.5", "BRL", "R$\u00a01.234.567,50"),
        ("pt-br", "10", "USD", "US$\u00a010,00"),
        ("pt-br", "10", "EUR", "€\u00a010,00"),
        ("pt-br", "10", "CLP", "CLP\u00a010,00"),
        ("en", "240", "BRL", "BRL\u00a0240.00"),
        ("en", "1234567.5", "USD", "USD\u00a01,234,567.50"),
    ],
)
def test_an_amount_is_shown_as_readers_of_the_language_write_it(
    language: str, amount: str, currency: str, shown: str
) -> None:
    with translation.override(language):
        assert format_money(Decimal(amount), currency) == shown


def test_an_amount_below_zero_has_its_sign_before_the_currency() -> None:
    with translation.override("pt-br"):
        assert format_money(Decimal("-80.00"), "BRL") == "−R$\u00a080,00"


def test_zero_is_an_amount() -> None:
    with translation.override("pt-br"):
        assert format_money(Decimal(0), "BRL") == "R$\u00a00,00"


def test_without_an_active_language_the_currency_is_named_by_its_code() -> None:
    with translation.override(None):
        assert format_money(Decimal(1240), "BRL").startswith("BRL\u00a01")
