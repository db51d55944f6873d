"""The admin's form of a promo code, or of many random ones with the same terms."""

import re
from typing import Any
from uuid import UUID

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminIntegerFieldWidget

from events.models import Event, TicketType
from orders.promo_code_changes import LONGEST_PREFIX, MOST_AT_ONCE
from orders.promo_uses import normalize_promo_code
from ticketing.clock import ends_too_early
from ticketing.money_form import AmountField

# Types of so many of the user's newest events are offered until an event is chosen.
_MOST_EVENTS = 50
_PREFIX = re.compile(r"[A-Z0-9-]*")


class PromoCodeForm(forms.ModelForm):
    how_many = forms.IntegerField(
        label=gettext_lazy("How many codes"),
        initial=1,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_AT_ONCE)],
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy(
            "More than one: random codes with the same terms, which nobody can guess. The code"
            " above is then the beginning of each: IMPRENSA makes IMPRENSA-7KQ2MX4P."
        ),
    )
    amount = AmountField(
        label=gettext_lazy("Discount per ticket"),
        max_digits=10,
        decimal_places=2,
        min_value=0,
        required=False,
        help_text=gettext_lazy("An amount of money. A ticket never costs less than zero."),
    )
    ticket_types = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Only for these ticket types"),
        coerce=UUID,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("These get the discount. None chosen: all of the event."),
    )
    unlocked_types = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Unlocks hidden ticket types"),
        coerce=UUID,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy(
            "Buyers with the code can see and buy these. A ticket type is hidden on the page of its"
            " event."
        ),
    )

    class Meta:
        # So that "12,5" is a number where people write it so.
        localized_fields = ["percent"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "code" in self.fields:
            self.fields["code"].required = False
            self.fields["code"].help_text = _(
                "3 to 32 letters, digits and hyphens. Buyers may type it in any case. Empty: a"
                " random code."
            )
        for name, hidden in (("ticket_types", None), ("unlocked_types", True)):
            if name in self.fields:
                field: Any = self.fields[name]
                field.choices = self._types(name, is_hidden=hidden)
        if self.instance._state.adding:  # noqa: SLF001 - as Django's admin does
            return
        # Django keeps a declared field also if the page does not show it. This one is required.
        self.fields.pop("how_many", None)
        if "amount" in self.fields:
            self.fields["amount"].widget.currency = self.instance.event.currency

    def _types(self, name: str, *, is_hidden: bool | None) -> list[tuple[Any, Any]]:
        """Return the types to choose from, with those that a stored code has already."""
        kinds = TicketType.objects.order_by("event_id", "number").select_related("event")
        stored = getattr(self.instance, name)
        if is_hidden is not None:
            kinds = kinds.filter(is_hidden=True) | kinds.filter(pk__in=stored)
        event_id = None if self.instance._state.adding else self.instance.event_id  # noqa: SLF001 - as Django's admin does
        chosen = event_id or self.data.get("event") or self.initial.get("event")
        events = self._events().filter(pk=chosen) if _is_id(chosen) else self._events()
        names = dict(events.order_by("-created_at", "pk").values_list("pk", "name")[:_MOST_EVENTS])
        found = {kind.pk: kind for kind in kinds.filter(event__in=names)}
        # Left out, a code for deleted types would become one for all types at the next save.
        deleted = [(pk, _("Deleted ticket type")) for pk in stored if pk not in found]
        if len(names) <= 1:
            return [*((kind.pk, kind.name) for kind in found.values()), *deleted]
        return [(kind.pk, f"{names[kind.event_id]}: {kind.name}") for kind in found.values()]

    def _events(self) -> Any:
        if not self.instance._state.adding:  # noqa: SLF001 - as Django's admin does
            return Event.objects.filter(pk=self.instance.event_id)
        offered: Any = self.fields.get("event")
        return offered.queryset if offered else Event.objects.none()

    def clean_code(self) -> str:
        return normalize_promo_code(self.cleaned_data["code"] or "")

    def clean(self) -> Any:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("percent") is not None and cleaned.get("amount") is not None:
            self.add_error("amount", _("Enter a percentage or an amount, not both."))
        if ends_too_early(cleaned.get("valid_from"), cleaned.get("valid_until")):
            self.add_error("valid_until", _("The promo code must end after it starts."))
        fewest, most = cleaned.get("min_tickets"), cleaned.get("max_tickets")
        if fewest is not None and most is not None and most < fewest:
            self.add_error("max_tickets", _("The most tickets must not be fewer than the fewest."))
        self._check_code(cleaned)
        return cleaned

    def _check_code(self, cleaned: dict[str, Any]) -> None:
        if not self.instance._state.adding or "code" not in cleaned:  # noqa: SLF001 - as Django's admin does
            return
        code, how_many = cleaned["code"], cleaned.get("how_many") or 1
        if how_many == 1 and code:
            return
        # Random codes: the code is only their beginning, which is no code itself.
        self.beginning = code
        if len(code) > LONGEST_PREFIX or not _PREFIX.fullmatch(code):
            self.add_error(
                "code",
                _("The beginning has at most %(count)d letters A-Z, digits and hyphens.")
                % {"count": LONGEST_PREFIX},
            )
        else:
            # Empty, so that Django does not validate it as a code.
            cleaned["code"] = ""


def _is_id(value: Any) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True
