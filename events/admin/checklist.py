"""HTML of what a draft still lacks, with links to the fields of its form."""

from collections.abc import Mapping
from typing import Any, Final

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.models import Event
from events.publishing import CheckedNeed, Need, check_needs
from ticketing import clock

# For each need: what it is called, and the place on the event's page where it is met.
_NEEDS: Final[Mapping[Need, tuple[Any, str]]] = {
    Need.TICKET_TYPES: (gettext_lazy("Ticket types with price and capacity"), "ticket_types-group"),
    Need.ENDS_LATER: (gettext_lazy("An end that is not in the past"), "id_ends_at_0"),
    Need.SALE_ENDS_LATER: (gettext_lazy("A sale that is not over yet"), "id_sales_end_at_0"),
    Need.DESCRIPTION: (gettext_lazy("A description"), "id_description"),
    Need.ADDRESS: (gettext_lazy("The street address of the venue"), "id_address"),
    Need.PICTURE: (gettext_lazy("A picture"), "id_image_url"),
    Need.DOOR_HOURS: (gettext_lazy("The hours in which the door admits"), "id_checkin_starts_at_0"),
}


def show_checklist(event: Event, *, page: str = "") -> SafeString:
    """Return a list of the event's needs. Links are to fields on `page`, by default the same."""
    needs = check_needs(event, list(event.ticket_types.all()), now=clock.now())
    return format_html(
        '<ul class="checklist">{}</ul>',
        format_html_join(
            "", "<li>{} <span>{}</span></li>", (_show_need(need, event, page) for need in needs)
        ),
    )


def _show_need(checked: CheckedNeed, event: Event, page: str) -> tuple[SafeString, SafeString]:
    name, place = _NEEDS[checked.need]
    if checked.is_met:
        sign, word, color = "check_circle", _("done"), "text-green-600"
    elif checked.is_required:
        sign, word, color = "error", _("missing"), "text-red-600"
    else:
        sign, word, color = "radio_button_unchecked", _("recommended"), "text-base-500"
    icon = format_html(
        '<span class="material-symbols-outlined {}" aria-hidden="true">{}</span>', color, sign
    )
    if checked.is_met:
        return icon, format_html("{} <small>({})</small>", name, word)
    address = f"{page}#{place}"
    if checked.need == Need.PICTURE:
        address = reverse("admin:events_event_picture_this", args=[event.pk])
    link = format_html('<a class="underline" href="{}">{}</a>', address, name)
    return icon, format_html("{} <small>({})</small>", link, word)
