"""The form by which a buyer chooses tickets and says who gets them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from orders.pages.contact_form import ContactForm
from orders.pricing import WantedTickets
from orders.serializers import LONGEST_PROOF

_PREFIX: Final = "q_"
# No order has as many tickets as these digits say, and Python refuses to read very many.
_QUANTITY: Final = re.compile(r"[0-9]{1,4}")


class ChoiceForm(ContactForm):
    """Quantities by ticket type, and the buyer's name and address."""

    proof = forms.CharField(required=False, max_length=LONGEST_PROOF, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        kinds: Sequence[Mapping[str, Any]],
        most: int,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}), label_suffix="")
        self._kinds, self._most = kinds, most
        for kind in kinds:
            if kind["state"] == "on_sale":
                self.fields[field_of(kind)] = _quantity_field(kind)

    def quantity_of(self, kind: Mapping[str, Any]) -> forms.BoundField | None:
        """Return the field of a ticket type, or None if it is not on sale now."""
        name = field_of(kind)
        return self[name] if name in self.fields else None

    def wanted(self) -> list[WantedTickets]:
        """Return the chosen tickets of a valid form."""
        return [
            WantedTickets(kind["id"], self.cleaned_data[field_of(kind)])
            for kind in self._kinds
            if self.cleaned_data.get(field_of(kind))
        ]

    def has_wrong_fields(self) -> bool:
        """Return whether an error is at a field, not only above the form."""
        return any(name != NON_FIELD_ERRORS for name in self.errors)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        names = [field_of(kind) for kind in self._kinds if field_of(kind) in self.fields]
        total = sum(cleaned.get(name) or 0 for name in names)
        if not any(name in self.errors for name in names):
            if not total:
                self.add_error(None, gettext("Choose at least one ticket."))
            elif total > self._most:
                self.add_error(None, _too_many(self._most))
        return cleaned


def describe_choice(kinds: Sequence[dict[str, Any]], form: ChoiceForm) -> dict[str, Any]:
    """Return the template context of the ticket types and their fields."""
    shown = [{**kind, "field": form.quantity_of(kind)} for kind in kinds]
    return {
        "form": form,
        "kinds": shown,
        "can_choose": any(kind["field"] is not None for kind in shown),
        "is_free": not any(kind["amount"] for kind in shown),
        "is_sold_out": bool(shown) and all(kind["state"] == "sold_out" for kind in shown),
    }


def field_of(kind: Mapping[str, Any]) -> str:
    """Return the name of the field of a ticket type."""
    return f"{_PREFIX}{kind['id']}"


def quantities_in(query: Mapping[str, str], kinds: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the quantities that a link proposes, such as the one to start again."""
    sent = {field_of(kind): query.get(field_of(kind), "") for kind in kinds}
    return {name: int(text) for name, text in sent.items() if _QUANTITY.fullmatch(text)}


def _quantity_field(kind: Mapping[str, Any]) -> forms.IntegerField:
    limit = kind["limit"]
    return forms.IntegerField(
        label=kind["name"],
        required=False,
        min_value=0,
        max_value=limit,
        initial=0,
        error_messages={
            "max_value": ngettext(
                "One order may have %(limit_value)s of these at most.",
                "One order may have %(limit_value)s of these at most.",
                limit,
            ),
            "min_value": _("Write a number, or leave it empty."),
            "invalid": _("Write a number, or leave it empty."),
        },
        # What is left may be less than an order may have. The verb decides, not the form.
        widget=forms.NumberInput(attrs={"max": kind["most"], "inputmode": "numeric"}),
    )


def _too_many(most: int) -> str:
    return ngettext(
        "One order may have %(most)d ticket at most.",
        "One order may have %(most)d tickets at most.",
        most,
    ) % {"most": most}
