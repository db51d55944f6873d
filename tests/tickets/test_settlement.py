"""A repeated settlement sends on only what still waits."""

import pytest

from tests.make import make_paid_order
from tests.moments import NOON
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.queue.messages import Message
from tickets.models import Delivery
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("state", "sent"),
    [
        ({"codes_stored_at": None}, [Message.ISSUE_CODES]),
        ({}, [Message.DELIVER_TICKETS]),
        ({"sent_at": NOON}, []),
        ({"failed_at": NOON}, []),
    ],
)
def test_the_message_of_the_next_step_is_sent_again(
    queue: RecordingQueue, state: dict[str, object], sent: list[Message]
):
    order = make_paid_order()
    Delivery.objects.update(**{"sent_at": None, "failed_at": None, **state})
    queue.sent.clear()

    settle_order(order_id=order.pk, now=clock.now())

    assert [message for message, _ in queue.sent] == sent
