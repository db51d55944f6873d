"""Request an order's ticket mail anew, and mails about transfers."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from tickets.models import Delivery, Ticket, TransferMail, TransferMailKind


def next_message(delivery: Delivery) -> Message:
    """Return the message of the next step of a delivery that waits: its codes, or its mail."""
    stored = delivery.codes_stored_at is not None
    return Message.DELIVER_TICKETS if stored else Message.ISSUE_CODES


def new_mail_request(*, now: datetime) -> dict[str, Any]:
    """
    Return the columns that make a `Delivery` wait for a mail again, sent or given up before or not.

    `goes_at` is left as it is: if the limit has put the mail off, repeated requests wait for that
    one mail and do not book more.
    """
    return {
        "asked_at": now,
        "sent_at": None,
        "failed_at": None,
        "failure": "",
        "attempts": 0,
        "asks": 0,
        "ask_again_at": next_retry_at(0, now=now),
    }


def request_transfer_mail(
    transfer_id: UUID, kind: TransferMailKind, *, now: datetime, goes_at: datetime | None = None
) -> None:
    """
    Ask for a mail about a transfer, or for the same mail again, in the open transaction.

    :param goes_at: when the mail may leave, if it is booked already
    """
    columns = new_mail_request(now=now) | {"goes_at": goes_at}
    mail, is_new = TransferMail.objects.get_or_create(
        transfer_id=transfer_id, kind=kind, defaults=columns
    )
    if not is_new:
        TransferMail.objects.filter(pk=mail.pk).update(**columns)
    send_after_commit(Message.SEND_TRANSFER_MAIL, mail_id=mail.pk)


def mail_new_holders(tickets: QuerySet[Ticket], kind: TransferMailKind, *, now: datetime) -> None:
    """Ask for a mail to each new holder of tickets that were handed on, in the open transaction."""
    handed_on = tickets.filter(transfer__isnull=False).order_by("transfer_id")
    for transfer_id in handed_on.values_list("transfer_id", flat=True):
        request_transfer_mail(transfer_id, kind, now=now)
