"""The operation of the API that confirms an email address. Buyers use the page beside it."""

from functools import partial
from typing import Any
from uuid import UUID

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orders.confirmation import ConfirmationNotValid, confirm_email
from orders.models import Order
from orders.payment import REFUSALS as PAYING_REFUSALS
from orders.serializers import OrderShown, show_order
from ticketing import clock
from ticketing.api.fields import LineField, StrictSerializer
from ticketing.api.idempotency import KEY, KEY_REFUSALS, ResponseStore, answer_once
from ticketing.api.schema import operation


class ConfirmationSent(StrictSerializer):
    """The token from the link in the confirmation mail."""

    token = LineField(max_length=200)


class OrderConfirmation(APIView):
    @operation(
        "confirm_email",
        anyone=True,
        takes=ConfirmationSent,
        answers={202: OrderShown},
        # Http404: no URL matches if the id in the path is not a UUID.
        refusals=[Http404, ConfirmationNotValid, *PAYING_REFUSALS, *KEY_REFUSALS],
        parameters=[KEY],
        examples={"The link's token": {"token": "cnf_3b1d6f1f2c4e…"}},
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        """
        Confirm the email address of a free order by the token of the mail's link.

        A repeat with the same token succeeds and changes nothing. Buyers use the page of the link,
        which has the same path. This operation is for shops that show a page of their own.
        """
        return answer_once(request, partial(self._confirm, request, order_id))

    def _confirm(self, request: Request, order_id: UUID, responses: ResponseStore) -> Response:
        parsed = ConfirmationSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        shown: dict[str, Any] = {}

        def store_response(order: Order) -> None:
            shown.update(show_order(order))
            responses.store(202, shown, {})

        token = parsed.validated_data["token"]
        confirm_email(
            order_id=order_id, token=token, now=clock.now(), store_response=store_response
        )
        return Response(shown, status=202)
