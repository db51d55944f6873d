"""The form with which staff upload or paste a guest list."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminTextareaWidget,
)

from events.admin.refusals import say_refusal
from orders.box_office_record import BoxOfficeMethod
from orders.guest_list_files import LARGEST_FILE, RawLine, read_guest_list
from orders.how_sold_form import COMPLIMENTARY, HowSoldForm
from ticketing.errors import Refusal

_LONGEST_FILE_NAME = 200


class GuestListForm(HowSoldForm):
    """A file or pasted lines, and how their tickets are paid for."""

    methods: ClassVar = [
        COMPLIMENTARY,
        (BoxOfficeMethod.CASH.value, gettext_lazy("Cash: the guests have paid you")),
    ]
    field_order = ("file", "text", "method", "reason", "language")

    file = forms.FileField(
        label=gettext_lazy("CSV or XLSX file"), required=False, widget=UnfoldAdminFileFieldWidget
    )
    text = forms.CharField(
        label=gettext_lazy("Or paste the lines from a spreadsheet"),
        required=False,
        max_length=LARGEST_FILE // 4,
        strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "file" in cleaned and "text" in cleaned:
            cleaned["lines"] = _read(cleaned)
        return cleaned

    def file_name(self) -> str:
        """Return the name of the uploaded file, or nothing for pasted lines."""
        uploaded = self.cleaned_data["file"]
        return uploaded.name[:_LONGEST_FILE_NAME] if uploaded else ""


def _read(cleaned: dict[str, Any]) -> list[RawLine]:
    uploaded, text = cleaned["file"], cleaned["text"]
    if not uploaded and not text.strip():
        raise ValidationError(_("Choose a file, or paste lines."))
    if uploaded and uploaded.size > LARGEST_FILE:
        raise ValidationError(_("The list is too long: 500 lines and one megabyte at most."))
    try:
        return read_guest_list(uploaded.read() if uploaded else text.encode())
    except Refusal as refusal:
        raise ValidationError(say_refusal(refusal)) from refusal
