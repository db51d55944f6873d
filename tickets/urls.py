from django.urls import re_path

from ticketing.api.quick import quickly
from tickets.door.device_views import DevicePair, DevicePairingStart, DeviceRevocation, Devices
from tickets.door.views import CheckInUndo, TicketValidation, check_in_quickly
from tickets.operations.views import Readiness, metrics
from tickets.organizer_views import (
    EventAttendance,
    EventTickets,
    OneTicket,
    OrderRefund,
    OrderResend,
    TicketReissue,
    TicketRevocation,
)
from tickets.views import OrderTickets

_ID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_EVENT = r"^events/(?P<reference>[A-Za-z0-9-]{1,80})"
_ORDER = rf"^orders/(?P<order_id>{_ID})"
_DEVICE = rf"^devices/(?P<device_id>{_ID})"
_TICKET = rf"^tickets/(?P<ticket_id>{_ID})"

urlpatterns = [
    re_path(_ORDER + r"/ticket/?$", OrderTickets.as_view()),
    re_path(_ORDER + r"/refund/?$", OrderRefund.as_view()),
    re_path(_ORDER + r"/resend/?$", OrderResend.as_view()),
    re_path(_EVENT + r"/tickets/?$", EventTickets.as_view()),
    re_path(_EVENT + r"/attendance/?$", EventAttendance.as_view()),
    re_path(_TICKET + r"/?$", OneTicket.as_view()),
    re_path(_TICKET + r"/checkin/undo/?$", CheckInUndo.as_view()),
    re_path(_TICKET + r"/revoke/?$", TicketRevocation.as_view()),
    re_path(_TICKET + r"/reissue/?$", TicketReissue.as_view()),
    re_path(r"^tickets/validate/?$", quickly(TicketValidation.as_view(), POST=check_in_quickly)),
    re_path(r"^devices/?$", Devices.as_view()),
    re_path(r"^devices/pair/?$", DevicePair.as_view()),
    re_path(_DEVICE + r"/revoke/?$", DeviceRevocation.as_view()),
    re_path(_DEVICE + r"/pairing/?$", DevicePairingStart.as_view()),
    re_path(r"^readyz/?$", Readiness.as_view()),
    re_path(r"^metrics/?$", metrics),
]
