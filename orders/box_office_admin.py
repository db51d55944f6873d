"""The admin of the box office: what staff sold and gave, and the page where they do it."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import translation
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from events.access import within_rights
from events.admin.base import ReadOnlyAdmin
from events.admin.refusals import say_refusal
from events.catalogue import left_by_type
from events.models import Event, EventStatus
from events.roles import Right
from orders.box_office import Sale, sell_at_box_office
from orders.box_office_form import BoxOfficeForm
from orders.box_office_record import BoxOfficeMethod, BoxOfficeSale
from orders.consents import OtherTerms
from orders.insertion import Customer
from orders.models import Order
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.clock import zone_named
from ticketing.errors import Refusal
from ticketing.ids import new_id
from ticketing.money import format_money


@admin.register(BoxOfficeSale)
class BoxOfficeSaleAdmin(ReadOnlyAdmin):
    organizer_path = "order__event__organizer"
    event_path = "order__event"
    right_to_see = Right.SEE_ORDERS
    when_empty = gettext_lazy(
        "Here is what you sell for cash or give away. Open the box office on the page of an event."
    )
    empty_leads_to_events = True
    list_display = [
        "order_link",
        "customer",
        "event",
        "method",
        "price",
        "reason",
        "user",
        "sold_at",
    ]
    list_display_links = None
    list_select_related = ["order__event", "order__payment", "user"]
    search_fields = ["=order__code", "order__customer_name", "order__customer_email", "reason"]
    search_help_text = gettext_lazy("Order code, guest's name or email, or the reason")
    ordering = ["-order__created_at", "-order_id"]
    fields = ["order_link", "customer", "event", "method", "price", "reason", "user", "sold_at"]
    readonly_fields = fields

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.sell_page)
        own = [path("event/<uuid:event_id>/", page, name="orders_boxofficesale_event")]
        return [*own, *super().get_urls()]

    @display(description=gettext_lazy("order"), ordering="order__code")
    def order_link(self, sale: BoxOfficeSale) -> SafeString:
        page = reverse("admin:orders_order_change", args=[sale.order_id])
        return format_html('<a href="{}" class="underline">{}</a>', page, sale.order.code)

    @display(description=gettext_lazy("guest"), ordering="order__customer_name")
    def customer(self, sale: BoxOfficeSale) -> str:
        return sale.order.customer_name

    @display(description=gettext_lazy("event"), ordering="order__event__name")
    def event(self, sale: BoxOfficeSale) -> str:
        return sale.order.event.name

    @display(description=gettext_lazy("method"), ordering="order__payment__method")
    def method(self, sale: BoxOfficeSale) -> str:
        return sale.order.payment.get_method_display()

    @display(description=gettext_lazy("total"), ordering="order__total")
    def price(self, sale: BoxOfficeSale) -> str:
        return format_money(sale.order.total, sale.order.currency)

    @display(description=gettext_lazy("at"), ordering="order__created_at")
    def sold_at(self, sale: BoxOfficeSale) -> Any:
        return sale.order.created_at

    def sell_page(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        """Show the form of one event's box office. Sell what it was sent with."""
        event = event_to_sell(request, event_id)
        kinds = list(event.ticket_types.order_by("number").select_related("event"))
        form = BoxOfficeForm(
            request.POST or None,
            kinds=kinds,
            left=left_by_type([event.pk]),
            organizer=event.organizer,
            initial={
                "key": new_id(),
                "method": BoxOfficeMethod.CASH.value,
                "language": translation.get_language(),
            },
        )
        if request.method == "POST" and form.is_valid():
            try:
                order_id = _sell(request, event, form)
            except OtherTerms as refusal:
                form.show_terms_again(say_refusal(refusal))
            except Refusal as refusal:
                form.add_error(None, say_refusal(refusal))
            else:
                page = reverse("admin:orders_boxofficesale_event", args=[event.pk])
                return redirect(f"{page}?sold={order_id}")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,  # noqa: SLF001 - as Django's admin does
            "title": _("Box office"),
            "event": event,
            "starts_at": date_format(
                event.starts_at.astimezone(zone_named(event.timezone)), "SHORT_DATETIME_FORMAT"
            ),
            "on_sale": event.status == EventStatus.PUBLISHED,
            "form": form,
            "sold": self._sold(request, event),
        }
        return TemplateResponse(request, "admin/box_office.html", context)

    def _sold(self, request: HttpRequest, event: Event) -> dict[str, Any] | None:
        """Return what the page says of the sale that was just made."""
        try:
            order_id = UUID(request.GET.get("sold", ""))
        except ValueError:
            return None
        orders = Order.objects.filter(pk=order_id, event=event, box_office_sale__isnull=False)
        orders = orders.select_related("payment")
        order = orders.annotate(tickets_sold=Sum("items__quantity")).first()
        if order is None:
            return None
        return {
            "order": order,
            "count": order.tickets_sold,
            "is_gift": order.payment.method == BoxOfficeMethod.COMPLIMENTARY,
            "total": format_money(order.total, order.currency),
            "page": reverse("admin:orders_order_change", args=[order.pk]),
        }


def event_to_sell(request: HttpRequest, event_id: UUID) -> Event:
    """
    Return an event at whose box office the user may sell.

    :raises Http404: if there is none with that id
    """
    events: QuerySet[Event] = within_rights(
        Event.objects.select_related("organizer"),
        request.user,
        Right.CHANGE_ORDERS,
        organizer_path="organizer",
        event_path="pk",
    )
    event = events.filter(pk=event_id).first()
    if event is None:
        raise Http404
    return event


def _sell(request: HttpRequest, event: Event, form: BoxOfficeForm) -> UUID:
    sent = form.cleaned_data
    sale = Sale(
        key=sent["key"],
        event_id=event.pk,
        wanted=form.wanted(),
        customer=Customer(sent["name"], sent["email"], sent["language"]),
        method=BoxOfficeMethod(sent["method"]),
        reason=sent["reason"],
        accepted_terms=form.accepted_terms(),
    )
    return sell_at_box_office(
        sale=sale, user_id=request.user.pk, actor=user_actor(request.user), now=clock.now()
    )
