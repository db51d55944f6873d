"""The inline form of ticket types on the admin's page of their event."""

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import StackedInline

from events.admin.event_form import refuse_backwards
from events.admin.price_changes import PriceChange, find_large_changes
from events.catalogue import left_by_type
from events.models import (
    MOST_TICKET_TYPES,
    Event,
    EventStatus,
    TicketType,
)
from events.stock.record import claim_event
from events.ticket_types import (
    CapacityBelowCommitted,
    OnlyTypeOfGate,
    TicketTypeInUse,
    refuse_low_capacity,
    refuse_to_drop,
)
from ticketing.moment_form import MOMENT_FIELDS
from ticketing.money_form import AMOUNT_FIELDS, AmountInput

# The name of the checkbox with which a user confirms large changes of prices, and of its values.
CONFIRMED_PRICES = "confirmed_price"


class TicketTypeForm(forms.ModelForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, sentence in (
            ("name", _("As buyers see it, such as “Floor”, “Half price” or “Second lot”.")),
            ("max_per_order", _("Empty: as many as the event allows.")),
            ("sales_start_at", _("Empty: with the sale of the event.")),
            ("sales_end_at", _("Empty: with the sale of the event.")),
        ):
            if name in self.fields:
                self.fields[name].help_text = sentence

    def clean(self) -> Any:
        cleaned = super().clean()
        refuse_backwards(
            self, "sales_start_at", "sales_end_at", _("Sales must end after they start.")
        )
        return cleaned


class TicketTypeFormSet(BaseInlineFormSet):
    """The forms of an event's ticket types. They are checked while the event is locked."""

    # Those that the user has to confirm. The page shows them.
    unconfirmed: list[PriceChange]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.unconfirmed = []

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        price = form.fields.get("price")
        if price is not None and isinstance(price.widget, AmountInput):
            price.widget.currency = self.instance.currency

    def clean(self) -> None:
        super().clean()
        self._refuse_repeated_names()
        stay = [form for form in self.forms if form not in self.deleted_forms]
        new = [form for form in stay if form not in self.initial_forms and form.has_changed()]
        if new and len(self.initial_forms) - len(self.deleted_forms) + len(new) > MOST_TICKET_TYPES:
            raise ValidationError(_("An event has 50 ticket types at most."))
        if self.instance.pk is None or self.instance._state.adding:  # noqa: SLF001 - as Django's admin does
            return
        # The event lock lasts until the end of the admin's transaction, so nothing that is checked
        # below can change before the verbs write.
        event = Event.objects.get(pk=self.instance.pk)
        claim_event(event.number)
        if event.status == EventStatus.PUBLISHED and not any(
            form not in self.deleted_forms and (form in self.initial_forms or form.has_changed())
            for form in self.forms
        ):
            raise ValidationError(_("An event on sale needs a ticket type: add another one first."))
        for form in self.initial_forms:
            self._check(form, TicketType.objects.get(pk=form.instance.pk))
        if event.status == EventStatus.PUBLISHED:
            self._ask_about_prices()

    def _refuse_repeated_names(self) -> None:
        names = set()
        for form in self.forms:
            name = form.cleaned_data.get("name") if form not in self.deleted_forms else None
            if name in names:
                form.add_error("name", _("This event already has a ticket type of that name."))
            elif name:
                names.add(name)

    def validate_unique(self) -> None:
        """Do nothing: Django's message is not at the field, unlike ours."""

    def _ask_about_prices(self) -> None:
        changes = find_large_changes(
            {
                form.instance.pk: form.cleaned_data["price"]
                for form in self.initial_forms
                if form not in self.deleted_forms and form.cleaned_data.get("price") is not None
            }
        )
        confirmed = cast(QueryDict, self.data).getlist(CONFIRMED_PRICES)
        self.unconfirmed = [change for change in changes if change.key not in confirmed]
        if self.unconfirmed:
            raise ValidationError(_("Confirm the new prices at the top of this page."))

    def _check(self, form: Any, kind: TicketType) -> None:
        """Show on the form the refusals that the verbs would raise."""
        try:
            if form in self.deleted_forms:
                refuse_to_drop(kind)
            elif form.cleaned_data.get("capacity") is not None:
                refuse_low_capacity(kind, form.cleaned_data["capacity"])
        except TicketTypeInUse as refusal:
            raise ValidationError(
                _("%(name)s has orders and cannot be deleted. Lower its capacity instead.")
                % {"name": kind.name}
            ) from refusal
        except OnlyTypeOfGate as refusal:
            raise ValidationError(
                _(
                    "The gate %(gate)s admits only %(name)s. Change or delete the gate and save,"
                    " then delete %(name)s."
                )
                % {"gate": refusal.gate.name, "name": kind.name}
            ) from refusal
        except CapacityBelowCommitted as refusal:
            form.add_error(
                "capacity",
                ngettext(
                    "%(count)d ticket is sold or held already.",
                    "%(count)d tickets are sold or held already.",
                    refusal.committed,
                )
                % {"count": refusal.committed},
            )

    def type_changes(self) -> list[dict[str, Any]]:
        """Return the `ticket_types` of `change_event`: the changed and the new ticket types."""
        changes = []
        for form in self.forms:
            if form in self.deleted_forms or not form.has_changed():
                continue
            change = {
                name: form.cleaned_data[name]
                for name in form.changed_data
                if name in form.cleaned_data
            }
            if form in self.initial_forms:
                change["id"] = form.instance.pk
            changes.append(change)
        return changes

    def dropped(self) -> list[UUID]:
        """Return the ids of the ticket types that the user has marked for deletion."""
        return [form.instance.pk for form in self.initial_forms if form in self.deleted_forms]


class TicketTypeInline(StackedInline):
    model = TicketType
    form = TicketTypeForm
    formset = TicketTypeFormSet
    formfield_overrides = AMOUNT_FIELDS | MOMENT_FIELDS
    extra = 0
    min_num = 0
    max_num = MOST_TICKET_TYPES
    fields = [
        "name",
        ("price", "capacity"),
        ("sold", "left"),
        "max_per_order",
        "sales_start_at",
        "sales_end_at",
        "is_hidden",
    ]
    readonly_fields = ["sold", "left"]
    # Django's admin makes an inline for each request.
    _left: Mapping[UUID, int] | None = None

    @admin.display(description=gettext_lazy("left"))
    def left(self, kind: TicketType) -> str:
        if kind._state.adding:  # noqa: SLF001 - as Django's admin does
            return "-"
        if self._left is None:
            self._left = left_by_type([kind.event_id])
        return str(self._left.get(kind.pk, 0))

    def has_add_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return obj is None or obj.status != EventStatus.CANCELLED

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return obj is None or obj.status != EventStatus.CANCELLED

    def has_view_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return True

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return obj is not None and obj.status != EventStatus.CANCELLED
