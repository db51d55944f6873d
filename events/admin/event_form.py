"""The admin's form of an event: its fields as an organizer thinks of them, and its checks."""

from typing import Any, Final

from django import forms
from django.conf import settings
from django.utils.encoding import iri_to_uri
from django.utils.html import format_html
from django.utils.text import format_lazy
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanSwitchWidget,
)

from events.models import LONGEST_HOLD_SECONDS, Event, EventStatus
from events.time_zones import time_zone_choices
from ticketing import clock
from ticketing.clock import ends_too_early
from ticketing.text import check_web_address

_SECONDS: Final = 60
_CURRENCIES: Final = {
    "BRL": gettext_lazy("Brazilian real"),
    "USD": gettext_lazy("US dollar"),
    "EUR": gettext_lazy("euro"),
    "GBP": gettext_lazy("pound sterling"),
    "ARS": gettext_lazy("Argentine peso"),
    "BOB": gettext_lazy("boliviano"),
    "COP": gettext_lazy("Colombian peso"),
    "MXN": gettext_lazy("Mexican peso"),
    "PEN": gettext_lazy("Peruvian sol"),
    "UYU": gettext_lazy("Uruguayan peso"),
}


class SearchableSelect(UnfoldAdminSelect2Widget):
    """A select with a search field, whose texts are in the reader's language."""

    class Media:
        # The texts must come before `jquery.init.js`, which hides jQuery from them.
        js = (
            *UnfoldAdminSelect2Widget.Media.js[:2],
            "admin/js/vendor/select2/i18n/pt-BR.js",
            "admin/js/jquery.init.js",
        )

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        # Select2 looks up its texts by this attribute, and writes the country in capitals.
        context["widget"]["attrs"]["lang"] = (
            "pt-BR" if (get_language() or "").startswith("pt") else "en"
        )
        return context


class MinutesField(forms.IntegerField):
    """Shows a column of seconds in minutes. An unchanged value stays exact."""

    widget = UnfoldAdminIntegerFieldWidget

    def prepare_value(self, value: Any) -> Any:
        # A bound form passes what the user wrote, in minutes.
        return -(-value // _SECONDS) if isinstance(value, int) else value

    def clean(self, value: Any) -> int | None:
        minutes = super().clean(value)
        return None if minutes is None else minutes * _SECONDS

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)


class EventForm(forms.ModelForm):
    hold_seconds = MinutesField(
        label=gettext_lazy("time to pay (minutes)"),
        min_value=1,
        max_value=LONGEST_HOLD_SECONDS // _SECONDS,
        initial=Event._meta.get_field("hold_seconds").default,  # noqa: SLF001 - as above
        help_text=gettext_lazy(
            "How long tickets are set aside for a buyer who has not paid yet. 15 is a good choice."
        ),
    )
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
        js = ("events/checkin_window.js", "events/event_form.js", "events/progress.js")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.status != EventStatus.PUBLISHED:
            # Only a published event has buyers.
            self.fields.pop("notify_buyers", None)
        if "slug" in self.fields:
            self.fields["slug"].required = False
        self._offer_time_zones()
        self._offer_currencies()
        if "requires_proof_of_work" in self.fields:
            self.fields["requires_proof_of_work"].label = _("slow down robots")
        self._help("name", _("As buyers see it on the ticket and in mails."))
        self._help("city", _("Buyers find the event by its city."))
        self._help("sales_start_at", _("Empty: as soon as the event is published."))
        self._help("sales_end_at", _("Empty: until the event ends."))
        self._help("max_per_order", _("The most tickets that one buyer can order at once."))
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
                "Before it reserves, each buyer's browser solves a small puzzle by itself, for"
                " about a second. People hardly notice it; robots that grab many tickets do. The"
                " pages of this shop do it already. A shop of your own must do it too, or nobody"
                " can buy there."
            ),
        )
        self._help(
            "image_url",
            _(
                "Save the event, then upload a picture by “Picture…” at the top. Or write the"
                " address of one."
            ),
        )
        self._help(
            "slug",
            _("The last part of the address. Lowercase letters, digits and hyphens.")
            if self.instance.slug
            else _("The last part of the address. Empty: made from the name."),
        )
        self._help(
            "checkin_starts_at",
            _("The doors open: before it no ticket enters. Empty: check-in works at any time."),
        )
        self._help(
            "checkin_ends_at",
            _("The last entry, also for guests who come back. They may always leave."),
        )
        self._suggest("checkin_starts_at", "starts_at", hours=-4)
        self._suggest("checkin_ends_at", "ends_at", hours=0)

    def clean(self) -> Any:
        cleaned = super().clean()
        refuse_backwards(self, "starts_at", "ends_at", _("The event must end after it starts."))
        refuse_backwards(
            self, "sales_start_at", "sales_end_at", _("Sales must end after they start.")
        )
        refuse_backwards(
            self, "checkin_starts_at", "checkin_ends_at", _("Check-in must end after it starts.")
        )
        return cleaned

    def changes(self) -> dict[str, Any]:
        """Return the changed columns of a valid form."""
        changed = [name for name in self.changed_data if name != "notify_buyers"]
        return {name: self.cleaned_data[name] for name in changed}

    def clean_slug(self) -> str:
        # Only a new event gets an address from its name: links to an older one would break.
        return str(self.cleaned_data["slug"] or self.instance.slug)

    def clean_image_url(self) -> str:
        url: str = self.cleaned_data["image_url"]
        if url == self.initial.get("image_url"):
            return url
        # Browsers show letters such as ã, which a URI must contain percent-encoded.
        encoded = str(iri_to_uri(url))
        if encoded:
            check_web_address(encoded)
        return encoded

    def _offer_time_zones(self) -> None:
        if "timezone" not in self.fields:
            return
        choices = time_zone_choices(chosen=self.instance.timezone, now=clock.now())
        self.fields["timezone"] = forms.ChoiceField(
            label=self.fields["timezone"].label,
            choices=choices,
            widget=SearchableSelect(choices=choices),
            initial=self.instance.timezone,
            help_text=_("The clock at the venue. All times of this page are in it."),
            error_messages={"invalid_choice": _("Choose a time zone of the list.")},
        )

    def _offer_currencies(self) -> None:
        if "currency" not in self.fields:
            return
        choices = [(code, format_lazy("{} ({})", name, code)) for code, name in _CURRENCIES.items()]
        if self.instance.currency not in _CURRENCIES:
            choices.append((self.instance.currency, self.instance.currency))
        self.fields["currency"] = forms.ChoiceField(
            label=self.fields["currency"].label,
            choices=choices,
            widget=UnfoldAdminSelectWidget(choices=choices),
            initial=self.instance.currency,
            help_text=_("It cannot be changed once there are orders."),
        )

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


def refuse_backwards(form: forms.BaseForm, start: str, end: str, sentence: str) -> None:
    """Add an error at the end of a period that ends before it starts."""
    if ends_too_early(form.cleaned_data.get(start), form.cleaned_data.get(end)):
        form.add_error(end, sentence)


def _say_default(most: int) -> str:
    if not most:
        return _("Empty or 0: no limit.")
    return _("Empty: at most %(count)d. 0: no limit.") % {"count": most}
