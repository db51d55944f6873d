"""The names of all messages, and their queues. The settings import it before Django is ready."""

from enum import StrEnum


class Message(StrEnum):
    """A command to a worker. The value is the name of the task that processes it."""

    SETTLE_ORDER = "tickets.settle_order"
    # Ask the gateway whether a Pix was paid, or return the money of one that came too late.
    SETTLE_PIX = "orders.settle_pix"
    ISSUE_CODES = "tickets.issue_codes"
    DELIVER_TICKETS = "tickets.deliver_tickets"
    SEND_CONFIRMATION = "orders.send_confirmation"
    # Revoke an order's tickets, and record what its buyer is owed.
    REFUND_ORDER = "tickets.refund_order"
    # Pay what is owed through the payment gateway.
    RETURN_MONEY = "tickets.return_money"
    # Cancel or refund the orders of a cancelled event.
    FINISH_EVENT_CANCELLATION = "tickets.wind_up_event"
    # Write a notice for each buyer of an event whose date or place changed.
    TELL_BUYERS_OF_CHANGE = "tickets.tell_buyers_of_change"
    SEND_NOTICE = "tickets.send_notice"
    SEND_MEMBER_NOTICE = "tickets.send_member_notice"
    SEND_REMINDER = "tickets.send_reminder"
    SEND_TRANSFER_MAIL = "tickets.send_transfer_mail"
    # Sell or give the lines of a list at the box office.
    SELL_GUEST_LIST = "orders.sell_guest_list"
    SEND_INVITATION = "events.send_invitation"
    # Mail a requested refund to the organizer, or a declined one to the buyer.
    SEND_REFUND_REQUEST = "tickets.send_refund_request"
    # Mail a link to all orders of an address.
    SEND_ORDER_LIST = "tickets.send_order_list"
    # Mail a link for a new password to the accounts of an address, if there are any.
    ANSWER_PASSWORD_RESET = "ticketing.answer_password_reset"  # noqa: S105 - a name
    SEND_ACCOUNT_MAIL = "ticketing.send_account_mail"
    SEND_WEBHOOKS = "tickets.send_webhooks"
    # Do the next step of an export: write, mail, or delete its file.
    WRITE_EXPORT = "tickets.write_export"


# Mails, refunds and webhooks have queues and workers of their own, so that many mails, the refunds
# of a cancelled event or a slow webhook receiver cannot delay payments. Every worker must be
# able to run every task: during a deployment, the previous release may use another queue.
QUEUES = dict.fromkeys(Message, "sale") | {
    Message.DELIVER_TICKETS: "delivery",
    Message.REFUND_ORDER: "refunds",
    Message.RETURN_MONEY: "refunds",
    Message.FINISH_EVENT_CANCELLATION: "refunds",
    Message.SEND_CONFIRMATION: "delivery",
    Message.TELL_BUYERS_OF_CHANGE: "delivery",
    Message.SEND_NOTICE: "delivery",
    Message.SEND_MEMBER_NOTICE: "delivery",
    Message.SEND_REMINDER: "delivery",
    Message.SEND_TRANSFER_MAIL: "delivery",
    Message.SEND_INVITATION: "delivery",
    Message.SEND_ORDER_LIST: "delivery",
    Message.SEND_REFUND_REQUEST: "delivery",
    Message.ANSWER_PASSWORD_RESET: "delivery",
    Message.SEND_ACCOUNT_MAIL: "delivery",
    Message.SEND_WEBHOOKS: "webhooks",
    # In steps of seconds, so that refunds get their turn.
    Message.WRITE_EXPORT: "refunds",
}
