"""Pricing one order and checking its limits, without a database."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from events.models import Event, EventStatus, TicketType
from orders.pricing import (
    EventNotFound,
    EventNotOnSale,
    MaxPerOrderExceeded,
    ReservedTickets,
    SalesEnded,
    SalesNotStarted,
    TicketTypeNeeded,
    UnknownTicketType,
    WantedTickets,
    discount_of,
    price_tickets,
    total_of,
)
from orders.promo_terms import (
    PromoCodeExpired,
    PromoCodeNeedsOtherQuantity,
    PromoCodeNotApplicable,
    PromoCodeNotStarted,
    PromoTerms,
)
from tests.moments import NOON
from ticketing.ids import new_id

A_SECOND = timedelta(seconds=1)


def event_on_sale(**fields: Any) -> Event:
    on_sale = {"name": "Jazz", "status": EventStatus.PUBLISHED, "max_per_order": 10}
    return Event(**(on_sale | {"ends_at": NOON + timedelta(days=1)} | fields))


def ticket_type(name: str = "Pista", price: str = "45.00", **fields: Any) -> TicketType:
    return TicketType(name=name, price=Decimal(price), **fields)


def price(event: Event, *kinds: TicketType, wanted: Any = 1) -> list[ReservedTickets]:
    types = {kind.pk: kind for kind in kinds}
    return price_tickets(event=event, types=types, wanted=wanted, now=NOON)


def test_a_number_of_tickets_means_tickets_of_the_only_type():
    kind = ticket_type()

    assert price(event_on_sale(), kind, wanted=3) == [ReservedTickets(kind, 3)]


def test_the_items_are_sorted_by_type_in_whatever_order_they_are_sent():
    pista, camarote = sorted(
        [ticket_type("Pista"), ticket_type("Camarote")], key=lambda kind: kind.pk
    )
    wanted = [WantedTickets(camarote.pk, 1), WantedTickets(pista.pk, 2)]

    items = price(event_on_sale(), camarote, pista, wanted=wanted)

    assert items == [ReservedTickets(pista, 2), ReservedTickets(camarote, 1)]


def test_the_total_counts_each_ticket_at_the_price_of_its_type():
    items = [
        ReservedTickets(ticket_type(price="45.00"), 2),
        ReservedTickets(ticket_type(price="0.50"), 3),
    ]

    assert total_of(items) == Decimal("91.50")
    assert total_of([]) == 0


def test_a_number_of_tickets_is_refused_if_the_event_has_several_types():
    with pytest.raises(TicketTypeNeeded, match=r"several ticket types \(Pista, Camarote\): send"):
        price(event_on_sale(), ticket_type("Pista"), ticket_type("Camarote"))


def test_a_type_of_another_event_is_unknown():
    wanted = [WantedTickets(new_id(), 1), WantedTickets(new_id(), 1)]

    with pytest.raises(UnknownTicketType, match="does not have 2 of the ticket types"):
        price(event_on_sale(), ticket_type(), wanted=wanted)


def test_a_draft_is_not_found():
    with pytest.raises(EventNotFound):
        price(event_on_sale(status=EventStatus.DRAFT), ticket_type())


def test_a_cancelled_event_is_not_on_sale():
    with pytest.raises(EventNotOnSale, match="Jazz was cancelled"):
        price(event_on_sale(status=EventStatus.CANCELLED), ticket_type())


def test_an_event_is_on_sale_until_the_moment_it_ends():
    with pytest.raises(EventNotOnSale, match="Jazz is over"):
        price(event_on_sale(ends_at=NOON), ticket_type())

    assert price(event_on_sale(ends_at=NOON + A_SECOND), ticket_type())


def test_sales_start_exactly_at_the_start_of_the_event_and_of_each_type():
    assert price(event_on_sale(sales_start_at=NOON), ticket_type(sales_start_at=NOON))

    later = NOON + A_SECOND
    with pytest.raises(SalesNotStarted, match=f"Sales of Jazz start at {later.isoformat()[:10]}"):
        price(event_on_sale(sales_start_at=later), ticket_type())
    with pytest.raises(SalesNotStarted, match="Sales of Pista start"):
        price(event_on_sale(), ticket_type(sales_start_at=later))


def test_sales_end_exactly_at_the_end_of_the_event_and_of_each_type():
    later = NOON + A_SECOND
    assert price(event_on_sale(sales_end_at=later), ticket_type(sales_end_at=later))

    with pytest.raises(SalesEnded, match="Sales of Jazz ended"):
        price(event_on_sale(sales_end_at=NOON), ticket_type())
    with pytest.raises(SalesEnded, match="Sales of Pista ended"):
        price(event_on_sale(), ticket_type(sales_end_at=NOON))


def test_the_sales_of_a_type_that_is_not_wanted_do_not_matter():
    open_type, closed = ticket_type(), ticket_type(sales_end_at=NOON)

    assert price(event_on_sale(), open_type, closed, wanted=[WantedTickets(open_type.pk, 1)])


def test_the_limit_of_the_event_counts_all_tickets_of_an_order():
    pista, camarote = ticket_type("Pista"), ticket_type("Camarote")
    event = event_on_sale(max_per_order=4)
    four = [WantedTickets(pista.pk, 2), WantedTickets(camarote.pk, 2)]
    five = [WantedTickets(pista.pk, 2), WantedTickets(camarote.pk, 3)]

    assert len(price(event, pista, camarote, wanted=four)) == 2
    with pytest.raises(MaxPerOrderExceeded, match="4 tickets at most; 5 were asked for"):
        price(event, pista, camarote, wanted=five)


def test_the_limit_of_a_type_counts_only_its_tickets():
    kind = ticket_type(max_per_order=2)

    assert price(event_on_sale(), kind, wanted=2)
    with pytest.raises(MaxPerOrderExceeded, match="2 of Pista at most; 3 were asked for"):
        price(event_on_sale(), kind, wanted=3)


def terms(**fields: Any) -> PromoTerms:
    return PromoTerms(promo_code_id=new_id(), code="AMIGOS", revision=1, **fields)


@pytest.mark.parametrize(
    ("price", "fields", "paid"),
    [
        ("45.00", {"percent": Decimal(10)}, "40.50"),
        ("0.05", {"percent": Decimal(50)}, "0.03"),
        ("99.99", {"percent": Decimal("33.33")}, "66.66"),
        ("45.00", {"percent": Decimal(100)}, "0.00"),
        ("45.00", {"amount": Decimal("5.50")}, "39.50"),
        ("45.00", {"amount": Decimal(60)}, "0.00"),
        ("0.00", {"amount": Decimal(5)}, "0.00"),
        ("45.00", {}, "45.00"),
    ],
)
def test_a_promo_code_lowers_each_price_to_zero_at_most_and_rounds_it_half_up(
    price: str, fields: dict[str, Any], paid: str
):
    kind = ticket_type(price=price)

    (item,) = price_tickets(
        event=event_on_sale(), types={kind.pk: kind}, wanted=3, now=NOON, promo=terms(**fields)
    )

    assert item.unit_price == Decimal(paid)
    assert total_of([item]) == 3 * Decimal(paid)
    assert total_of([item]) + discount_of([item]) == 3 * Decimal(price)


def test_a_promo_code_of_one_type_leaves_the_price_of_the_others():
    pista, camarote = ticket_type("Pista"), ticket_type("Camarote", price="90.00")
    promo = terms(percent=Decimal(50), ticket_types=frozenset({camarote.pk}))
    wanted = [WantedTickets(pista.pk, 1), WantedTickets(camarote.pk, 1)]

    items = price_tickets(
        event=event_on_sale(),
        types={kind.pk: kind for kind in (pista, camarote)},
        wanted=wanted,
        now=NOON,
        promo=promo,
    )

    assert {item.ticket_type.name: item.unit_price for item in items} == {
        "Pista": Decimal("45.00"),
        "Camarote": Decimal("45.00"),
    }
    with pytest.raises(PromoCodeNotApplicable):
        price_tickets(
            event=event_on_sale(), types={pista.pk: pista}, wanted=1, now=NOON, promo=promo
        )


@pytest.mark.parametrize(("count", "accepted"), [(1, False), (2, True), (4, True), (5, False)])
def test_a_promo_code_may_need_a_number_of_tickets(count: int, *, accepted: bool):
    kind = ticket_type()
    promo = terms(amount=Decimal(5), min_tickets=2, max_tickets=4)

    def reserve() -> object:
        return price_tickets(
            event=event_on_sale(), types={kind.pk: kind}, wanted=count, now=NOON, promo=promo
        )

    if accepted:
        assert reserve()
    else:
        with pytest.raises(PromoCodeNeedsOtherQuantity):
            reserve()


@pytest.mark.parametrize(
    ("period", "refusal"),
    [
        ({"valid_from": NOON + A_SECOND}, PromoCodeNotStarted),
        ({"valid_until": NOON}, PromoCodeExpired),
        ({"valid_from": NOON, "valid_until": NOON + A_SECOND}, None),
    ],
)
def test_a_promo_code_is_valid_from_its_start_until_just_before_its_end(
    period: dict[str, Any], refusal: type[Exception] | None
):
    kind = ticket_type()

    def reserve() -> object:
        return price_tickets(
            event=event_on_sale(), types={kind.pk: kind}, wanted=1, now=NOON, promo=terms(**period)
        )

    if refusal is None:
        assert reserve()
    else:
        with pytest.raises(refusal):
            reserve()


def test_a_hidden_type_needs_a_promo_code_that_unlocks_it():
    pista, hidden = ticket_type("Pista"), ticket_type("Camarim", is_hidden=True)
    types = {kind.pk: kind for kind in (pista, hidden)}
    wanted = [WantedTickets(hidden.pk, 1)]

    def reserve(wanted: Any, promo: PromoTerms | None) -> list[ReservedTickets]:
        return price_tickets(
            event=event_on_sale(), types=types, wanted=wanted, now=NOON, promo=promo
        )

    for promo in (None, terms(percent=Decimal(50))):
        with pytest.raises(UnknownTicketType):
            reserve(wanted, promo)
    unlocks = terms(unlocked_types=frozenset({hidden.pk}), ticket_types=frozenset({pista.pk}))
    assert reserve(wanted, unlocks) == [ReservedTickets(hidden, 1)]
    # A number of tickets means the only type that the buyer can choose.
    assert reserve(2, None) == [ReservedTickets(pista, 2)]
    with pytest.raises(TicketTypeNeeded):
        reserve(2, unlocks)


def test_an_event_of_hidden_types_alone_asks_for_a_promo_code():
    hidden = ticket_type(is_hidden=True)

    with pytest.raises(UnknownTicketType, match="promo_code"):
        price(event_on_sale(), hidden)
