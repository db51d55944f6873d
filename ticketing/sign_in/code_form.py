"""The form that asks for a code, and the answer to too many wrong ones."""

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from ticketing.pages.waiting import show_wait
from ticketing.sign_in.second_factor import TooManyWrongSignInCodes, WrongSignInCode

_WHY = gettext_lazy(
    "The code was wrong too many times. To keep your account safe, no code is accepted for a while."
)
# Far longer than a code with spaces.
_LONGEST = 40

Checked = TypeVar("Checked")


class CodeForm(forms.Form):
    """A code of the phone, or a recovery code."""

    code = forms.CharField(
        label=gettext_lazy("Code of your phone, or a recovery code"),
        max_length=_LONGEST,
        widget=UnfoldAdminTextInputWidget(
            {"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )


class PhoneCodeForm(CodeForm):
    """A code of the phone, on a keyboard of digits."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["code"].label = gettext_lazy("Code of your phone")
        self.fields["code"].widget.attrs |= {"inputmode": "numeric", "autofocus": True}


def check_code(form: forms.Form, check: Callable[[str], Checked]) -> Checked | None:
    """
    Call `check` with the sent code. If it is wrong, add that to the form and return None.

    :raises TooManyWrongSignInCodes: if no code is accepted now
    """
    try:
        return check(form.cleaned_data["code"])
    except WrongSignInCode:
        form.add_error(
            "code", _("This code is not valid, or was used already. Wait for the next one.")
        )
        return None


def show_locked(request: HttpRequest, refusal: TooManyWrongSignInCodes) -> HttpResponse:
    return show_wait(request, why=_WHY, seconds=refusal.retry_after or 0)
