"""The section "What happened" of admin pages: the recorded acts on a row."""

from itertools import chain
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketing import clock
from ticketing.act_details import attach_people, show_details
from ticketing.actors import record_act, user_actor
from ticketing.field_changes import FieldChange, details_of
from ticketing.form_changes import changes_of_form, changes_of_rows
from ticketing.models import Act, ActorKind, ActType
from ticketing.sound_admin import worked_out_once

_MOST_SHOWN = 100
_CELL = "pr-4 py-1 text-left align-top"


class ShowsHistory:
    """Adds the section to an admin page, for each user who may see the row."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sets: Any = super().get_fieldsets(request, obj)  # type: ignore[misc]
        if obj is None:
            return sets
        return [*sets, (gettext_lazy("What happened"), {"fields": ["history"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*super().get_readonly_fields(request, obj), "history"]  # type: ignore[misc]

    @admin.display(description=gettext_lazy("history"))
    @worked_out_once
    def history(self, row: Any) -> str | SafeString:
        return show_acts(newest_acts(self.history_acts(row)), row)

    def history_acts(self, row: Any) -> QuerySet[Act]:
        """Return the acts that the section shows, in any order."""
        return Act.objects.filter(subject_id__in=self.history_subjects(row))

    def history_subjects(self, row: Any) -> list[UUID]:
        """Return the ids of the subjects whose acts the section shows."""
        return [row.pk]


class RecordsSaves:
    """Records each save of an admin form as an act of the user, with what the user changed."""

    created_act: ClassVar[ActType]
    changed_act: ClassVar[ActType]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)  # type: ignore[misc]
        row = form.instance
        changes = [*changes_of_form(form), *chain.from_iterable(map(changes_of_rows, formsets))]
        if change and not changes:
            return
        record_act(
            act=self.changed_act if change else self.created_act,
            actor=user_actor(request.user),
            subject_id=self.history_subject(row),
            organizer_id=self.history_owner(row),
            at=clock.now(),
            details=self.history_details(changes) if change else {},
        )

    def history_subject(self, row: Any) -> UUID:
        """Return the id of the subject of the acts."""
        subject: UUID = row.pk
        return subject

    def history_details(self, changes: list[FieldChange]) -> dict[str, Any]:
        """Return what is recorded of a change."""
        return details_of(changes)

    def history_owner(self, row: Any) -> UUID | None:
        """Return the id of the organizer that owns the row."""
        owner: UUID | None = row.organizer_id
        return owner


def newest_acts(acts: QuerySet[Act]) -> list[Act]:
    """Return as many of the acts as a page shows, newest first."""
    return list(acts.order_by("-at", "-id")[:_MOST_SHOWN])


def show_acts(acts: list[Act], row: Any) -> str | SafeString:
    """Return a table of acts for the admin page of a row, or a dash if there are none."""
    if not acts:
        return "-"
    attach_people(acts)
    rows = format_html_join(
        "",
        '<tr><td class="{0}">{1}</td><td class="{0}">{2}</td><td class="{0}">{3}</td>'
        '<td class="{0}">{4}</td><td class="{0}">{5}</td></tr>',
        (
            (
                _CELL,
                formats.date_format(timezone.localtime(act.at), "SHORT_DATETIME_FORMAT"),
                name_act(act),
                name_actor(act),
                name_way(act) or "–",
                show_details(act, row),
            )
            for act in acts
        ),
    )
    heads = format_html_join(
        "",
        '<th class="{} font-semibold">{}</th>',
        ((_CELL, head) for head in (_("at"), _("act"), _("by"), _("by way of"), _("details"))),
    )
    return format_html(
        '<div class="overflow-x-auto" style="max-width:calc(100vw - 6rem)" tabindex="0">'
        '<table class="figures text-sm"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        heads,
        rows,
    )


def name_act(act: Act) -> str:
    """Return what was done, in the reader's language."""
    known = act.type in ActType.values
    return str(ActType(act.type).label) if known else act.type


def name_way(act: Act) -> str:
    """Return the way by which a request came, in the reader's language, or "" if not recorded."""
    ways = {"admin": _("admin"), "shop": _("shop"), "api": _("API"), "worker": _("system")}
    return ways.get(act.channel, act.channel)


def name_actor(act: Act) -> str:
    """Return who did it, in the reader's language."""
    kind = str(ActorKind(act.actor_kind).label)
    if not act.actor_name:
        return kind
    # The name of the system as an actor is its cause: mostly the type of another act.
    causes = {
        **dict(ActType.choices),
        "guest_list": _("guest list"),
        "demo data": _("demo data"),
        "demo season": _("demo data"),
        "receiver answered 410": _("the webhook is gone"),
    }
    return f"{kind}: {causes.get(act.actor_name, act.actor_name)}"
