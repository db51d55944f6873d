from django.urls import re_path

from orders.answer_views import OrderAnswers
from orders.confirmation_views import OrderConfirmation
from orders.organizer_views import EventOrders, EventOrdersExport
from orders.pages.choosing import choose_tickets
from orders.pages.confirming import beside_the_page, read_confirmation_state
from orders.pages.contact import show_contact_page
from orders.pages.details import show_details_page
from orders.pages.embedded import show_embedded_choice
from orders.pages.order import cancel, pay, reserve_again, show_order_page, show_status
from orders.pages.pix import read_pix_state, show_pix_page
from orders.pix_views import OrderPix, PaymentNotifications
from orders.promo_code_views import EventPromoCodes, OnePromoCode
from orders.promo_views import EventPromoCode
from orders.reservation_views import EventChallenge, Orders
from orders.views import OneOrder, OrderCancellation, OrderPayment
from ticketing.api.paths import api_path
from ticketing.api.quick import quickly

_ID = r"(?P<order_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
# Pages of one order, which `orders.pages.access.of_order` opens.
_ORDER = rf"^o/{_ID}"

urlpatterns = [
    api_path("orders", quickly(Orders)),
    api_path("events/<event:reference>/challenge", EventChallenge.as_view()),
    api_path("events/<event:reference>/promo-codes", EventPromoCodes.as_view()),
    api_path("events/<event:reference>/promo-codes/<id:promo_code_id>", OnePromoCode.as_view()),
    api_path("events/<event:reference>/promo-code", EventPromoCode.as_view()),
    api_path("events/<event:reference>/orders", EventOrders.as_view()),
    api_path("events/<event:reference>/orders.csv", EventOrdersExport.as_view()),
    api_path("orders/<id:order_id>", OneOrder.as_view()),
    api_path("orders/<id:order_id>/payment", OrderPayment.as_view()),
    api_path("orders/<id:order_id>/answers", OrderAnswers.as_view()),
    api_path("orders/<id:order_id>/pix", OrderPix.as_view()),
    api_path("payments/notifications", PaymentNotifications.as_view()),
    api_path("orders/<id:order_id>/confirmation", beside_the_page(OrderConfirmation.as_view())),
    api_path("orders/<id:order_id>/cancel", OrderCancellation.as_view()),
    # Pages for buyers. They are no part of the API's document.
    re_path(r"^e/(?P<slug>[a-z0-9-]{1,80})/?\Z", choose_tickets, name="event_page"),
    re_path(r"^e/(?P<slug>[a-z0-9-]{1,80})/embedded\Z", show_embedded_choice),
    re_path(rf"{_ORDER}/\Z", show_order_page, name="order_page"),
    re_path(rf"{_ORDER}/details/\Z", show_details_page, name="details_page"),
    re_path(rf"{_ORDER}/contact/\Z", show_contact_page),
    re_path(rf"{_ORDER}/pix/\Z", show_pix_page, name="pix_page"),
    re_path(rf"{_ORDER}/pix/state/\Z", read_pix_state),
    re_path(rf"{_ORDER}/status\Z", show_status),
    re_path(rf"{_ORDER}/pay\Z", pay),
    re_path(rf"{_ORDER}/cancel\Z", cancel),
    re_path(rf"{_ORDER}/again\Z", reserve_again),
    re_path(rf"^orders/{_ID}/confirmation/state\Z", read_confirmation_state),
]
