"""The admin of notices to buyers: the state of each mail, and how staff send it again."""

from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy
from unfold.decorators import action, display

from events.admin.base import ReadOnlyAdmin, act_on_each
from events.admin.confirming import Question, after_asking, on_its_page
from events.roles import Right
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.history import ShowsHistory
from ticketing.sound_admin import SoundAdmin
from tickets.notices.member_models import NoticeChoice
from tickets.notices.models import Notice
from tickets.notices.my_notices import my_notices
from tickets.notices.requests import resend_notice
from tickets.outgoing_admin import COLORS, STATES, StateFilter, state_of


@admin.register(NoticeChoice)
class NoticeChoiceAdmin(SoundAdmin):
    """Has the page on which users choose their own mails. There is no list of all choices."""

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(my_notices)
        return [path("mine/", page, name="my_notices"), *super().get_urls()]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Notice)
class NoticeAdmin(ShowsHistory, ReadOnlyAdmin):
    organizer_path = "order__event__organizer"
    event_path = "order__event"
    right_to_see = Right.SEE_ORDERS
    when_empty = gettext_lazy(
        "Mails appear here that tell buyers of a refund or of a payment that was not approved, or"
        " that an event was changed or cancelled."
    )
    list_display = ["order_code", "kind", "customer", "shown_state", "failure", "sent_at"]
    list_filter = [StateFilter, "kind"]
    list_select_related = ["order"]
    search_fields = ["=order__code", "=order__customer_email"]
    search_help_text = gettext_lazy("Order code or email address")
    actions = ["resend_chosen"]
    actions_detail = ["resend_this"]
    fields = [
        "order_link",
        "kind",
        "customer",
        "state",
        "failure",
        "attempts",
        "asked_at",
        "goes_at",
        "sent_at",
        "failed_at",
    ]
    readonly_fields = ["order_link", "customer", "state"]

    def history_subjects(self, row: Notice) -> list[UUID]:
        return [row.order_id]

    @admin.display(description=gettext_lazy("order"))
    def order_code(self, notice: Notice) -> str:
        return notice.order.code

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, notice: Notice) -> SafeString:
        page = reverse("admin:orders_order_change", args=[notice.order_id])
        return format_html('<a href="{}" class="underline">{}</a>', page, notice.order.code)

    @admin.display(description=gettext_lazy("customer"))
    def customer(self, notice: Notice) -> str:
        return notice.order.customer_email

    @display(description=gettext_lazy("state"), label=COLORS)
    def shown_state(self, notice: Notice) -> tuple[str, object]:
        state = state_of(notice)
        return state, STATES[state]

    @admin.display(description=gettext_lazy("state"))
    def state(self, notice: Notice) -> str:
        state = state_of(notice)
        if state == "failed":
            return _("given up: correct the address of the order, or send the mail again")
        return str(STATES[state])

    @admin.action(description=gettext_lazy("Send again"), permissions=["orders"])
    def resend_chosen(self, request: HttpRequest, rows: QuerySet[Notice]) -> None:
        act_on_each(
            request,
            rows,
            lambda notice: resend_notice(
                notice_id=notice.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=ngettext_lazy(
                "%(count)d mail will be sent again.", "%(count)d mails will be sent again.", "count"
            ),
        )

    @action(description=gettext_lazy("Send again"), permissions=["orders"])
    @on_its_page
    @after_asking(
        Question(
            text=gettext_lazy("Send this mail again?"),
            consequences=[gettext_lazy("The buyer gets the same news by mail once more.")],
            confirm=gettext_lazy("Send the mail"),
            keep=gettext_lazy("Send nothing"),
            is_harmless=True,
        )
    )
    def resend_this(self, request: HttpRequest, rows: QuerySet[Notice]) -> None:
        self.resend_chosen(request, rows)
