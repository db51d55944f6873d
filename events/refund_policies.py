"""What buyers of an event may ask back, and until when."""

from datetime import datetime, timedelta

from events.models import Event, RefundMode, RefundPolicy
from ticketing.actors import Actor, record_act
from ticketing.models import ActType


def refund_policy_of(event: Event) -> RefundPolicy | None:
    """Return the policy of an event: its own, else that of its organizer. None: no refunds."""
    policies = RefundPolicy.objects.filter(organizer_id=event.organizer_id)
    own = policies.filter(event=event).first()
    policy = own or policies.filter(event=None).first()
    return policy if policy is not None and policy.mode != RefundMode.NONE else None


def copy_refund_policy(*, source: Event, clone: Event, actor: Actor, now: datetime) -> None:
    """
    Give a copied event the policy that its source has for itself, if it has one.

    It runs in the caller's transaction.
    """
    own = RefundPolicy.objects.filter(event=source).first()
    if own is None:
        return
    copy = RefundPolicy.objects.create(
        organizer_id=clone.organizer_id,
        event=clone,
        mode=own.mode,
        days_after_purchase=own.days_after_purchase,
        days_before_start=own.days_before_start,
    )
    record_act(
        act=ActType.REFUND_POLICY_SAVED,
        actor=actor,
        subject_id=copy.pk,
        organizer_id=clone.organizer_id,
        at=now,
    )


def refund_deadline(policy: RefundPolicy, event: Event, *, paid_at: datetime) -> datetime:
    """Return until when a buyer who paid at `paid_at` may ask."""
    before_start = event.starts_at - timedelta(days=policy.days_before_start)
    if policy.days_after_purchase is None:
        return before_start
    return min(before_start, paid_at + timedelta(days=policy.days_after_purchase))
