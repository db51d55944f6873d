"""The view with which an organizer's system exchanges a sold ticket for another type."""

from functools import partial
from typing import Any, Final
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import InsufficientScope, NotForThisCaller, actor_of
from events.models import Scope
from orders.exchanges import REFUSALS, Difference
from ticketing import clock
from ticketing.api.fields import LineField, StrictSerializer
from ticketing.api.freshness import etag_of_shown
from ticketing.api.idempotency import KEY, KEY_REFUSALS, ResponseStore, answer_once
from ticketing.api.schema import API_TOKEN, operation
from ticketing.text_form import LONGEST_REASON
from tickets.access import TicketNotFound, ticket_acted_for
from tickets.exchange import (
    TicketHasThatType,
    WantedExchange,
    exchange_ticket,
)
from tickets.models import Ticket
from tickets.replacement import TicketNotValid
from tickets.serializers import ReplacedProblem, TicketForOrganizer, show_ticket_to_organizer

_ID: Final = "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e"


class ExchangeSent(StrictSerializer):
    """The new type of a ticket, and what happens with the difference of the price."""

    ticket_type = serializers.UUIDField(help_text="The id of the new type, of the same event.")
    difference = serializers.ChoiceField(
        choices=[one.value for one in Difference],
        required=False,
        help_text="Needed if the prices differ. A cheaper type: `refund` returns the difference the"
        " way the order was paid and needs the scope `orders:refund`, `keep` returns nothing. A"
        " dearer type: `cash` says that you took the difference, `waive` gives it up. No card is"
        " charged.",
    )
    reason = LineField(
        max_length=LONGEST_REASON,
        required=False,
        help_text="Needed to `waive`. It is kept for good: no personal data.",
    )


class TicketExchanged(APIView):
    @operation(
        "exchange_ticket",
        tokens=[(API_TOKEN, Scope.TICKETS_WRITE.value)],
        takes=ExchangeSent,
        answers={201: TicketForOrganizer},
        refusals=[
            NotForThisCaller,
            InsufficientScope,
            TicketNotFound,
            TicketNotValid,
            TicketHasThatType,
            *REFUSALS,
            *KEY_REFUSALS,
        ],
        problems={TicketNotValid: ReplacedProblem},
        parameters=[KEY],
        examples={
            "To a dearer type": {"ticket_type": _ID, "difference": "cash"},
            "To a cheaper type": {"ticket_type": _ID, "difference": "refund"},
        },
    )
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """
        Replace a ticket by one of another type of its event, with a new id and a new code.

        Gates refuse the old code at once. A place of the new type is taken, the old one is back on
        sale, and the buyer gets the order's tickets by mail again. Sales periods and limits per
        customer do not apply. The order's items stay as the buyer ordered them.
        """
        ticket = ticket_acted_for(request, ticket_id, Scope.TICKETS_WRITE)
        if isinstance(request.data, dict) and request.data.get("difference") == Difference.REFUND:
            ticket = ticket_acted_for(request, ticket_id, Scope.ORDERS_REFUND)
        return answer_once(request, partial(_exchange, request, ticket))


def _exchange(request: Request, ticket: Ticket, responses: ResponseStore) -> Response:
    parsed = ExchangeSent(data=request.data)
    parsed.is_valid(raise_exception=True)
    sent = parsed.validated_data
    shown: dict[str, Any] = {}
    headers: dict[str, str] = {}

    def store_response(new: Ticket) -> None:
        shown.update(show_ticket_to_organizer(new.pk))
        headers.update({"Location": f"/tickets/{new.pk}", "ETag": etag_of_shown(shown)})
        responses.store(201, shown, headers)

    exchange_ticket(
        wanted=WantedExchange(
            ticket_id=ticket.pk,
            ticket_type_id=sent["ticket_type"],
            difference=Difference(sent["difference"]) if "difference" in sent else None,
            reason=sent.get("reason", ""),
        ),
        actor=actor_of(request),
        now=clock.now(),
        store_response=store_response,
    )
    return Response(shown, status=201, headers=headers)
