"""The form fields of the admin for people's names and for the reason of an act."""

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from ticketing.text import check_line, refuse_web_addresses

# The reason is stored in the details of an act, which nobody can change or delete.
LONGEST_REASON: Final = 200
_LONGEST_NAME: Final = 200


class ReasonField(forms.CharField):
    """A line of text that says why something was done. It is kept in the record of acts."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", _("Reason"))
        options.setdefault(
            "help_text",
            _("It is kept for good in the history of the order. Write no names or documents."),
        )
        super().__init__(max_length=LONGEST_REASON, **options)
        self.validators.append(check_line)


class PersonNameField(forms.CharField):
    """A person's name, as the API accepts it."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=_LONGEST_NAME, **options)
        self.validators += [check_line, refuse_web_addresses]
