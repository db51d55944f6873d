"""The pages on which a buyer or a later holder hands a ticket on: the offer, and taking it back."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import formats, translation
from django.utils.translation import gettext, gettext_lazy

from events.admin.refusals import say_refusal
from events.handing_on import may_be_transferred
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
from tickets.models import Ticket, TicketStatus, Transfer
from tickets.pages.accepting import of_transfer
from tickets.pages.shown_tickets import has_tickets, tickets_of
from tickets.ticket_codes import number_tickets, readable_code
from tickets.transfers.accepting import ticket_of_transfer
from tickets.transfers.links import transfer_path
from tickets.transfers.offering import (
    NewHolder,
    offer_ticket,
    open_offers,
    withdraw_transfer,
)


class _OfferForm(forms.Form):
    # A mail to a stranger carries the name: it must be no advertisement.
    name = PersonNameField(label=gettext_lazy("Name"))
    email = AddressFormField(label=gettext_lazy("Email"))


@dataclass(frozen=True, slots=True)
class _Given:
    """A ticket that a person may hand on: the buyer, or the holder who accepted it."""

    order: Order
    ticket: Ticket
    number: int
    # The address of the form, the page to which it leads back, and what that is called.
    page: str
    back: str
    back_words: str
    # The transfer by which the person has the ticket.
    giver: UUID | None = None

    @property
    def is_theirs(self) -> bool:
        """Return whether the ticket is still that person's."""
        return self.ticket.transfer_id == self.giver


@of_order
def transfer_ticket(request: HttpRequest, order: Order, number: str) -> HttpResponse:
    """
    Show the form that offers a ticket to another person, or the open offer; or take the form.

    :raises Http404: if the order has no such ticket
    """
    return _offer(request, _of_buyer(order, number))


@of_order
def withdraw_offer(request: HttpRequest, order: Order, number: str) -> HttpResponse:
    """
    Take the open offer of a ticket back.

    :raises Http404: if the order has no such ticket
    """
    page = f"{order_path(order.pk)}tickets/{number}/transfer"
    if request.method in ("GET", "HEAD"):
        return show_instead(request, page)
    return _withdraw(request, _of_buyer(order, number))


@of_transfer
def transfer_received(request: HttpRequest, transfer: Transfer) -> HttpResponse:
    """Show the form that offers an accepted ticket to another person, or take it."""
    given = _of_holder(transfer)
    return see_other(transfer_path(transfer)) if given is None else _offer(request, given)


@of_transfer
def withdraw_received_offer(request: HttpRequest, transfer: Transfer) -> HttpResponse:
    """Take the open offer of an accepted ticket back."""
    given = _of_holder(transfer)
    if given is None or request.method in ("GET", "HEAD"):
        return show_instead(request, transfer_path(transfer))
    return _withdraw(request, given)


def _of_buyer(order: Order, number: str) -> _Given:
    tickets = list(tickets_of(order)) if has_tickets(order) else []
    numbers = number_tickets(tickets)
    found = next((each for each in tickets if str(numbers[each.pk]) == number), None)
    if found is None:
        raise Http404
    path = order_path(order.pk)
    return _Given(
        order=order,
        ticket=found,
        number=numbers[found.pk],
        page=f"{path}tickets/{number}/transfer",
        back=f"{path}tickets#ticket-{number}",
        back_words=gettext("Your tickets"),
    )


def _of_holder(transfer: Transfer) -> _Given | None:
    """Return the ticket that a holder has now, or None after it was handed on."""
    ticket = ticket_of_transfer(transfer)
    if ticket is None:
        return None
    path = transfer_path(transfer)
    return _Given(
        order=ticket.order,
        ticket=ticket,
        number=number_tickets(list(tickets_of(ticket.order)))[ticket.pk],
        page=f"{path}offer",
        back=path,
        back_words=gettext("Your ticket"),
        giver=transfer.pk,
    )


def _offer(request: HttpRequest, given: _Given) -> HttpResponse:
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if request.method != "POST":
        return _show(request, given, _OfferForm())
    form = _OfferForm(request.POST)
    if not form.is_valid():
        return _show(request, given, form, status=HTTPStatus.BAD_REQUEST)
    to = NewHolder(
        form.cleaned_data["name"],
        form.cleaned_data["email"],
        translation.get_language() or given.order.language,
    )

    def act(responses: ResponseStore) -> dict[str, Any]:
        offer_ticket(
            order_id=given.order.pk,
            ticket_id=given.ticket.pk,
            to=to,
            # The order stands for its buyer and for all later holders.
            actor=buyer_of(given.order),
            now=clock.now(),
            giver=given.giver,
            store_response=lambda _offer: responses.store(HTTPStatus.SEE_OTHER, {}, {}),
        )
        return {}

    try:
        act_once(request, act)
    except Refusal as refusal:
        return _show(request, given, form, refusal)
    return see_other(given.page)


def _withdraw(request: HttpRequest, given: _Given) -> HttpResponse:
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    # If the ticket was accepted, the offer is of the ticket before it.
    ticket = given.ticket if given.is_theirs else given.ticket.transfer.ticket  # type: ignore[union-attr]

    def act(responses: ResponseStore) -> dict[str, Any]:
        withdraw_transfer(
            order_id=given.order.pk,
            ticket_id=ticket.pk,
            actor=buyer_of(given.order),
            now=clock.now(),
            store_response=lambda: responses.store(HTTPStatus.SEE_OTHER, {}, {}),
        )
        return {}

    try:
        act_once(request, act)
    except Refusal as refusal:
        return _show(request, given, _OfferForm(), refusal)
    return see_other(given.page)


def _show(
    request: HttpRequest,
    given: _Given,
    form: _OfferForm,
    refusal: Refusal | None = None,
    *,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    now, order, ticket = clock.now(), given.order, given.ticket
    # Another person's offer of the ticket is not the buyer's business.
    offer = open_offers(order, now=now).get(ticket.pk) if given.is_theirs else None
    context: dict[str, Any] = {
        "order": order,
        "event": order.event,
        "organizer": order.event.organizer,
        "given": given,
        "ticket": ticket,
        "readable_code": readable_code(order.code, given.number),
        "form": form,
        "offer": offer,
        "can_be_offered": ticket.status == TicketStatus.VALID
        and given.is_theirs
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
