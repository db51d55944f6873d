"""A form field for amounts of money, which reads and shows them as people write them."""

from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import DecimalField
from django.utils import formats
from unfold.widgets import UnfoldAdminTextInputWidget

from ticketing.money import parse_money, symbol_of


class AmountInput(UnfoldAdminTextInputWidget):
    """A text input with the currency before it. A number input would refuse a comma."""

    def __init__(self, attrs: dict[str, Any] | None = None, *, currency: str = "BRL") -> None:
        super().__init__({"inputmode": "decimal", "class": "amount", **(attrs or {})})
        self.currency = currency

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["widget"]["prefix"] = symbol_of(self.currency)
        return context


class AmountField(forms.DecimalField):
    """Reads `80,00`, `80.00` and `1.234,50` in every language."""

    widget = AmountInput

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]  # as the base class does
        if value in self.empty_values:
            return None
        return value if isinstance(value, Decimal) else parse_money(str(value))

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return formats.number_format(value, decimal_pos=2, use_l10n=True, force_grouping=True)
        return value

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        # Those of the base class are for a number input.
        return {}


# For `formfield_overrides` of an admin whose decimal columns are amounts of money.
AMOUNT_FIELDS = {DecimalField: {"form_class": AmountField, "widget": AmountInput}}
