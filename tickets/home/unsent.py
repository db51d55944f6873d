"""What was not delivered: mails that were given up or wait for too long, and webhook messages."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from events.invitations import open_invitations
from events.reach import Reach
from events.roles import Right
from orders.models import OrderStatus
from tickets.home.matters import MANY, MOST, Matter, at_most
from tickets.models import Delivery, RefundRequest, RequestState, TransferMail
from tickets.notices.models import Notice, NoticeKind
from tickets.webhooks.models import WebhookEndpoint, WebhookMessage

# A mail leaves within seconds, and what failed is tried again within minutes.
_IS_LATE: Final = timedelta(hours=1)
# Older news of the mails and messages of another week helps nobody.
_STILL_NEWS: Final = timedelta(days=7)
# So many of an endpoint's waiting messages are read.
_LOOKED_AT: Final = 200


def find_unsent(reach: Reach, *, now: datetime) -> Iterator[Matter]:
    """Return what was not delivered, as far as the user may do something about it."""
    yield from _tickets(reach, now)
    yield from _notices(reach, now)
    yield from _transfers(reach, now)
    yield from _refund_requests(reach, now)
    yield from _invitations(reach, now)
    yield from _webhooks(reach, now)


def _tickets(reach: Reach, now: datetime) -> Iterator[Matter]:
    unsent = _unsent(Delivery.objects.filter(order__status=OrderStatus.PAID), now)
    own = reach.within(
        # After the event nobody needs the tickets any more.
        unsent.filter(order__event__ends_at__gt=now),
        Right.CHANGE_ORDERS,
        organizer_path="order__event__organizer",
        event_path="order__event",
    )
    failed, late = _count(own)
    page = reverse("admin:tickets_delivery_changelist")
    if failed:
        yield Matter(
            "unsubscribe",
            ngettext(
                "The tickets of %(count)s order did not reach its buyer.",
                "The tickets of %(count)s orders did not reach their buyers.",
                failed,
            )
            % {"count": at_most(failed)},
            _("Correct addresses"),
            f"{page}?state=failed",
            urgent=True,
        )
    if late:
        yield Matter(
            "schedule_send",
            ngettext(
                "The tickets of %(count)s order have waited to be sent for over an hour.",
                "The tickets of %(count)s orders have waited to be sent for over an hour.",
                late,
            )
            % {"count": at_most(late)},
            _("See mails"),
            f"{page}?state=waiting",
            urgent=True,
        )


def _notices(reach: Reach, now: datetime) -> Iterator[Matter]:
    # A notice of a refund waits for its money: that is another matter.
    unsent = _unsent(Notice.objects.all(), now).exclude(kind=NoticeKind.REFUND, attempts=0)
    own = reach.within(
        unsent.filter(asked_at__gt=now - _STILL_NEWS),
        Right.CHANGE_ORDERS,
        organizer_path="order__event__organizer",
        event_path="order__event",
    )
    failed, late = _count(own)
    page = reverse("admin:notices_notice_changelist")
    if failed:
        yield Matter(
            "unsubscribe",
            ngettext(
                "%(count)s notice of a refund or a change did not reach its buyer.",
                "%(count)s notices of a refund or a change did not reach their buyers.",
                failed,
            )
            % {"count": at_most(failed)},
            _("See notices"),
            f"{page}?state=failed",
            urgent=True,
        )
    if late:
        yield Matter(
            "schedule_send",
            ngettext(
                "%(count)s notice to a buyer has waited to be sent for over an hour.",
                "%(count)s notices to buyers have waited to be sent for over an hour.",
                late,
            )
            % {"count": at_most(late)},
            _("See notices"),
            f"{page}?state=waiting",
            urgent=True,
        )


def _transfers(reach: Reach, now: datetime) -> Iterator[Matter]:
    path = "transfer__ticket__event"
    own = reach.within(
        _unsent(TransferMail.objects.filter(**{f"{path}__ends_at__gt": now}), now),
        Right.CHANGE_ORDERS,
        organizer_path=f"{path}__organizer",
        event_path=path,
    )
    for mail in own.select_related("transfer__ticket__order").order_by("asked_at")[:MOST]:
        order = mail.transfer.ticket.order
        yield Matter(
            "move_to_inbox",
            _("A mail about a ticket of order %(order)s that changes hands was not delivered.")
            % {"order": order.code},
            _("See order"),
            reverse("admin:orders_order_change", args=[order.pk]),
            urgent=True,
        )


def _refund_requests(reach: Reach, now: datetime) -> Iterator[Matter]:
    # An open request is shown anyway: its mail goes to the organizer.
    declined = RefundRequest.objects.filter(state=RequestState.DECLINED)
    own = reach.within(
        _unsent(declined, now).filter(asked_at__gt=now - _STILL_NEWS),
        Right.REFUND,
        organizer_path="order__event__organizer",
        event_path="order__event",
    )
    for request in own.select_related("order").order_by("asked_at")[:MOST]:
        yield Matter(
            "unsubscribe",
            _("The buyer of order %(order)s was not told that the refund is declined.")
            % {"order": request.order.code},
            _("See order"),
            reverse("admin:orders_order_change", args=[request.order_id]),
            urgent=True,
        )


def _invitations(reach: Reach, now: datetime) -> Iterator[Matter]:
    waiting = open_invitations().filter(expires_at__gt=now, sent_at=None)
    own = reach.within(
        waiting.filter(Q(failed_at__isnull=False) | Q(asked_at__lt=now - _IS_LATE)),
        Right.CHANGE_ORGANIZER,
        organizer_path="organizer",
        event_path=None,
    )
    for invitation in own.order_by("asked_at", "pk")[:MOST]:
        yield Matter(
            "person_alert",
            _("The invitation of %(email)s was not delivered.") % {"email": invitation.email},
            _("See invitation"),
            reverse("admin:events_invitation_change", args=[invitation.pk]),
        )


def _webhooks(reach: Reach, now: datetime) -> Iterator[Matter]:
    messages = WebhookMessage.objects.filter(endpoint=OuterRef("pk"))
    given_up = messages.filter(next_attempt_at=None, delivered_at=None)
    waiting = WebhookMessage.objects.filter(next_attempt_at__isnull=False)
    first = waiting.filter(endpoint=OuterRef(OuterRef("pk"))).order_by("next_attempt_at")
    late = waiting.filter(pk__in=first.values("pk")[:_LOOKED_AT], created_at__lt=now - _IS_LATE)
    endpoints = WebhookEndpoint.objects.annotate(
        waits=Exists(waiting.filter(endpoint=OuterRef("pk"))),
        lost=Exists(given_up.filter(created_at__gt=now - _STILL_NEWS)),
        late=Exists(late),
    )
    own = reach.within(
        endpoints.filter(
            Q(lost=True) | Q(late=True, disabled_at=None) | Q(waits=True, disabled_at__isnull=False)
        ),
        Right.CHANGE_ORGANIZER,
        organizer_path="organizer",
        event_path=None,
    )
    for endpoint in own.order_by("url", "pk")[:MOST]:
        yield _webhook(endpoint)


def _webhook(endpoint: Any) -> Matter:
    messages = reverse("admin:webhooks_webhookmessage_changelist")
    its_messages = f"{messages}?endpoint__id__exact={endpoint.pk}"
    if endpoint.disabled_at is not None and endpoint.waits:
        return Matter(
            "webhook",
            _("The webhook %(url)s is switched off, and messages wait for it.")
            % {"url": endpoint.url},
            _("See webhook"),
            reverse("admin:webhooks_webhookendpoint_change", args=[endpoint.pk]),
        )
    if endpoint.lost:
        return Matter(
            "webhook",
            _("The webhook %(url)s did not take messages, and they were given up.")
            % {"url": endpoint.url},
            _("See messages"),
            f"{its_messages}&state=lost",
        )
    return Matter(
        "webhook",
        _("The webhook %(url)s has not taken messages for over an hour.") % {"url": endpoint.url},
        _("See messages"),
        f"{its_messages}&state=waiting",
    )


def _unsent(mails: QuerySet[Any], now: datetime) -> QuerySet[Any]:
    """Return those of `mails` that were given up, or have waited for too long."""
    late = now - _IS_LATE
    # A mail that its recipient's limit has put off is late from then on.
    waits = Q(asked_at__lt=late) & (Q(goes_at=None) | Q(goes_at__lt=late))
    return mails.filter(Q(failed_at__isnull=False) | waits, sent_at=None)


def _count(unsent: QuerySet[Any]) -> tuple[int, int]:
    """Return how many mails were given up, and how many are late: `MANY` at most together."""
    moments = list(
        unsent.order_by(F("failed_at").asc(nulls_last=True)).values_list("failed_at", flat=True)[
            :MANY
        ]
    )
    failed = sum(moment is not None for moment in moments)
    return failed, len(moments) - failed
