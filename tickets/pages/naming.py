"""The page on which a buyer names the holders of an order's tickets, and its section."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.translation import gettext as _

from events.admin.refusals import say_refusal
from events.models import HolderNames
from events.wording import show_deadline
from orders.access import buyer_of
from orders.answer_rules import Place
from orders.holders import can_name, names_close_at, needs_names
from orders.models import Order, OrderStatus
from orders.page_link import order_path
from orders.pages.access import of_order, see_other
from orders.pages.next_step import next_step
from orders.pages.shown_order import describe_order, has_ended
from orders.pages.starting_again import describe_start_again, may_start_again, send_again
from ticketing import clock
from ticketing.api.problems import status_and_words
from ticketing.errors import Refusal
from ticketing.pages.sections import Section
from ticketing.pages.shop import show_private_page
from ticketing.text_form import PersonNameField
from tickets.holders import NamedPlace, name_holders, named_places

# In the address of the order's page: the names on its tickets were just saved.
_SAVED: Final = "named"


class NamesForm(forms.Form):
    """A field for the name on each ticket. Those that cannot be named now are disabled."""

    def __init__(
        self, places: Sequence[NamedPlace], order: Order, *args: Any, is_over: bool = False
    ) -> None:
        """
        Make the fields.

        :param is_over: keep what was typed for an order that has ended: its names can be carried on
        """
        super().__init__(*args)
        self.places = list(places)
        is_required = order.event.holder_names == HolderNames.REQUIRED
        is_first_time = order.status == OrderStatus.RESERVED and not any(
            each.name for each in self.places
        )
        # Most buyers go themselves.
        suggested = order.customer_name if is_required and is_first_time else ""
        for number, each in enumerate(self.places):
            words = {"type": each.item.ticket_type.name, "number": each.place.position}
            self.fields[f"name-{number}"] = PersonNameField(
                label=_("%(type)s, ticket %(number)d") % words,
                required=is_required,
                initial=each.name or (suggested if number == 0 else ""),
                disabled=not (each.can_name or is_over),
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )

    def names(self) -> dict[Place, str]:
        """Return the names of a valid form, for those tickets that can be named."""
        return {
            each.place: self.cleaned_data[f"name-{number}"]
            for number, each in enumerate(self.places)
            if each.can_name
        }


@of_order
def show_names_page(request: HttpRequest, order: Order) -> HttpResponse:
    """Show the names on the tickets of an order. A form changes them."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    now = clock.now()
    places = named_places(order, now=now)
    if not places or (not _is_asked(order) and order.status != OrderStatus.PAID):
        return see_other(order_path(order.pk))
    if request.method != "POST":
        return _show(request, order, NamesForm(places, order))
    if not may_start_again(order, now):
        return _name(request, order, places)
    typed = NamesForm(places, order, request.POST, is_over=True)
    return send_again(
        request,
        order,
        show=lambda refused, status: _show(request, order, typed, refused=refused, status=status),
        send=lambda new: _name(request, new, named_places(new, now=clock.now())),
    )


def _name(request: HttpRequest, order: Order, places: Sequence[NamedPlace]) -> HttpResponse:
    now = clock.now()
    form = NamesForm(places, order, request.POST)
    if not form.is_valid():
        return _show(request, order, form, status=HTTPStatus.BAD_REQUEST)
    try:
        name_holders(order=order, names=form.names(), actor=buyer_of(order), now=now)
    except Refusal as refusal:
        # Something has changed while the page was open: show the tickets as they are now.
        order.refresh_from_db()
        fresh = NamesForm(named_places(order, now=now), order)
        status = status_and_words(type(refusal))[0]
        return _show(request, order, fresh, refused=say_refusal(refusal), status=status)
    if order.status == OrderStatus.PAID:
        return see_other(f"{order_path(order.pk)}?{_SAVED}=1")
    return see_other(next_step(order, now))


def _show(
    request: HttpRequest,
    order: Order,
    form: NamesForm,
    *,
    refused: str = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    now = clock.now()
    is_over = form.is_bound and may_start_again(order, now)
    if has_ended(order, now) and not is_over:
        # The page of the order says how it ended, and offers to start again.
        return see_other(order_path(order.pk))
    context = describe_order(order, now) | describe_start_again(order, now)
    context |= {
        "form": form,
        "is_open": is_over or any(each.can_name for each in form.places),
        "is_over": is_over,
        "is_sold": order.status == OrderStatus.PAID,
        "is_unpaid": order.status == OrderStatus.RESERVED,
        "is_asked": _is_asked(order),
        "is_required": order.event.holder_names == HolderNames.REQUIRED,
        "refused": refused,
        "changes_until": show_deadline(order.event, names_close_at(order.event)),
    }
    return show_private_page(request, "tickets/names.html", context, status=status)


def _is_asked(order: Order) -> bool:
    """Return whether the event asks for names. If not, those on sold tickets can be corrected."""
    return order.event.holder_names != HolderNames.NOT_ASKED


def _describe_section(request: HttpRequest, order: Order) -> Mapping[str, Any] | None:
    now = clock.now()
    if has_ended(order, now) or not can_name(order, order.event, now):
        return None
    is_asked = _is_asked(order)
    # Without a question there is no name to show that the tickets do not: this costs no query.
    places = named_places(order, now=now) if is_asked else []
    return {
        "path": f"{order_path(order.pk)}names/",
        "is_asked": is_asked,
        "is_missing": order.status == OrderStatus.RESERVED and needs_names(order, now),
        "is_saved": order.status == OrderStatus.PAID and _SAVED in request.GET,
        "email": order.customer_email,
        "names": [each.name for each in places if each.name],
        "until": show_deadline(order.event, names_close_at(order.event)),
    }


# On the page of an order, below the questions.
NAMES_SECTION: Final = Section("tickets/names_section.html", _describe_section, position=30)
