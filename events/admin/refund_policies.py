"""The admin of refund policies: what buyers may ask back themselves."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from events.admin.base import OwnAdmin
from events.models import RefundPolicy
from events.roles import Right
from ticketing.history import RecordsSaves, ShowsHistory
from ticketing.models import ActType


class RefundPolicyForm(forms.ModelForm):
    def clean(self) -> dict[str, Any]:
        sent = super().clean() or {}
        event, organizer = sent.get("event"), sent.get("organizer")
        if event is not None and organizer is not None and event.organizer_id != organizer.pk:
            raise ValidationError({"event": _("This event is of another organizer.")})
        return sent


@admin.register(RefundPolicy)
class RefundPolicyAdmin(ShowsHistory, RecordsSaves, OwnAdmin):
    created_act = changed_act = ActType.REFUND_POLICY_SAVED
    right_to_see = Right.CHANGE_ORGANIZER
    form = RefundPolicyForm
    list_display = ["shown_event", "mode", "shown_deadline", "organizer"]
    list_select_related = ["event", "organizer"]
    autocomplete_fields = ["event"]
    fields = ["organizer", "event", "mode", "days_after_purchase", "days_before_start"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [
            *super().get_readonly_fields(request, obj),
            *(["organizer", "event"] if obj else []),
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        first = self.organizers_to_choose(request).order_by("name").first()
        return {
            "organizer": first and first.pk,
            **super().get_changeform_initial_data(request),
        }

    @display(description=gettext_lazy("event"))
    def shown_event(self, policy: RefundPolicy) -> str:
        return str(policy)

    @display(description=gettext_lazy("until"))
    def shown_deadline(self, policy: RefundPolicy) -> str:
        days = policy.days_before_start
        before = ngettext(
            "%(count)d day before the event", "%(count)d days before the event", days
        ) % {"count": days}
        if policy.days_after_purchase is None:
            return before
        days = policy.days_after_purchase
        after = ngettext(
            "%(count)d day after the purchase", "%(count)d days after the purchase", days
        ) % {"count": days}
        return f"{after}, {before}"
