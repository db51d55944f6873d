"""Filters of lists that offer what is the user's own, and of many values only what is asked for."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import BooleanField, DateField, Field
from unfold.contrib.filters.admin import AutocompleteSelectFilter, FieldTextFilter


class OwnRowFilter(AutocompleteSelectFilter):
    """Filters by a related row, which a search finds among the user's own."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        related = self.model_admin.admin_site.get_model_admin(self.field.remote_field.model)
        self.own_rows = related.get_queryset(self.request)

    def has_output(self) -> bool:
        # One row is no choice.
        return len(self.own_rows.order_by()[:2]) > 1

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        for choice in super().choices(changelist):
            # The form's own rows are everybody's: it would show the name of any id in the address.
            choice["form"].fields[self.lookup_kwarg].queryset = self.own_rows
            yield choice


# What the filters of a list ask of their field.
_LOOKUPS = ["", "__exact", "__isnull", "__icontains", "__gte", "__lt", "__isempty", "__id__exact"]


def own_filters(model: Any, entries: Any) -> list[Any]:
    """
    Return a `list_filter` in which no filter lists the values of a whole table.

    Django's own filter of a relation offers every row, and that of a text every value.
    """
    return [_own_filter(model, entry) for entry in entries]


def _own_filter(model: Any, entry: Any) -> Any:
    if not isinstance(entry, str):
        return entry
    field: Field = model._meta.get_field(entry)  # noqa: SLF001 - the admin's own way
    if field.is_relation:
        return (entry, OwnRowFilter)
    if field.choices or isinstance(field, BooleanField | DateField):
        return entry
    return (entry, FieldTextFilter)


def lookups_of(filters: list[Any]) -> set[str]:
    """Return what the address of a list may ask for: what its filters do, and nothing else."""
    asked: set[str] = set()
    for entry in filters:
        if isinstance(entry, type) and issubclass(entry, SimpleListFilter):
            asked.add(str(entry.parameter_name))
        else:
            path = entry if isinstance(entry, str) else entry[0]
            asked |= {f"{path}{lookup}" for lookup in _LOOKUPS}
    return asked
