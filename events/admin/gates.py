"""The inline form of gates that admit some ticket types only, on the admin's page of the event."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from unfold.admin import StackedInline

from events.gates import GateRule, change_gates
from events.models import MOST_GATES, Event, EventStatus, Gate, TicketType
from ticketing.actors import Actor


class GateForm(forms.ModelForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, sentence in (
            (
                "name",
                _("As the door devices have it in “Gate”, such as “VIP”. Other gates admit all."),
            ),
            ("ticket_types", _("Other tickets are refused here, and staff see where they enter.")),
        ):
            if name in self.fields:
                self.fields[name].help_text = sentence


class GateFormSet(BaseInlineFormSet):
    """All gates of an event that have a rule."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if "ticket_types" in form.fields:
            kinds = TicketType.objects.filter(event_id=self.instance.pk).order_by("number")
            form.fields["ticket_types"].queryset = kinds

    def clean(self) -> None:
        super().clean()
        names = [rule.name.lower() for rule in self.rules()]
        if len(set(names)) < len(names):
            raise ValidationError(_("Give each gate a name of its own."))

    def rules(self) -> list[GateRule]:
        """Return the gates as they shall be, changed or not."""
        kept = [form for form in self.forms if form not in self.deleted_forms]
        return [
            GateRule(
                form.cleaned_data["name"], [kind.pk for kind in form.cleaned_data["ticket_types"]]
            )
            for form in kept
            if form.is_valid() and form.cleaned_data.get("name")
        ]


class GateInline(StackedInline):
    model = Gate
    form = GateForm
    formset = GateFormSet
    extra = 0
    max_num = MOST_GATES
    fields = ["name", "ticket_types"]
    # The template of the page shows it below the fields of the door.
    is_of_the_door = True

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        options["widget"] = forms.CheckboxSelectMultiple()
        return super().formfield_for_manytomany(db_field, request, **options)

    def has_add_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return _is_editable(obj)

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return _is_editable(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return _is_editable(obj)

    def has_view_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return True


class HasGates:
    """Adds the gates to the page of an event that exists: a new one has no ticket types yet."""

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        inlines: list[Any] = super().get_inlines(request, obj)  # type: ignore[misc]
        return inlines if obj is None else [*inlines, GateInline]


def save_gates(formsets: Any, *, event_id: UUID, actor: Actor, now: datetime) -> None:
    """Write what the forms changed, by the verb. It runs in the admin's transaction."""
    for formset in formsets:
        # Writes nothing, but sets what Django's own log entry needs.
        formset.save(commit=False)
        if formset.has_changed():
            change_gates(event_id=event_id, rules=formset.rules(), actor=actor, now=now)


def _is_editable(event: Event | None) -> bool:
    return event is not None and event.status != EventStatus.CANCELLED
