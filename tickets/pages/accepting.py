"""The page on which a ticket's new holder accepts it, and sees it afterwards."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.utils.translation import gettext_lazy

from events.admin.refusals import say_refusal
from events.handing_on import may_be_transferred
from events.wording import show_start
from orders.models import Order
from orders.pages.access import see_other
from ticketing import clock
from ticketing.api.form_keys import FIELD, act_once, new_form_key
from ticketing.api.idempotency import ResponseStore
from ticketing.api.problems import status_and_words
from ticketing.errors import Refusal
from ticketing.pages.shop import show_private_page
from ticketing.text_form import PersonNameField
from tickets.documents.calendar_file import CALENDAR_TYPE, render_calendar
from tickets.documents.names import calendar_name, pdf_name
from tickets.documents.pdf import PDF_TYPE, Paper, render_pdf
from tickets.models import Ticket, TicketStatus, Transfer
from tickets.pages.files import send_file
from tickets.pages.shown_tickets import offered_wallets, show_ticket, tickets_of
from tickets.ticket_codes import number_tickets
from tickets.transfers.accepting import (
    accept_transfer,
    note_opening_of_transfer,
    ticket_of_transfer,
)
from tickets.transfers.links import opens_transfer, transfer_path
from tickets.transfers.offering import giver_of, is_open, open_offers

_COOKIE: Final = "transfer"
_PARAMETER: Final = "token"
_KEPT_SECONDS: Final = 30 * 24 * 3600

View = Callable[..., HttpResponseBase]


class _AcceptForm(forms.Form):
    name = PersonNameField(label=gettext_lazy("Your name"))


def of_transfer(view: View) -> View:
    """
    Return a view for a path below `/transfer/<id>/` that gets the transfer as its second argument.

    As `of_order`: a token moves from the address into a cookie of this path, and without a valid
    one the response is the same for every id.
    """

    @wraps(view)
    def answer(request: HttpRequest, transfer_id: str, **rest: Any) -> HttpResponseBase:
        transfers = Transfer.objects.select_related("ticket__order__event__organizer")
        known = transfers.select_related("ticket__ticket_type", "ticket__transfer")
        transfer = known.filter(pk=transfer_id).first()
        if _PARAMETER in request.GET:
            return _take_token(request, transfer)
        if transfer is None or not opens_transfer(transfer, request.COOKIES.get(_COOKIE, "")):
            return show_private_page(
                request, "tickets/no_transfer.html", {}, status=HTTPStatus.NOT_FOUND
            )
        return view(request, transfer, **rest)

    return answer


@of_transfer
def show_transfer(request: HttpRequest, transfer: Transfer) -> HttpResponse:
    """Show an offered ticket with the button that accepts it, or the accepted ticket."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if request.method != "POST":
        return _show(request, transfer, _AcceptForm(initial={"name": transfer.name}))
    form = _AcceptForm(request.POST)
    if not form.is_valid():
        return _show(request, transfer, form, status=HTTPStatus.BAD_REQUEST)

    def act(responses: ResponseStore) -> dict[str, Any]:
        accept_transfer(
            transfer_id=transfer.pk,
            holder_name=form.cleaned_data["name"],
            now=clock.now(),
            store_response=lambda: responses.store(HTTPStatus.SEE_OTHER, {}, {}),
        )
        return {}

    try:
        act_once(request, act)
    except Refusal as refusal:
        transfer.refresh_from_db()
        return _show(request, transfer, form, refusal)
    return see_other(request.path)


@of_transfer
def download_received_pdf(request: HttpRequest, transfer: Transfer) -> HttpResponse:
    """
    Send the accepted ticket as a PDF. `?paper=phone` is for phones.

    :raises Http404: if it was not accepted, or admits nobody any more
    """
    order, ticket = _received(transfer)
    tickets = list(tickets_of(order))
    paper = Paper.PHONE if request.GET.get("paper") == Paper.PHONE else Paper.A4
    pdf = render_pdf(order=order, tickets=tickets, paper=paper, chosen=[ticket.pk])
    name = pdf_name(order, number_tickets(tickets)[ticket.pk])
    return send_file(pdf, PDF_TYPE, name, as_attachment=False)


@of_transfer
def download_received_calendar(request: HttpRequest, transfer: Transfer) -> HttpResponse:
    """
    Send the event of the accepted ticket for a calendar.

    :raises Http404: if it was not accepted, or admits nobody any more
    """
    order, _ticket = _received(transfer)
    file = render_calendar(order=order, now=clock.now())
    return send_file(file, CALENDAR_TYPE, calendar_name(order), as_attachment=True)


def _show(
    request: HttpRequest,
    transfer: Transfer,
    form: _AcceptForm,
    refusal: Refusal | None = None,
    *,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    now, order = clock.now(), transfer.ticket.order
    can_be_offered = may_be_transferred(order.event, now=now)
    received = ticket_of_transfer(transfer)
    onward = Transfer.objects.filter(ticket__transfer=transfer).exclude(accepted_at=None).first()
    context = {
        "transfer": transfer,
        "order": order,
        "event": order.event,
        "organizer": order.event.organizer,
        "start": show_start(order.event),
        "path": transfer_path(transfer),
        "wallets": offered_wallets(now=now),
        "offered": transfer.ticket,
        "ticket": _describe(order, received) if received is not None else None,
        "giver": giver_of(transfer).name,
        "handed_on_to": onward.name if onward is not None else "",
        "offer": open_offers(order, now=now).get(received.pk) if received is not None else None,
        "can_be_offered": can_be_offered,
        "is_open": can_be_offered and is_open(transfer, now=now),
        "form": form,
        "refusal": say_refusal(refusal) if refusal is not None else "",
        "form_key_field": FIELD,
        "form_key": new_form_key(),
    }
    if refusal is not None:
        status = status_and_words(type(refusal))[0]
    return show_private_page(request, "tickets/accept.html", context, status=status)


def _describe(order: Order, ticket: Ticket) -> Any:
    number = number_tickets(list(Ticket.objects.of_order(order.pk)))[ticket.pk]
    return show_ticket(order, ticket, number)


def _received(transfer: Transfer) -> tuple[Order, Ticket]:
    ticket = ticket_of_transfer(transfer)
    if ticket is None or ticket.status == TicketStatus.REVOKED:
        raise Http404
    return ticket.order, ticket


def _take_token(request: HttpRequest, transfer: Transfer | None) -> HttpResponse:
    token = request.GET.get(_PARAMETER, "")
    response = see_other(request.path)
    # The address with the token must not reach other sites.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    if transfer is not None and opens_transfer(transfer, token):
        response.set_cookie(
            _COOKIE,
            token,
            max_age=_KEPT_SECONDS,
            path=transfer_path(transfer),
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
        # A HEAD comes from a program that checks links, not from a reader.
        if request.method == "GET":
            note_opening_of_transfer(transfer=transfer, now=clock.now())
    return response
