"""The admin pages of users and failed messages."""

from typing import Any, Final
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.text import Truncator
from django.utils.translation import get_language, gettext, gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_post_parameters
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from ticketing import clock
from ticketing.actors import record_act, user_actor
from ticketing.address_form import ADDRESS_FIELDS
from ticketing.asking import Question, after_asking, dangerous
from ticketing.field_changes import FieldChange, details_of
from ticketing.history import RecordsSaves, ShowsHistory
from ticketing.models import ActType, FailedMessage, User
from ticketing.queue.dead_letters import send_again
from ticketing.sign_in.accounts import user_subject
from ticketing.sign_in.passwords import record_set_password
from ticketing.sign_in.second_factor import reset_second_factor
from ticketing.sound_admin import SoundAdmin

_PERSONAL: Final = frozenset({"username", "first_name", "last_name", "email"})

# Groups and Django's permissions have no effect here: rights come from roles of members.
admin.site.unregister(Group)
# This template leaves out the recent actions: they name rows of organizers that the user has left.
admin.site.index_template = "admin/home.html"


class OnlySuperusers:
    """Shows a model to superusers only, because its rows belong to no organizer."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.has_module_permission(request)


@admin.register(User)
class UserAdmin(ShowsHistory, RecordsSaves, OnlySuperusers, DjangoUserAdmin, SoundAdmin):
    created_act = ActType.USER_CREATED
    changed_act = ActType.USER_CHANGED
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    formfield_overrides = ADDRESS_FIELDS
    list_display = ["username", "email", "full_name", "is_staff", "has_second_factor"]
    list_filter = [
        "is_staff",
        "is_superuser",
        "is_active",
        ("second_factor_since", admin.EmptyFieldListFilter),
    ]
    readonly_fields = ["second_factor_since"]
    actions = ["reset_second_factors"]
    filter_horizontal = ()
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (gettext_lazy("Personal info"), {"fields": ["first_name", "last_name", "email"]}),
        (
            gettext_lazy("Access"),
            {
                "fields": ["is_active", "is_staff", "is_superuser", "second_factor_since"],
                "description": gettext_lazy(
                    "What staff may do comes from their roles at organizers. A superuser may do"
                    " everything, at every organizer."
                ),
            },
        ),
        (gettext_lazy("Important dates"), {"fields": ["last_login", "date_joined"]}),
    ]

    def history_subject(self, row: User) -> UUID:
        return user_subject(row)

    def history_subjects(self, row: User) -> list[UUID]:
        return [user_subject(row)]

    def history_owner(self, row: User) -> None:
        """Users belong to no organizer."""

    def history_details(self, changes: list[FieldChange]) -> dict[str, Any]:
        # Acts are never deleted: of names and addresses they say that they were changed, no more.
        personal = [change.field for change in changes if change.field in _PERSONAL]
        rest = [change for change in changes if change.field not in _PERSONAL]
        return details_of(rest) | ({"fields": sorted(personal)} if personal else {})

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        self._record_deleted(request, obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        with transaction.atomic():
            for user in queryset:
                self._record_deleted(request, user)
            super().delete_queryset(request, queryset)

    def _record_deleted(self, request: HttpRequest, user: User) -> None:
        record_act(
            act=ActType.USER_DELETED,
            actor=user_actor(request.user),
            subject_id=user_subject(user),
            organizer_id=None,
            at=clock.now(),
        )

    @method_decorator(sensitive_post_parameters())
    @transaction.atomic
    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 - the name that Django gives it
        form_url: str = "",
    ) -> HttpResponse:
        """Let Django set the password of a user, record it, and mail the user."""
        user = self.get_object(request, unquote(id))
        response = super().user_change_password(request, id, form_url)
        stored = User.objects.filter(pk=user.pk).first() if user else None
        if user is not None and stored is not None and stored.password != user.password:
            record_set_password(
                user=stored,
                actor=user_actor(request.user),
                language=get_language() or "",
                now=clock.now(),
            )
        return response

    @admin.display(description=gettext_lazy("name"), ordering="first_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display(
        description=gettext_lazy("two-factor"), boolean=True, ordering="second_factor_since"
    )
    def has_second_factor(self, user: User) -> bool:
        return user.second_factor_since is not None

    @admin.action(
        description=gettext_lazy("Reset two-factor sign-in (phone lost)…"), permissions=["change"]
    )
    @dangerous
    @after_asking(
        Question(
            text=gettext_lazy("Have these people lost the phone and the recovery codes?"),
            consequences=[
                gettext_lazy("From now on they sign in with the password alone."),
                gettext_lazy(
                    "Call back first, on a number that you know: a stranger may ask as well."
                ),
                gettext_lazy("All their sessions end, and each gets a mail."),
            ],
            confirm=gettext_lazy("Reset two-factor sign-in"),
            keep=gettext_lazy("Keep two-factor sign-in"),
        )
    )
    def reset_second_factors(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        reset = 0
        for user in rows:
            reset += reset_second_factor(
                user=user,
                actor=user_actor(request.user),
                language=get_language() or "",
                now=clock.now(),
            )
        messages.success(
            request,
            ngettext(
                "Two-factor sign-in of %(count)d user reset.",
                "Two-factor sign-in of %(count)d users reset.",
                reset,
            )
            % {"count": reset},
        )


@admin.register(FailedMessage)
class FailedMessageAdmin(ShowsHistory, OnlySuperusers, SoundAdmin):
    """The messages that workers failed to process, with an action that sends dead ones again."""

    when_empty = gettext_lazy("No work of the system has failed.")
    list_display = ["what", "about", "short_reason", "failures", "shown_state", "last_failed_at"]
    list_filter = ["message", ("died_at", admin.EmptyFieldListFilter)]
    search_fields = ["about", "reason"]
    search_help_text = gettext_lazy("An id in the message, or words of the reason")
    actions = ["send_chosen_again"]
    fields = [
        "message",
        "about",
        "reason",
        "failures",
        "last_failed_at",
        "died_at",
        "sent_again_at",
        "queue",
    ]
    readonly_fields = fields

    @display(description=gettext_lazy("reason"), ordering="reason")
    def short_reason(self, failed: FailedMessage) -> str:
        # As much as fits into two lines of a phone. The page of the message shows all of it.
        return Truncator(failed.reason).chars(60)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("message"), ordering="message")
    def what(self, failed: FailedMessage) -> str:
        return failed.message.rpartition(".")[2].replace("_", " ")

    @display(
        description=gettext_lazy("state"),
        label={"dead": "danger", "sent": "info", "failing": "warning"},
        ordering="died_at",
    )
    def shown_state(self, failed: FailedMessage) -> tuple[str, str]:
        if failed.died_at is None:
            return "failing", gettext("being tried")
        if failed.sent_again_at is not None:
            return "sent", gettext("sent again")
        return "dead", gettext("given up")

    @admin.action(description=gettext_lazy("Send again"), permissions=["change"])
    def send_chosen_again(self, request: HttpRequest, rows: QuerySet[FailedMessage]) -> None:
        sent = 0
        try:
            for failed in rows:
                sent += send_again(failed=failed, actor=user_actor(request.user), now=clock.now())
        except (BotoCoreError, ClientError):
            messages.error(request, gettext("The queue does not answer. Try again later."))
        if sent:
            messages.success(
                request,
                ngettext("%(count)d message sent again.", "%(count)d messages sent again.", sent)
                % {"count": sent},
            )
        elif rows:
            messages.warning(
                request, gettext("Only messages in state “given up” can be sent again.")
            )
