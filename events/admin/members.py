"""The admin of an organizer's members: their roles, their events, and the end of a membership."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import formats, timezone
from django.utils.functional import lazy
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from unfold.decorators import action, display

from events.admin.base import OwnAdmin, chosen
from events.admin.confirming import Question, ask_first, dangerous
from events.admin.refusals import say_refusal
from events.members import change_member, remove_member, reset_second_factor_of_member
from events.models import Membership, Role
from events.roles import Right
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.errors import Refusal
from ticketing.history import ShowsHistory
from ticketing.models import Act

_ROLE_COLORS = {Role.OWNER: "success", Role.MANAGER: "info", Role.DOOR: "warning"}


def _describe_roles() -> str:
    """Return what each role may do, as `docs/roles.md` says in more detail."""
    return format_html_join(
        mark_safe("<br>"),
        "<strong>{}</strong>: {}",
        [
            (Role.OWNER.label, _("everything, the team and the settings too")),
            (Role.MANAGER.label, _("events, orders, refunds, exports and the door")),
            (Role.FINANCE.label, _("sees sales, refunds and exports")),
            (Role.DOOR.label, _("door devices and check-in, without buyers and amounts")),
            (Role.VIEWER.label, _("sees everything, changes nothing")),
        ],
    )


class EventsOfRole(forms.ModelForm):
    """The part of a form that offers a role and, for a limited member, events."""

    class Meta:
        help_texts: ClassVar = {"role": lazy(_describe_roles, str)()}

    def clean(self) -> dict[str, Any]:
        sent: dict[str, Any] = super().clean() or self.cleaned_data
        if sent.get("only_some_events") and not sent.get("events"):
            self.add_error("events", _("Choose at least one event."))
        return sent


@admin.register(Membership)
class MembershipAdmin(ShowsHistory, OwnAdmin):
    right_to_see = Right.CHANGE_ORGANIZER
    form = EventsOfRole
    list_display = [
        "person",
        "shown_role",
        "shown_events",
        "organizer",
        "has_second_factor",
        "last_sign_in",
    ]
    list_filter = ["role", "organizer"]
    list_select_related = ["user", "organizer"]
    search_fields = ["user__first_name", "user__last_name", "user__username", "user__email"]
    search_help_text = gettext_lazy("Name or email")
    ordering = ["organizer__name", "user__first_name", "pk"]
    autocomplete_fields = ["events"]
    fields = [
        "organizer",
        "name",
        "email",
        "role",
        "only_some_events",
        "events",
        "has_second_factor",
        "last_sign_in",
    ]
    readonly_fields = ["organizer", "name", "email", "has_second_factor", "last_sign_in"]
    actions_detail = ["remove_this", "reset_second_factor_this"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request).prefetch_related("events")
        if request.user.is_superuser:
            return rows
        # Superusers run the site. They are no business of an organizer.
        return rows.exclude(user__is_superuser=True)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """Lead to an invitation: a member joins by accepting one."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return redirect("admin:events_invitation_add")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refusal as refusal:
            # Nothing was written: the verb's transaction is that of the page.
            messages.error(request, say_refusal(refusal))
            return redirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Write nothing: `save_related` calls the verb, with the chosen events."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        sent = form.cleaned_data
        change_member(
            membership_id=form.instance.pk,
            role=Role(sent["role"]),
            only_some_events=sent["only_some_events"],
            event_ids=[event.pk for event in sent["events"]],
            actor=user_actor(request.user),
            now=clock.now(),
        )

    def history_acts(self, row: Membership) -> QuerySet[Act]:
        return Act.objects.filter(subject_id=row.organizer_id, details__user=row.user_id)

    @display(description=gettext_lazy("member"), header=True, ordering="user__first_name")
    def person(self, membership: Membership) -> list[str]:
        return [str(membership.user), membership.user.email or membership.user.get_username()]

    @admin.display(description=gettext_lazy("name"))
    def name(self, membership: Membership) -> str:
        return str(membership.user)

    @admin.display(description=gettext_lazy("email"))
    def email(self, membership: Membership) -> str:
        return membership.user.email or membership.user.get_username()

    @display(description=gettext_lazy("role"), label=_ROLE_COLORS, ordering="role")
    def shown_role(self, membership: Membership) -> tuple[str, str]:
        return membership.role, membership.get_role_display()

    @admin.display(description=gettext_lazy("events"))
    def shown_events(self, membership: Membership) -> str:
        if not membership.only_some_events:
            return _("all events")
        return ", ".join(event.name for event in membership.events.all()) or "-"

    @admin.display(
        description=gettext_lazy("two-factor"), boolean=True, ordering="user__second_factor_since"
    )
    def has_second_factor(self, membership: Membership) -> bool:
        return membership.user.second_factor_since is not None

    @admin.display(description=gettext_lazy("last sign-in"), ordering="user__last_login")
    def last_sign_in(self, membership: Membership) -> str:
        moment = membership.user.last_login
        if moment is None:
            return "-"
        return formats.date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")

    @action(description=gettext_lazy("Remove from the team…"), permissions=["change"])
    @dangerous
    def remove_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rows = chosen(self, request, object_id).select_related("user", "organizer")
        question = Question(
            text=_("Remove %(person)s from the team?")
            % {"person": ", ".join(str(membership.user) for membership in rows)},
            consequences=[
                _("The person sees nothing of the organizer any more, from this moment on."),
                _("Invitations that the person has sent and nobody has accepted are withdrawn."),
                _("API tokens and door devices that the person has keep working: revoke them."),
                _("What the person has done stays on record."),
            ],
            confirm=_("Remove from the team"),
            keep=_("Keep in the team"),
            about=[],
        )
        if page := ask_first(self, request, question, action="remove_this", rows=rows):
            return page
        for membership in rows:
            try:
                remove_member(
                    membership_id=membership.pk, actor=user_actor(request.user), now=clock.now()
                )
            except Refusal as refusal:
                messages.error(request, say_refusal(refusal))
                return redirect("admin:events_membership_change", object_id)
            messages.success(request, _("Removed from the team."))
        return redirect("admin:events_membership_changelist")

    @action(description=gettext_lazy("Reset two-factor sign-in…"), permissions=["change"])
    @dangerous
    def reset_second_factor_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rows = chosen(self, request, object_id).select_related("user", "organizer")
        question = Question(
            text=_("Has this person lost the phone and the recovery codes?"),
            consequences=[
                _("From now on the person signs in with the password alone."),
                _("Call back first, on a number that you know: a stranger may ask as well."),
                _("All sessions of the person end, and the person gets a mail."),
            ],
            confirm=_("Reset two-factor sign-in"),
            keep=_("Keep two-factor sign-in"),
        )
        if page := ask_first(self, request, question, action="reset_second_factor_this", rows=rows):
            return page
        for membership in rows:
            try:
                was_on = reset_second_factor_of_member(
                    membership_id=membership.pk,
                    actor=user_actor(request.user),
                    language=get_language() or "",
                    now=clock.now(),
                )
            except Refusal as refusal:
                messages.error(request, say_refusal(refusal))
            else:
                said = _("Two-factor sign-in was reset.") if was_on else _("It was not on.")
                messages.success(request, said)
        return redirect("admin:events_membership_change", object_id)
