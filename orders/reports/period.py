"""The event and the days that a financial report is about, from the address of its page."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from events.models import Event
from ticketing.clock import zone_named

# The newest events that the form offers.
_MOST_EVENTS: Final = 200
_USUAL_DAYS: Final = 30
_MOST_DAYS: Final = 366


class DayInput(UnfoldAdminTextInputWidget):  # type: ignore[misc]  # it has no types
    """A field with the browser's own calendar, which is easy to use on a phone."""

    input_type = "date"

    def format_value(self, value: Any) -> Any:
        # Browsers take only this form, in every language.
        return value.isoformat() if isinstance(value, date) else value


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in the time zone of the event, or of the admin's pages for all events."""

    event: Event | None
    zone: ZoneInfo
    first: date
    last: date

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time(), self.zone)

    @property
    def until(self) -> datetime:
        return datetime.combine(self.last + timedelta(days=1), time(), self.zone)


class ReportForm(forms.Form):
    """Without days the report is about the last 30 days."""

    event = forms.ModelChoiceField(
        Event.objects.none(),
        label=gettext_lazy("Event"),
        required=False,
        empty_label=gettext_lazy("All events"),
        widget=UnfoldAdminSelectWidget,
    )
    first_day = forms.DateField(label=gettext_lazy("First day"), required=False, widget=DayInput)
    last_day = forms.DateField(label=gettext_lazy("Last day"), required=False, widget=DayInput)

    def __init__(self, sent: Any, *, events: QuerySet[Event], now: datetime) -> None:
        super().__init__(sent)
        self._now = now
        newest = events.order_by("-starts_at", "pk")[:_MOST_EVENTS].values("pk")
        field: Any = self.fields["event"]
        field.queryset = Event.objects.filter(pk__in=list(newest.values_list("pk", flat=True)))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = self._days()
        if last < first:
            self.add_error("last_day", gettext_lazy("Choose a day after the first one."))
        elif (last - first).days >= _MOST_DAYS:
            self.add_error("last_day", gettext_lazy("Choose at most a year."))
        return cleaned

    def period(self) -> Period:
        """Return what the report is about. With an invalid field the days are the usual ones."""
        if not self.is_valid():
            self.cleaned_data |= {"first_day": None, "last_day": None}
        first, last = self._days()
        return Period(self.cleaned_data.get("event"), self._zone(), first, last)

    def _days(self) -> tuple[date, date]:
        last: date = self.cleaned_data.get("last_day") or self._now.astimezone(self._zone()).date()
        usual = last - timedelta(days=_USUAL_DAYS - 1)
        return self.cleaned_data.get("first_day") or usual, last

    def _zone(self) -> ZoneInfo:
        event: Event | None = self.cleaned_data.get("event")
        return zone_named(event.timezone if event else settings.PAGES_TIME_ZONE)
