"""The names of QR codes in S3. A ticket's row stores its name, so that secrets may change."""

import hashlib
import hmac
import secrets
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from tickets.models import Ticket

_LENGTH = 40
_BATCH = 1_000


def new_object_name(*, event_id: UUID, ticket_id: UUID) -> str:
    """
    Return the name for a new ticket's QR code, without ".png". Nobody can guess it from the ids.

    With `TICKET_SIGNING_SECRET` the name is the one that the previous release derives: its
    processes may still run, and store or link the same code. Without it, the name is random.
    """
    if settings.TICKET_SIGNING_SECRET:
        return _derive(event_id, ticket_id)
    return _name(event_id, secrets.token_hex(_LENGTH // 2))


def object_name(ticket: Ticket) -> str:
    """Return the name of a ticket's QR code, or "" if it is neither stored nor derivable."""
    if ticket.object_name:
        return ticket.object_name
    # The previous release stores no name in the row.
    return _derive(ticket.event_id, ticket.pk) if settings.TICKET_SIGNING_SECRET else ""


def ensure_object_name(ticket: Ticket) -> str:
    """Return the name of a ticket's QR code, and store it if its row has none."""
    if not ticket.object_name:
        name = new_object_name(event_id=ticket.event_id, ticket_id=ticket.pk)
        # Another worker may have stored a name first: its name counts.
        Ticket.objects.filter(pk=ticket.pk, object_name="").update(object_name=name)
        ticket.refresh_from_db(fields=["object_name"])
    return ticket.object_name


def store_object_names() -> int:
    """
    Store the names that the previous release derived. Return how many rows had none.

    Afterwards no link depends on `TICKET_SIGNING_SECRET`. The work is done in batches, and may be
    stopped and started again.

    :raises ImproperlyConfigured: if `TICKET_SIGNING_SECRET` is not set
    """
    if not settings.TICKET_SIGNING_SECRET:
        raise ImproperlyConfigured(
            "Set TICKET_SIGNING_SECRET, from which the names are derived, and run this again."
        )
    stored = 0
    waiting = Ticket.objects.filter(object_name="").only("pk", "event_id").order_by("pk")
    batch = list(waiting[:_BATCH])
    while batch:
        for ticket in batch:
            ticket.object_name = _derive(ticket.event_id, ticket.pk)
        # Derived names are equal in all processes: two that run at once write the same names.
        stored += Ticket.objects.bulk_update(batch, ["object_name"])
        batch = list(waiting.filter(pk__gt=batch[-1].pk)[:_BATCH])
    return stored


def _derive(event_id: UUID, ticket_id: UUID) -> str:
    secret = settings.TICKET_SIGNING_SECRET.encode()
    proof = hmac.new(secret, b"object key" + ticket_id.bytes, hashlib.sha256).hexdigest()
    return _name(event_id, proof[:_LENGTH])


def _name(event_id: UUID, proof: str) -> str:
    return f"codes/{event_id}/{proof}"
