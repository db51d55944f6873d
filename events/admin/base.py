"""Base classes of the admin: a user sees and changes only rows of the user's own organizers."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet, URLField
from django.http import HttpRequest

from events.access import organizers_of
from events.admin.filters import lookups_of, own_filters
from events.admin.refusals import say_refusal
from ticketing.errors import Refusal
from ticketing.sound_admin import SoundAdmin


class OwnAdmin(SoundAdmin):
    """
    Shows only the rows of the organizers that the user acts for.

    Permissions come from memberships alone, and not from Django's groups and permissions.
    """

    # The lookup from the model to its organizer.
    organizer_path: ClassVar[str] = "organizer"
    show_full_result_count = False
    list_per_page = 50
    compressed_fields = True
    list_filter_submit = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        return rows.filter(**{f"{self.organizer_path}__in": organizers_of(request.user)})

    def get_ordering(self, request: HttpRequest) -> Any:
        # Autocomplete fields show pages of these rows, and pages need a fixed order.
        in_order = super().get_ordering(request) or self.model._meta.ordering  # noqa: SLF001 - as Django's admin does
        return in_order or ["-pk"]

    def get_list_filter(self, request: HttpRequest) -> Any:
        return own_filters(self.model, super().get_list_filter(request))

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        # Other lookups would let a user guess the value of a hidden column letter by letter.
        return lookup in lookups_of(self.get_list_filter(request))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        if not (changelist.query or changelist.has_active_filters):
            # Without search and filters the result is the full list: skip the second count.
            changelist.full_result_count = changelist.result_count
        return changelist

    def has_module_permission(self, request: HttpRequest) -> bool:
        return organizers_of(request.user).exists()

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if isinstance(db_field, URLField):
            options["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **options)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        self._limit_choices(db_field, request, options)
        return super().formfield_for_foreignkey(db_field, request, **options)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        self._limit_choices(db_field, request, options)
        return super().formfield_for_manytomany(db_field, request, **options)

    def _limit_choices(self, db_field: Any, request: HttpRequest, options: dict[str, Any]) -> None:
        """Offer as choices only rows that the user may see in the admin of their model."""
        if request.user.is_superuser:
            return
        rows = db_field.related_model._default_manager.none()  # noqa: SLF001 - as Django's admin does
        if self.admin_site.is_registered(db_field.related_model):
            related = self.admin_site.get_model_admin(db_field.related_model)
            if related.has_view_permission(request):
                rows = related.get_queryset(request)
        options["queryset"] = rows

    def _may(self, request: HttpRequest, obj: Model | str | None) -> bool:
        if not self.has_module_permission(request):
            return False
        # Unfold checks the actions of a detail page with the primary key instead of the object.
        key = obj.pk if isinstance(obj, Model) else obj
        return key is None or rows_of_key(self.get_queryset(request), key).exists()


class ReadOnlyAdmin(OwnAdmin):
    """The admin of rows that sales write. Staff see them, and change them only by actions."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return whether the user may run actions on these rows: yes, if the user may see them."""
        return self._may(request, object_id)


def act_on_each(
    request: HttpRequest, rows: QuerySet[Any], act: Callable[[Any], object], *, done: Any
) -> None:
    """Call `act` for each row, and show messages: why rows were refused, and how many were done."""
    acted = 0
    for row in rows:
        try:
            act(row)
        except Refusal as refusal:
            messages.error(request, f"{row}: {say_refusal(refusal)}")
        else:
            acted += 1
    if acted:
        messages.success(request, str(done % {"count": acted}))


def chosen(model_admin: OwnAdmin, request: HttpRequest, object_id: str) -> QuerySet[Any]:
    """Return a queryset with the row of a detail page. It is empty if the user may not see it."""
    return rows_of_key(model_admin.get_queryset(request), unquote(object_id))


def rows_of_key(rows: QuerySet[Any], key: Any) -> QuerySet[Any]:
    """Return the rows with that primary key: none if the key is malformed."""
    try:
        return rows.filter(pk=key)
    except (ValidationError, ValueError):
        # The key comes from the address of the page, where a user can write anything.
        return rows.none()
