"""Filters of the admin's lists, which offer only values from rows of the user's organizers."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import BooleanField, DateField, Field
from unfold.contrib.filters.admin import AutocompleteSelectFilter, FieldTextFilter


class OwnRowFilter(AutocompleteSelectFilter):
    """Filters by a related row. An autocomplete field finds it among the rows the user may see."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        related = self.model_admin.admin_site.get_model_admin(self.field.remote_field.model)
        self.own_rows = related.get_queryset(self.request)

    def has_output(self) -> bool:
        # With a single row there is nothing to choose.
        return len(self.own_rows.order_by()[:2]) > 1

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        for choice in super().choices(changelist):
            # Unfold's form has the rows of all organizers: for an id in the address of the page, it
            # would show the name of another organizer's row.
            choice["form"].fields[self.lookup_kwarg].queryset = self.own_rows
            yield choice


# The lookups that Django's and Unfold's filters use on their field.
_LOOKUPS = ["", "__exact", "__isnull", "__icontains", "__gte", "__lt", "__isempty", "__id__exact"]


def own_filters(model: Any, entries: Any) -> list[Any]:
    """
    Return a `list_filter` without Django's filters that list the values of a whole table.

    Django's filter of a relation offers every row, and its filter of a text every value: both would
    show data of other organizers.
    """
    return [_own_filter(model, entry) for entry in entries]


def _own_filter(model: Any, entry: Any) -> Any:
    if not isinstance(entry, str):
        return entry
    field: Field = model._meta.get_field(entry)  # noqa: SLF001 - as Django's admin does
    if field.is_relation:
        return (entry, OwnRowFilter)
    if field.choices or isinstance(field, BooleanField | DateField):
        return entry
    return (entry, FieldTextFilter)


def lookups_of(filters: list[Any]) -> set[str]:
    """Return the lookups that the query of a list page may have: those of its filters."""
    lookups: set[str] = set()
    for entry in filters:
        if isinstance(entry, type) and issubclass(entry, SimpleListFilter):
            lookups.add(str(entry.parameter_name))
        else:
            path = entry if isinstance(entry, str) else entry[0]
            lookups |= {f"{path}{lookup}" for lookup in _LOOKUPS}
    return lookups
