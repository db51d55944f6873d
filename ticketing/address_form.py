"""An email address in a form of the admin."""

from typing import Any, Final

from django import forms
from django.db import models
from unfold.widgets import UnfoldAdminEmailInputWidget

from ticketing.addresses import tidy_address


class AddressFormField(forms.EmailField):
    """An email address that mail can reach, in the form in which it is stored."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # `tidy_address` judges, and says why.
        self.validators = []

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        return tidy_address(cleaned) if cleaned else cleaned


# For `formfield_overrides` of an admin.
ADDRESS_FIELDS: Final[dict[Any, dict[str, Any]]] = {
    models.EmailField: {"form_class": AddressFormField, "widget": UnfoldAdminEmailInputWidget}
}
