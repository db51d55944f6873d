"""Send the mails about transfers."""

from datetime import datetime
from uuid import UUID

from tickets.models import Ticket, TicketStatus, TransferMail, TransferMailKind
from tickets.notices.reminders import is_time_to_remind, wants_no_reminders
from tickets.outgoing import close_mail, lease_mail, send_leased_mail
from tickets.transfers.accepting import ticket_at_place_of, ticket_of_transfer
from tickets.transfers.mails import (
    compose_ended_mail,
    compose_handed_on_mail,
    compose_holders_reminder,
    compose_new_date_mail,
    compose_offer_mail,
    compose_received_mail,
)
from tickets.transfers.offering import giver_of, is_open


def send_transfer_mail(*, mail_id: UUID, now: datetime) -> None:
    """
    Send one mail about a transfer, and note that it was sent.

    :raises Exception: if the mail was not sent and a retry may succeed
    """
    mail = lease_mail(
        TransferMail.objects.filter(pk=mail_id).select_related(
            "transfer__ticket__order__event__organizer",
            "transfer__ticket__ticket_type",
            "transfer__ticket__transfer",
        ),
        address=_address_of,
        now=now,
    )
    if mail is None:
        return
    transfer = mail.transfer
    if mail.kind == TransferMailKind.OFFER:
        if not is_open(transfer, now=now):
            close_mail(mail, now=now)
        else:
            send_leased_mail(mail, lambda: compose_offer_mail(transfer=transfer), now=now)
        return
    told_of = ticket_at_place_of if mail.kind == TransferMailKind.HANDED_ON else ticket_of_transfer
    ticket = told_of(transfer)
    if mail.kind == TransferMailKind.ENDED and ticket is not None:
        send_leased_mail(
            mail, lambda: compose_ended_mail(transfer=transfer, ticket=ticket), now=now
        )
    elif ticket is None or ticket.status == TicketStatus.REVOKED:
        # It was refunded, blocked or handed on meanwhile: there is no ticket to tell of.
        close_mail(mail, now=now)
    elif mail.kind == TransferMailKind.HANDED_ON:
        send_leased_mail(
            mail, lambda: compose_handed_on_mail(transfer=transfer, ticket=ticket), now=now
        )
    elif mail.kind == TransferMailKind.REMINDER:
        _send_reminder(mail, ticket, now)
    elif mail.kind == TransferMailKind.CHANGED:
        send_leased_mail(
            mail, lambda: compose_new_date_mail(transfer=transfer, ticket=ticket), now=now
        )
    else:
        send_leased_mail(
            mail,
            lambda: compose_received_mail(transfer=transfer, ticket=ticket, now=now),
            now=now,
        )


def _send_reminder(mail: TransferMail, ticket: Ticket, now: datetime) -> None:
    transfer = mail.transfer
    if (
        ticket.status == TicketStatus.VALID
        and is_time_to_remind(ticket.order.event, now)
        and not wants_no_reminders(transfer.email)
    ):
        send_leased_mail(
            mail, lambda: compose_holders_reminder(transfer=transfer, ticket=ticket), now=now
        )
    else:
        close_mail(mail, now=now)


def _address_of(mail: TransferMail) -> str:
    if mail.kind == TransferMailKind.HANDED_ON:
        return giver_of(mail.transfer).email
    return mail.transfer.email
