"""Every message that crosses the queue, by name. The settings read it before Django is ready."""

from enum import StrEnum


class Message(StrEnum):
    """A command to a worker. Its value is the name of the task that obeys it."""

    SETTLE_ORDER = "tickets.settle_order"
    ISSUE_CODES = "tickets.issue_codes"
    DELIVER_TICKETS = "tickets.deliver_tickets"
    SEND_CONFIRMATION = "orders.send_confirmation"
    REFUND_ORDER = "tickets.refund_order"
    RETURN_MONEY = "tickets.return_money"
    WIND_UP_EVENT = "tickets.wind_up_event"
    SEND_WEBHOOKS = "tickets.send_webhooks"


# A mailing must never delay a payment, nor may the refunds of a cancelled event or a slow receiver
# of webhooks: so mail, refunds and webhooks have queues and workers of their own. Any worker can do
# any task: during an upgrade, messages of the release before arrive in the queues of that release.
QUEUES = dict.fromkeys(Message, "sale") | {
    Message.DELIVER_TICKETS: "delivery",
    Message.REFUND_ORDER: "refunds",
    Message.RETURN_MONEY: "refunds",
    Message.WIND_UP_EVENT: "refunds",
    Message.SEND_CONFIRMATION: "delivery",
    Message.SEND_WEBHOOKS: "webhooks",
}
