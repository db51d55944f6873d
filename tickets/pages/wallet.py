"""Tickets for the wallets of phones: the files and links that a page offers to its reader."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from orders.models import Order
from orders.pages.access import of_order
from ticketing import clock
from tickets.documents.names import pass_name
from tickets.models import Ticket, Transfer
from tickets.pages.accepting import of_transfer
from tickets.pages.files import send_file
from tickets.pages.shown_tickets import has_tickets, tickets_of
from tickets.ticket_codes import number_tickets
from tickets.transfers.accepting import ticket_of_transfer
from tickets.wallet.apple import PKPASS, render_apple_pass
from tickets.wallet.google import google_save_link
from tickets.wallet.keys import apple_keys, google_keys


@dataclass(frozen=True, slots=True)
class _Numbered:
    order: Order
    ticket: Ticket
    number: int


@require_safe
@of_order
def download_apple_pass(request: HttpRequest, order: Order, number: str) -> HttpResponse:
    """
    Send a ticket as a pass for Apple's wallet. That of a revoked ticket is marked as void.

    :raises Http404: if the buyer has no such ticket, or no passes are offered
    """
    return _send_apple_pass(_of_buyer(order, number))


@require_safe
@of_order
def save_to_google(request: HttpRequest, order: Order, number: str) -> HttpResponse:
    """
    Lead to the page of Google that saves a ticket in its reader's wallet.

    :raises Http404: as `download_apple_pass`
    """
    return _lead_to_google(_of_buyer(order, number))


@require_safe
@of_transfer
def download_received_apple_pass(request: HttpRequest, transfer: Transfer) -> HttpResponse:
    """
    Send the accepted ticket as a pass for Apple's wallet.

    :raises Http404: if it was not accepted, or no passes are offered
    """
    return _send_apple_pass(_received(transfer))


@require_safe
@of_transfer
def save_received_to_google(request: HttpRequest, transfer: Transfer) -> HttpResponse:
    """
    Lead to the page of Google that saves the accepted ticket.

    :raises Http404: as `download_received_apple_pass`
    """
    return _lead_to_google(_received(transfer))


def _of_buyer(order: Order, number: str) -> _Numbered:
    tickets = list(tickets_of(order)) if has_tickets(order) else []
    numbers = number_tickets(tickets)
    for ticket in tickets:
        # The code of a ticket that was handed on is not the buyer's any more.
        if str(numbers[ticket.pk]) == number and ticket.transfer_id is None:
            return _Numbered(order, ticket, numbers[ticket.pk])
    raise Http404


def _received(transfer: Transfer) -> _Numbered:
    ticket = ticket_of_transfer(transfer)
    if ticket is None:
        raise Http404
    numbers = number_tickets(list(tickets_of(ticket.order)))
    return _Numbered(ticket.order, ticket, numbers[ticket.pk])


def _send_apple_pass(found: _Numbered) -> HttpResponse:
    keys = apple_keys()
    if keys is None or not keys.is_valid(clock.now()):
        raise Http404
    content = render_apple_pass(
        order=found.order, ticket=found.ticket, number=found.number, keys=keys
    )
    name = pass_name(found.order, found.number)
    return send_file(content, PKPASS, name, as_attachment=True)


def _lead_to_google(found: _Numbered) -> HttpResponse:
    keys = google_keys()
    if keys is None:
        raise Http404
    link = google_save_link(
        order=found.order, ticket=found.ticket, number=found.number, keys=keys, now=clock.now()
    )
    # The link contains the code: it must not be stored, nor reach other sites as a referrer.
    response = HttpResponseRedirect(link)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response
