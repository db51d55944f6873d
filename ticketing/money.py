"""Amounts of money as people read them, in the active language."""

import re
from decimal import Decimal
from typing import Final

from django.core.exceptions import ValidationError
from django.utils import formats
from django.utils.translation import get_language
from django.utils.translation import gettext as _

# What Brazilians write before an amount. In English the ISO code is clear to every reader.
_SYMBOLS: Final = {"BRL": "R$", "USD": "US$", "EUR": "€"}
_MINUS: Final = "\N{MINUS SIGN}"
_SPACE: Final = "\N{NO-BREAK SPACE}"
# A currency before the number: a code of three letters, a symbol, or both, as in "R$" and "US$".
_CURRENCY: Final = re.compile(r"^\s*(?:[A-Z]{3}|[A-Z]{0,3}[$€£])?\s*")
# Thousands are optional. After the last point or comma there are one or two digits.
_AMOUNT: Final = re.compile(
    r"(?P<whole>\d+|\d{1,3}(?:,\d{3})+|\d{1,3}(?:\.\d{3})+)"
    r"(?P<cents>[.,]\d{1,2})?"
)


def format_money(amount: Decimal, currency: str) -> str:
    """
    Return an amount in units of its currency (an ISO 4217 code) for the active language.

    It is "R$ 1.240,00" in Portuguese, and "BRL 1,240.00" in English, with a space at which no line
    breaks. Zero is shown as an amount.
    """
    portuguese = (get_language() or "").startswith("pt")
    name = _SYMBOLS.get(currency, currency) if portuguese else currency
    number = formats.number_format(abs(amount), decimal_pos=2, use_l10n=True, force_grouping=True)
    return f"{_MINUS if amount < 0 else ''}{name}{_SPACE}{number}"


def symbol_of(currency: str) -> str:
    """Return what people write before an amount of a currency: "R$" for BRL, else its code."""
    return _SYMBOLS.get(currency, currency)


def parse_money(text: str) -> Decimal:
    """
    Return the amount that a person wrote, in any language.

    The last point or comma begins the cents if one or two digits follow it: "80,00", "80.00",
    "1.234,50" and "1,234.50" are amounts. Before three digits it separates thousands: "1.234" is
    one thousand two hundred thirty-four.

    :raises ValidationError: if the text is something else
    """
    plain = re.sub(r"(?<=\d)[ \u00a0\u202f](?=\d{3})", "", _CURRENCY.sub("", text).strip())
    found = _AMOUNT.fullmatch(plain)
    separators = re.sub(r"\d", "", found["whole"]) if found else ""
    cents = (found["cents"] or "") if found else ""
    if (
        found is None
        # The same sign cannot separate both thousands and cents.
        or (cents and cents[0] in separators)
        # "0.123" is not a thousand: the writer meant a fraction that no currency has.
        or (separators and plain.startswith("0"))
    ):
        raise ValidationError(
            _("Write an amount such as %(simple)s or %(large)s.")
            % {
                "simple": formats.number_format(Decimal(80), 2),
                "large": formats.number_format(Decimal("1234.50"), 2, force_grouping=True),
            },
            code="invalid",
        )
    return Decimal(re.sub(r"[.,]", "", found["whole"]) + cents.replace(",", "."))
