"""The admin of organizers and their members."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline

from events.access import organizers_of, seen_organizers
from events.admin.autocomplete import SearchesForRows
from events.admin.base import OwnAdmin
from events.admin.embedding import OriginsField
from events.admin.logo_page import LogoPage
from events.models import (
    Membership,
    Organizer,
)
from events.roles import Right
from ticketing.address_form import ADDRESS_FIELDS
from ticketing.history import RecordsSaves, ShowsHistory
from ticketing.models import ActType


class MembershipInline(SearchesForRows, TabularInline):
    """For superusers, who may make any user a member. Owners invite people by mail instead."""

    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


class OrganizerForm(forms.ModelForm):
    embedding_origins = OriginsField()


@admin.register(Organizer)
class OrganizerAdmin(LogoPage, ShowsHistory, RecordsSaves, OwnAdmin):
    form = OrganizerForm
    created_act = ActType.ORGANIZER_CREATED
    changed_act = ActType.ORGANIZER_CHANGED
    list_display = ["name", "email", "created_at"]
    search_fields = ["name", "email"]
    fields = ["name", "email", "accent_color", "embedding_origins", "requires_second_factor"]
    inlines = [MembershipInline]
    actions_detail = ["logo_this"]
    formfield_overrides = ADDRESS_FIELDS

    def within(self, rows: QuerySet[Any], request: HttpRequest, right: Right) -> QuerySet[Any]:
        if request.user.is_superuser:
            return rows
        if right == Right.SEE_EVENTS:
            # Also for a member who is limited to some events.
            return rows.filter(pk__in=seen_organizers(request.user))
        return rows.filter(pk__in=organizers_of(request.user, right))

    def history_owner(self, row: Any) -> UUID | None:
        owner: UUID = row.pk
        return owner

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return list(super().get_inlines(request, obj)) if request.user.is_superuser else []
