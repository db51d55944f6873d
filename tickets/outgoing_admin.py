"""The states of mails as the admin shows them, and the filter by state."""

from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from ticketing import clock
from tickets.outgoing import OutgoingMail

STATES: Final = {
    "failed": gettext_lazy("given up"),
    "waiting": gettext_lazy("waiting"),
    "put_off": gettext_lazy("put off"),
    "sent": gettext_lazy("sent"),
}
COLORS: Final = {"failed": "danger", "waiting": "warning", "put_off": "info", "sent": "success"}


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(state, words) for state, words in STATES.items() if state != "put_off"]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "failed":
            return queryset.filter(failed_at__isnull=False)
        if self.value() == "waiting":
            return queryset.filter(failed_at=None, sent_at=None)
        if self.value() == "sent":
            return queryset.filter(sent_at__isnull=False)
        return queryset


def state_of(mail: OutgoingMail) -> str:
    """Return the key of a mail's state in `STATES`."""
    if mail.sent_at is not None:
        return "sent"
    if mail.failed_at is not None:
        return "failed"
    if mail.goes_at is not None and mail.goes_at > clock.now():
        return "put_off"
    return "waiting"
