"""Base classes of the admin: a user sees and changes only rows of the user's own organizers."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, ClassVar, Final, TypeVar

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet, URLField
from django.http import HttpRequest
from django.utils.translation import gettext as _

from events.access import HeldRights, held_rights, organizers_of, within_rights
from events.admin.autocomplete import SearchesForRows
from events.admin.filters import lookups_of, own_filters
from events.admin.refusals import say_refusal
from events.models import Organizer
from events.roles import Right
from ticketing.errors import Refusal
from ticketing.sound_admin import SoundAdmin

# The permissions that actions name, in `permissions=["refund"]`.
_RIGHTS: Final[Mapping[str, Right]] = {
    "events": Right.CHANGE_EVENTS,
    "orders": Right.CHANGE_ORDERS,
    "refund": Right.REFUND,
    "export": Right.EXPORT,
    "organizer": Right.CHANGE_ORGANIZER,
    "door": Right.RUN_DOOR,
}

_READING: Final = frozenset({"GET", "HEAD"})

_Answer = TypeVar("_Answer")


def rights_held(request: Any) -> HeldRights:
    """Return the rights of the user, read once for a request: a page asks about sixty times."""
    if not hasattr(request, "rights_held"):
        request.rights_held = held_rights(request.user)
    held: HeldRights = request.rights_held
    return held


class OwnAdmin(SearchesForRows, SoundAdmin):
    """
    Shows only the rows for which the user has the right to see them.

    Rights come from the roles of memberships alone, and not from Django's groups and permissions.
    """

    # The lookups from the model to its organizer and its event. Without an event, members who are
    # limited to some events have no right to the rows.
    organizer_path: ClassVar[str] = "organizer"
    event_path: ClassVar[str | None] = None
    right_to_see: ClassVar[Right] = Right.SEE_EVENTS
    right_to_change: ClassVar[Right] = Right.CHANGE_ORGANIZER
    show_full_result_count = False
    list_per_page = 50
    compressed_fields = True
    list_filter_submit = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.within(super().get_queryset(request), request, self.right_to_see)

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            # For what a page shows of buyers and of money.
            row.shows_orders = self.has_right(request, Right.SEE_ORDERS, row)
        return row

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

    def within(self, rows: QuerySet[Any], request: HttpRequest, right: Right) -> QuerySet[Any]:
        """Return those of `rows` for which the user has `right`."""
        return within_rights(
            rows,
            request.user,
            right,
            organizer_path=self.organizer_path,
            event_path=self.event_path,
        )

    def has_right(self, request: HttpRequest, right: Right, obj: Model | str | None = None) -> bool:
        """
        Return whether the user has `right` for a row, or for any row if `obj` is None.

        :param obj: the row or its primary key. Unfold checks actions of a detail page with the key.
        """
        if right not in rights_held(request).somewhere:
            return False
        key = obj.pk if isinstance(obj, Model) else obj
        if key is None:
            return True

        def finds_row() -> bool:
            rows = self.within(self.get_queryset(request), request, right)
            return rows_of_key(rows, key).exists()

        return self.once(request, (right, str(key)), finds_row)

    def once(self, request: Any, question: Hashable, find_out: Callable[[], _Answer]) -> _Answer:
        """
        Return what `find_out` returns, which a page asks only once.

        The page of a row asks the same several times. A request that changes something asks again
        each time, because what it does may change the answer.
        """
        if request.method not in _READING:
            return find_out()
        if not hasattr(request, "asked_of_rows"):
            request.asked_of_rows = {}
        asked = request.asked_of_rows
        if (self, question) not in asked:
            asked[self, question] = find_out()
        answer: _Answer = asked[self, question]
        return answer

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_right(request, self.right_to_see)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_right(request, self.right_to_see, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.right_to_change in rights_held(request).everywhere

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_right(request, self.right_to_change, obj)

    def rows_of_action(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those of `rows` for which the user has the rights of the sent action."""
        action = self.get_actions(request).get(request.POST.get("action", ""))
        own = rows
        for permission in getattr(action and action[0], "allowed_permissions", []):
            if right := self.right_of_permission(permission):
                own = self.within(own, request, right)
        chosen = rows.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME))
        if own is not rows and chosen.exclude(pk__in=own.values("pk")).exists():
            messages.warning(request, _("You may not do this with some of the chosen rows."))
        return own

    def right_of_permission(self, permission: str) -> Right | None:
        """Return the right behind a permission that an action names: `permissions=["refund"]`."""
        own = {"change": self.right_to_change, "view": self.right_to_see}
        return own.get(permission) or _RIGHTS.get(permission)

    def has_events_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_right(request, Right.CHANGE_EVENTS, obj)

    def has_orders_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_right(request, Right.CHANGE_ORDERS, obj)

    def has_refund_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_right(request, Right.REFUND, obj)

    def has_export_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_right(request, Right.EXPORT, obj)

    def has_organizer_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_right(request, Right.CHANGE_ORGANIZER, obj)

    def has_door_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_right(request, Right.RUN_DOOR, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """Offer one way to save: three buttons make people wonder about the difference."""
        context = {
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
            **(extra_context or {}),
        }
        return super().changeform_view(request, object_id, form_url, context)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial = super().get_changeform_initial_data(request)
        if (
            self.organizer_path == "organizer"
            and len(own := self.organizers_to_choose(request)[:2]) == 1
        ):
            return {"organizer": own[0].pk, **initial}
        return initial

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
        if db_field.related_model is Organizer:
            # A member of two organizers may have the right at one of them only.
            rows = self.organizers_to_choose(request)
        elif self.admin_site.is_registered(db_field.related_model):
            related = self.admin_site.get_model_admin(db_field.related_model)
            if related.has_view_permission(request):
                rows = related.get_queryset(request)
        options["queryset"] = rows

    def organizers_to_choose(self, request: HttpRequest) -> QuerySet[Organizer]:
        """Return the organizers for which the user may add rows."""
        return organizers_of(request.user, self.right_to_change)


class ReadOnlyAdmin(OwnAdmin):
    """The admin of rows that sales write. Staff see them, and change them only by actions."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


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
