"""The admin pages of promo codes: an organizer makes codes, and sees their uses."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext_lazy, ngettext, ngettext_lazy
from django.utils.translation import gettext as _
from unfold.decorators import display

from events.access import within_rights
from events.admin.base import OwnAdmin, act_on_each, chosen, rows_of_key
from events.admin.confirming import Question, after_asking, dangerous
from events.admin.refusals import say_refusal
from events.models import Event
from events.roles import Right
from orders.promo_code import PromoCode
from orders.promo_code_changes import (
    CHANGEABLE,
    change_promo_code,
    create_promo_code,
    create_random_promo_codes,
    delete_promo_code,
)
from orders.promo_code_form import PromoCodeForm
from orders.promo_code_table import (
    attach_uses,
    local_end,
    say_discount,
    uses_of,
    write_promo_codes,
)
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.clock import zone_named
from ticketing.errors import Refusal
from ticketing.history import ShowsHistory
from ticketing.money import format_money


@admin.register(PromoCode)
class PromoCodeAdmin(ShowsHistory, OwnAdmin):
    organizer_path = "event__organizer"
    event_path = "event"
    right_to_see = Right.SEE_ORDERS
    right_to_change = Right.CHANGE_EVENTS
    form = PromoCodeForm
    when_empty = gettext_lazy(
        "A code gives its buyers a discount, or shows them hidden ticket types."
    )
    list_display = ["named", "gives", "uses", "revenue", "ends", "is_active"]
    list_filter = ["event", "is_active"]
    list_select_related = ["event"]
    search_fields = ["code", "note"]
    search_help_text = gettext_lazy("Code or note")
    ordering = ["-created_at", "-id"]
    actions = ["export_chosen", "deactivate_chosen", "delete_chosen"]
    readonly_fields = ["uses", "revenue"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        first = ["event", "code", "note", "is_active"]
        first += ["how_many"] if obj is None else ["uses", "revenue"]
        sets = [
            (None, {"fields": first}),
            (
                _("What it gives"),
                {"fields": ["percent", "amount", "ticket_types", "unlocked_types"]},
            ),
            (
                _("When and how often"),
                {"fields": ["valid_from", "valid_until", "max_uses", "min_tickets", "max_tickets"]},
            ),
        ]
        return sets if obj is None else [*sets, (_("What happened"), {"fields": ["history"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        fixed = list(super().get_readonly_fields(request, obj))
        return fixed if obj is None else [*fixed, "event", "code"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        # Also for a member who is limited to some events: those are the choices of the form.
        return self.has_right(request, self.right_to_change)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **options)
        field.queryset = self._changeable_events(request)
        return field

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """Parse and show times in the event's time zone."""
        with timezone.override(self._zone(request, object_id)):
            try:
                response = super().changeform_view(request, object_id, form_url, extra_context)
            except Refusal as refusal:
                # Something has changed since the form was checked. Nothing was written.
                messages.error(request, say_refusal(refusal))
                return redirect(request.get_full_path())
            # Render here: after this block another time zone is active.
            return response.render() if hasattr(response, "render") else response

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        promos = list(changelist.result_list)
        attach_uses(promos)
        changelist.result_list = promos
        return changelist

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Write by the verbs that the API calls too."""
        actor, now = user_actor(request.user), clock.now()
        if change:
            fields = {name: form.cleaned_data[name] for name in form.changed_data}
            change_promo_code(
                promo_code_id=obj.pk,
                fields={name: fields[name] for name in fields.keys() & CHANGEABLE},
                actor=actor,
                now=now,
            )
            return
        if not hasattr(form, "beginning"):
            create_promo_code(promo=obj, actor=actor, now=now)
            return
        made = create_random_promo_codes(
            like=obj,
            prefix=form.beginning.rstrip("-"),
            count=form.cleaned_data["how_many"],
            actor=actor,
            now=now,
        )
        # Django's log entry and its message are about the first one.
        obj.pk, obj.code, obj.made_together = made[0].pk, made[0].code, len(made)
        obj._state.adding = False  # noqa: SLF001 - as `save` does

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        made = getattr(obj, "made_together", 1)
        if made == 1:
            return super().response_add(request, obj, post_url_continue)
        messages.success(
            request,
            ngettext("%(count)d promo code created.", "%(count)d promo codes created.", made)
            % {"count": made},
        )
        address = reverse("admin:orders_promocode_changelist")
        return redirect(f"{address}?event__id__exact={obj.event_id}")

    @display(description=gettext_lazy("promo code"), header=True, ordering="code")
    def named(self, promo: PromoCode) -> list[str]:
        return [promo.code, " · ".join(filter(None, [promo.event.name, promo.note]))]

    @display(description=gettext_lazy("discount"))
    def gives(self, promo: PromoCode) -> str:
        return say_discount(promo)

    @display(description=gettext_lazy("uses"))
    def uses(self, promo: PromoCode) -> str:
        used = uses_of(promo).orders
        if promo.max_uses is None:
            return str(used)
        return _("%(used)d of %(most)d") % {"used": used, "most": promo.max_uses}

    @display(description=gettext_lazy("revenue"))
    def revenue(self, promo: PromoCode) -> str:
        return format_money(uses_of(promo).revenue, promo.event.currency)

    @display(description=gettext_lazy("valid until"), ordering="valid_until")
    def ends(self, promo: PromoCode) -> str:
        local = local_end(promo)
        return f"{date_format(local, 'SHORT_DATE_FORMAT')} {local:%H:%M}" if local else "-"

    @admin.action(description=gettext_lazy("Export as CSV"), permissions=["export"])
    def export_chosen(self, request: HttpRequest, rows: QuerySet[PromoCode]) -> HttpResponse:
        exported = self.within(rows, request, Right.EXPORT).select_related("event")
        file = write_promo_codes(
            exported.order_by("-created_at", "-pk"), language=get_language() or ""
        )
        response = HttpResponse(file, content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="promo-codes.csv"'
        return response

    @admin.action(description=gettext_lazy("Deactivate…"), permissions=["events"])
    @dangerous
    @after_asking(
        Question(
            text=gettext_lazy("Deactivate these promo codes?"),
            consequences=[
                gettext_lazy("From now on, nobody can use them."),
                gettext_lazy("Orders that have them keep their prices."),
            ],
            confirm=gettext_lazy("Deactivate the promo codes"),
            keep=gettext_lazy("Keep the promo codes"),
        )
    )
    def deactivate_chosen(self, request: HttpRequest, rows: QuerySet[PromoCode]) -> None:
        act_on_each(
            request,
            self.within(rows, request, self.right_to_change),
            lambda promo: change_promo_code(
                promo_code_id=promo.pk,
                fields={"is_active": False},
                actor=user_actor(request.user),
                now=clock.now(),
            ),
            done=ngettext_lazy(
                "%(count)d promo code deactivated.", "%(count)d promo codes deactivated.", "count"
            ),
        )

    @admin.action(description=gettext_lazy("Delete…"), permissions=["events"])
    @dangerous
    @after_asking(
        Question(
            text=gettext_lazy("Delete these promo codes?"),
            consequences=[
                gettext_lazy("Buyers who have one of them get no discount."),
                gettext_lazy("Codes that an order has are not deleted: deactivate those."),
            ],
            confirm=gettext_lazy("Delete the promo codes"),
            keep=gettext_lazy("Keep the promo codes"),
        )
    )
    def delete_chosen(self, request: HttpRequest, rows: QuerySet[PromoCode]) -> None:
        act_on_each(
            request,
            self.within(rows, request, self.right_to_change),
            lambda promo: delete_promo_code(
                promo_code_id=promo.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=ngettext_lazy(
                "%(count)d promo code deleted.", "%(count)d promo codes deleted.", "count"
            ),
        )

    def _changeable_events(self, request: HttpRequest) -> QuerySet[Event]:
        return within_rights(
            Event.objects.order_by("-starts_at", "pk"),
            request.user,
            self.right_to_change,
            organizer_path="organizer",
            event_path="pk",
        )

    def _zone(self, request: HttpRequest, object_id: str | None) -> ZoneInfo:
        if object_id:
            zones = chosen(self, request, object_id).values_list("event__timezone", flat=True)
            name = zones.order_by("pk").first()
        else:
            wanted = request.POST.get("event") or request.GET.get("event") or ""
            events = rows_of_key(self._changeable_events(request), wanted)
            name = events.values_list("timezone", flat=True).order_by("pk").first()
        return zone_named(name or Event().timezone)
