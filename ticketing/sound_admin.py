"""What may stand in the address of an admin page: whatever is no id, value or filter is no bug."""

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DataError
from django.db.models import DateTimeField, Field, ForeignKey, JSONField, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin


class SoundAdmin(ModelAdmin):
    """Takes of an address and of a selection what can be meant, and leaves the rest."""

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        try:
            return super().get_changelist_instance(request)
        except DataError as error:
            # The database cannot compare with that. The list is shown without its filters.
            raise IncorrectLookupParameters from error

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
        sent = request.POST.copy()
        primary = self.model._meta.pk  # noqa: SLF001 - the admin's own way
        sent.setlist(ACTION_CHECKBOX_NAME, [key for key in keys if _reads(primary, key)])
        request.POST = sent  # type: ignore[assignment]  # its setter takes any
        answer: HttpResponse | None = super().response_action(request, queryset)
        return answer

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        # The choices of a field are searched without the list's form, which would refuse it.
        found: tuple[QuerySet[Any], bool] = super().get_search_results(
            request, queryset, search_term.replace("\0", "")
        )
        return found

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = super().get_changeform_initial_data(request)
        return {name: self._start(name, value) for name, value in initial.items()}

    def _start(self, name: str, value: Any) -> Any:
        try:
            field = self.model._meta.get_field(name)  # noqa: SLF001 - the admin's own way
        except FieldDoesNotExist:
            return None
        if isinstance(field, ForeignKey):
            return value if _reads(field.target_field, value) else None
        if isinstance(value, list):
            key = field.related_model._meta.pk  # noqa: SLF001 - the admin's own way
            return [each for each in value if _reads(key, each)]
        plain = isinstance(field, Field) and not isinstance(field, ArrayField | JSONField)
        if not plain or not _reads(field, value):
            return None
        # Its widget takes a moment apart.
        return field.to_python(value) if isinstance(field, DateTimeField) else value


def _reads(field: Any, value: str) -> bool:
    """Say whether `value` can be one of the field's: the database takes no NUL in any text."""
    if "\0" in value:
        return False
    try:
        field.to_python(value)
    except (ValidationError, ValueError):
        return False
    return True
