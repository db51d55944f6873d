"""The form with which staff sell or give tickets at the box office."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, cast
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from events.models import Organizer, TicketType
from events.terms import terms_link
from events.wording import say_left
from orders.box_office import MOST_TICKETS
from orders.box_office_record import BoxOfficeMethod
from orders.how_sold_form import COMPLIMENTARY, HowSoldForm
from orders.pricing import WantedTickets
from ticketing.address_form import AddressFormField
from ticketing.money import format_money

# Of the column. A larger number is that of no version.
_LARGEST_NUMBER: Final = 2**31 - 1


class BoxOfficeForm(HowSoldForm):
    """How many tickets of each type, for whom, and how they are paid for."""

    methods: ClassVar = [
        (BoxOfficeMethod.CASH.value, gettext_lazy("Cash: the guest pays you now")),
        COMPLIMENTARY,
    ]

    # Made for the page: sending the same form twice sells once.
    key = forms.UUIDField(widget=forms.HiddenInput)
    name = forms.CharField(
        label=gettext_lazy("Guest's name"), max_length=200, widget=UnfoldAdminTextInputWidget
    )
    email = AddressFormField(
        label=gettext_lazy("Guest's email"),
        help_text=gettext_lazy(
            "The tickets are sent there. Without it, print them after the sale."
        ),
        required=False,
        widget=UnfoldAdminEmailInputWidget,
    )

    # The version that the guest is shown.
    terms = forms.IntegerField(
        required=False, min_value=1, max_value=_LARGEST_NUMBER, widget=forms.HiddenInput
    )
    accepts_terms = forms.BooleanField(required=False, widget=UnfoldBooleanWidget)

    def __init__(
        self,
        *args: Any,
        kinds: Sequence[TicketType],
        left: Mapping[UUID, int],
        organizer: Organizer,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._ask_for_terms(organizer)
        self._kinds = {f"tickets_{kind.number}": kind for kind in kinds}
        for name, kind in self._kinds.items():
            count = left.get(kind.pk, 0)
            price = format_money(kind.price, kind.event.currency)
            self.fields[name] = forms.IntegerField(
                label=kind.name,
                help_text=f"{price} · {say_left(count)}",
                min_value=0,
                max_value=MOST_TICKETS,
                required=False,
                widget=UnfoldAdminIntegerFieldWidget(attrs={"inputmode": "numeric", "min": 0}),
            )

    def quantities(self) -> list[forms.BoundField]:
        """Return the fields of the ticket types, in their order."""
        return [self[name] for name in self._kinds]

    def others(self) -> list[forms.BoundField]:
        """Return the other fields that the page shows."""
        return [self[name] for name in ("method", "reason", "name", "email", "language")]

    def terms_fields(self) -> list[forms.BoundField]:
        """Return the hidden version of the terms and the box to accept it, if there are terms."""
        return [self[name] for name in ("terms", "accepts_terms") if name in self.fields]

    def accepted_terms(self) -> int | None:
        """Return the version that the guest accepts, if any. 0 is that of no version."""
        if not self.cleaned_data.get("accepts_terms"):
            return None
        return self.cleaned_data["terms"] or 0

    def show_terms_again(self, why: str) -> None:
        """Show the version that is in force, with an empty box, and say why."""
        data = cast(QueryDict, self.data).copy()
        data["terms"] = str(self.fields["terms"].initial)
        data.pop("accepts_terms", None)
        self.data = data
        self.add_error("accepts_terms", why)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        total = sum(cleaned.get(name) or 0 for name in self._kinds)
        if not total and not any(name in self.errors for name in self._kinds):
            self.add_error(None, _("Choose at least one ticket."))
        if total > MOST_TICKETS:
            self.add_error(
                None, _("One sale has %(count)d tickets at most.") % {"count": MOST_TICKETS}
            )
        return cleaned

    def _ask_for_terms(self, organizer: Organizer) -> None:
        number = organizer.terms_number
        if number is None:
            del self.fields["terms"], self.fields["accepts_terms"]
            return
        self.fields["terms"].initial = number
        box = self.fields["accepts_terms"]
        box.label = _("The guest accepts the terms of sale")
        box.help_text = format_html(
            '<a class="underline" href="{}" target="_blank" rel="noopener">{}</a> {}',
            terms_link(organizer, number),
            _("Terms of sale, version %(number)d") % {"number": number},
            _("Show them to the guest, and tick the box if the guest accepts."),
        )

    def wanted(self) -> list[WantedTickets]:
        """Return the chosen tickets of a valid form."""
        chosen = {kind.pk: self.cleaned_data[name] or 0 for name, kind in self._kinds.items()}
        return [WantedTickets(kind, quantity) for kind, quantity in chosen.items() if quantity]
