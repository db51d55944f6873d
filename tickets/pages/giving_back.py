"""The page on which a buyer gives tickets back, under the policy of the event."""

from decimal import Decimal
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.translation import gettext as _

from events.admin.refusals import say_refusal
from events.wording import show_deadline, show_money, show_start
from orders.models import Order
from orders.page_link import order_path
from orders.pages.access import of_order, see_other
from ticketing import clock
from ticketing.api.form_keys import FIELD, act_once, new_form_key
from ticketing.api.idempotency import ResponseStore
from ticketing.api.problems import status_and_words
from ticketing.errors import Refusal
from ticketing.pages.shop import show_private_page
from ticketing.text import check_line
from tickets.models import Ticket
from tickets.refund import sum_of_refund
from tickets.refund_requests import RefundOffer, offer_refund, open_request, request_refund
from tickets.ticket_codes import number_tickets, readable_code


class _RefundForm(forms.Form):
    """Which tickets, and why. `agreed` is the sum that the buyer has seen."""

    tickets = forms.MultipleChoiceField()
    reason = forms.CharField(required=False, max_length=500, validators=[check_line])
    agreed = forms.DecimalField(required=False)

    def __init__(self, offer: RefundOffer, *data: Any) -> None:
        super().__init__(*data)
        field = self.fields["tickets"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101 - for the type checker
        field.choices = [(str(ticket.pk), "") for ticket in offer.tickets]
        field.error_messages["required"] = _("Choose at least one ticket.")


@of_order
def give_back(request: HttpRequest, order: Order) -> HttpResponse:
    """Show which tickets can be given back, then the sum, then ask for the refund."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    offer = offer_refund(order, now=clock.now())
    if offer is None or open_request(order) is not None:
        return _show(request, order, offer, None)
    form = _RefundForm(offer, *([request.POST] if request.method == "POST" else []))
    if not form.is_valid():
        return _show(request, order, offer, form)
    chosen = [UUID(pk) for pk in form.cleaned_data["tickets"]]
    amount = sum_of_refund(order_id=order.pk, ticket_ids=chosen)
    if form.cleaned_data["agreed"] != amount:
        return _show(request, order, offer, form, amount=amount)

    def act(responses: ResponseStore) -> dict[str, Any]:
        request_refund(
            order=order,
            ticket_ids=chosen,
            reason=form.cleaned_data["reason"],
            now=clock.now(),
            store_response=lambda: responses.store(HTTPStatus.SEE_OTHER, {}, {}),
        )
        return {}

    try:
        act_once(request, act)
    except Refusal as refusal:
        return _show(request, order, offer, form, refusal=refusal)
    return see_other(order_path(order.pk) if offer.is_automatic else request.path)


def _show(  # noqa: PLR0913 - the parts of a page
    request: HttpRequest,
    order: Order,
    offer: RefundOffer | None,
    form: _RefundForm | None,
    *,
    amount: Decimal | None = None,
    refusal: Refusal | None = None,
) -> HttpResponse:
    context: dict[str, Any] = {
        "order": order,
        "event": order.event,
        "organizer": order.event.organizer,
        "path": order_path(order.pk),
        "is_open": open_request(order) is not None,
        "offer": offer,
        "form": form,
        "refusal": say_refusal(refusal) if refusal is not None else "",
        "form_key_field": FIELD,
        "form_key": new_form_key(),
    }
    if offer is not None:
        context |= {"until": say_until(offer, order), "tickets": _rows(request, order, offer)}
    if amount is not None and form is not None:
        context |= {
            "amount": show_money(amount, order.currency),
            "agreed": str(amount),
            "reason": form.cleaned_data["reason"],
        }
    status = HTTPStatus.OK
    if refusal is not None:
        status = HTTPStatus(status_and_words(type(refusal))[0])
    elif form is not None and form.errors:
        status = HTTPStatus.BAD_REQUEST
    return show_private_page(request, "tickets/give_back.html", context, status=status)


def say_until(offer: RefundOffer, order: Order) -> str:
    """Return until when the buyer may ask, in the event's time zone."""
    return f"{show_deadline(order.event, offer.deadline)} ({show_start(order.event)['zone']})"


def _rows(request: HttpRequest, order: Order, offer: RefundOffer) -> list[dict[str, Any]]:
    numbers = number_tickets(list(Ticket.objects.of_order(order.pk)))
    sent = request.POST.getlist("tickets") if request.method == "POST" else None
    return [
        {
            "id": str(ticket.pk),
            "name": ticket.ticket_type.name,
            "holder": ticket.holder_name,
            "code": readable_code(order.code, numbers[ticket.pk]),
            "price": show_money(ticket.price, order.currency),
            "is_chosen": sent is None or str(ticket.pk) in sent,
        }
        for ticket in offer.tickets
    ]
