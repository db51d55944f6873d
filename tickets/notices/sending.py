"""Send notices to buyers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from events.changes_for_buyers import told_values
from events.models import ChangeForBuyers, EventStatus
from orders.models import Order, OrderStatus, PixCharge, PixState, Refund
from ticketing.models import Act, ActType
from tickets.notices.mails import (
    compose_cancellation_mail,
    compose_change_mail,
    compose_decline_mail,
    compose_pix_mail,
    compose_refund_mail,
)
from tickets.notices.models import Notice, NoticeKind
from tickets.outgoing import close_mail, lease_mail, send_leased_mail


def send_notice(*, notice_id: UUID, now: datetime) -> None:
    """
    Mail a notice to the buyer, and note that it was sent.

    A notice about money waits until it was returned: the sweep asks again.

    :raises Exception: if the mail was not sent and a retry may succeed
    """
    notices = Notice.objects.filter(pk=notice_id)
    kind, cause = notices.values_list("kind", "cause").get()
    if _is_owed(kind, cause):
        return
    notice = lease_mail(
        notices.select_related("order__event__organizer", "order__payment"),
        address=lambda row: row.order.customer_email,
        now=now,
    )
    if notice is None:
        return
    if notice.kind == NoticeKind.EVENT_CHANGED:
        _send_change(notice, now)
    elif notice.kind == NoticeKind.EVENT_CANCELLED:
        send_leased_mail(notice, lambda: compose_cancellation_mail(notice=notice), now=now)
    elif notice.kind == NoticeKind.PAYMENT_DECLINED:
        if _has_come_back(notice.order):
            close_mail(notice, now=now)
        else:
            send_leased_mail(notice, lambda: compose_decline_mail(notice=notice, now=now), now=now)
    elif notice.kind == NoticeKind.PIX_RETURNED:
        send_leased_mail(notice, lambda: compose_pix_mail(notice=notice), now=now)
    else:
        send_leased_mail(notice, lambda: compose_refund_mail(notice=notice), now=now)


def _is_owed(kind: str, cause: UUID) -> bool:
    if kind == NoticeKind.REFUND:
        return Refund.objects.filter(pk=cause, refunded_at=None).exists()
    returning = PixCharge.objects.filter(pk=cause, state=PixState.RETURNING)
    return kind == NoticeKind.PIX_RETURNED and returning.exists()


def _has_come_back(order: Order) -> bool:
    """
    Return whether the buyer has made a newer order of the event, in whatever state it is.

    An order in the same name whose address was corrected is the same buyer's: the address of this
    one is then somebody else's.
    """
    newer = Order.objects.filter(event=order.event_id, created_at__gt=order.created_at)
    corrections = Act.objects.filter(
        type=ActType.ORDER_CUSTOMER_CORRECTED, subject_id=OuterRef("pk")
    )
    corrected = newer.filter(Exists(corrections), customer_name=order.customer_name)
    return newer.filter(customer_email=order.customer_email).exists() or corrected.exists()


def _send_change(notice: Notice, now: datetime) -> None:
    """
    Mail what is different from what the buyer knows, in one mail for all changes not told yet.

    It compares with the event as it is now, so that no mail that was put off says what is wrong by
    then.
    """
    order = notice.order
    waiting = Notice.objects.filter(
        order=order, kind=NoticeKind.EVENT_CHANGED, sent_at=None, failed_at=None
    ).exclude(pk=notice.pk)
    others = {other.pk: other.cause for other in waiting}
    changes = ChangeForBuyers.objects.filter(pk__in=[notice.cause, *others.values()])
    newest_first = changes.order_by("-changed_at", "-pk")
    # The oldest change says what the buyer knows.
    known = {name: value for change in newest_first for name, value in change.before.items()}
    if _is_news(order, known):
        send_leased_mail(notice, lambda: compose_change_mail(notice=notice, known=known), now=now)
    else:
        close_mail(notice, now=now)
    if Notice.objects.filter(pk=notice.pk, sent_at=now).exists():
        Notice.objects.filter(pk__in=others, sent_at=None).update(sent_at=now)


def _is_news(order: Order, known: Mapping[str, Any]) -> bool:
    """Return whether a buyer needs a mail: not if there is other news, or nothing differs."""
    if order.status != OrderStatus.PAID or order.event.status != EventStatus.PUBLISHED:
        return False
    now_true = told_values(order.event)
    return any(now_true[name] != value for name, value in known.items())
