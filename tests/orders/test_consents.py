"""A buyer accepts the organizer's terms with the payment, and news only apart from them."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from events.models import Organizer, TermsVersion
from events.terms import TermsMissing, Texts, save_terms
from orders.confirmation import accept_payment
from orders.consents import (
    Agreed,
    OtherTerms,
    TermsNotAccepted,
    describe_consent,
    find_version,
    record_consent,
    takes_news,
    withdraw_news,
)
from orders.models import Consent, ConsentWay, Order, OrderStatus
from orders.reports.order_rows import OrderRows
from orders.reports.paging import Extent
from tests.make import (
    SOMEBODY,
    as_bearer,
    as_organizer,
    make_event,
    make_organizer,
    make_reservation,
    make_reserved_order,
)
from ticketing import clock
from ticketing.models import Act, ActType
from tickets.personal_data import copy_of_person
from tickets.refund import refund_order
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)

CARD = {"method": "card", "token": "tok_approved"}


def save(organizer: Organizer, text: str = "Sem devolução.", *, required: bool = True) -> int:
    version = save_terms(
        organizer_id=organizer.pk,
        texts=Texts(sale_pt=text),
        is_required=required,
        actor=SOMEBODY,
        now=clock.now(),
    )
    return version.number


def pay(order: Order, **agreed: object) -> None:
    fresh = Order.objects.select_related("event__organizer").get(pk=order.pk)
    accept_payment(
        order=fresh,
        method="card",
        token="tok_approved",
        now=clock.now(),
        agreed=Agreed(ConsentWay.API, **agreed),  # type: ignore[arg-type]
    )


def order_at(organizer: Organizer) -> Order:
    kind = make_event(organizer=organizer).ticket_types.get()
    return make_reserved_order(ticket_type=kind)


def test_required_terms_are_accepted_with_their_version_and_time():
    organizer = make_organizer()
    number = save(organizer)
    order = order_at(organizer)

    with pytest.raises(TermsNotAccepted, match="accepted_terms"):
        pay(order)
    assert Order.objects.get().status == OrderStatus.RESERVED
    pay(order, terms=number)

    consent = Consent.objects.select_related("terms").get(order=order)
    assert consent.terms is not None
    assert (consent.terms.number, consent.way) == (1, ConsentWay.API)
    assert consent.accepted_at is not None
    assert not consent.agrees_to_news


def test_a_version_that_was_replaced_counts_only_for_orders_from_before():
    organizer = make_organizer()
    save(organizer, "Antes")
    before = order_at(organizer)
    save(organizer, "Depois")
    after = order_at(organizer)

    pay(before, terms=1)
    with pytest.raises(OtherTerms, match="`accepted_terms`: 2"):
        pay(after, terms=1)
    with pytest.raises(OtherTerms):
        pay(after, terms=3)
    pay(after, terms=2)


def test_a_version_counts_until_the_moment_from_which_the_next_one_is_valid():
    organizer = make_organizer()
    save(organizer, "Antes")
    save(organizer, "Depois")
    ends_at = TermsVersion.objects.get(number=2).valid_from

    found = find_version(organizer, 1, since=ends_at - timedelta(microseconds=1))
    with pytest.raises(OtherTerms):
        find_version(organizer, 1, since=ends_at)

    assert found.number == 1


def test_only_the_orders_own_acceptance_spares_another_one():
    organizer = make_organizer()
    number = save(organizer, required=False)
    accepted, news_only = order_at(organizer), order_at(organizer)
    record_consent(
        accepted.pk,
        Agreed(ConsentWay.API, terms=number),
        TermsVersion.objects.get(),
        now=clock.now(),
    )
    # Such as at an earlier payment that was declined.
    record_consent(news_only.pk, Agreed(ConsentWay.API, news=True), None, now=clock.now())
    save(organizer, required=True)

    pay(accepted)
    for order in (news_only, order_at(organizer)):
        with pytest.raises(TermsNotAccepted):
            pay(order)


def test_news_are_apart_from_the_terms_and_off_unless_chosen():
    organizer = make_organizer()
    save(organizer, required=False)
    silent, news, terms = (order_at(organizer) for _ in range(3))

    pay(silent)
    pay(news, news=True)
    pay(terms, terms=1)

    assert not Consent.objects.filter(order=silent).exists()
    agreed = Consent.objects.get(order=news)
    assert (agreed.accepted_at, agreed.agrees_to_news, agreed.terms_id is not None) == (
        None,
        True,
        True,
    )
    assert not Consent.objects.get(order=terms).agrees_to_news


@pytest.mark.parametrize("price", ["45.00", "0.00"], ids=["declined", "address not confirmed"])
def test_news_for_an_address_need_more_than_a_request_to_pay(price: str):
    kind = make_event(price=price).ticket_types.get()
    reservation = make_reservation(ticket_type=kind)
    person: Any = {"organizer_id": kind.event.organizer_id, "email": "ana@example.com"}
    buyer, shop = as_bearer(reservation.token.text), as_organizer(kind.event)
    path = f"/orders/{reservation.order_id}"
    way = {"method": "free"} if price == "0.00" else {"method": "card", "token": "tok_declined"}

    paid = buyer.post(f"{path}/payment", way | {"marketing_consent": True})
    found = [takes_news(**person)]
    settle_order(order_id=reservation.order_id, now=clock.now())
    found.append(takes_news(**person))

    assert (paid.status_code, found) == (202, [False, False])
    # The buyer sees the own choice, the organizer what counts.
    assert paid.json()["marketing_consent"]
    assert buyer.get(path).json()["marketing_consent"]
    assert not shop.get(path).json()["marketing_consent"]
    listed = shop.get(f"/events/{kind.event_id}/orders").json()["results"]
    assert [order["marketing_consent"] for order in listed] == [False]


def test_news_count_from_the_payment_on_and_still_after_a_refund():
    order = order_at(make_organizer())
    person: Any = {"organizer_id": order.event.organizer_id, "email": "ana@example.com"}
    shop, path = as_organizer(order.event), f"/orders/{order.pk}"
    found = []

    pay(order, news=True)
    for step in (lambda **_: None, settle_order, partial(refund_order, actor=SOMEBODY)):
        step(order_id=order.pk, now=clock.now())
        found.append((takes_news(**person), shop.get(path).json()["marketing_consent"]))

    assert found == [(False, False), (True, True), (True, True)]
    assert Order.objects.get().status == OrderStatus.REFUNDED


def test_the_export_of_orders_has_news_of_paid_orders_only():
    order = order_at(make_organizer())
    pay(order, news=True)
    rows = OrderRows(
        Extent(
            organizer_id=order.event.organizer_id,
            event_id=order.event_id,
            taken_at=clock.now() + timedelta(minutes=1),
        )
    )

    def read_news() -> list[Any]:
        with translation.override("en"):
            titles = [column.title for column in rows.columns()]
            (row,) = rows.read(None, 10).rows
        shown = dict(zip(titles, row, strict=True))
        return [shown["News"], bool(shown["News since"])]

    before = read_news()
    settle_order(order_id=order.pk, now=clock.now())

    assert (before, read_news()) == (["no", False], ["yes", True])


def test_a_payment_that_agrees_to_nothing_costs_no_query():
    order = Order.objects.select_related("event__organizer").get(pk=make_reserved_order().pk)
    with CaptureQueriesContext(connection) as captured:
        accept_payment(order=order, method="card", token="tok_approved", now=clock.now())

    assert not [query for query in captured if "consent" in query["sql"]]
    assert not [query for query in captured if "terms" in query["sql"]]


def test_a_refused_payment_stores_no_consent():
    organizer = make_organizer()
    save(organizer)
    order = order_at(organizer)
    Order.objects.filter(pk=order.pk).update(reserved_until=clock.now() - timedelta(hours=1))

    with pytest.raises(Exception, match="reservation ended"):
        pay(order, terms=1)

    assert not Consent.objects.exists()


def test_withdrawing_ends_the_news_and_keeps_the_record():
    organizer = make_organizer()
    orders = [order_at(organizer), order_at(organizer)]
    elsewhere = order_at(make_organizer())
    for order in (*orders, elsewhere):
        pay(order, news=True)
    # The payment of the second is still being processed: its consent must not count afterwards.
    settle_order(order_id=orders[0].pk, now=clock.now())
    settle_order(order_id=elsewhere.pk, now=clock.now())

    def withdraw() -> int:
        return withdraw_news(
            organizer_id=organizer.pk,
            email="ana@example.com",
            actor=SOMEBODY,
            now=clock.now(),
        )

    assert (withdraw(), withdraw()) == (2, 0)

    taking = [each.order_id for each in Consent.objects.all() if each.takes_news]
    assert taking == [elsewhere.pk]
    assert Consent.objects.filter(news_at__isnull=False).count() == 3
    acts = Act.objects.filter(type=ActType.ORDER_CONSENT_WITHDRAWN)
    assert {act.subject_id for act in acts} == {order.pk for order in orders}


def test_a_person_who_accepted_only_the_terms_takes_no_news():
    organizer = make_organizer()
    pay(order_at(organizer), terms=save(organizer))
    person: Any = {"organizer_id": organizer.pk, "email": "ana@example.com"}

    assert not takes_news(**person)
    assert withdraw_news(**person, actor=SOMEBODY, now=clock.now()) == 0
    news = order_at(organizer)
    pay(news, terms=1, news=True)
    settle_order(order_id=news.pk, now=clock.now())
    assert takes_news(**person)


def test_staff_read_what_was_agreed_in_the_time_zone_of_the_event():
    organizer = make_organizer()
    save(organizer)
    order = order_at(organizer)
    # In São Paulo it is three hours earlier, and still the day before.
    at = datetime(2027, 3, 10, 1, 30, tzinfo=UTC)
    consent = Consent(
        order=order, terms=TermsVersion.objects.get(), accepted_at=at, way=ConsentWay.SHOP
    )
    terms = "terms of sale, version 1 (03/09/2027 10:30 p.m.)"
    news = "news by mail (03/09/2027 11:30 p.m.)"

    with translation.override("en"):
        assert describe_consent(None) == ""
        assert describe_consent(consent) == f"{terms} · shop"
        consent.news_at = at + timedelta(hours=1)
        unpaid = "does not count, because the order is not paid"
        assert describe_consent(consent) == f"{terms}, {news}, {unpaid} · shop"
        order.paid_at = at
        assert describe_consent(consent) == f"{terms}, {news} · shop"
        consent.accepted_at = None
        consent.news_ended_at = at + timedelta(hours=2)
        assert describe_consent(consent) == f"{news}, withdrawn (03/10/2027 12:30 a.m.) · shop"


def test_the_copy_of_a_person_has_what_the_person_agreed_to():
    organizer = make_organizer()
    save(organizer)
    order = order_at(organizer)
    pay(order, terms=1, news=True)

    copy = copy_of_person(
        organizer_id=organizer.pk, email="ana@example.com", actor=SOMEBODY, now=clock.now()
    )

    consent = copy["orders"][0]["consent"]
    assert (consent["terms_version"], consent["news_withdrawn_at"]) == (1, None)
    assert consent["terms_accepted_at"] is not None
    assert consent["news_agreed_at"] is not None


def test_the_api_takes_and_shows_what_the_buyer_agreed_to():
    kind = make_event().ticket_types.get()
    save(kind.event.organizer)
    reservation = make_reservation(ticket_type=kind)
    buyer = as_bearer(reservation.token.text)
    path = f"/orders/{reservation.order_id}"

    refused = buyer.post(f"{path}/payment", CARD)
    assert (refused.status_code, refused.json()["code"]) == (409, "terms_not_accepted")
    wrong = buyer.post(f"{path}/payment", CARD | {"accepted_terms": 7})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "other_terms")
    shown = buyer.get(path).json()
    assert (shown["accepted_terms"], shown["marketing_consent"]) == (None, False)

    agreed = {"accepted_terms": 1, "marketing_consent": True}
    paid = buyer.post(f"{path}/payment", CARD | agreed)

    assert paid.status_code == 202
    assert {name: paid.json()[name] for name in agreed} == agreed


def test_a_pix_needs_the_terms_once_and_a_card_after_it_no_more():
    kind = make_event().ticket_types.get()
    save(kind.event.organizer)
    reservation = make_reservation(ticket_type=kind)
    buyer = as_bearer(reservation.token.text)
    path = f"/orders/{reservation.order_id}"

    refused = buyer.post(f"{path}/pix")
    assert (refused.status_code, refused.json()["code"]) == (409, "terms_not_accepted")
    asked = buyer.post(f"{path}/pix", {"accepted_terms": 1})
    again = buyer.post(f"{path}/pix")
    paid = buyer.post(f"{path}/payment", CARD | {"marketing_consent": True})

    assert (asked.status_code, again.status_code, paid.status_code) == (200, 200, 202)
    assert (paid.json()["accepted_terms"], paid.json()["marketing_consent"]) == (1, True)


def test_a_free_order_stores_the_consent_while_it_waits_for_the_confirmed_address():
    kind = make_event(price="0.00").ticket_types.get()
    save(kind.event.organizer)
    reservation = make_reservation(ticket_type=kind)

    paid = as_bearer(reservation.token.text).post(
        f"/orders/{reservation.order_id}/payment", {"method": "free", "accepted_terms": 1}
    )

    assert (paid.status_code, paid.json()["status"]) == (202, "reserved")
    assert paid.json()["accepted_terms"] == 1


def test_the_same_texts_make_no_version_and_versions_cannot_be_changed():
    organizer = make_organizer(name="Casa Azul")
    assert (save(organizer, "A"), save(organizer, "A"), save(organizer, "B")) == (1, 1, 2)

    organizer.refresh_from_db()
    assert (organizer.slug, organizer.terms_number) == ("casa-azul", 2)
    assert Act.objects.filter(type=ActType.TERMS_SAVED).count() == 2
    with pytest.raises(IntegrityError, match="never changed or deleted"):
        TermsVersion.objects.update(sale_pt="C")
    with pytest.raises(IntegrityError, match="never changed or deleted"):
        TermsVersion.objects.filter(number=1).delete()


def test_acceptance_is_not_required_of_terms_that_do_not_exist():
    with pytest.raises(TermsMissing):
        save(make_organizer(), "")


def test_two_organizers_of_one_name_have_different_addresses():
    first, second = make_organizer(name="Casa Azul"), make_organizer(name="Casa Azul")
    save(first)
    save(second)

    slugs = set(Organizer.objects.values_list("slug", flat=True))
    assert len(slugs) == 2
    assert "casa-azul" in slugs
