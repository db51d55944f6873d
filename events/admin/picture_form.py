"""The form with which a user uploads the picture of an event."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

# Each value is a place in the picture, from the left and from the top, from 0 to 1. The script of
# the preview reads it too.
_FOCUS = [
    ("0.5 0.5", gettext_lazy("the middle")),
    ("0.5 0", gettext_lazy("the top")),
    ("0.5 1", gettext_lazy("the bottom")),
    ("0 0.5", gettext_lazy("the left")),
    ("1 0.5", gettext_lazy("the right")),
]


class PictureForm(forms.Form):
    picture = forms.FileField(
        label=gettext_lazy("Picture"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": "image/jpeg,image/png,image/webp"}),
        help_text=gettext_lazy(
            "JPEG, PNG or WebP, up to 8 MB, 800 × 450 pixels or more. 1600 × 900 is best."
        ),
    )
    focus = forms.ChoiceField(
        label=gettext_lazy("What to keep"),
        choices=_FOCUS,
        widget=UnfoldAdminSelectWidget(choices=_FOCUS),
        help_text=gettext_lazy(
            "The picture is cut to 16:9. A higher picture loses something at its top or bottom, and"
            " a wider one at its sides."
        ),
    )

    class Media:
        js = ("events/picture_preview.js",)

    def clean_picture(self) -> Any:
        upload = self.cleaned_data["picture"]
        if upload.size > settings.PICTURE_MAX_BYTES:
            raise ValidationError(_("The file is larger than 8 MB. Make it smaller."))
        return upload

    def clean_focus(self) -> tuple[float, float]:
        left, top = self.cleaned_data["focus"].split()
        return float(left), float(top)
