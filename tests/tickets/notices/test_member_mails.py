"""What the mails to members say, and when there is nothing to say."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail

from events.models import Event, Membership
from orders.sales_slots import SalesSlot
from tests.make import make_event, make_organizer, make_ticket_type, make_user
from tests.tickets.notices.test_members import choose, member_of, sell
from ticketing.letters import HtmlMail
from ticketing.models import User
from tickets.notices.member_mails import compose_member_mail
from tickets.notices.member_models import MemberNotice
from tickets.notices.member_sending import send_member_notice

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
DAYS = {"first_day": "2026-11-20", "last_day": "2026-11-20", "zone": "UTC"}
HOURS = {"since": NOON.isoformat(), "until": (NOON + HOUR).isoformat()}


def notice(membership: Membership, kind: str, cause: str = "1", **details: str) -> MemberNotice:
    made = MemberNotice.objects.create(
        membership=membership,
        kind=kind,
        cause=cause,
        details=details,
        asked_at=NOON,
        ask_again_at=NOON,
    )
    related = MemberNotice.objects.select_related("membership__organizer", "membership__user")
    return related.get(pk=made.pk)


def member(event: Event, **wanted: Any) -> Membership:
    membership = member_of(event.organizer)
    chosen = {"each_sale": True, "daily_summary": True, "sold_out": True, "language": "en"}
    choose(membership, now=NOON, **(chosen | wanted))
    return membership


def told(of: MemberNotice) -> HtmlMail:
    letter = compose_member_mail(notice=of)
    assert letter is not None
    return letter


def text_of(letter: Any) -> str:
    """Return the text of a mail, with usual spaces only."""
    return " ".join(letter.body.split())


def sell_by_slot(event: Event, *, sold: int = 2, at: datetime = NOON) -> None:
    SalesSlot.objects.create(
        event=event,
        ticket_type=event.ticket_types.order_by("number")[0],
        currency="BRL",
        starts_at=at,
        sold=sold,
        amount=Decimal("90.00"),
    )


def change(event: Event, **fields: Any) -> None:
    Event.objects.filter(pk=event.pk).update(**fields)


def test_a_type_that_is_sold_out_is_named_with_what_is_left_of_the_others():
    event = make_event(name="Ópera & Cia")
    frisa, camarote = (
        make_ticket_type(event=event, name=name, capacity=1) for name in ("Frisa", "Camarote")
    )
    membership = member(event)
    event.ticket_types.filter(pk__in=[frisa.pk, camarote.pk]).update(promised=1, sold=1)

    letter = told(notice(membership, "sold_out", str(camarote.pk)))

    assert letter.subject == "Sold out: Camarote, Ópera & Cia"
    assert letter.to == ["chefe@example.com"]
    assert letter.from_email == "Bilheteria <ingressos@example.com>"
    assert "Pista: 0 of 100 sold" in text_of(letter)
    assert "Frisa" not in text_of(letter)


def test_a_member_who_does_not_see_an_event_any_more_reads_nothing_about_it():
    event = make_event()
    membership = member(event)
    kind = event.ticket_types.get()
    of_type = notice(membership, "sold_out", str(kind.pk))
    Membership.objects.filter(pk=membership.pk).update(role="viewer", only_some_events=True)
    of_type.membership.refresh_from_db()

    assert compose_member_mail(notice=of_type) is None


def test_the_sales_of_a_time_are_those_of_the_members_events_the_most_first():
    few, most = make_event(name="Few"), make_event(name="Most")
    Event.objects.update(organizer=few.organizer)
    other = make_event(name="Other", organizer=make_organizer(name="Outra"))
    for event, at in (
        (few, NOON), (most, NOON), (most, NOON + HOUR - SECOND), (other, NOON),
        # Before and after that time.
        (few, NOON - SECOND), (few, NOON + HOUR),
    ):  # fmt: skip
        sell(event, at=at, quantity=2)

    letter = told(notice(member(few), "sales", **HOURS))

    assert letter.subject == "3 new orders: Casa Azul"
    body = text_of(letter)
    assert body.index("Most") < body.index("Few")
    assert "2 orders, 4 tickets, BRL 180.00" in body
    assert "1 order, 2 tickets, BRL 90.00" in body
    assert "BRL 270.00" in body
    assert "Other" not in body


def test_the_summary_shows_what_is_sold_of_events_that_are_on_sale_and_not_over():
    event, large, over, draft = (make_event(name=name) for name in ("A", "Large", "Over", "Draft"))
    Event.objects.update(organizer=event.organizer)
    make_event(name="Other", organizer=make_organizer(name="Outra"))
    large.ticket_types.update(capacity=12_000, promised=1_500, sold=1_500)
    make_ticket_type(event=event, capacity=20, name="VIP").event.ticket_types.update(
        promised=3, sold=3
    )
    change(over, starts_at=NOON - HOUR, ends_at=NOON)
    change(draft, status="draft")
    change(large, starts_at=NOON, ends_at=NOON + SECOND)
    sell_by_slot(over)

    body = text_of(told(notice(member(event), "daily", **DAYS)))

    assert "1,500 of 12,000 sold" in body
    assert "6 of 120 sold" in body
    assert body.index("1,500 of") < body.index("6 of 120")
    # What was sold is told, also of an event that is over by then.
    assert body.count("Over") == 1
    assert "Draft" not in body
    assert "Other" not in body


def test_the_summary_has_the_sales_of_its_days_and_none_is_mailed_without_sales():
    event, other = make_event(name="Ópera"), make_event(organizer=make_organizer(name="Outra"))
    membership = member(event)
    midnight = NOON - 12 * HOUR
    for at in (midnight - SECOND, midnight + DAY):
        sell_by_slot(event, at=at)
    sell_by_slot(other)
    daily = notice(membership, "daily", **DAYS)

    send_member_notice(notice_id=daily.pk, now=NOON + HOUR)
    quiet = list(mail.outbox)
    daily.refresh_from_db()
    closed = (daily.sent_at, daily.leased_until)
    sell_by_slot(event, at=midnight)
    MemberNotice.objects.update(sent_at=None)
    send_member_notice(notice_id=daily.pk, now=NOON + HOUR)

    assert (quiet, closed) == ([], (NOON + HOUR, None))
    (letter,) = mail.outbox
    assert letter.subject == "Friday, November 20, 2026: 0 orders · Casa Azul"
    assert "2 tickets, BRL 90.00" in text_of(letter)


def test_each_currency_has_its_own_sum():
    event = make_event()
    sell(event, at=NOON)
    sell(event, at=NOON)
    euros = make_event(organizer=event.organizer, currency="EUR")
    sell(euros, at=NOON)

    body = text_of(told(notice(member(event), "sales", **HOURS)))

    assert "BRL 90.00 + EUR 45.00" in body


@pytest.mark.parametrize(
    ("kind", "wish"),
    [("sales", "each_sale"), ("sold_out", "sold_out"), ("daily", "daily_summary")],
)
def test_a_mail_of_a_kind_that_only_another_member_wants_is_closed(kind: str, wish: str):
    event = make_event()
    sell(event, at=NOON)
    sell_by_slot(event)
    membership = member(event, **{wish: False})
    other = Membership.objects.get(user=make_user(organizer=event.organizer, is_staff=True))
    choose(other, now=NOON, **{wish: True})
    cause = str(event.ticket_types.get().pk)
    unwanted, wanted = (notice(each, kind, cause, **(DAYS | HOURS)) for each in (membership, other))
    User.objects.filter(pk=other.user_id).update(email="outro@example.com")

    for each in (unwanted, wanted):
        send_member_notice(notice_id=each.pk, now=NOON + HOUR)
        # A repeat sends nothing, and leaves the moment of the first.
        send_member_notice(notice_id=each.pk, now=NOON + DAY)

    assert [letter.to for letter in mail.outbox] == [["outro@example.com"]]
    assert {each.sent_at for each in MemberNotice.objects.all()} == {NOON + HOUR}


def test_an_account_without_an_address_or_that_is_no_staff_gets_no_mail():
    event = make_event()
    sell(event, at=NOON)
    membership = member(event)
    unfit: list[dict[str, Any]] = [{"email": ""}, {"is_staff": False}, {"is_active": False}]
    for number, fields in enumerate(unfit):
        fine = {"email": "chefe@example.com", "is_staff": True, "is_active": True}
        User.objects.filter(pk=membership.user_id).update(**(fine | fields))
        of_sales = notice(membership, "sales", str(number), **HOURS)

        send_member_notice(notice_id=of_sales.pk, now=NOON + HOUR)

        of_sales.refresh_from_db()
        assert (of_sales.sent_at, of_sales.leased_until) == (NOON + HOUR, None)
    assert mail.outbox == []
