"""Mails to members by choice: each sale with a pause, sold out once, and one summary a day."""

import html
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from events.models import Event, Membership, Organizer
from events.ticket_types import change_capacity
from orders.models import Order
from orders.sales_summary import summarize_sales
from tests.make import (
    SOMEBODY,
    make_event,
    make_organizer,
    make_paid_order,
    make_ticket_type,
    make_user,
)
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.letters import HtmlMail
from ticketing.models import User
from tickets.models import Ticket
from tickets.notices.choices import Chosen, choose_notices
from tickets.notices.member_models import DailySummary, MemberNotice, NoticeChoice
from tickets.notices.news import (
    LAG,
    PAUSE,
    forget_member_notices,
    look_for_news,
    write_daily_summaries,
)
from tickets.refund import refund_tickets

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def member_of(organizer: Organizer, **fields: Any) -> Membership:
    user = make_user(organizer=organizer, is_staff=True, email="chefe@example.com", **fields)
    return Membership.objects.get(user=user)


def choose(membership: Membership, *, now: datetime | None = None, **wanted: Any) -> None:
    chosen = {
        "each_sale": False,
        "daily_summary": False,
        "sold_out": False,
        "language": "pt-br",
        **wanted,
    }
    choose_notices(
        membership=membership,
        chosen=Chosen(**chosen),
        actor=SOMEBODY,
        now=now or clock.now(),
    )


def look(queue: RecordingQueue, now: datetime) -> list[HtmlMail]:
    """Look for news and send what was found. Return the mails to members."""
    mail.outbox.clear()
    look_for_news(now=now)
    write_daily_summaries(now=now)
    queue.run_all()
    sent = [letter for letter in mail.outbox if letter.to == ["chefe@example.com"]]
    assert all(isinstance(letter, HtmlMail) for letter in sent)
    return sent  # type: ignore[return-value]


def sell(event: Event, *, at: datetime, quantity: int = 1) -> Order:
    order = make_paid_order(ticket_type=event.ticket_types.first(), quantity=quantity)
    Order.objects.filter(pk=order.pk).update(paid_at=at)
    return order


def test_sales_are_told_together_and_not_again_before_ten_minutes_have_passed(
    queue: RecordingQueue,
):
    event = make_event(name="Ópera & Cia", price="120.00")
    now = clock.now()
    choose(member_of(event.organizer), now=now, each_sale=True)
    sell(event, at=now + MINUTE, quantity=2)
    sell(event, at=now + MINUTE)

    early = look(queue, now + MINUTE)
    first = look(queue, now + 2 * MINUTE + LAG)
    sell(event, at=now + 4 * MINUTE)
    soon = look(queue, now + 4 * MINUTE + LAG)
    later = look(queue, now + 2 * MINUTE + LAG + PAUSE)
    nothing = look(queue, now + 2 * HOUR)

    assert (early, soon, nothing) == ([], [], [])
    assert [letter.subject for letter in first] == ["2 novos pedidos: Ópera & Cia"]
    assert "2 pedidos, 3 ingressos, R$\u00a0360,00" in str(first[0].body)
    assert [letter.subject for letter in later] == ["1 novo pedido: Ópera & Cia"]


def test_sales_before_the_choice_and_of_other_organizers_are_no_news(queue: RecordingQueue):
    event, other = make_event(), make_event(organizer=make_organizer(name="Outra"))
    now = clock.now()
    sell(event, at=now - MINUTE)
    choose(member_of(event.organizer), now=now, each_sale=True)
    sell(other, at=now + MINUTE)

    assert look(queue, now + HOUR) == []


def test_a_member_limited_to_some_events_is_told_of_these_only(queue: RecordingQueue):
    event = make_event(name="Meu")
    other = make_event(name="Alheio", organizer=event.organizer)
    membership = member_of(event.organizer)
    Membership.objects.filter(pk=membership.pk).update(role="viewer", only_some_events=True)
    membership.refresh_from_db()
    membership.events.add(event)
    now = clock.now()
    choose(membership, now=now, each_sale=True)
    for each in (event, other):
        sell(each, at=now + MINUTE)

    (letter,) = look(queue, now + HOUR)

    assert letter.subject == "1 novo pedido: Meu"
    assert "Alheio" not in str(letter.body)


def test_nobody_is_told_after_the_wish_the_account_or_its_address_ended(queue: RecordingQueue):
    event, now = make_event(), clock.now()
    membership = member_of(event.organizer)
    choose(membership, now=now, each_sale=True)
    sell(event, at=now + MINUTE)
    look_for_news(now=now + HOUR)
    choose(membership, now=now + HOUR)
    queue.run_all()
    choose(membership, now=now, each_sale=True)
    for field in ({"email": ""}, {"is_active": False}, {"is_staff": False}):
        fine = {"email": "chefe@example.com", "is_active": True, "is_staff": True}
        User.objects.filter(pk=membership.user_id).update(**(fine | field))
        NoticeChoice.objects.update(told_until=now, quiet_until=None)
        MemberNotice.objects.all().delete()
        assert look(queue, now + 2 * HOUR) == []
        assert MemberNotice.objects.filter(sent_at=None).count() == 0

    assert [letter for letter in mail.outbox if "chefe@example.com" in letter.to] == []


def test_each_type_that_sells_out_is_told_once(queue: RecordingQueue):
    event = make_event(name="Ópera & Cia", capacity=2)
    kind = event.ticket_types.get()
    make_ticket_type(event=event, name="Camarote", capacity=5)
    now = clock.now()
    choose(member_of(event.organizer), now=now, sold_out=True)

    before = look(queue, now)
    make_paid_order(ticket_type=kind, quantity=2)
    (letter,) = look(queue, now + 2 * MINUTE)
    change_capacity(ticket_type_id=kind.pk, capacity=3)
    make_paid_order(ticket_type=kind)
    again = look(queue, now + 10 * MINUTE)

    assert (before, again) == ([], [])
    assert letter.subject == "Esgotado: Pista, Ópera & Cia"
    assert "Camarote: 0 de 5 vendidos" in str(letter.body)
    assert "Todos os 2 ingressos foram vendidos." in str(letter.body)


def test_what_was_sold_out_before_the_choice_is_no_news(queue: RecordingQueue):
    event, now = make_event(capacity=1), clock.now()
    make_paid_order(ticket_type=event.ticket_types.get())

    choose(member_of(event.organizer), now=now, sold_out=True)

    assert look(queue, now + HOUR) == []


def test_the_summary_comes_once_each_morning_at_eight_where_the_organizer_is(
    queue: RecordingQueue,
):
    event = make_event(name="Ópera & Cia", price="120.00", timezone="America/Manaus")
    # Noon in Manaus, which is four hours behind UTC.
    noon = datetime(2026, 11, 28, 16, 0, tzinfo=UTC)
    choose(member_of(event.organizer), now=noon, daily_summary=True)
    order = sell(event, at=noon + HOUR, quantity=3)
    one = Ticket.objects.of_order(order.pk)[0]
    refund_tickets(order_id=order.pk, ticket_ids=[one.pk], actor=SOMEBODY, now=noon + 2 * HOUR)
    Ticket.objects.filter(pk=one.pk).update(refunded_at=noon + 2 * HOUR)
    Order.objects.filter(pk=order.pk).update(created_at=noon)
    eight = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
    summarize_sales(now=eight)

    early = look(queue, eight - MINUTE)
    (letter,) = look(queue, eight)
    again = look(queue, eight + HOUR)
    summarize_sales(now=eight + DAY)
    quiet = look(queue, eight + DAY)

    assert (early, again, quiet) == ([], [], [])
    assert letter.subject == "Sábado, 28 de novembro de 2026: 1 pedido · Casa Azul"
    text = str(letter.body)
    assert "1 pedido, 3 ingressos, R$\u00a0360,00" in text
    assert "1 ingresso reembolsado: R$\u00a0120,00" in text
    assert "2 de 100 vendidos" in text
    assert [summary.day for summary in DailySummary.objects.order_by("day")] == [
        date(2026, 11, 29),
        date(2026, 11, 30),
        date(2026, 12, 1),
    ]


def test_a_late_summary_covers_all_days_since_the_one_before_and_waits_for_the_figures(
    queue: RecordingQueue,
):
    event = make_event(timezone="UTC")
    noon = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    choose(member_of(event.organizer), now=noon, daily_summary=True, language="en")
    orders = [sell(event, at=noon + day * DAY) for day in (0, 2)]
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(created_at=noon)
    late = noon + 3 * DAY

    waiting = look(queue, late)
    summarize_sales(now=late)
    (letter,) = look(queue, late)

    assert waiting == []
    assert letter.subject == (
        "Friday, November 20, 2026 – Sunday, November 22, 2026: 2 orders · Casa Azul"
    )
    assert DailySummary.objects.get(written_at=None).first_day == date(2026, 11, 23)


def test_summaries_end_with_the_last_member_who_wants_them(queue: RecordingQueue):
    event = make_event(timezone="UTC")
    noon = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    membership = member_of(event.organizer)
    choose(membership, now=noon, daily_summary=True)
    choose(membership, now=noon)
    summarize_sales(now=noon + DAY)

    assert look(queue, noon + DAY) == []
    assert DailySummary.objects.filter(written_at=None).count() == 0


def test_old_notices_are_deleted_and_those_that_must_not_come_twice_stay(queue: RecordingQueue):
    event, now = make_event(capacity=1), clock.now()
    choose(member_of(event.organizer), now=now, each_sale=True, sold_out=True)
    sell(event, at=now + MINUTE)
    look(queue, now + HOUR)
    assert set(MemberNotice.objects.values_list("kind", flat=True)) == {"sales", "sold_out"}

    forget_member_notices(now=now + 90 * DAY)

    assert [notice.kind for notice in MemberNotice.objects.all()] == ["sold_out"]


@pytest.mark.parametrize("language", ["pt-br", "en"])
def test_text_and_page_of_each_mail_have_the_same_words(language: str, queue: RecordingQueue):
    event = make_event(name="Ópera & Cia", capacity=3, price="120.00", timezone="UTC")
    now = clock.now()
    morning = now.replace(hour=12, minute=0) - DAY
    wanted = {"each_sale": True, "sold_out": True, "daily_summary": True, "language": language}
    choose(member_of(event.organizer), now=morning, **wanted)
    order = sell(event, at=morning + MINUTE, quantity=3)
    Order.objects.filter(pk=order.pk).update(created_at=morning)
    summarize_sales(now=morning + 2 * DAY)

    letters = look(queue, morning + 12 * HOUR) + look(queue, morning + DAY)

    assert len(letters) == 3
    for letter in letters:
        page = set(
            _words(html.unescape(re.sub(r"(?s)<style>.*?</style>|<[^>]+>", " ", letter.html)))
        )
        # The page has its addresses in its links.
        text = _words(re.sub(r"http\S+", "", str(letter.body)))
        assert len(text) > 15
        assert set(text) <= page
        portuguese = {"novo", "vendidos", "pedido", "esgotado", "recebe"} & set(text)
        assert bool(portuguese) == (language == "pt-br")


def _words(text: str) -> list[str]:
    return re.findall(r"[\w.,&$]*\w", text)


def test_members_choose_on_a_page_of_their_own():
    event = make_event()
    membership = member_of(event.organizer)
    theirs = member_of(make_organizer(name="Verdolaga"))
    browser = Client(headers={"Accept-Language": "en"})
    browser.force_login(membership.user)
    url = reverse("admin:my_notices")
    prefix = str(membership.pk)

    page = browser.get(url).content.decode()
    wrong = browser.post(url, {f"{prefix}-language": "xx", f"{prefix}-each_sale": "on"})
    unchanged = NoticeChoice.objects.count()
    sent = {
        f"{prefix}-language": "en",
        f"{prefix}-each_sale": "on",
        f"{theirs.pk}-language": "en",
        f"{theirs.pk}-sold_out": "on",
    }
    stored = browser.post(url, sent)
    choice = NoticeChoice.objects.get()

    assert "The mails go to chefe@example.com." in page
    assert event.organizer.name in page
    assert "Verdolaga" not in page
    assert (wrong.status_code, unchanged) == (200, 0)
    assert (stored.status_code, stored["Location"]) == (302, url)
    assert choice.membership == membership
    assert (choice.each_sale, choice.daily_summary, choice.sold_out) == (True, False, False)
    assert choice.language == "en"
    assert Client().get(url).status_code == 302


def test_a_mail_that_was_given_up_is_shown_and_tried_again(queue: RecordingQueue):
    event, now = make_event(), clock.now()
    membership = member_of(event.organizer)
    choose(membership, now=now, each_sale=True)
    User.objects.filter(pk=membership.user_id).update(email="chefe@localhost")
    sell(event, at=now + MINUTE)
    look(queue, now + HOUR)
    browser = Client(headers={"Accept-Language": "en"})
    browser.force_login(membership.user)

    page = browser.get(reverse("admin:my_notices")).content.decode()
    User.objects.filter(pk=membership.user_id).update(email="chefe@example.com")
    mail.outbox.clear()
    choose(membership, now=now + HOUR, each_sale=True)
    queue.run_all()

    assert "could not be sent" in page
    assert [letter.to for letter in mail.outbox] == [["chefe@example.com"]]
