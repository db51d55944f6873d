"""The base of all admin classes: malformed ids, values and filters in a URL cause no error 500."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ClassVar

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DataError
from django.db.models import DateTimeField, Field, ForeignKey, JSONField, QuerySet
from django.db.models.fields import BLANK_CHOICE_DASH
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction

from ticketing.asking import is_dangerous
from ticketing.moment_form import MomentInput


def worked_out_once(show: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Work out what a page shows of a row only once: Unfold's templates ask up to five times."""

    @wraps(show)
    def remember(model_admin: Any, row: Any) -> Any:
        known = row.__dict__.setdefault("_worked_out_once", {})
        if show not in known:
            known[show] = show(model_admin, row)
        return known[show]

    return remember


class SoundAdmin(ModelAdmin):
    """Ignores ids, initial values and filters that cannot be values of their field."""

    # Above the form: each wrong field with a link to it.
    change_form_outer_before_template = "admin/wrong_fields.html"
    # What a list without any rows says about them, and whether it leads to the events.
    when_empty: ClassVar[Any] = ""
    empty_leads_to_events: ClassVar[bool] = False

    def get_action_choices(self, request: HttpRequest, default_choices: Any = None) -> list[Any]:
        """Offer dangerous actions in a group of their own, below the harmless ones."""
        choices = super().get_action_choices(request, default_choices or BLANK_CHOICE_DASH)
        acts = {name: act for act, name, _text in self.get_actions(request).values()}
        apart = [one for one in choices if is_dangerous(acts.get(one[0]), one[0])]
        harmless = [one for one in choices if one not in apart]
        return [*harmless, (_("Careful"), apart)] if apart else harmless

    def _get_actions_navigation(
        self,
        provided_actions: Sequence[Any],
        allowed_actions: list[UnfoldAction],
        object_id: str | None = None,
    ) -> list[Any]:
        """Return the buttons of a page, dangerous ones last: `tab_actions.html` groups them."""
        names = self._extract_action_names(provided_actions)
        apart = [name for name in names if is_dangerous(getattr(self, name))]
        harmless = [one for one in provided_actions if one not in apart]
        build = super()._get_actions_navigation
        dangers = build(apart, allowed_actions, object_id)
        return [
            *build(harmless, allowed_actions, object_id),
            *({**button, "is_dangerous": True} for button in dangers),
        ]

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
