"""Fields of the admin that search for rows: what they show of a value that is no key."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.widgets import (
    AutocompleteMixin,
    AutocompleteSelect,
    AutocompleteSelectMultiple,
)
from django.core.exceptions import ValidationError
from django.http import HttpRequest


class _ShowsOnlyKeys(AutocompleteMixin):
    """
    Leaves values out that are no key of the rows.

    Django's class looks for the chosen rows in the database, also when the field has refused the
    value, and fails when it is not a UUID.
    """

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        keys = [each for each in value if self._is_key(each)]
        return super().optgroups(name, keys, attr)

    def _is_key(self, value: str) -> bool:
        try:
            self.field.remote_field.model._meta.pk.to_python(value)  # noqa: SLF001 - as Django's admin does
        except ValidationError:
            return False
        return True


class _One(_ShowsOnlyKeys, AutocompleteSelect):
    pass


class _Many(_ShowsOnlyKeys, AutocompleteSelectMultiple):
    pass


class SearchesForRows:
    """For admin classes and inlines with `autocomplete_fields`."""

    autocomplete_fields: Any
    admin_site: AdminSite

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name in self.autocomplete_fields:
            options.setdefault("widget", _One(db_field, self.admin_site))
        return super().formfield_for_foreignkey(  # type: ignore[misc]  # of the class beside it
            db_field, request, **options
        )

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name in self.autocomplete_fields:
            options.setdefault("widget", _Many(db_field, self.admin_site))
        return super().formfield_for_manytomany(  # type: ignore[misc]  # of the class beside it
            db_field, request, **options
        )
