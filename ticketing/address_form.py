"""The form field of the admin for email addresses."""

from typing import Any, Final

from django import forms
from django.db import models
from unfold.widgets import UnfoldAdminEmailInputWidget

from ticketing.addresses import tidy_address


class AddressFormField(forms.EmailField):
    """Accepts the addresses that `tidy_address` accepts, and returns them as they are stored."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # `tidy_address` validates instead: its message says what is wrong with the address.
        self.validators = []

    def clean(self, value: Any) -> Any:
        cleaned = super().clean(value)
        return tidy_address(cleaned) if cleaned else cleaned


# For `formfield_overrides` of an admin.
ADDRESS_FIELDS: Final[dict[Any, dict[str, Any]]] = {
    models.EmailField: {"form_class": AddressFormField, "widget": UnfoldAdminEmailInputWidget}
}
