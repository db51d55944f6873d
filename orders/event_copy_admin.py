"""The admin of events with one more choice: a copy of an event may have its promo codes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldBooleanSwitchWidget

from events.admin.clone_form import CloneForm
from events.admin.events import EventAdmin
from events.models import Event
from orders.event_copies import clone_event_with_promo_codes
from orders.promo_code import PromoCode
from ticketing.actors import Actor


class CopyForm(CloneForm):
    with_promo_codes = forms.BooleanField(
        label=gettext_lazy("Copy the promo codes too"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )

    def __init__(self, data: Any, *, event: Event) -> None:
        super().__init__(data, event=event)
        count = PromoCode.objects.filter(event=event).count()
        if not count:
            del self.fields["with_promo_codes"]
            return
        self.fields["with_promo_codes"].help_text = ngettext(
            "%(count)d code, with its uses at zero. Its period moves with the start.",
            "%(count)d codes, with their uses at zero. Their periods move with the start.",
            count,
        ) % {"count": count}


admin.site.unregister(Event)


@admin.register(Event)
class EventWithPromoCodesAdmin(EventAdmin):
    clone_form = CopyForm

    def clone(self, event: Event, sent: Mapping[str, Any], *, actor: Actor, now: datetime) -> Event:
        if not sent.get("with_promo_codes"):
            return super().clone(event, sent, actor=actor, now=now)
        return clone_event_with_promo_codes(
            event_id=event.pk,
            name=sent["name"],
            starts_at=sent["starts_at"],
            actor=actor,
            now=now,
        )
