"""Issue tickets: store each ticket's QR code in S3."""

from datetime import datetime
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction

from orders.changes import touch_order
from ticketing.queue.messages import Message, send_after_commit
from tickets.models import Delivery, Ticket, TicketStatus
from tickets.object_names import ensure_object_name, object_name
from tickets.pictures import render_png


def issue_codes(*, order_id: UUID, now: datetime) -> None:
    """
    Store the QR codes of one order, then send the message for the mail.

    A repeat stores the same codes again. An error of the storage is raised, so that the message
    returns to the queue.
    """
    waiting = Delivery.objects.filter(order_id=order_id, codes_stored_at=None)
    asked_at = waiting.values_list("asked_at", flat=True).order_by("pk").first()
    if asked_at is not None:
        for ticket in Ticket.objects.of_order(order_id).exclude(status=TicketStatus.REVOKED):
            # The name is stored before the upload, so that a retry overwrites the same object.
            _store(f"{ensure_object_name(ticket)}.png", render_png(ticket.code))
    _ask_for_mail(order_id, asked_at, now)


def code_url(ticket: Ticket) -> str | None:
    """
    Return a link to a ticket's QR code. It expires. It is signed here, without a request to S3.

    Return None if the object's name is unknown; storing the code again gives it one.
    """
    name = object_name(ticket)
    return storages["ticket_links"].url(f"{name}.png") if name else None


def _store(name: str, picture: bytes) -> None:
    storages["tickets"].save(name, ContentFile(picture))


@transaction.atomic(durable=True)
def _ask_for_mail(order_id: UUID, asked_at: datetime | None, now: datetime) -> None:
    unsent = Delivery.objects.filter(order_id=order_id, sent_at=None)
    # A changed `asked_at` means that a ticket was replaced meanwhile. Its code is not stored yet,
    # and the replacement has sent a message of its own.
    unstored = unsent.filter(codes_stored_at=None)
    marked = asked_at and unstored.filter(asked_at=asked_at).update(codes_stored_at=now)
    if marked:
        # Clients see `tickets_ready` change to true.
        touch_order(order_id=order_id, now=now)
    # Another worker may have stored the codes and crashed after its commit, before its message.
    if marked or unsent.filter(codes_stored_at__isnull=False).exists():
        send_after_commit(Message.DELIVER_TICKETS, order_id=order_id)
