"""What is shown this one time."""

from django.contrib import messages
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _


def tell_once(request: HttpRequest, text: str) -> None:
    """Show a token or a secret to the one who made it, this one time."""
    messages.warning(
        request,
        format_html(
            "{} <code style='user-select:all;overflow-wrap:anywhere'>{}</code>",
            _("Copy this now, it is not shown again:"),
            text,
        ),
    )
