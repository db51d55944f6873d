"""Embedding events in an organizer's own site: its field in a form, and the snippet to paste."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.admin.lines_field import LinesField
from events.models import MOST_EMBEDDING_ORIGINS, Event
from events.wording import public_address
from ticketing.pages.embedding import tidy_origin


class OriginsField(LinesField):
    """Origins of sites, one on each line. Its value is a list of what `tidy_origin` returns."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            label=gettext_lazy("Sites that may embed your events"),
            help_text=gettext_lazy(
                "Your own sites on which visitors choose tickets, one on each line, such as"
                " https://www.example.com. Empty: none. “Share…” on an event's page has the"
                " snippet for them."
            ),
            required=False,
            **options,
        )

    def clean(self, value: Any) -> list[str]:
        origins = list(dict.fromkeys(map(tidy_origin, super().clean(value))))
        if len(origins) > MOST_EMBEDDING_ORIGINS:
            raise forms.ValidationError(
                _("Name at most %(count)d sites.") % {"count": MOST_EMBEDDING_ORIGINS}
            )
        return origins


def write_embedding(event: Event) -> SafeString:
    """
    Return HTML that shows the ticket choice of an event on a site of its organizer.

    Without JavaScript, and on a site that may not embed it, it is a link.
    """
    address = public_address(event)
    # Not by `static()`: the name with a digest would be gone in the next release.
    script = f"{settings.PUBLIC_URL}{settings.STATIC_URL}events/embed.js"
    return format_html(
        '<script async src="{}"></script>\n'
        '<bilheteria-event src="{}"><a href="{}">{}</a></bilheteria-event>',
        script,
        address,
        address,
        _("Tickets: %(name)s") % {"name": event.name},
    )
