"""What a buyer agrees to with the payment: check it, store it, and withdraw the consent to news."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from events.models import Organizer, TermsVersion
from events.terms import terms_in_force, terms_link
from orders.consent_record import Consent, ConsentWay
from orders.models import Order
from orders.personal_data import orders_of_person
from ticketing.actors import Actor, record_acts
from ticketing.clock import zone_named
from ticketing.errors import Conflict
from ticketing.models import ActType


@dataclass(frozen=True, slots=True)
class Agreed:
    """
    What a buyer agrees to with a payment.

    `terms` is the number of the version that the buyer has accepted. `news` is the consent to mails
    about other events of the organizer.
    """

    way: ConsentWay
    terms: int | None = None
    news: bool = False


NOTHING_AGREED: Final = Agreed(ConsentWay.API)


class TermsNotAccepted(Conflict):
    """The organizer requires that buyers accept its terms before they pay."""

    code = "terms_not_accepted"
    title = "The terms of sale must be accepted"


class OtherTerms(Conflict):
    """The accepted version was not in force while the buyer had the reservation."""

    code = "other_terms"
    title = "Other terms of sale are in force"


REFUSALS: Final = (TermsNotAccepted, OtherTerms)


def find_accepted(order: Order, agreed: Agreed) -> TermsVersion | None:
    """
    Return the version of the terms that an agreement is about, if it is about any.

    `order` has its event and organizer. A version that was replaced since the order was reserved
    still counts: its buyer has read it. Without terms and without a requirement it costs nothing.

    :raises TermsNotAccepted: if the organizer requires acceptance, and the order has none, neither
        now nor from an earlier payment of it
    :raises OtherTerms: if the accepted version was not in force since the order was reserved
    """
    organizer = order.event.organizer
    if agreed.terms is not None:
        return find_version(organizer, agreed.terms, since=order.created_at)
    if organizer.requires_terms and not _has_accepted(order):
        raise TermsNotAccepted(
            f"Show the buyer {terms_link(organizer, organizer.terms_number)} and send"
            f" `accepted_terms`: {organizer.terms_number}."
        )
    return terms_in_force(organizer) if agreed.news else None


def find_version(organizer: Organizer, number: int, *, since: datetime) -> TermsVersion:
    """
    Return the version of an organizer's terms that a buyer has accepted.

    :param since: when the buyer began: a version that was replaced later still counts
    :raises OtherTerms: if it was not in force since then
    """
    versions = TermsVersion.objects.filter(organizer=organizer)
    version = versions.filter(number=number).first()
    replaced = versions.filter(number=number + 1, valid_from__lte=since)
    if version is None or replaced.exists():
        raise OtherTerms(
            "The organizer has no terms. Leave out `accepted_terms`."
            if organizer.terms_number is None
            else f"Show the buyer {terms_link(organizer, organizer.terms_number)} and send"
            f" `accepted_terms`: {organizer.terms_number}."
        )
    return version


def record_consent(
    order_id: UUID, agreed: Agreed, version: TermsVersion | None, *, now: datetime
) -> None:
    """
    Store what the buyer agrees to, in the transaction of the payment. A repeat adds to it.

    If the buyer agrees to nothing, nothing is written.
    """
    changed = ["terms", "accepted_at"] if agreed.terms is not None else []
    changed += ["news_at", "news_ended_at"] if agreed.news else []
    if not changed:
        return
    consent = Consent(
        order_id=order_id,
        terms=version,
        accepted_at=now if agreed.terms is not None else None,
        news_at=now if agreed.news else None,
        way=agreed.way,
    )
    Consent.objects.bulk_create(
        [consent],
        update_conflicts=True,
        unique_fields=["order"],
        update_fields=[*changed, "way"],
    )


def takes_news(*, organizer_id: UUID, email: str) -> bool:
    """Return whether a person may be sent news of an organizer. `Consent.takes_news` says when."""
    orders = orders_of_person(organizer_id=organizer_id, email=email).order_by()
    return _agreed_in(orders).filter(order__paid_at__isnull=False).exists()


def withdraw_news(*, organizer_id: UUID, email: str, actor: Actor, now: datetime) -> int:
    """
    Withdraw a person's consent to news of an organizer. Return from how many orders.

    What the person agreed to and when stays on record. A repeat changes nothing. Orders that are
    not paid are included, because their consent would count once they are paid.
    """
    orders = orders_of_person(organizer_id=organizer_id, email=email).order_by()
    with transaction.atomic(durable=True):
        # In one fixed order, so that two withdrawals cannot deadlock.
        locked = _agreed_in(orders).select_for_update(of=("self",)).order_by("pk")
        ids = list(locked.values_list("pk", flat=True))
        Consent.objects.filter(pk__in=ids).update(news_ended_at=now)
        if ids:
            record_acts(
                act=ActType.ORDER_CONSENT_WITHDRAWN,
                actor=actor,
                subject_ids=ids,
                organizer_id=organizer_id,
                at=now,
            )
    return len(ids)


def describe_consent(consent: Consent | None) -> str:
    """
    Return what a buyer agreed to for staff, in the active language and the event's time zone.

    `consent` has its terms and its order with the event.
    """
    if consent is None:
        return ""
    zone = zone_named(consent.order.event.timezone)

    def show(moment: datetime) -> str:
        return date_format(moment.astimezone(zone), "SHORT_DATETIME_FORMAT")

    parts = []
    if consent.accepted_at and consent.terms:
        words = {"number": consent.terms.number, "when": show(consent.accepted_at)}
        parts.append(_("terms of sale, version %(number)d (%(when)s)") % words)
    if consent.news_at:
        parts.append(_("news by mail (%(when)s)") % {"when": show(consent.news_at)})
    if consent.agrees_to_news and not consent.takes_news:
        parts.append(_("does not count, because the order is not paid"))
    if consent.news_ended_at:
        parts.append(_("withdrawn (%(when)s)") % {"when": show(consent.news_ended_at)})
    return f"{', '.join(parts)} · {consent.get_way_display()}"


def _agreed_in(orders: QuerySet[Order]) -> QuerySet[Consent]:
    return Consent.objects.filter(order__in=orders, news_at__isnull=False, news_ended_at=None)


def _has_accepted(order: Order) -> bool:
    return Consent.objects.filter(order=order, accepted_at__isnull=False).exists()
