"""The page on which a buyer pays by Pix: a QR code, its text to copy, and what became of it."""

from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

import segno
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from events.wording import show_hour, show_money
from orders.consents import OtherTerms, TermsNotAccepted
from orders.gateway import GatewayAway
from orders.models import Order, OrderStatus, PixCharge, PixState
from orders.page_link import order_path
from orders.pages.access import of_order, see_other
from orders.pages.consent import agreed_in, describe_terms
from orders.pages.contact_form import offers_correction
from orders.pages.refusals import SENTENCES
from orders.pages.shown_order import describe_order, milliseconds_until, state_of
from orders.pages.starting_again import describe_start_again
from orders.pages.ways import is_pix_simulated, pays_by_pix
from orders.pix import PixNotOffered, PixTooLate, request_pix, settle_pix
from orders.required_details import needs_details
from orders.simulated_pix import pay_simulated_pix
from ticketing import clock
from ticketing.clock import zone_named
from ticketing.errors import Conflict
from ticketing.pages.shop import show_private_page

# A QR code that the camera of an old phone reads from a screen.
_QUIET_MODULES: Final = 4
_REFUSALS: Final[dict[str, Promise]] = {
    GatewayAway.code: _(
        "The bank does not answer right now. Try again in a moment, or pay by card."
    ),
    PixNotOffered.code: _("This order cannot be paid by Pix. Pay by card."),
    TermsNotAccepted.code: SENTENCES[TermsNotAccepted.code],
    OtherTerms.code: SENTENCES[OtherTerms.code],
    PixTooLate.code: _("Too little time is left for a Pix. Pay by card, or start again."),
}


# In the address, after the buyer has asked whether the money is there.
_ASKED: Final = "asked"


class Shown(StrEnum):
    """What a buyer sees of a Pix."""

    NEW = "new"
    WAITING = "waiting"
    # Banks refuse it by now. Its tickets are kept a little longer, for money on its way.
    CLOSING = "closing"
    # The money is here, and the tickets are being made.
    SEEN = "seen"
    EXPIRED = "expired"
    RETURNED = "returned"
    # The order's own page says what is with the order.
    ELSEWHERE = "elsewhere"


@of_order
def show_pix_page(request: HttpRequest, order: Order) -> HttpResponse:
    """Show the order's Pix. A form requests it, or asks the gateway whether it was paid."""
    if request.method == "POST":
        return _act(request, order)
    return _show(request, order)


@of_order
def read_pix_state(request: HttpRequest, order: Order) -> HttpResponse:
    """Return the state of the page as JSON. The page's script asks for it every few seconds."""
    now, pix = clock.now(), _pix_of(order)
    shown = what_is_shown(order, pix, now)
    document = {"state": shown, "left": milliseconds_until(_ends_at(order, pix, shown), now)}
    return JsonResponse(document, headers={"Cache-Control": "private, no-store"})


def what_is_shown(order: Order, pix: PixCharge | None, now: datetime) -> Shown:
    """Return what the page shows of an order's Pix."""
    if pix is not None and pix.state in (PixState.RETURNING, PixState.RETURNED):
        return Shown.RETURNED
    if pix is not None and pix.state == PixState.TAKEN:
        return Shown.SEEN if order.status == OrderStatus.PROCESSING else Shown.ELSEWHERE
    state = state_of(order, now)
    if pix is not None and state == OrderStatus.EXPIRED:
        return Shown.EXPIRED
    if state != OrderStatus.RESERVED:
        return Shown.ELSEWHERE
    if pix is None:
        return Shown.NEW
    return Shown.WAITING if pix.expires_at > now else Shown.CLOSING


def _act(request: HttpRequest, order: Order) -> HttpResponse:
    """Do what the form says. Each act may be repeated, so no form needs a key."""
    now = clock.now()
    if not pays_by_pix(order):
        return see_other(order_path(order.pk))
    act = request.POST.get("act", "")
    try:
        pix = request_pix(order=order, now=now, agreed=agreed_in(request.POST))
        if act == "simulate" and is_pix_simulated():
            pay_simulated_pix(pix_id=order.pk, now=now)
        if act in ("check", "simulate"):
            settle_pix(order_id=pix.pk, now=now)
    except (PixNotOffered, PixTooLate, GatewayAway, TermsNotAccepted, OtherTerms) as refused:
        return _show(request, order, refused=_REFUSALS[refused.code])
    except Conflict:
        # The order has ended, was paid otherwise, or lacks answers: its page says so.
        return see_other(order_path(order.pk))
    return see_other(f"{request.path}?{_ASKED}=yes" if act == "check" else request.path)


def _show(request: HttpRequest, order: Order, *, refused: Promise | None = None) -> HttpResponse:
    now = clock.now()
    pix = _pix_of(order)
    shown = what_is_shown(order, pix, now)
    is_early = shown == Shown.NEW and needs_details(order, now)
    if is_early or shown == Shown.ELSEWHERE or not pays_by_pix(order):
        return see_other(order_path(order.pk))
    context = describe_order(order, now) | describe_terms(order)
    context |= describe_start_again(order, now) | {
        "shown": shown,
        "can_correct": offers_correction(request, order, now),
        "milliseconds_left": milliseconds_until(_ends_at(order, pix, shown), now),
        "refused": refused,
        "is_simulated": is_pix_simulated(),
    }
    if pix is not None:
        context |= _describe(order, pix, shown, now, was_asked=_ASKED in request.GET)
    status = HTTPStatus.CONFLICT if refused else HTTPStatus.OK
    return show_private_page(request, "orders/pix.html", context, status=status)


def _describe(
    order: Order, pix: PixCharge, shown: Shown, now: datetime, *, was_asked: bool
) -> dict[str, Any]:
    zone = zone_named(order.event.timezone)
    return {
        "pix": pix,
        "qr_code": _draw(pix.br_code) if shown == Shown.WAITING else "",
        "pay_by": show_hour(pix.expires_at.astimezone(zone)),
        "received": show_money(pix.received, order.currency) if pix.received else "",
        "asked_at": show_hour(now.astimezone(zone)) if was_asked else "",
    }


def _ends_at(order: Order, pix: PixCharge | None, shown: Shown) -> datetime:
    """Return the moment to which the page counts: the last one to pay, or that of the hold."""
    return pix.expires_at if pix is not None and shown == Shown.WAITING else order.reserved_until


# A buyer looks at the page again and again.
@lru_cache(maxsize=256)
def _draw(br_code: str) -> str:
    """Return the QR code as SVG, dark on white in every color scheme."""
    return segno.make_qr(br_code, error="m").svg_inline(
        border=_QUIET_MODULES, dark="#000", light="#fff", omitsize=True
    )


def _pix_of(order: Order) -> PixCharge | None:
    return PixCharge.objects.filter(order=order).first()
