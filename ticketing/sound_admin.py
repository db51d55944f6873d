"""The base of all admin classes: malformed ids, values and filters in a URL cause no error 500."""

from typing import Any, ClassVar

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DataError
from django.db.models import DateTimeField, Field, ForeignKey, JSONField, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from ticketing.moment_form import MomentInput


class SoundAdmin(ModelAdmin):
    """Ignores ids, initial values and filters that cannot be values of their field."""

    # Above the form: each wrong field with a link to it.
    change_form_outer_before_template = "admin/wrong_fields.html"
    # What a list without any rows says about them, and whether it leads to the events.
    when_empty: ClassVar[Any] = ""
    empty_leads_to_events: ClassVar[bool] = False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if isinstance(db_field, DateTimeField):
            options.setdefault("widget", MomentInput)
        field: Any = super().formfield_for_dbfield(db_field, request, **options)
        if isinstance(widget := getattr(field, "widget", None), RelatedFieldWidgetWrapper):
            # No menu beside a choice that adds or changes what is chosen from.
            widget.can_add_related = widget.can_change_related = False
            widget.can_delete_related = widget.can_view_related = False
        return field

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        try:
            return super().get_changelist_instance(request)
        except DataError as error:
            # PostgreSQL cannot compare with this value. Django then shows the list without filters.
            raise IncorrectLookupParameters from error

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
        sent = request.POST.copy()
        primary = self.model._meta.pk  # noqa: SLF001 - the admin's own way
        sent.setlist(ACTION_CHECKBOX_NAME, [key for key in keys if _can_be_value(primary, key)])
        request.POST = sent  # type: ignore[assignment]  # its setter takes any
        rows = self.rows_of_action(request, queryset)
        response: HttpResponse | None = super().response_action(request, rows)
        return response

    def rows_of_action(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those of `rows` on which the sent action may act."""
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        # Autocomplete views do not validate the search term, and PostgreSQL refuses NUL.
        found: tuple[QuerySet[Any], bool] = super().get_search_results(
            request, queryset, search_term.replace("\0", "")
        )
        return found

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = super().get_changeform_initial_data(request)
        return {name: self._initial_value(name, value) for name, value in initial.items()}

    def _initial_value(self, name: str, value: Any) -> Any:
        try:
            field = self.model._meta.get_field(name)  # noqa: SLF001 - the admin's own way
        except FieldDoesNotExist:
            return None
        if isinstance(field, ForeignKey):
            return value if _can_be_value(field.target_field, value) else None
        if isinstance(value, list):
            key = field.related_model._meta.pk  # noqa: SLF001 - the admin's own way
            return [each for each in value if _can_be_value(key, each)]
        plain = isinstance(field, Field) and not isinstance(field, ArrayField | JSONField)
        if not plain or not _can_be_value(field, value):
            return None
        # The widget splits a datetime into date and time, and cannot split text.
        return field.to_python(value) if isinstance(field, DateTimeField) else value


def _can_be_value(field: Any, value: str) -> bool:
    """Return whether the text can be a value of the field. PostgreSQL refuses NUL in any text."""
    if "\0" in value:
        return False
    try:
        field.to_python(value)
    except (ValidationError, ValueError):
        return False
    return True
