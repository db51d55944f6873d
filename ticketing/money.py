"""Amounts of money as people read them, in the active language."""

from decimal import Decimal
from typing import Final

from django.utils import formats
from django.utils.translation import get_language

# What Brazilians write before an amount. In English the ISO code is clear to every reader.
_SYMBOLS: Final = {"BRL": "R$", "USD": "US$", "EUR": "€"}
_MINUS: Final = "\N{MINUS SIGN}"


def format_money(amount: Decimal, currency: str) -> str:
    """
    Return an amount in units of its currency (an ISO 4217 code) for the active language.

    It is "R$ 1.240,00" in Portuguese, and "BRL 1,240.00" in English. Zero is shown as an amount.
    """
    portuguese = (get_language() or "").startswith("pt")
    name = _SYMBOLS.get(currency, currency) if portuguese else currency
    number = formats.number_format(abs(amount), decimal_pos=2, use_l10n=True, force_grouping=True)
    return f"{_MINUS if amount < 0 else ''}{name} {number}"
