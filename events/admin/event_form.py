"""The admin's form of an event: help texts, suggested times, and checks."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldBooleanSwitchWidget

from events.models import EventStatus, validate_web_address
from ticketing.clock import ends_too_early


class EventForm(forms.ModelForm):
    notify_buyers = forms.BooleanField(
        label=gettext_lazy("Tell the buyers by mail"),
        help_text=gettext_lazy(
            "If the date, the time or the place of a published event changes, each buyer gets a"
            " mail with the old and the new one."
        ),
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget,
    )

    class Media:
        js = ("events/checkin_window.js",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.status != EventStatus.PUBLISHED:
            # Only a published event has buyers.
            self.fields.pop("notify_buyers", None)
        self._help(
            "timezone", _("A name such as America/Sao_Paulo, America/Manaus or Europe/Lisbon.")
        )
        self._help(
            "max_per_customer",
            _("Reserved and paid tickets of one email address, over the whole sale."),
            _say_default(settings.TICKETS_PER_CUSTOMER),
        )
        self._help(
            "max_per_address",
            _(
                "Reserved and paid tickets of one internet connection (IP address), over the whole"
                " sale. In a mobile network or an office, many people share one."
            ),
            _say_default(settings.TICKETS_PER_ADDRESS),
        )
        self._help(
            "requires_proof_of_work",
            _(
                "The buyer's browser must compute for about a second before it can reserve. This"
                " slows bots down. Switch it on only if your shop supports it: otherwise no one"
                " can reserve."
            ),
        )
        self._suggest("checkin_starts_at", "starts_at", hours=-4)
        self._suggest("checkin_ends_at", "ends_at", hours=0)

    def clean(self) -> Any:
        cleaned = super().clean()
        refuse_backward_sale(self)
        return cleaned

    def clean_image_url(self) -> str:
        url: str = self.cleaned_data["image_url"]
        validate_web_address(url)
        return url

    def _help(self, name: str, *sentences: str) -> None:
        # The page of a cancelled event is read-only, so its form has no fields.
        if name in self.fields:
            self.fields[name].help_text = " ".join(sentences)

    def _suggest(self, name: str, start: str, *, hours: int) -> None:
        """Add a button that fills in the time of another field, plus `hours`."""
        if name not in self.fields or start not in self.fields:
            return
        self.fields[name].help_text = format_html(
            '{} <button type="button" hidden class="underline font-semibold cursor-pointer"'
            ' data-fills="{}" data-from="{}" data-hours="{}" data-words="{}"></button>',
            self.fields[name].help_text,
            name,
            start,
            hours,
            _("Use %(moment)s") % {"moment": "{moment}"},
        )


def refuse_backward_sale(form: forms.BaseForm) -> None:
    """Add an error to the form of an event or ticket type whose sale ends before it starts."""
    cleaned = form.cleaned_data
    if ends_too_early(cleaned.get("sales_start_at"), cleaned.get("sales_end_at")):
        form.add_error("sales_end_at", _("Sales must end after they start."))


def _say_default(most: int) -> str:
    if not most:
        return _("Empty or 0: no limit.")
    return _("Empty: at most %(count)d. 0: no limit.") % {"count": most}
