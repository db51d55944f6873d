"""The form field of the admin for a day and an hour."""

from datetime import time
from typing import Any, Final

from django.db import models
from unfold.widgets import UnfoldAdminSplitDateTimeWidget, UnfoldAdminTimeWidget


class _HourInput(UnfoldAdminTimeWidget):  # type: ignore[misc]  # it has no types
    def format_value(self, value: Any) -> Any:
        # Without seconds where there are none. A moment that has some keeps them when it is saved.
        if isinstance(value, time) and not value.second:
            return f"{value:%H:%M}"
        return super().format_value(value)


class MomentInput(UnfoldAdminSplitDateTimeWidget):  # type: ignore[misc]  # it has no types
    """Shows 21:00, and not 21:00:00."""

    widgets: Any

    def __init__(self, attrs: Any = None) -> None:
        super().__init__(attrs)
        day, hour = self.widgets
        self.widgets = [day, _HourInput(attrs=hour.attrs)]


# For `formfield_overrides` of an admin.
MOMENT_FIELDS: Final[dict[Any, dict[str, Any]]] = {models.DateTimeField: {"widget": MomentInput}}
