"""The admin of invitations to an organizer's team."""

from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from unfold.decorators import action, display

from events.admin.base import OwnAdmin, act_on_each, chosen
from events.admin.confirming import Question, after_asking, dangerous, on_its_page
from events.admin.members import EventsOfRole
from events.admin.refusals import say_refusal
from events.invitations import OfferedMembership, invite_member, withdraw_invitation
from events.models import Invitation, Role
from events.roles import Right
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.address_form import ADDRESS_FIELDS
from ticketing.errors import Refusal
from ticketing.history import ShowsHistory
from ticketing.models import Act, User

_STATES = {
    "open": gettext_lazy("open"),
    "failed": gettext_lazy("mail could not be sent"),
    "accepted": gettext_lazy("accepted"),
    "withdrawn": gettext_lazy("withdrawn"),
    "expired": gettext_lazy("expired"),
}
_COLORS = {"open": "info", "failed": "danger", "accepted": "success"}


@admin.register(Invitation)
class InvitationAdmin(ShowsHistory, OwnAdmin):
    right_to_see = Right.CHANGE_ORGANIZER
    form = EventsOfRole
    formfield_overrides = ADDRESS_FIELDS
    when_empty = gettext_lazy(
        "Invite people by email. Each gets a role, which says what the person may see and do."
    )
    list_display = ["email", "shown_role", "shown_state", "organizer", "asked_at", "expires_at"]
    list_filter = ["role", "organizer"]
    list_select_related = ["organizer"]
    search_fields = ["email"]
    autocomplete_fields = ["events"]
    fields = ["organizer", "email", "role", "only_some_events", "events"]
    actions_detail = ["invite_this_again", "withdraw_this"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        first = self.organizers_to_choose(request).order_by("name").first()
        return {
            "organizer": first and first.pk,
            "role": Role.VIEWER,
            **super().get_changeform_initial_data(request),
        }

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        more = ["state", "asked_at", "sent_at", "failure", "expires_at"] if obj is not None else []
        return [*super().get_fields(request, obj), *more]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        more = self.get_fields(request, obj) if obj is not None else []
        return [*super().get_readonly_fields(request, obj), *more]

    def history_acts(self, row: Invitation) -> QuerySet[Act]:
        return Act.objects.filter(subject_id=row.organizer_id, details__invitation=str(row.pk))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # An invitation is sent again or withdrawn, and never edited.
        return False

    def has_open_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this invitation was neither accepted nor withdrawn."""
        rows = chosen(self, request, object_id)
        return rows.filter(accepted_at=None, withdrawn_at=None).exists()

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
        sent = form.cleaned_data
        made = invite_member(
            organizer_id=sent["organizer"].pk,
            email=sent["email"],
            offered=OfferedMembership(
                role=Role(sent["role"]),
                only_some_events=sent["only_some_events"],
                event_ids=[event.pk for event in sent["events"]],
            ),
            language=get_language() or "pt-br",
            inviter=cast(User, request.user),
            now=clock.now(),
        )
        # An open invitation to the address was renewed instead of a second one made.
        obj.pk = made.pk

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """Write nothing: the verb has written the events too."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        messages.success(
            request,
            _("The invitation is on its way to %(email)s. Its link works for seven days.")
            % {"email": obj.email},
        )
        return redirect("admin:events_invitation_changelist")

    @display(description=gettext_lazy("role"), ordering="role")
    def shown_role(self, invitation: Invitation) -> str:
        return invitation.get_role_display()

    @display(description=gettext_lazy("state"), label=_COLORS)
    def shown_state(self, invitation: Invitation) -> tuple[str, Any]:
        state = _state_of(invitation)
        return state, _STATES[state]

    @admin.display(description=gettext_lazy("state"))
    def state(self, invitation: Invitation) -> str:
        return str(_STATES[_state_of(invitation)])

    @action(description=gettext_lazy("Invite again…"), permissions=["organizer", "open"])
    @on_its_page
    @after_asking(
        Question(
            text=gettext_lazy("Send the invitation again?"),
            consequences=[gettext_lazy("The link works for seven more days.")],
            confirm=gettext_lazy("Send the invitation again"),
            keep=gettext_lazy("Send nothing"),
            is_harmless=True,
        )
    )
    def invite_this_again(self, request: HttpRequest, rows: QuerySet[Invitation]) -> None:
        act_on_each(
            request,
            rows,
            lambda invitation: invite_member(
                organizer_id=invitation.organizer_id,
                email=invitation.email,
                offered=OfferedMembership(
                    role=Role(invitation.role),
                    only_some_events=invitation.only_some_events,
                    event_ids=list(invitation.events.values_list("pk", flat=True)),
                ),
                language=get_language() or "pt-br",
                inviter=cast(User, request.user),
                now=clock.now(),
            ),
            done=_("The invitation is sent again."),
        )

    @action(description=gettext_lazy("Withdraw…"), permissions=["organizer", "open"])
    @dangerous
    @on_its_page
    @after_asking(
        Question(
            text=gettext_lazy("Withdraw this invitation?"),
            consequences=[gettext_lazy("The link in the mail stops working at once.")],
            confirm=gettext_lazy("Withdraw the invitation"),
            keep=gettext_lazy("Keep the invitation"),
        )
    )
    def withdraw_this(self, request: HttpRequest, rows: QuerySet[Invitation]) -> None:
        act_on_each(
            request,
            rows,
            lambda invitation: withdraw_invitation(
                invitation_id=invitation.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=_("The invitation is withdrawn."),
        )


def _state_of(invitation: Invitation) -> str:
    if invitation.accepted_at is not None:
        return "accepted"
    if invitation.withdrawn_at is not None:
        return "withdrawn"
    if invitation.expires_at <= clock.now():
        return "expired"
    return "failed" if invitation.failed_at is not None else "open"
