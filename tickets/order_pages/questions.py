"""The questions before acts on orders and tickets: amounts, people and consequences."""

from collections import defaultdict
from decimal import Decimal
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from events.admin.confirming import Question
from orders.models import Order, OrderStatus
from orders.refunds import rest_of_payment
from ticketing import clock
from ticketing.money import format_money
from tickets.models import Delivery, Ticket, TicketStatus
from tickets.retry import Work, unfinished_work
from tickets.transfers.offering import open_offers

# The sum of more orders than this is not shown: reading it must stay quick.
_MOST_SUMMED: Final = 200
_WORK_SENTENCES: Final = {
    Work.PAYMENT: gettext_lazy(
        "The payment is not settled: a worker asks the gateway again. Nobody is charged twice."
    ),
    Work.PIX: gettext_lazy(
        "A Pix is waited for, or its money is to be returned: a worker asks the gateway again."
    ),
    Work.MONEY: gettext_lazy("A refund is not paid out yet: a worker asks the gateway again."),
    Work.CONFIRMATION: gettext_lazy("The email that asks to confirm the order is sent."),
    Work.CODES: gettext_lazy("The QR codes are made, then the tickets are sent by email."),
    Work.MAIL: gettext_lazy("The email with the tickets is sent."),
    Work.MAIL_GIVEN_UP: gettext_lazy(
        "The email with the tickets was given up. It is sent again, to the same address."
    ),
    Work.OTHER_MAILS: gettext_lazy(
        "A notice, or a mail about a transfer or a refund request, is sent to the same address."
    ),
}


def ask_to_refund(orders: QuerySet[Order]) -> Question:
    """Ask whether to refund orders in full, with the sum by currency."""
    paid = list(orders.filter(status=OrderStatus.PAID).select_related("payment")[:_MOST_SUMMED])
    count = len(paid)
    words = {"count": count, "amount": _sum_of(paid)}
    return Question(
        text=ngettext(
            "Refund %(count)d order in full: %(amount)s?",
            "Refund %(count)d orders in full: %(amount)s?",
            count,
        )
        % words,
        consequences=[
            _("Each buyer gets all the money back, the way the order was paid."),
            _("The tickets are revoked at once: the door refuses them."),
            _("The places go back on sale."),
            _("Orders that are not paid do not change."),
        ],
        confirm=ngettext(
            "Refund %(count)d order (%(amount)s)", "Refund %(count)d orders (%(amount)s)", count
        )
        % words,
        keep=ngettext("Keep this order", "Keep these orders", count),
    )


def ask_to_resend(orders: QuerySet[Order]) -> Question:
    """Ask whether to send the tickets of orders again."""
    paid = list(orders.filter(status=OrderStatus.PAID)[:_MOST_SUMMED])
    count = len(paid)
    return Question(
        text=_name_receiver(paid)
        or ngettext(
            "Send the tickets of %(count)d order again?",
            "Send the tickets of %(count)d orders again?",
            count,
        )
        % {"count": count},
        consequences=[
            _("The codes stay the same: earlier emails keep working."),
            _("Is the address wrong? Correct the customer instead: that makes new codes."),
        ],
        confirm=_("Send the tickets"),
        keep=_("Send nothing"),
        is_harmless=True,
    )


def ask_to_resend_deliveries(deliveries: QuerySet[Delivery]) -> Question:
    """Ask whether to send the tickets of deliveries again."""
    return ask_to_resend(Order.objects.filter(delivery__in=deliveries))


def ask_to_retry(orders: QuerySet[Order]) -> Question:
    """Ask whether to retry an order, with what it waits for."""
    work = {one for order in orders for one in unfinished_work(order.pk)}
    code = ", ".join(order.code for order in orders)
    return Question(
        text=_("Retry the unfinished work of order %(code)s now?") % {"code": code},
        consequences=[_WORK_SENTENCES[one] for one in Work if one in work],
        confirm=_("Retry order %(code)s") % {"code": code},
        keep=_("Back to the order"),
        is_harmless=True,
    )


def ask_to_reissue(tickets: QuerySet[Ticket]) -> Question:
    """Ask whether to give a ticket a new code."""
    ticket = tickets.select_related("order").get()
    return Question(
        text=_("Give the ticket of %(name)s a new code?") % {"name": ticket.holder_name},
        consequences=[
            _("The old code is dead at once: the door refuses it."),
            _("%(email)s gets all tickets of order %(code)s by email again.")
            % {"email": ticket.order.customer_email, "code": ticket.order.code},
            *say_which_offer_ends(ticket),
        ],
        confirm=_("Make a new code"),
        keep=_("Keep the old code"),
    )


def say_which_offer_ends(ticket: Ticket) -> list[str]:
    """Return the sentence about the open offer of a ticket that will be replaced, if it has one."""
    offer = open_offers(ticket.order, now=clock.now()).get(ticket.pk)
    if offer is None:
        return []
    words = {"name": offer.name}
    return [_("The ticket is offered to %(name)s. That offer ends and cannot be accepted.") % words]


def say_which_offers_end(order: Order) -> list[str]:
    """Return the sentence about open offers of tickets that a correction may replace, if any."""
    mine = Ticket.objects.of_order(order.pk).filter(status=TicketStatus.VALID, transfer=None)
    offers = open_offers(order, now=clock.now())
    offered = [
        offers[ticket_id] for ticket_id in mine.values_list("pk", flat=True) if ticket_id in offers
    ]
    if not offered:
        return []
    words = {"names": ", ".join(offer.name for offer in offered)}
    return [
        ngettext(
            "A ticket is offered to %(names)s. If it gets a new code, that offer ends and cannot be"
            " accepted.",
            "Tickets are offered to %(names)s. The offers of those that get new codes end and"
            " cannot be accepted.",
            len(offered),
        )
        % words
    ]


def ask_to_revoke(tickets: QuerySet[Ticket]) -> Question:
    """Ask whether to revoke a ticket without a refund."""
    ticket = tickets.get()
    return Question(
        text=_("Revoke the ticket of %(name)s without a refund?") % {"name": ticket.holder_name},
        consequences=[
            _("The door refuses it at once. This cannot be undone."),
            _("Its place stays sold, and the buyer gets no money back."),
        ],
        confirm=_("Revoke the ticket"),
        keep=_("Keep the ticket"),
    )


def _sum_of(orders: list[Order]) -> str:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for order in orders:
        sums[order.currency] += rest_of_payment(order.payment)
    return " + ".join(format_money(amount, currency) for currency, amount in sums.items()) or "-"


def _name_receiver(orders: list[Any]) -> str:
    if len(orders) != 1:
        return ""
    words = {"code": orders[0].code, "email": orders[0].customer_email}
    return _("Send the tickets of order %(code)s to %(email)s again?") % words
