"""The fields in which a buyer says who gets the tickets."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ticketing.address_form import AddressFormField
from ticketing.text_form import PersonNameField


class ContactForm(forms.Form):
    """A buyer's name and address. The address is typed twice."""

    name = PersonNameField(
        label=_("Your name"), widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    email = AddressFormField(
        label=_("Your email"),
        help_text=_("We send the tickets to this address."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    email_again = forms.CharField(
        label=_("Your email once more"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def clean_email_again(self) -> str:
        again: str = self.cleaned_data["email_again"]
        # Compared as typed: the first one is stored in another form.
        if again.strip().lower() != str(self.data.get("email", "")).strip().lower():
            raise forms.ValidationError(
                _("The two addresses differ. Correct the wrong one."), code="differs"
            )
        return again
