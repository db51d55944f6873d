"""Why a payment was declined, in words of the active language."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

EVENT_CANCELLED: Final = "event_cancelled"
_DECLINES: Final[Mapping[str, Any]] = {
    "card_declined": _(
        "The bank that issued the card refused it. It does not tell us why: the limit, a block or a"
        " typing mistake are the usual reasons."
    ),
    EVENT_CANCELLED: _("The organizer has cancelled this event."),
}
_OTHER_DECLINE: Final = _("The payment was not approved.")


def say_decline(decline_code: str) -> str:
    """Return why a payment was declined, in the active language."""
    return str(_DECLINES.get(decline_code, _OTHER_DECLINE))
