"""The view of the names on the tickets of an order."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import InsufficientScope
from events.models import HolderNames, Scope
from orders.access import OrderNotFound, order_to_act_on, order_visible_to
from orders.answer_rules import Place
from orders.holders import NamesClosed, UnknownPlace, can_name, names_close_at
from orders.models import Order
from ticketing import clock
from ticketing.api.fields import NameField, StrictSerializer, WholeNumberField, show_moment
from ticketing.api.schema import API_TOKEN, ORDER_TOKEN, operation
from tickets.holders import NamedPlace, TooManyNames, name_holders, named_places
from tickets.replacement import TicketNotValid

_READER = (API_TOKEN, Scope.ORDERS_READ.value)
_SHOP = (API_TOKEN, Scope.ORDERS_WRITE.value)
_MOST_NAMES = 1_000


class HolderNamed(StrictSerializer):
    """The name for one ticket of an order. null is the buyer's."""

    ticket_type = serializers.UUIDField()
    position = WholeNumberField(min_value=1, max_value=10_000)
    name = NameField(allow_null=True)


class HoldersSent(StrictSerializer):
    """Names for some tickets of an order. The other tickets keep theirs."""

    # The generator believes that all fields of a PATCH are optional. This one is required.
    rules = {"required": ["holders"]}

    holders = HolderNamed(many=True, max_length=_MOST_NAMES)  # type: ignore[call-arg]


class HolderShown(serializers.Serializer[Any]):
    """One ticket of an order and its name. null: it will have the buyer's."""

    ticket_type = serializers.UUIDField()
    position = serializers.IntegerField()
    name = serializers.CharField(allow_null=True)
    can_name = serializers.BooleanField(
        help_text="Whether the name may change now. Not after a check-in, an offer or a transfer."
    )


class HoldersShown(serializers.Serializer[Any]):
    """The names on the tickets of an order, and until when they may change."""

    holder_names = serializers.ChoiceField(
        choices=HolderNames.choices,
        help_text=(
            "`no`: ask none. After the payment they can be corrected, where tickets may be"
            " transferred. `required`: ask all of them before the payment."
        ),
    )
    names_until = serializers.DateTimeField(help_text="Names may be changed before it.")
    can_name = serializers.BooleanField()
    holders = HolderShown(many=True)


class OrderHolders(APIView):
    @operation(
        "get_holders",
        tokens=[ORDER_TOKEN, _READER],
        answers={200: HoldersShown},
        refusals=[InsufficientScope, OrderNotFound],
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        """Return the names on the tickets of an order, also before these exist."""
        return Response(_show(order_visible_to(request, order_id), clock.now()))

    @operation(
        "name_holders",
        tokens=[ORDER_TOKEN, _SHOP],
        takes=HoldersSent,
        answers={200: HoldersShown},
        refusals=[
            InsufficientScope,
            OrderNotFound,
            NamesClosed,
            UnknownPlace,
            TicketNotValid,
            TooManyNames,
        ],
        examples={
            "One ticket": {
                "holders": [
                    {
                        "ticket_type": "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c50",
                        "position": 1,
                        "name": "Bia Lima",
                    }
                ]
            }
        },
    )
    def patch(self, request: Request, order_id: UUID) -> Response:
        """
        Name the holders of tickets, before or after the payment, until `names_until`.

        If the event asks no names (`holder_names` is `no`), only after the payment, and only where
        tickets may be transferred.

        After the payment, a ticket whose name changes gets a new id and a new code; gates refuse
        the old code, and the buyer gets the tickets by mail again.
        """
        order, actor = order_to_act_on(request, order_id)
        parsed = HoldersSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        now = clock.now()
        names = _read(parsed.validated_data, order)
        name_holders(order=order, names=names, actor=actor, now=now)
        return Response(_show(order, now))


def _read(sent: Mapping[str, Any], order: Order) -> dict[Place, str]:
    items = {item.ticket_type_id: item.pk for item in order.items.all()}
    names: dict[Place, str] = {}
    for number, holder in enumerate(sent["holders"]):
        pointer = f"#/holders/{number}"
        item_id = items.get(holder["ticket_type"])
        place = Place(item_id, holder["position"])
        if item_id is None:
            raise UnknownPlace("The order has no tickets of that type.", pointer=pointer)
        if place in names:
            raise UnknownPlace("This ticket is named twice.", pointer=pointer)
        names[place] = holder["name"] or ""
    return names


def _show(order: Order, now: datetime) -> dict[str, Any]:
    return {
        "holder_names": order.event.holder_names,
        "names_until": show_moment(names_close_at(order.event)),
        "can_name": can_name(order, order.event, now),
        "holders": [_show_place(each) for each in named_places(order, now=now)],
    }


def _show_place(named: NamedPlace) -> dict[str, Any]:
    return {
        "ticket_type": str(named.item.ticket_type_id),
        "position": named.place.position,
        "name": named.name or None,
        "can_name": named.can_name,
    }
