"""What a form of the admin has changed, with the values before and after."""

from typing import Any

from django.forms import ModelChoiceField

from ticketing.field_changes import FieldChange


def changes_of_form(form: Any, *, of: str = "") -> list[FieldChange]:
    """Return the fields that the user has changed in a valid model form."""
    return [
        FieldChange(
            name,
            _shown(form.fields[name], form.initial.get(name)),
            _shown(form.fields[name], form.cleaned_data.get(name)),
            of=of,
        )
        for name in form.changed_data
        if name in form.cleaned_data
    ]


def changes_of_rows(formset: Any) -> list[FieldChange]:
    """Return the rows that were added and deleted in a saved formset, and their changed fields."""
    name = formset.model._meta.model_name  # noqa: SLF001 - the admin's own way
    deleted = formset.deleted_objects
    forms = [form for form in formset.initial_forms if form.instance not in deleted]
    return [
        *(FieldChange(name, str(row), None) for row in deleted),
        *(FieldChange(name, None, str(row)) for row in formset.new_objects),
        *(change for form in forms for change in changes_of_form(form, of=str(form.instance))),
    ]


def _shown(field: Any, value: Any) -> Any:
    """Return a value as the record has it. Before the change a related row is its key alone."""
    if not isinstance(field, ModelChoiceField) or field.queryset is None:
        return value
    if value is None or not hasattr(value, "__iter__") or isinstance(value, str):
        row = field.queryset.filter(pk=getattr(value, "pk", value)).first()
        return str(row) if row else None
    keys = [getattr(each, "pk", each) for each in value]
    return [str(row) for row in field.queryset.filter(pk__in=keys)]
