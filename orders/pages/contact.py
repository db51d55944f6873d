"""The page on which a buyer corrects the name and the address of a reservation."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.translation import gettext as _

from orders.access import buyer_of
from orders.correction import AddressNotCorrected, Contact, correct_own_contact
from orders.limits import MaxPerCustomerExceeded
from orders.models import Order
from orders.page_link import order_path
from orders.pages.access import of_order, see_other
from orders.pages.contact_form import ContactForm, offers_correction
from orders.pages.next_step import next_step
from orders.pages.refusals import say_refusal
from orders.pages.shown_order import describe_order
from orders.pages.starting_again import describe_start_again, may_start_again, send_again
from ticketing import clock
from ticketing.api.problems import status_and_words
from ticketing.errors import Refusal
from ticketing.pages.shop import show_private_page


@of_order
def show_contact_page(request: HttpRequest, order: Order) -> HttpResponse:
    """
    Show the order's name and address. A form corrects them.

    A correction may be repeated. The form's key is for the case that the hold has ended: then the
    form may reserve the same tickets again.
    """
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    now = clock.now()
    is_over = request.method == "POST" and may_start_again(order, now)
    if not is_over and not offers_correction(request, order, now):
        # The order's page says what has become of it.
        return see_other(order_path(order.pk))
    if request.method != "POST":
        email = order.customer_email
        known = {"name": order.customer_name, "email": email, "email_again": email}
        return _show(request, order, ContactForm(initial=known, label_suffix=""))
    form = ContactForm(request.POST, label_suffix="")
    if not form.is_valid():
        return _show(request, order, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if not is_over:
        return _correct(request, order, form)
    return send_again(
        request,
        order,
        show=lambda refused, status: _show(request, order, form, refused=refused, status=status),
        send=lambda new: _correct(request, new, form),
    )


def _correct(request: HttpRequest, order: Order, form: ContactForm) -> HttpResponse:
    now = clock.now()
    becomes = Contact(form.cleaned_data["name"], form.cleaned_data["email"])
    try:
        correct_own_contact(order=order, becomes=becomes, actor=buyer_of(order), now=now)
    except AddressNotCorrected:
        return see_other(order_path(order.pk))
    except Refusal as refusal:
        form.add_error("email", _say(refusal))
        return _show(request, order, form, status=status_and_words(type(refusal))[0])
    return see_other(next_step(order, now))


def _say(refusal: Refusal) -> str:
    if isinstance(refusal, MaxPerCustomerExceeded):
        return _("This address would have more tickets of this event than one person may have.")
    return say_refusal(refusal)


def _show(
    request: HttpRequest,
    order: Order,
    form: ContactForm,
    *,
    refused: str = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    now = clock.now()
    context: dict[str, Any] = describe_order(order, now) | describe_start_again(order, now)
    context |= {"form": form, "refused": refused, "is_over": may_start_again(order, now)}
    return show_private_page(request, "orders/contact.html", context, status=status)
