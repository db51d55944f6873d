"""The admin's change log: every recorded act of an organizer's people, programs and systems."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final
from uuid import UUID

from django.apps import apps
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from events.admin.base import ReadOnlyAdmin, rights_held
from events.roles import Right
from orders.models import Order
from ticketing.act_details import attach_people, show_details
from ticketing.history import name_act, name_actor, name_way
from ticketing.models import Act, ActorKind, ActType

# The models of subjects, by the part of an act's type before the dot.
MODELS_OF_SUBJECTS: Final[Mapping[str, str]] = {
    "order": "orders.Order",
    "promo_code": "orders.PromoCode",
    "report": "reports.ScheduledReport",
    "event": "events.Event",
    "organizer": "events.Organizer",
    "ticket": "tickets.Ticket",
    "token": "events.ApiToken",
    "device": "tickets.Device",
    "guest_list": "orders.GuestList",
    "webhook": "webhooks.WebhookEndpoint",
    "refund_policy": "events.RefundPolicy",
    "user": "ticketing.User",
}
_CODE_LENGTH: Final = 6


class ActTypeFilter(admin.SimpleListFilter):
    """Filters by what was done. A type that does not exist filters nothing."""

    title = gettext_lazy("act")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(kind.value, capfirst(str(kind.label))) for kind in ActType]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Act]) -> QuerySet[Act]:
        return queryset.filter(type=self.value()) if self.value() in ActType.values else queryset


class ActorKindFilter(admin.SimpleListFilter):
    """Filters by the kind of actor. A kind that does not exist filters nothing."""

    title = gettext_lazy("actor")
    parameter_name = "actor_kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(kind.value, capfirst(str(kind.label))) for kind in ActorKind]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Act]) -> QuerySet[Act]:
        known = self.value() in ActorKind.values
        return queryset.filter(actor_kind=self.value()) if known else queryset


@admin.register(Act)
class ChangeLogAdmin(ReadOnlyAdmin):
    """The acts of the user's organizers. Nobody can change or delete one."""

    organizer_path = "organizer_id"
    right_to_see: ClassVar[Right] = Right.CHANGE_EVENTS
    list_display = ["at", "what", "about", "who", "way", "details_shown"]
    list_filter = [ActTypeFilter, ActorKindFilter, ("at", RangeDateTimeFilter)]
    search_fields = ["actor_name"]
    search_help_text = gettext_lazy("Who did it, an order code, or an id")
    ordering = ["-at", "-id"]
    # A log grows for ever, and counting it for a page number would be slow.
    paginator = InfinitePaginator
    show_full_result_count = False
    fields = ["at", "what", "about", "who", "way", "details_shown"]
    readonly_fields = fields

    def has_right(self, request: HttpRequest, right: Right, obj: Model | str | None = None) -> bool:
        # Acts have no event, so the log would be empty for a member who is limited to some.
        everywhere = right in rights_held(request).everywhere
        return everywhere and super().has_right(request, right, obj)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if (subject := _read_id(term)) is not None:
            return queryset.filter(subject_id=subject), False
        if len(term) == _CODE_LENGTH and term.isalnum():
            order = Order.objects.filter(code=term.upper()).values("pk")
            if order.exists():
                return queryset.filter(subject_id__in=order), False
        return super().get_search_results(request, queryset, term)

    @display(description=gettext_lazy("act"), ordering="type")
    def what(self, act: Act) -> str:
        return capfirst(name_act(act))

    @display(description=gettext_lazy("by"), ordering="actor_name")
    def who(self, act: Act) -> str:
        return capfirst(name_actor(act))

    @display(description=gettext_lazy("by way of"))
    def way(self, act: Act) -> str:
        known = name_way(act)
        return f"{known} · {act.address}" if act.address else known or "–"

    @display(description=gettext_lazy("about"))
    def about(self, act: Act) -> str | SafeString:
        model = _model_of(act)
        if model is None:
            return _(act.subject_type)
        opts = model._meta  # noqa: SLF001 - as Django's admin does
        subject = _subject_of(act)
        label = f"{opts.verbose_name} {subject or ''}".strip()
        if subject is None or not self.admin_site.is_registered(model):
            return label
        url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[_key_of(act)])
        return format_html('<a class="underline" href="{}">{}</a>', url, label)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        acts = list(changelist.result_list)
        # One query for each kind of subject on the page.
        subjects = {
            name: apps.get_model(name)._default_manager.in_bulk(  # noqa: SLF001 - as Django's admin does
                [_key_of(act) for act in acts if MODELS_OF_SUBJECTS.get(act.subject_type) == name]
            )
            for name in {
                MODELS_OF_SUBJECTS[act.subject_type]
                for act in acts
                if act.subject_type in MODELS_OF_SUBJECTS
            }
        }
        for act in acts:
            of_kind = subjects.get(MODELS_OF_SUBJECTS.get(act.subject_type, ""), {})
            act.subject = of_kind.get(_key_of(act))
        attach_people(acts)
        changelist.result_list = acts
        return changelist

    @display(description=gettext_lazy("details"))
    def details_shown(self, act: Act) -> str:
        return show_details(act, _subject_of(act) or _model_of(act) or Act) or "–"


def _model_of(act: Act) -> type[Model] | None:
    name = MODELS_OF_SUBJECTS.get(act.subject_type)
    return apps.get_model(name) if name else None


def _key_of(act: Act) -> UUID | int:
    # Users have numbers: `user_subject`.
    return act.subject_id.int if act.subject_type == "user" else act.subject_id


def _subject_of(act: Act) -> Any:
    """Return the row that an act was about, or None if it is gone or its kind has no page."""
    model = _model_of(act)
    if model is not None and "subject" not in vars(act):
        rows = model._default_manager  # noqa: SLF001 - as Django's admin does
        vars(act)["subject"] = rows.filter(pk=_key_of(act)).first()
    return vars(act).get("subject")


def _read_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
