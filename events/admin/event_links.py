"""Buttons of an event's page that lead to its box office and its check-in list."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from events.admin.base import rows_of_key
from events.models import Event, EventStatus


class LinksToDoorAndBoxOffice:
    """The pages are in the admins of orders and tickets, so they are named and not imported."""

    def has_sale_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this event is published, so that its box office can sell."""
        return rows_of_key(Event.objects.filter(status=EventStatus.PUBLISHED), object_id).exists()

    @action(
        description=gettext_lazy("Box office"),
        permissions=["orders", "sale"],
        icon="point_of_sale",
    )
    def open_box_office(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:orders_boxofficesale_event", object_id)

    @action(description=gettext_lazy("Check-in list"), permissions=["view"], icon="how_to_reg")
    def open_check_in_list(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:tickets_device_check_in", object_id)

    @action(description=gettext_lazy("Live door"), permissions=["view"], icon="monitor_heart")
    def open_live_door(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:tickets_device_live", object_id)
