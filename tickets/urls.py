from django.urls import re_path

from ticketing.api.paths import api_path
from ticketing.api.quick import quickly
from tickets.door.attendance_views import EventAttendance
from tickets.door.batch_views import DoorScans
from tickets.door.device_views import DevicePair, DevicePairingStart, DeviceRevocation, Devices
from tickets.door.guest_views import DoorGuests, GuestAdmission
from tickets.door.pages.page import send_decoder, send_manifest, send_service_worker, show_door
from tickets.door.party_views import PartyAdmission
from tickets.door.state_views import DoorBundle, DoorState
from tickets.door.views import CheckInUndo, TicketValidation
from tickets.exchange_views import TicketExchanged
from tickets.holder_views import OrderHolders
from tickets.operations.views import Readiness, metrics
from tickets.organizer_views import (
    EventTickets,
    OneTicket,
    OrderRefund,
    OrderResend,
    TicketReissue,
    TicketRevocation,
)
from tickets.pages.accepting import (
    download_received_calendar,
    download_received_pdf,
    show_transfer,
)
from tickets.pages.find import find_tickets, open_order, show_asked, show_list
from tickets.pages.giving_back import give_back
from tickets.pages.naming import show_names_page
from tickets.pages.reminders import choose_holders_reminders, choose_reminders
from tickets.pages.tickets import (
    download_calendar,
    download_pdf,
    send_offline_worker,
    show_tickets,
)
from tickets.pages.transferring import (
    transfer_received,
    transfer_ticket,
    withdraw_offer,
    withdraw_received_offer,
)
from tickets.pages.wallet import (
    download_apple_pass,
    download_received_apple_pass,
    save_received_to_google,
    save_to_google,
)
from tickets.views import OrderTickets

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# The list of an address, which a mailed link opens.
_LIST = rf"^find/(?P<list_id>{_UUID})"
# Pages of one order, which `orders.pages.access.of_order` opens.
_ORDER = r"^o/(?P<order_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_NUMBER = r"(?P<number>[1-9][0-9]{0,4})"
# Pages of one transfer, which `tickets.pages.accepting.of_transfer` opens.
_TRANSFER = r"^transfer/(?P<transfer_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"

urlpatterns = [
    api_path("orders/<id:order_id>/ticket", OrderTickets.as_view()),
    api_path("orders/<id:order_id>/holders", OrderHolders.as_view()),
    api_path("orders/<id:order_id>/refund", OrderRefund.as_view()),
    api_path("orders/<id:order_id>/resend", OrderResend.as_view()),
    api_path("events/<event:reference>/tickets", EventTickets.as_view()),
    api_path("events/<event:reference>/attendance", EventAttendance.as_view()),
    api_path("tickets/<id:ticket_id>", OneTicket.as_view()),
    api_path("tickets/<id:ticket_id>/checkin/undo", CheckInUndo.as_view()),
    api_path("tickets/<id:ticket_id>/revoke", TicketRevocation.as_view()),
    api_path("tickets/<id:ticket_id>/reissue", TicketReissue.as_view()),
    api_path("tickets/<id:ticket_id>/exchange", TicketExchanged.as_view()),
    api_path("tickets/validate", quickly(TicketValidation)),
    api_path("door/parties", PartyAdmission.as_view()),
    api_path("door/guests", DoorGuests.as_view()),
    api_path("door/guests/<id:ticket_id>/admit", GuestAdmission.as_view()),
    api_path("devices", Devices.as_view()),
    api_path("devices/pair", DevicePair.as_view()),
    api_path("devices/<id:device_id>/revoke", DeviceRevocation.as_view()),
    api_path("devices/<id:device_id>/pairing", DevicePairingStart.as_view()),
    api_path("door/state", DoorState.as_view()),
    api_path("door/bundle", DoorBundle.as_view()),
    api_path("door/scans", DoorScans.as_view()),
    api_path("readyz", Readiness.as_view()),
    api_path("metrics", metrics),
    re_path(rf"{_ORDER}/tickets\Z", show_tickets, name="tickets_page"),
    re_path(rf"{_ORDER}/tickets\.pdf\Z", download_pdf),
    re_path(rf"{_ORDER}/tickets/{_NUMBER}\.pdf\Z", download_pdf),
    re_path(rf"{_ORDER}/tickets/{_NUMBER}/transfer\Z", transfer_ticket),
    re_path(rf"{_ORDER}/tickets/{_NUMBER}/transfer/withdraw\Z", withdraw_offer),
    re_path(rf"{_ORDER}/tickets/{_NUMBER}\.pkpass\Z", download_apple_pass),
    re_path(rf"{_ORDER}/tickets/{_NUMBER}/google-wallet\Z", save_to_google),
    re_path(rf"{_ORDER}/event\.ics\Z", download_calendar),
    re_path(rf"{_TRANSFER}/\Z", show_transfer),
    re_path(rf"{_TRANSFER}/ticket\.pdf\Z", download_received_pdf),
    re_path(rf"{_TRANSFER}/ticket\.pkpass\Z", download_received_apple_pass),
    re_path(rf"{_TRANSFER}/google-wallet\Z", save_received_to_google),
    re_path(rf"{_TRANSFER}/event\.ics\Z", download_received_calendar),
    re_path(rf"{_TRANSFER}/offer\Z", transfer_received),
    re_path(rf"{_TRANSFER}/offer/withdraw\Z", withdraw_received_offer),
    re_path(rf"{_TRANSFER}/reminders\Z", choose_holders_reminders),
    re_path(rf"{_ORDER}/reminders\Z", choose_reminders),
    re_path(rf"{_ORDER}/offline\.js\Z", send_offline_worker),
    re_path(rf"{_ORDER}/names/\Z", show_names_page, name="names_page"),
    re_path(rf"{_ORDER}/refund\Z", give_back),
    re_path(r"^door/?\Z", show_door),
    re_path(r"^door/sw\.js\Z", send_service_worker),
    re_path(r"^door/decoder\.js\Z", send_decoder),
    re_path(r"^door/manifest\.webmanifest\Z", send_manifest),
    re_path(r"^find/?\Z", find_tickets, name="find_tickets"),
    re_path(r"^find/sent\Z", show_asked),
    re_path(rf"{_LIST}/\Z", show_list),
    re_path(rf"{_LIST}/orders/(?P<order_id>{_UUID})\Z", open_order),
]
