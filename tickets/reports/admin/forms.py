"""The forms by which a user asks for an export, or schedules one."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import get_language, gettext_lazy

from events.access import organizers_of
from events.admin.base import OwnAdmin
from events.models import Organizer
from events.roles import Right
from orders.reports.period import DayInput
from ticketing.models import User
from tickets.reports.models import OF_ALL_EVENTS, Export
from tickets.reports.rights import may_export
from tickets.reports.tables import zone_of_export


class ContentAdmin(OwnAdmin):
    """The admin of rows with the fields of `ContentForm`."""

    event_path = "event"
    right_to_see = right_to_change = Right.EXPORT
    autocomplete_fields = ["event"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_right(request, Right.EXPORT)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = list(super().get_fields(request, obj))
        if len(organizers_of(request.user, Right.EXPORT)[:2]) < 2:  # noqa: PLR2004 - no choice
            fields.remove("organizer")
        return fields

    def get_form(self, request: HttpRequest, obj: Any = None, **options: Any) -> Any:
        form = super().get_form(request, obj, **options)
        form.user = request.user
        return form


class ContentForm(forms.ModelForm):
    """Chooses what an export is about, and checks that the user may export it."""

    # Set by the admin, on the class that it makes for a request.
    user: User

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance._state.adding:  # noqa: SLF001 - Django's own way
            self.initial["language"] = get_language()
        if "organizer" in self.fields:
            field: Any = self.fields["organizer"]
            field.queryset = organizers_of(self.user, Right.EXPORT)
            field.required = False

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        kind, event = cleaned.get("kind"), cleaned.get("event")
        if event is None and kind and kind not in OF_ALL_EVENTS:
            self.add_error("event", gettext_lazy("Choose the event."))
            return cleaned
        organizer = event.organizer if event else self._organizer(cleaned)
        allowed = organizer and may_export(
            self.user, organizer_id=organizer.pk, event_id=event.pk if event else None
        )
        if not allowed:
            field = "event" if event or "organizer" not in self.fields else "organizer"
            self.add_error(field, gettext_lazy("Choose one of which you may export data."))
        else:
            self.instance.organizer = organizer
            self.instance.asked_by = self.user
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        # The organizer comes from `clean`.
        return {*super()._get_validation_exclusions(), "organizer"}  # type: ignore[misc]  # not in the stubs

    def _organizer(self, cleaned: dict[str, Any]) -> Organizer | None:
        if chosen := cleaned.get("organizer"):
            return chosen
        only = list(organizers_of(self.user, Right.EXPORT)[:2])
        return only[0] if len(only) == 1 else None


class ExportForm(ContentForm):
    first_day = forms.DateField(label=gettext_lazy("First day"), required=False, widget=DayInput)
    last_day = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=DayInput,
        help_text=gettext_lazy(
            "Both days included. For orders, admissions and the ledger; leave empty for all."
        ),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        first, last = cleaned.get("first_day"), cleaned.get("last_day")
        if first and last and last < first:
            raise ValidationError({"last_day": gettext_lazy("Choose a day after the first one.")})
        self.instance.event = cleaned.get("event")
        zone = zone_of_export(self.instance)
        if first:
            self.instance.since = datetime.combine(first, time(), zone)
        if last:
            self.instance.until = datetime.combine(last + timedelta(days=1), time(), zone)
        return cleaned

    class Meta:
        model = Export
        fields = ["kind", "event", "organizer", "file_format", "language"]
