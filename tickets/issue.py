"""Issuing: every ticket gets its QR code, kept on S3."""

from datetime import datetime
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction

from orders.changes import touch_order
from ticketing.errors import Unavailable
from ticketing.queue.messages import Message, send_after_commit
from tickets.models import Delivery, Ticket, TicketStatus
from tickets.object_names import fix_object_name, object_name
from tickets.pictures import render_png


class StorageAway(Unavailable):
    """The codes could not be kept."""

    code = "storage_away"
    title = "The storage does not answer"


def issue_codes(*, order_id: UUID, now: datetime) -> None:
    """
    Store the QR codes of one order, then ask for the mail. Twice stores the same again.

    An error of the storage goes up: the message returns to the queue.
    """
    waiting = Delivery.objects.filter(order_id=order_id, codes_stored_at=None)
    asked_at = waiting.values_list("asked_at", flat=True).order_by("pk").first()
    if asked_at is not None:
        for ticket in Ticket.objects.of_order(order_id).exclude(status=TicketStatus.REVOKED):
            # Before the upload, so that a repeat stores under the same name.
            _store(f"{fix_object_name(ticket)}.png", render_png(ticket.code))
    _ask_for_mail(order_id, asked_at, now)


def code_url(ticket: Ticket) -> str | None:
    """
    Return a link to a ticket's QR code that expires. It is signed here, without a request.

    None if the name of its object is lost, until its code is stored again.
    """
    name = object_name(ticket)
    return storages["ticket_links"].url(f"{name}.png") if name else None


def _store(name: str, picture: bytes) -> None:
    saved = storages["tickets"].save(name, ContentFile(picture))
    if saved != name:
        storages["tickets"].delete(name)
        raise StorageAway(f"{name} was stored under another name.")


@transaction.atomic(durable=True)
def _ask_for_mail(order_id: UUID, asked_at: datetime | None, now: datetime) -> None:
    unsent = Delivery.objects.filter(order_id=order_id, sent_at=None)
    # Asked for again since, there is a ticket that we have not seen: another message is on its way.
    unstored = unsent.filter(codes_stored_at=None)
    ours = asked_at and unstored.filter(asked_at=asked_at).update(codes_stored_at=now)
    if ours:
        # The order is shown with `tickets_ready` from now on.
        touch_order(order_id=order_id, now=now)
    # Another worker that stored them may have died between the commit and the message.
    if ours or unsent.filter(codes_stored_at__isnull=False).exists():
        send_after_commit(Message.DELIVER_TICKETS, order_id=order_id)
