"""The form with which staff sell or give tickets at the box office."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from events.models import TicketType
from orders.box_office import MOST_TICKETS
from orders.box_office_record import BoxOfficeMethod
from orders.how_sold_form import COMPLIMENTARY, HowSoldForm
from orders.pricing import WantedTickets
from ticketing.address_form import AddressFormField
from ticketing.money import format_money


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

    def __init__(
        self, *args: Any, kinds: Sequence[TicketType], left: Mapping[UUID, int], **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._kinds = {f"tickets_{kind.number}": kind for kind in kinds}
        for name, kind in self._kinds.items():
            count = left.get(kind.pk, 0)
            price = format_money(kind.price, kind.event.currency)
            free = _("%(count)d left") % {"count": count}
            self.fields[name] = forms.IntegerField(
                label=kind.name,
                help_text=f"{price} · {free}",
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

    def wanted(self) -> list[WantedTickets]:
        """Return the chosen tickets of a valid form."""
        chosen = {kind.pk: self.cleaned_data[name] or 0 for name, kind in self._kinds.items()}
        return [WantedTickets(kind, quantity) for kind, quantity in chosen.items() if quantity]
