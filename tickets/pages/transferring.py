"""The pages on which a buyer hands a ticket on: the offer, and taking it back."""

from http import HTTPStatus
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import formats, translation
from django.utils.translation import gettext_lazy

from events.admin.refusals import say_refusal
from orders.access import buyer_of
from orders.models import Order
from orders.page_link import order_path
from orders.pages.access import of_order, see_other, show_instead
from ticketing import clock
from ticketing.address_form import AddressFormField
from ticketing.api.form_keys import FIELD, act_once, new_form_key
from ticketing.api.idempotency import ResponseStore
from ticketing.api.problems import status_and_words
from ticketing.clock import zone_named
from ticketing.errors import Refusal
from ticketing.pages.shop import show_private_page
from ticketing.text_form import PersonNameField
from tickets.models import Ticket, TicketStatus
from tickets.pages.shown_tickets import has_tickets, tickets_of
from tickets.ticket_codes import number_tickets, readable_code
from tickets.transfers.offering import (
    NewHolder,
    may_be_transferred,
    offer_ticket,
    open_offers,
    withdraw_transfer,
)


class _OfferForm(forms.Form):
    # A mail to a stranger carries the name: it must be no advertisement.
    name = PersonNameField(label=gettext_lazy("Name"))
    email = AddressFormField(label=gettext_lazy("Email"))


@of_order
def transfer_ticket(request: HttpRequest, order: Order, number: str) -> HttpResponse:
    """
    Show the form that offers a ticket to another person, or the open offer; or take the form.

    :raises Http404: if the order has no such ticket
    """
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    ticket = _find(order, number)
    if request.method != "POST":
        return _show(request, order, ticket, _OfferForm())
    form = _OfferForm(request.POST)
    if not form.is_valid():
        return _show(request, order, ticket, form, status=HTTPStatus.BAD_REQUEST)
    to = NewHolder(
        form.cleaned_data["name"],
        form.cleaned_data["email"],
        translation.get_language() or order.language,
    )

    def act(responses: ResponseStore) -> dict[str, Any]:
        offer_ticket(
            order_id=order.pk,
            ticket_id=ticket.pk,
            to=to,
            actor=buyer_of(order),
            now=clock.now(),
            store_response=lambda _offer: responses.store(HTTPStatus.SEE_OTHER, {}, {}),
        )
        return {}

    try:
        act_once(request, act)
    except Refusal as refusal:
        return _show(request, order, ticket, form, refusal)
    return see_other(request.path)


@of_order
def withdraw_offer(request: HttpRequest, order: Order, number: str) -> HttpResponse:
    """
    Take the open offer of a ticket back.

    :raises Http404: if the order has no such ticket
    """
    path = f"{order_path(order.pk)}tickets/{number}/transfer"
    if request.method in ("GET", "HEAD"):
        return show_instead(request, path)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    ticket = _find(order, number, also_replaced=True)

    def act(responses: ResponseStore) -> dict[str, Any]:
        withdraw_transfer(
            order_id=order.pk,
            ticket_id=ticket.pk,
            actor=buyer_of(order),
            now=clock.now(),
            store_response=lambda: responses.store(HTTPStatus.SEE_OTHER, {}, {}),
        )
        return {}

    try:
        act_once(request, act)
    except Refusal as refusal:
        return _show(request, order, _find(order, number), _OfferForm(), refusal)
    return see_other(path)


def _show(  # noqa: PLR0913 - a page has this many parts
    request: HttpRequest,
    order: Order,
    ticket: Ticket,
    form: _OfferForm,
    refusal: Refusal | None = None,
    *,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    now = clock.now()
    offer = open_offers(order, now=now).get(ticket.pk)
    number = number_tickets(list(tickets_of(order)))[ticket.pk]
    context: dict[str, Any] = {
        "order": order,
        "event": order.event,
        "organizer": order.event.organizer,
        "path": order_path(order.pk),
        "page": f"{order_path(order.pk)}tickets/{number}/transfer",
        "number": number,
        "ticket": ticket,
        "readable_code": readable_code(order.code, number),
        "form": form,
        "offer": offer,
        "can_be_offered": ticket.status == TicketStatus.VALID
        and ticket.transfer_id is None
        and may_be_transferred(order.event, now=now),
        "refusal": say_refusal(refusal) if refusal is not None else "",
        "form_key_field": FIELD,
        "form_key": new_form_key(),
    }
    if offer is not None:
        until = offer.expires_at.astimezone(zone_named(order.event.timezone))
        context["is_undeliverable"] = offer.mails.filter(failed_at__isnull=False).exists()
        context["until"] = formats.date_format(until)
    if refusal is not None:
        status = status_and_words(type(refusal))[0]
    return show_private_page(request, "tickets/transfer.html", context, status=status)


def _find(order: Order, number: str, *, also_replaced: bool = False) -> Ticket:
    """Return the ticket with this number: as it is now, or the one that was offered."""
    tickets = list(tickets_of(order)) if has_tickets(order) else []
    numbers = number_tickets(tickets)
    found = next((each for each in tickets if str(numbers[each.pk]) == number), None)
    if found is None:
        raise Http404
    if also_replaced and found.transfer is not None:
        return found.transfer.ticket
    return found
