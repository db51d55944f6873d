"""Remind buyers of their event the day before it, and people to whom they handed tickets on."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import translation
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext

from events.event_mail import render_event_mail
from events.models import Event, EventStatus
from orders.models import Order, OrderStatus
from orders.page_link import order_link
from ticketing.addresses import counted_address
from ticketing.api.callers import secrets_in_use
from ticketing.letters import HtmlMail
from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from tickets.mail_request import mail_new_holders
from tickets.models import Ticket, TicketStatus, TransferMailKind
from tickets.notices.reminder_models import EventReminder, NoReminders, Reminder
from tickets.outgoing import close_mail, lease_mail, send_leased_mail

# How long before the start buyers are reminded. A later buyer has the tickets' own mail at hand.
BEFORE: Final = timedelta(hours=24)
# A reminder that is later than this would come while people are on their way.
LATEST: Final = timedelta(hours=2)
# Rows in one transaction: their messages leave one by one after its commit.
BATCH: Final = 500
_EVENTS_AT_ONCE: Final = 20
_DIGEST_LENGTH: Final = 32


def write_due_reminders(*, now: datetime) -> int:
    """
    Ask for the reminders of events that start within a day. Return how many were asked for.

    One call writes a batch for each event, so that a large event delays no other work. A repeat
    writes nothing twice: each order has one row for ever, also if its event is moved afterwards.
    """
    due = Event.objects.filter(
        status=EventStatus.PUBLISHED,
        starts_at__gt=now + LATEST,
        starts_at__lte=now + BEFORE,
    ).exclude(eventreminder__finished_at__isnull=False)
    chosen = list(due.order_by("starts_at", "pk").values_list("pk", flat=True)[:_EVENTS_AT_ONCE])
    return sum(_write_batch(event_id, now) for event_id in chosen)


def send_reminder(*, order_id: UUID, now: datetime) -> None:
    """
    Mail a reminder, and note that it was sent. What is no use any more is closed instead.

    :raises Exception: if the mail was not sent and a retry may succeed
    """
    reminder = lease_mail(
        Reminder.objects.filter(pk=order_id).select_related("order__event__organizer"),
        address=lambda row: row.order.customer_email,
        now=now,
    )
    if reminder is None:
        return
    if _is_of_use(reminder.order, now) and not wants_no_reminders(reminder.order.customer_email):
        send_leased_mail(reminder, lambda: compose_reminder(order=reminder.order), now=now)
    else:
        close_mail(reminder, now=now)


def stop_reminders(*, address: str, now: datetime) -> None:
    """Send no reminders to an address any more. A repeat changes nothing."""
    (digest, *_older) = _digests(address)
    stop = NoReminders(recipient=digest, since=now)
    NoReminders.objects.bulk_create([stop], ignore_conflicts=True)


def resume_reminders(*, address: str) -> None:
    """Send reminders to an address again, from the next event on. A repeat changes nothing."""
    NoReminders.objects.filter(recipient__in=_digests(address)).delete()


def wants_no_reminders(address: str) -> bool:
    """
    Say whether the reader of an address has asked for no reminders.

    A stop that only an older SECRET_KEY finds is stored by the current key too.
    """
    (newest, *older) = _digests(address)
    stops = NoReminders.objects.in_bulk([newest, *older])
    if stops and newest not in stops:
        # The older key will be removed.
        since = min(stop.since for stop in stops.values())
        stop = NoReminders(recipient=newest, since=since)
        NoReminders.objects.bulk_create([stop], ignore_conflicts=True)
    return bool(stops)


def compose_reminder(*, order: Order) -> HtmlMail:
    """Return the mail that reminds a buyer of an event, in the language of the order."""
    with translation.override(order.language):
        return compose_event_reminder(
            order.event,
            name=order.customer_name,
            to=order.customer_email,
            link=order_link(order, "tickets"),
            stop_link=order_link(order, "reminders"),
        )


def compose_event_reminder(
    event: Event, *, name: str, to: str, link: str, stop_link: str
) -> HtmlMail:
    """Return the mail that reminds a person of an event, in the active language."""
    context = {"name": name, "link": link, "stop_link": stop_link}
    subject = gettext("Coming up: %(event)s") % {"event": event.name}
    return render_event_mail("tickets/mail/reminder", event, context, subject=subject, to=[to])


def is_time_to_remind(event: Event, now: datetime) -> bool:
    """Say whether a reminder is of use: an event that was moved has a mail of its own."""
    return event.status == EventStatus.PUBLISHED and now < event.starts_at <= now + 2 * BEFORE


@transaction.atomic(durable=True)
def _write_batch(event_id: UUID, now: datetime) -> int:
    new = EventReminder(event_id=event_id)
    EventReminder.objects.bulk_create([new], ignore_conflicts=True)
    # Another beat at the same moment leaves this event to us.
    locked = EventReminder.objects.select_for_update(skip_locked=True, of=("self",))
    state = locked.select_related("event").filter(pk=event_id, finished_at=None).first()
    if state is None:
        return 0
    orders = Order.objects.filter(
        event_id=event_id, status=OrderStatus.PAID, paid_at__lte=state.event.starts_at - BEFORE
    ).exclude(customer_email="")
    if state.written_until is not None:
        orders = orders.filter(created_at__gte=state.written_until)
    unknown = orders.filter(~Exists(Reminder.objects.filter(pk=OuterRef("pk"))))
    batch = list(unknown.order_by("created_at", "pk")[:BATCH])
    Reminder.objects.bulk_create(
        Reminder(order=order, asked_at=now, ask_again_at=next_retry_at(0, now=now))
        for order in batch
    )
    for order in batch:
        send_after_commit(Message.SEND_REMINDER, order_id=order.pk)
    handed_on = Ticket.objects.filter(
        order__in=batch,
        status=TicketStatus.VALID,
        # A person who accepted later has the ticket's own mail at hand.
        transfer__accepted_at__lte=state.event.starts_at - BEFORE,
    )
    mail_new_holders(handed_on, TransferMailKind.REMINDER, now=now)
    if batch:
        state.written_until = batch[-1].created_at
    if len(batch) < BATCH:
        state.finished_at = now
    state.save(update_fields=["written_until", "finished_at"])
    return len(batch)


def _is_of_use(order: Order, now: datetime) -> bool:
    return (
        order.status == OrderStatus.PAID
        and is_time_to_remind(order.event, now)
        and Ticket.objects.of_order(order.pk)
        .filter(status=TicketStatus.VALID, transfer=None)
        .exists()
    )


def _digests(address: str) -> list[str]:
    """Return the digest of an address by the current key, then those by older keys."""
    counted = counted_address(address)
    return [
        salted_hmac("notices.reminders", counted, secret, algorithm="sha256").hexdigest()[
            :_DIGEST_LENGTH
        ]
        for secret in secrets_in_use()
    ]
