"""What needs the attention of a member: each matter with the page on which it is dealt with."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db.models import F
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from events.models import ApiToken, EventStatus, TicketType
from events.reach import Reach
from events.roles import Right
from orders.models import Refund
from ticketing.models import FailedMessage
from ticketing.money import format_money
from tickets.home.matters import MANY, MOST, Matter, at_most, show_moment
from tickets.home.unsent import find_unsent
from tickets.models import Device, RefundRequest, RequestState

_NEARLY: Final = 0.9
_REFUND_IS_LATE: Final = timedelta(hours=1)
_TOKEN_ENDS_SOON: Final = timedelta(days=14)


def find_matters(reach: Reach, *, now: datetime) -> list[Matter]:
    """Return what the user should deal with and may deal with, the most urgent kinds first."""
    return [
        *_failed_messages(reach),
        *_refund_requests(reach),
        *_late_refunds(reach, now),
        *find_unsent(reach, now=now),
        *_drafts_without_types(reach, now),
        *_nearly_sold_out(reach, now),
        *_devices_without_event(reach),
        *_ending_tokens(reach, now),
    ]


def _failed_messages(reach: Reach) -> Iterator[Matter]:
    if not reach.is_unlimited:
        return
    dead = FailedMessage.objects.filter(died_at__isnull=False, sent_again_at=None)
    if count := dead.order_by()[:MANY].count():
        yield Matter(
            "report",
            ngettext(
                "%(count)s message could not be processed.",
                "%(count)s messages could not be processed.",
                count,
            )
            % {"count": at_most(count)},
            _("See messages"),
            reverse("admin:ticketing_failedmessage_changelist") + "?died_at__isempty=0",
            urgent=True,
        )


def _refund_requests(reach: Reach) -> Iterator[Matter]:
    asked = reach.within(
        RefundRequest.objects.filter(state=RequestState.OPEN),
        Right.REFUND,
        organizer_path="order__event__organizer",
        event_path="order__event",
    )
    if count := asked.order_by()[:MANY].count():
        yield Matter(
            "currency_exchange",
            ngettext(
                "%(count)s buyer asks for a refund and waits for your decision.",
                "%(count)s buyers ask for a refund and wait for your decision.",
                count,
            )
            % {"count": at_most(count)},
            _("Decide"),
            reverse("admin:tickets_refundrequest_changelist") + "?state__exact=open",
            urgent=True,
        )


def _late_refunds(reach: Reach, now: datetime) -> Iterator[Matter]:
    late = Refund.objects.filter(refunded_at=None, created_at__lt=now - _REFUND_IS_LATE)
    own = reach.within(
        late.select_related("payment__order"),
        Right.REFUND,
        organizer_path="payment__order__event__organizer",
        event_path="payment__order__event",
    )
    for refund in own.order_by("ask_again_at")[:MOST]:
        order = refund.payment.order
        yield Matter(
            "currency_exchange",
            _("Since %(when)s, the refund of %(amount)s for order %(order)s has not been paid.")
            % {
                "amount": format_money(refund.amount, refund.payment.currency),
                "order": order.code,
                "when": show_moment(refund.created_at),
            },
            _("See order"),
            reverse("admin:orders_order_change", args=[order.pk]),
            urgent=True,
        )


def _drafts_without_types(reach: Reach, now: datetime) -> Iterator[Matter]:
    drafts = reach.events_with(Right.CHANGE_EVENTS).filter(
        status=EventStatus.DRAFT, ends_at__gt=now, ticket_types=None
    )
    for event in drafts.order_by("starts_at", "pk")[:MOST]:
        yield Matter(
            "edit_note",
            _("“%(event)s” is a draft without ticket types.") % {"event": event.name},
            _("Add types"),
            reverse("admin:events_event_change", args=[event.pk]),
        )


def _nearly_sold_out(reach: Reach, now: datetime) -> Iterator[Matter]:
    kinds = reach.within(
        TicketType.objects.filter(event__status=EventStatus.PUBLISHED, event__ends_at__gt=now),
        Right.CHANGE_EVENTS,
        organizer_path="event__organizer",
        event_path="event",
    ).filter(promised__gte=F("capacity") * _NEARLY, promised__lt=F("capacity"))
    for kind in kinds.select_related("event").order_by("event__starts_at", "pk")[:MOST]:
        yield Matter(
            "local_fire_department",
            ngettext(
                "%(count)d ticket of “%(type)s” is left for “%(event)s”.",
                "%(count)d tickets of “%(type)s” are left for “%(event)s”.",
                kind.capacity - kind.promised,
            )
            % {
                "count": kind.capacity - kind.promised,
                "type": kind.name,
                "event": kind.event.name,
            },
            _("Change capacity"),
            reverse("admin:events_event_change", args=[kind.event_id]),
        )


def _devices_without_event(reach: Reach) -> Iterator[Matter]:
    devices = reach.within(
        Device.objects.filter(revoked_at=None, all_events=False, events=None),
        Right.RUN_DOOR,
        organizer_path="organizer",
        event_path=None,
    )
    for device in devices.order_by("name", "pk")[:MOST]:
        yield Matter(
            "smartphone",
            _("The door device “%(device)s” has no event, so it admits nobody.")
            % {"device": device.name},
            _("Choose events"),
            reverse("admin:tickets_device_change", args=[device.pk]),
        )


def _ending_tokens(reach: Reach, now: datetime) -> Iterator[Matter]:
    tokens = reach.within(
        ApiToken.objects.filter(
            revoked_at=None, expires_at__gt=now, expires_at__lt=now + _TOKEN_ENDS_SOON
        ),
        Right.CHANGE_ORGANIZER,
        organizer_path="organizer",
        event_path=None,
    )
    for token in tokens.order_by("expires_at", "pk")[:MOST]:
        yield Matter(
            "key",
            _("On %(when)s, the API token “%(token)s” expires.")
            % {"token": token.name, "when": show_moment(token.expires_at)},
            _("See token"),
            reverse("admin:events_apitoken_change", args=[token.pk]),
        )
