"""The admin of guest lists: upload one, read what is wrong, confirm it, and follow its progress."""

from collections import Counter
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from events.admin.base import ReadOnlyAdmin, rows_of_key
from events.admin.confirming import Question, ask_first
from events.catalogue import left_by_type
from events.models import EventStatus
from events.roles import Right
from orders.box_office_admin import event_to_sell
from orders.box_office_record import BoxOfficeMethod
from orders.guest_list_files import MOST_LINES
from orders.guest_list_form import GuestListForm
from orders.guest_list_record import GuestLine, GuestList, GuestListState, LineState
from orders.guest_lists import check_guest_list, confirm_guest_list, discard_guest_list
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.history import newest_acts, show_acts
from ticketing.models import Act
from ticketing.money import format_money

_STATE_COLORS = {
    GuestListState.CHECKED: "warning",
    GuestListState.SELLING: "info",
    GuestListState.DONE: "success",
}
# What staff must act on comes first.
_ORDER_OF_STATES = [
    LineState.WRONG,
    LineState.REFUSED,
    LineState.REPEATED,
    LineState.READY,
    LineState.SOLD,
]


@admin.register(GuestList)
class GuestListAdmin(ReadOnlyAdmin):
    event_path = "event"
    organizer_path = "event__organizer"
    right_to_see = Right.SEE_ORDERS
    when_empty = gettext_lazy(
        "A list gives tickets to many guests at once. Open the box office on the page of an event."
    )
    empty_leads_to_events = True
    list_display = ["named", "event", "method", "reason", "shown_state", "user", "created_at"]
    list_select_related = ["event", "user"]
    list_filter = ["state"]
    search_fields = ["event__name", "file_name", "reason"]
    ordering = ["-created_at", "-id"]

    def get_urls(self) -> list[Any]:
        upload = self.admin_site.admin_view(self.upload_page)
        own = [path("event/<uuid:event_id>/", upload, name="orders_guestlist_upload")]
        return [*own, *super().get_urls()]

    @display(description=gettext_lazy("list"), ordering="file_name")
    def named(self, guests: GuestList) -> str:
        return guests.file_name or _("pasted list")

    @display(description=gettext_lazy("state"), label=_STATE_COLORS, ordering="state")
    def shown_state(self, guests: GuestList) -> tuple[str, str]:
        return guests.state, guests.get_state_display()

    def upload_page(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        """Show the form for a list of one event. Check the list that it was sent with."""
        event = event_to_sell(request, event_id)
        form = GuestListForm(
            request.POST or None,
            request.FILES or None,
            initial={
                "method": BoxOfficeMethod.COMPLIMENTARY.value,
                "language": translation.get_language(),
            },
        )
        if request.method == "POST" and form.is_valid():
            sent = form.cleaned_data
            guest_list_id = check_guest_list(
                event=event,
                lines=sent["lines"],
                method=BoxOfficeMethod(sent["method"]),
                reason=sent["reason"],
                language=sent["language"],
                file_name=form.file_name(),
                user_id=request.user.pk,
                actor=user_actor(request.user),
                now=clock.now(),
            )
            return redirect("admin:orders_guestlist_change", guest_list_id)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,  # noqa: SLF001 - as Django's admin does
            "title": _("Guest list"),
            "event": event,
            "on_sale": event.status == EventStatus.PUBLISHED,
            "kinds": [kind.name for kind in event.ticket_types.order_by("number")],
            "most_lines": MOST_LINES,
            "form": form,
        }
        return TemplateResponse(request, "admin/guest_list_upload.html", context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """Show a list: what is wrong before it is confirmed, then its progress and results."""
        rows = rows_of_key(self.get_queryset(request).select_related("event"), object_id)
        guests = rows.first()
        if guests is None:
            raise Http404
        may_sell = self.has_right(request, Right.CHANGE_ORDERS, guests)
        if request.method == "POST":
            if not may_sell:
                raise Http404
            return self._act(request, guests)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,  # noqa: SLF001 - as Django's admin does
            "title": _("Guest list"),
            "guests": guests,
            "event": guests.event,
            "may_sell": may_sell,
            "history": show_acts(newest_acts(Act.objects.filter(subject_id=guests.pk)), guests),
            **_show_lines(guests),
        }
        return TemplateResponse(request, "admin/guest_list.html", context)

    def _act(self, request: HttpRequest, guests: GuestList) -> HttpResponse:
        if request.POST.get("act") == "discard":
            rows = GuestList.objects.filter(pk=guests.pk, state=GuestListState.CHECKED)
            if page := ask_first(self, request, _ask_to_discard(guests), action="", rows=rows):
                return page
            actor = user_actor(request.user)
            if discard_guest_list(guest_list_id=guests.pk, actor=actor, now=clock.now()):
                messages.success(request, _("The list is discarded. Nothing was sold."))
                return redirect("admin:orders_guestlist_upload", guests.event_id)
        elif request.POST.get("act") == "confirm":
            confirm_guest_list(
                guest_list_id=guests.pk,
                user_id=request.user.pk,
                actor=user_actor(request.user),
                now=clock.now(),
            )
        return redirect("admin:orders_guestlist_change", guests.pk)


def _ask_to_discard(guests: GuestList) -> Question:
    count = guests.lines.count()
    return Question(
        text=_("Discard this list?"),
        consequences=[
            ngettext(
                "The list with %(count)d line is deleted, and nobody gets tickets from it.",
                "The list with %(count)d lines is deleted, and nobody gets tickets from it.",
                count,
            )
            % {"count": count},
            _("Then you can upload another list."),
        ],
        confirm=_("Discard the list"),
        keep=_("Keep the list"),
        about=[],
        carries={"act": "discard"},
    )


def _show_lines(guests: GuestList) -> dict[str, Any]:
    lines = list(guests.lines.select_related("ticket_type", "order"))
    lines.sort(key=lambda line: (_ORDER_OF_STATES.index(LineState(line.state)), line.row))
    counts = Counter(line.state for line in lines)
    ready = [line for line in lines if line.state == LineState.READY]
    tickets = sum(line.quantity for line in ready)
    return {
        "lines": [_show_line(line) for line in lines],
        "total": len(lines),
        "left_to_do": len(ready),
        "done": len(lines) - len(ready),
        "sold": counts[LineState.SOLD],
        "not_sold": len(lines) - len(ready) - counts[LineState.SOLD],
        "tickets": ngettext("%(count)d ticket", "%(count)d tickets", tickets) % {"count": tickets},
        "price": _price_of(guests, ready),
        "short": _short_types(guests, ready) if guests.state == GuestListState.CHECKED else [],
        "is_checked": guests.state == GuestListState.CHECKED,
        "is_selling": guests.state == GuestListState.SELLING,
    }


def _show_line(line: GuestLine) -> dict[str, Any]:
    order = line.order
    kind = line.ticket_type
    return {
        "row": line.row,
        "name": order.customer_name if order else line.name,
        "email": order.customer_email if order else line.email,
        "ticket_type": kind.name if kind else line.ticket_type_text,
        "quantity": line.quantity,
        "state": line.state,
        "said": line.get_problem_display() or line.get_state_display(),
        "order": order,
        "page": reverse("admin:orders_order_change", args=[order.pk]) if order else "",
    }


def _price_of(guests: GuestList, lines: list[GuestLine]) -> str:
    if guests.method != BoxOfficeMethod.CASH:
        return ""
    prices = [line.ticket_type.price * line.quantity for line in lines if line.ticket_type]
    return format_money(sum(prices, Decimal(0)), guests.event.currency)


def _short_types(guests: GuestList, lines: list[GuestLine]) -> list[dict[str, Any]]:
    """Return the ticket types of which fewer tickets are left than the list has."""
    wanted: Counter[UUID] = Counter()
    names: dict[UUID, str] = {}
    for line in lines:
        if line.ticket_type is not None:
            wanted[line.ticket_type.pk] += line.quantity
            names[line.ticket_type.pk] = line.ticket_type.name
    left = left_by_type([guests.event_id])
    return [
        {"name": names[kind], "wanted": count, "left": left.get(kind, 0)}
        for kind, count in wanted.items()
        if count > left.get(kind, 0)
    ]
