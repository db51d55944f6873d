"""The page on which a buyer answers the organizer's questions, and its section on the order's."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from events.questions import answers_close_at
from events.wording import show_deadline
from orders.access import buyer_of
from orders.answer_rules import AnswerNotValid
from orders.answers import AnswersClosed, answer_questions, asked_of, can_answer
from orders.models import Order, OrderStatus
from orders.page_link import order_path
from orders.pages.access import of_order, see_other
from orders.pages.details_form import DetailsForm
from orders.pages.next_step import next_step
from orders.pages.shown_order import describe_order, has_ended
from orders.pages.starting_again import describe_start_again, may_start_again, send_again
from ticketing import clock
from ticketing.pages.sections import Section
from ticketing.pages.shop import show_private_page


@of_order
def show_details_page(request: HttpRequest, order: Order) -> HttpResponse:
    """Show what the organizer asks, with the answers so far. A form replaces them."""
    asked = asked_of(order)
    if not asked:
        return see_other(order_path(order.pk))
    if request.method != "POST":
        return _show(request, order, DetailsForm(asked))
    form = DetailsForm(asked, request.POST)
    if not may_start_again(order, clock.now()):
        return _answer(request, order, form)
    return send_again(
        request,
        order,
        show=lambda refused, status: _show(request, order, form, refused=refused, status=status),
        send=lambda new: _answer(request, new, DetailsForm(asked_of(new), request.POST)),
    )


def _answer(request: HttpRequest, order: Order, form: DetailsForm) -> HttpResponse:
    now = clock.now()
    if not form.is_valid():
        return _show(request, order, form, status=HTTPStatus.BAD_REQUEST)
    try:
        answer_questions(order=order, given=form.given(), actor=buyer_of(order), now=now)
    except AnswersClosed:
        return _show(request, order, form, status=HTTPStatus.CONFLICT)
    except AnswerNotValid:
        # The organizer changed the questions while the page was open: show them as they are now.
        form = DetailsForm(asked_of(order))
        changed = _("The questions have changed meanwhile. Please answer these.")
        return _show(request, order, form, refused=changed, status=HTTPStatus.CONFLICT)
    return see_other(next_step(order, now))


def _show(
    request: HttpRequest,
    order: Order,
    form: DetailsForm,
    *,
    refused: str = "",
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    now = clock.now()
    is_over = form.is_bound and may_start_again(order, now)
    if has_ended(order, now) and not is_over:
        # The page of the order says how it ended, and offers to start again.
        return see_other(order_path(order.pk))
    # What was typed for an order that has ended may go with its tickets to the next one.
    is_open = is_over or can_answer(order, order.event, now)
    if not is_open:
        for field in form.fields.values():
            field.disabled = True
    context = describe_order(order, now) | describe_start_again(order, now)
    context |= {
        "form": form,
        "is_open": is_open,
        "is_over": is_over,
        "refused": refused,
        "changes_until": show_deadline(order.event, answers_close_at(order.event)),
        "is_unpaid": order.status == OrderStatus.RESERVED,
    }
    return show_private_page(request, "orders/details.html", context, status=status)


def _describe_section(request: HttpRequest, order: Order) -> Mapping[str, Any] | None:
    now = clock.now()
    if has_ended(order, now) or not (asked := asked_of(order)):
        return None
    return {
        "path": f"{order_path(order.pk)}details/",
        "is_open": can_answer(order, order.event, now),
        "is_missing": any(each.question.is_required and each.value is None for each in asked),
        "is_empty": all(each.value is None for each in asked),
        "until": show_deadline(order.event, answers_close_at(order.event)),
    }


# On the page of an order, above the tickets.
DETAILS_SECTION: Final = Section("orders/details_section.html", _describe_section, position=20)
