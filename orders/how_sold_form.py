"""What each form asks about tickets that staff sell or give: how they are paid for, and why."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from orders.box_office_record import BoxOfficeMethod

COMPLIMENTARY = (BoxOfficeMethod.COMPLIMENTARY.value, gettext_lazy("Complimentary: free of charge"))


class HowSoldForm(forms.Form):
    """The method, the reason, which complimentary tickets need, and the language of the mail."""

    # A subclass says who pays, and what comes first.
    methods: ClassVar[list[tuple[str, Any]]]

    method = forms.ChoiceField(
        label=gettext_lazy("Paid by"), choices=[], widget=UnfoldAdminRadioSelectWidget
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Needed for complimentary tickets, such as “press” or “sponsor”."),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language of the email"),
        choices=settings.LANGUAGES,
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["method"].choices = self.methods  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        free = cleaned.get("method") == BoxOfficeMethod.COMPLIMENTARY
        if free and "reason" in cleaned and not cleaned["reason"]:
            self.add_error("reason", _("Say why the tickets are free."))
        return cleaned
