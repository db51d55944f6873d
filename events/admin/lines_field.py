"""A form field for a list of texts, written one on each line."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget


class LinesField(forms.CharField):
    """A list of texts, one on each line. Blank lines and repeated ones are left out."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return _lines_of(super().clean(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        # By line, because browsers send the lines of a text with CR LF.
        return _lines_of(self.prepare_value(initial)) != _lines_of(data)


def _lines_of(text: str | None) -> list[str]:
    lines = (line.strip() for line in (text or "").splitlines())
    return list(dict.fromkeys(line for line in lines if line))
