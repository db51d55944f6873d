"""Rendering a mail from its two templates."""

from collections.abc import Mapping
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation

from ticketing.letters import HtmlMail


def render_mail(
    template: str, context: Mapping[str, Any], *, subject: str, **options: Any
) -> HtmlMail:
    """
    Return a mail in the active language, for the caller to send.

    :param template: the path of its templates, without their endings `.txt` and `.html`
    :param options: the other arguments of `HtmlMail`
    """
    full = {"language": translation.get_language(), **context}
    return HtmlMail(
        # The name of an event may contain a line break, and a header must not.
        subject=" ".join(subject.split()),
        body=render_to_string(f"{template}.txt", full),
        html=render_to_string(f"{template}.html", full),
        **options,
    )
