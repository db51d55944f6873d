"""The admin of API tokens."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from events.admin.base import chosen
from events.admin.choices import choices_with_names
from events.admin.confirming import Question, after_asking, dangerous, on_its_page
from events.admin.once import OnceAdmin
from events.api_tokens import revoke_api_token
from events.models import (
    ApiToken,
    Scope,
)
from events.roles import Right
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.history import RecordsSaves, ShowsHistory
from ticketing.models import ActType
from ticketing.tokens import TokenKind, make_token


class ApiTokenForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        label=capfirst(gettext_lazy("may")),
        choices=choices_with_names(Scope),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        # Not the model's default, which is all scopes: the user must choose them.
        initial=list,
        help_text=gettext_lazy("Give a token only the permissions that its system needs."),
    )


@admin.register(ApiToken)
class ApiTokenAdmin(ShowsHistory, RecordsSaves, OnceAdmin):
    right_to_see = Right.CHANGE_ORGANIZER
    created_act = ActType.TOKEN_CREATED
    changed_act = ActType.TOKEN_CHANGED
    when_empty = gettext_lazy(
        "A token lets another system, such as your own site, sell and read with your rights."
    )
    list_display = ["name", "organizer", "begins_with", "last_used_at", "expires_at", "revoked_at"]
    list_filter = ["organizer"]
    form = ApiTokenForm
    fields = ["organizer", "name", "scopes", "expires_at"]
    actions = ["revoke"]
    actions_detail = ["revoke_this"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        more = ["begins_with", "last_used_at", "revoked_at"] if obj is not None else []
        return [*super().get_fields(request, obj), *more]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        fixed = ["organizer", "begins_with", "last_used_at", "revoked_at"]
        shown = list(super().get_readonly_fields(request, obj))
        return [*shown, *fixed] if obj is not None else shown

    def has_revoke_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether the token can be revoked: it is the user's, and not revoked yet."""
        return chosen(self, request, object_id).filter(revoked_at=None).exists()

    def make_secret(self, row: ApiToken) -> str:
        token = make_token(TokenKind.API)
        row.digest, row.hint = token.digest, token.hint
        return token.text

    @admin.display(description=gettext_lazy("begins with"))
    def begins_with(self, token: ApiToken) -> str:
        return f"{token.hint}…"

    @admin.action(description=gettext_lazy("Revoke…"), permissions=["change"])
    @dangerous
    @after_asking(
        Question(
            text=gettext_lazy("Revoke these tokens for good?"),
            consequences=[gettext_lazy("The systems that use them lose access at once.")],
            confirm=gettext_lazy("Revoke the tokens"),
            keep=gettext_lazy("Keep the tokens"),
        )
    )
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiToken]) -> None:
        actor, now = user_actor(request.user), clock.now()
        revoked = sum(revoke_api_token(token_id=row.pk, actor=actor, now=now) for row in rows)
        messages.success(
            request,
            ngettext("%(count)d token revoked.", "%(count)d tokens revoked.", revoked)
            % {"count": revoked},
        )

    @action(description=gettext_lazy("Revoke…"), permissions=["change", "revoke"])
    @dangerous
    @on_its_page
    @after_asking(
        Question(
            text=gettext_lazy("Revoke this token for good?"),
            consequences=[gettext_lazy("The system that uses this token loses access at once.")],
            confirm=gettext_lazy("Revoke the token"),
            keep=gettext_lazy("Keep the token"),
        )
    )
    def revoke_this(self, request: HttpRequest, rows: QuerySet[ApiToken]) -> None:
        self.revoke(request, rows)
