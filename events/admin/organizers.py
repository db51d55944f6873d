"""The admin of organizers and their members."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from events.access import organizers_of
from events.admin.base import OwnAdmin
from events.models import (
    Membership,
    Organizer,
)
from ticketing.address_form import ADDRESS_FIELDS
from ticketing.history import RecordsSaves, ShowsHistory
from ticketing.models import ActType


class MembershipInline(TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(Organizer)
class OrganizerAdmin(ShowsHistory, RecordsSaves, OwnAdmin):
    created_act = ActType.ORGANIZER_CREATED
    changed_act = ActType.ORGANIZER_CHANGED
    list_display = ["name", "email", "created_at"]
    search_fields = ["name", "email"]
    inlines = [MembershipInline]
    formfield_overrides = ADDRESS_FIELDS

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = ModelAdmin.get_queryset(self, request)
        return rows.filter(pk__in=organizers_of(request.user))

    def history_owner(self, row: Any) -> UUID | None:
        owner: UUID = row.pk
        return owner

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)
