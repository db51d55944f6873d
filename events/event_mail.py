"""Rendering a mail about an event, from its organizer."""

from collections.abc import Mapping
from typing import Any

from events.logos import logo_address
from events.models import Event
from events.wording import reply_to_addresses, sender_of, show_start
from ticketing.letters import HtmlMail
from ticketing.mail_templates import render_mail


def render_event_mail(
    template: str, event: Event, context: Mapping[str, Any], *, subject: str, **options: Any
) -> HtmlMail:
    """
    Return a mail about an event in the active language, for the caller to send.

    The organizer gets its replies, unless `options` has another `reply_to`. The context gets the
    event, its organizer with its logo, and its start.

    :param template: as `render_mail` takes it
    """
    organizer = event.organizer
    full = {
        "event": event,
        "organizer": organizer,
        "logo": logo_address(organizer),
        **show_start(event),
        **context,
    }
    sender = {"from_email": sender_of(organizer), "reply_to": reply_to_addresses(organizer)}
    return render_mail(template, full, subject=subject, **sender | options)
