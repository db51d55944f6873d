"""Views of the answers of an order."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import InsufficientScope
from events.models import Scope
from orders.access import OrderNotFound, order_to_act_on, order_visible_to
from orders.answer_rules import AnswerMissing, AnswerNotValid
from orders.answer_serializers import AnswersSent, AnswersShown, read_answers, show_answers
from orders.answers import AnswersClosed, answer_questions
from ticketing import clock
from ticketing.api.schema import API_TOKEN, ORDER_TOKEN, operation

_READER = (API_TOKEN, Scope.ORDERS_READ.value)
_SHOP = (API_TOKEN, Scope.ORDERS_WRITE.value)


class OrderAnswers(APIView):
    @operation(
        "get_answers",
        tokens=[ORDER_TOKEN, _READER],
        answers={200: AnswersShown},
        refusals=[InsufficientScope, OrderNotFound],
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        """Return what the order is asked, and its answers. The event's questions have the words."""
        return Response(show_answers(order_visible_to(request, order_id), clock.now()))

    @operation(
        "answer_questions",
        tokens=[ORDER_TOKEN, _SHOP],
        takes=AnswersSent,
        answers={200: AnswersShown},
        refusals=[InsufficientScope, OrderNotFound, AnswersClosed, AnswerNotValid, AnswerMissing],
        examples={
            "For the order, and for one ticket": {
                "answers": [
                    {"question": "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e", "answer": "Vegan"},
                    {
                        "question": "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4f",
                        "ticket_type": "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c50",
                        "position": 1,
                        "answer": True,
                    },
                ]
            }
        },
    )
    def put(self, request: Request, order_id: UUID) -> Response:
        """
        Replace the answers of an order, before or after its payment, until `answers_until`.

        Questions that must be answered need an answer at each place where they are asked.
        """
        order, actor = order_to_act_on(request, order_id)
        parsed = AnswersSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        given, now = read_answers(parsed.validated_data, order), clock.now()
        answer_questions(order=order, given=given, actor=actor, now=now)
        return Response(show_answers(order, now))
