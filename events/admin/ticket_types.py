"""The ticket types on the page of their event."""

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline

from events.catalogue import left_by_type
from events.inventory import claim_event, held_by_type
from events.models import (
    Event,
    EventStatus,
    TicketType,
)


class TicketTypeFormSet(BaseInlineFormSet):
    """Ticket types of one event, checked while nobody sells."""

    def clean(self) -> None:
        super().clean()
        if self.instance.pk is None or self.instance._state.adding:  # noqa: SLF001 - the admin's own way
            return
        # We are inside the admin's transaction: what we count here cannot change before we write.
        claim_event(Event.objects.values_list("number", flat=True).get(pk=self.instance.pk))
        held = held_by_type([self.instance.pk])
        for form in self.initial_forms:
            kind = form.instance
            now = TicketType.objects.get(pk=kind.pk)
            committed = now.promised + held.get(kind.pk, 0)
            wanted = form.cleaned_data.get("capacity")
            if form in self.deleted_forms and now.order_items.exists():
                raise ValidationError(
                    _("%(name)s has orders and cannot be deleted. Lower its capacity instead.")
                    % {"name": now.name}
                )
            if wanted is not None and wanted < committed:
                form.add_error(
                    "capacity",
                    _("%(count)d are sold or held already.") % {"count": committed},
                )


class TicketTypeInline(TabularInline):
    model = TicketType
    formset = TicketTypeFormSet
    extra = 0
    min_num = 0
    fields = [
        "name",
        "price",
        "capacity",
        "sold",
        "left",
        "max_per_order",
        "sales_start_at",
        "sales_end_at",
    ]
    readonly_fields = ["sold", "left"]

    @admin.display(description=gettext_lazy("left"))
    def left(self, kind: TicketType) -> str:
        if kind._state.adding:  # noqa: SLF001 - the admin's own way
            return "-"
        return str(left_by_type([kind.event_id]).get(kind.pk, 0))

    def has_add_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return obj is None or obj.status != EventStatus.CANCELLED

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return obj is None or obj.status != EventStatus.CANCELLED

    def has_view_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return True

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return obj is not None and obj.status != EventStatus.CANCELLED
