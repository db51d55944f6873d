"""The page of an event, where a buyer chooses tickets and reserves them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
)
from django.utils import translation

from events.event_cache import CachedEvent
from events.models import Event
from events.pages.event import describe_event, describe_types
from events.pages.live import LiveEvent, count_if_unknown, read_live_event
from orders.access import token_digest_of
from orders.answers import with_asks_required
from orders.counted_address import count_address
from orders.insertion import Customer, Reservation
from orders.models import Order
from orders.pages.access import give_access, see_other
from orders.pages.choice_form import ChoiceForm, describe_choice, quantities_in
from orders.pages.next_step import next_step
from orders.pages.own_orders import remember_order, show_own_orders
from orders.pages.refusals import FIELDS, say_refusal
from orders.pricing import WantedTickets, check_on_sale, offered_types
from orders.promo_code import LONGEST_PROMO_CODE
from orders.promo_guesses import limit_guesses
from orders.promo_terms import PromoTerms, check_promo_period
from orders.promo_uses import UnknownPromoCode, find_promo
from orders.reservation import reserve_tickets
from ticketing import clock
from ticketing.api.form_keys import FIELD, act_once, new_form_key
from ticketing.api.idempotency import ResponseStore, shown_token
from ticketing.api.problems import status_and_words
from ticketing.errors import Refusal
from ticketing.pages.kept import is_for_all, show_kept
from ticketing.pages.shop import NOT_STORED, show_public_page
from ticketing.text import check_line
from ticketing.tokens import TokenKind

_METHODS: Final = ("GET", "HEAD", "POST")
_ACCESS_TOKEN: Final = shown_token("access_token", TokenKind.ORDER, token_digest_of)


class _PromoForm(forms.Form):
    """The promo code, in the address of the page or in the form that reserves."""

    code = forms.CharField(required=False, max_length=LONGEST_PROMO_CODE, validators=[check_line])


@dataclass(frozen=True, slots=True)
class _Offer:
    """What a buyer may choose from: with the promo code, or why it gives nothing."""

    code: str
    promo: PromoTerms | None
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class Reserved:
    """An order that a form has reserved, and the token that opens its pages."""

    order_id: UUID
    token: str


def choose_tickets(request: HttpRequest, slug: str) -> HttpResponseBase:
    """
    Show an event and what is left of it, or reserve the tickets of the sent form.

    :raises Http404: if there is no such event, or it is a draft
    """
    if request.method not in _METHODS:
        return HttpResponseNotAllowed(_METHODS)
    if is_for_all(request):
        return _show_kept(request, slug)
    live = read_live_event(slug, now=clock.now())
    if live is None:
        raise Http404
    sent = request.POST if request.method == "POST" else request.GET
    offer = _find_offer(request, live.cached.event, sent.get("code", ""))
    kinds = _describe_offer(live, offer)
    most = live.cached.event.max_per_order
    show = partial(_show, request, live, offer, kinds)
    if request.method != "POST":
        return show(ChoiceForm(kinds=kinds, most=most, initial=quantities_in(sent, kinds)))
    form = ChoiceForm(sent, kinds=kinds, most=most)
    if not form.is_valid() or offer.refusal is not None:
        return show(form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    customer = Customer(
        form.cleaned_data["name"], form.cleaned_data["email"], translation.get_language() or ""
    )
    try:
        reserved = reserve_by_form(
            request,
            live.cached,
            form.wanted(),
            customer,
            promo_code=offer.code,
            proof=form.cleaned_data["proof"],
        )
    except Refusal as refusal:
        return show(form, refusal=refusal)
    return lead_to_order(request, reserved)


def reserve_by_form(  # noqa: PLR0913 - each argument is independent of the others
    request: HttpRequest,
    cached: CachedEvent,
    wanted: list[WantedTickets],
    customer: Customer,
    *,
    promo_code: str,
    proof: str,
) -> Reserved:
    """
    Reserve once for each sent form.

    :raises Refusal: as `reserve_tickets`, or if the form's first result cannot be shown again
    """
    event, types = cached.event, cached.types.values()
    counted = count_address(customer, request, event=event, types=types)

    def reserve(responses: ResponseStore) -> dict[str, Any]:
        reservation = reserve_tickets(
            event_id=event.pk,
            wanted=wanted,
            customer=counted,
            now=clock.now(),
            token=responses.make_token(),
            store_response=lambda made: responses.store(HTTPStatus.SEE_OTHER, _result(made), {}),
            proof=proof,
            promo_code=promo_code,
        )
        return _result(reservation)

    result = act_once(request, reserve, shown_once=_ACCESS_TOKEN)
    return Reserved(UUID(result["id"]), result["access_token"])


def lead_to_order(request: HttpRequest, reserved: Reserved, *, part: str = "") -> HttpResponse:
    """
    Lead the browser on with an order that it has reserved, and give it the order's cookie.

    :param part: the part of the page that gets the focus, as "#ways"
    """
    orders = with_asks_required(Order.objects.select_related("event", "pix"))
    order = orders.get(pk=reserved.order_id)
    response = see_other(f"{next_step(order, clock.now())}{part}")
    remember_order(request, response, order)
    return give_access(request, response, order_id=reserved.order_id, token=reserved.token)


def _result(reservation: Reservation) -> dict[str, Any]:
    return {"id": str(reservation.order_id), "access_token": reservation.token.text}


def _show_kept(request: HttpRequest, slug: str) -> HttpResponseBase:
    if (refused := count_if_unknown(request, slug)) is not None:
        return refused
    live = read_live_event(slug, now=clock.now())
    if live is None:
        raise Http404
    render = partial(_show_to_all, request, live)
    own = show_own_orders(request, live.cached.event)
    return show_kept(request, live.pages, render, new_form_key=new_form_key, own=own)


def _show_to_all(request: HttpRequest, live: LiveEvent, marks: Mapping[str, Any]) -> HttpResponse:
    offer = _Offer("", None, None)
    kinds = _describe_offer(live, offer)
    form = ChoiceForm(kinds=kinds, most=live.cached.event.max_per_order)
    return _show(request, live, offer, kinds, form, marks=marks)


def _find_offer(request: HttpRequest, event: Event, sent: str) -> _Offer:
    code = sent.strip()
    if not code:
        return _Offer("", None, None)
    now = clock.now()
    try:
        if not _PromoForm({"code": code}).is_valid():
            raise UnknownPromoCode
        check_on_sale(event, now)
        with limit_guesses(request):
            promo = find_promo(event_id=event.pk, code=code, now=now)
        check_promo_period(promo, now)
    except Refusal as refusal:
        return _Offer(code, None, refusal)
    return _Offer(promo.code, promo, None)


def _describe_offer(live: LiveEvent, offer: _Offer) -> list[dict[str, Any]]:
    offered = offered_types(live.cached.types, offer.promo)
    promo = offer.promo
    prices: Mapping[UUID, Any] = (
        {kind.pk: kind.price - promo.discount_on(kind) for kind in offered.values()}
        if promo is not None
        else {}
    )
    return describe_types(live, offered, prices, clock.now())


def _show(  # noqa: PLR0913 - what the page is made of
    request: HttpRequest,
    live: LiveEvent,
    offer: _Offer,
    kinds: list[dict[str, Any]],
    form: ChoiceForm,
    *,
    refusal: Refusal | None = None,
    status: int = HTTPStatus.OK,
    marks: Mapping[str, Any] = MappingProxyType({}),
) -> HttpResponse:
    event, code_refusal = live.cached.event, offer.refusal
    # A page for all readers has a mark in its place.
    own_orders = "" if marks else show_own_orders(request, event)
    if refusal is not None:
        status = status_and_words(type(refusal))[0]
        match FIELDS.get(refusal.code):
            case "email":
                form.add_error("email", say_refusal(refusal))
            case "promo_code":
                code_refusal = refusal
            case _:
                form.add_error(None, say_refusal(refusal))
    context = describe_event(live, clock.now()) | {
        **describe_choice(kinds, form),
        "form_key_field": FIELD,
        "form_key": new_form_key(),
        "code": offer.code,
        "promo": offer.promo,
        "code_refusal": say_refusal(code_refusal) if code_refusal is not None else "",
        "hold_minutes": max(1, event.hold_seconds // 60),
        "own": own_orders,
        **marks,
    }
    page = show_public_page(request, "orders/choose.html", context, status=status)
    if own_orders:
        page.headers["Cache-Control"] = NOT_STORED
    if refusal is not None and refusal.retry_after is not None:
        page.headers["Retry-After"] = str(refusal.retry_after)
    return page
