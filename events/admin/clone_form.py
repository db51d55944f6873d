"""The form with which a user makes a draft from an existing event."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSplitDateTimeWidget, UnfoldAdminTextInputWidget

from events.models import Event
from ticketing.clock import validate_plausible_date
from ticketing.text import check_line


class CloneForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name of the new event"),
        max_length=Event._meta.get_field("name").max_length,  # noqa: SLF001 - Django documents it
        validators=[check_line],
        widget=UnfoldAdminTextInputWidget,
    )
    starts_at = forms.SplitDateTimeField(
        label=gettext_lazy("When it starts"),
        validators=[validate_plausible_date],
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text=gettext_lazy(
            "In the event's time zone. The end, the sale and the door hours move with it."
        ),
    )

    def __init__(self, data: Any, *, event: Event) -> None:
        super().__init__(data, initial={"name": event.name})
