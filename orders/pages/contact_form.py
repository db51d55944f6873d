"""The fields in which a buyer says who gets the tickets."""

from datetime import datetime

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from orders.correction import can_correct_own_contact
from orders.models import Order
from orders.pages.access import comes_from_mail
from ticketing.address_form import AddressFormField
from ticketing.text_form import PersonNameField


def offers_correction(request: HttpRequest, order: Order, now: datetime) -> bool:
    """
    Return whether this browser may correct who gets the tickets.

    One that came by a mail to the order's address may not: the address is right, and a correction
    would end its access.
    """
    return can_correct_own_contact(order, now) and not comes_from_mail(request, order)


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
