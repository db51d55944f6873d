"""Guest lists: what is wrong in them, and that each of their lines is sold once."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core import mail

from events.catalogue import left_by_type
from events.models import TicketType
from events.organizing import cancel_event
from events.stock.holds import InventoryUnavailable
from events.ticket_types import change_capacity
from orders.box_office import ReasonNeeded
from orders.box_office_record import BoxOfficeMethod, BoxOfficeSale
from orders.guest_list_files import RawLine
from orders.guest_list_record import (
    GuestLine,
    GuestList,
    GuestListState,
    LineProblem,
    LineState,
)
from orders.guest_lists import (
    LINES_AT_ONCE,
    check_guest_list,
    confirm_guest_list,
    discard_guest_list,
    forget_guest_lists,
    sell_guest_list,
)
from orders.models import Order, OrderStatus
from tests.crash import BEFORE, watched
from tests.make import SOMEBODY, make_reservation, make_ticket_type, make_user
from tests.moments import NOON
from tests.queue import RecordingQueue
from tests.race import race
from ticketing import clock
from ticketing.actors import system_actor, user_actor
from ticketing.models import Act, ActType
from ticketing.queue.messages import Message, next_retry_at
from tickets.models import Ticket
from tickets.sweep import retry_waiting_work

pytestmark = pytest.mark.django_db(transaction=True)

# More than any list of these tests needs.
_MOST_MESSAGES = 10


def guests(*names: str, quantity: str = "1", kind: str = "Pista") -> list[RawLine]:
    return [
        RawLine(row, name, f"guest{row}@example.com", kind, quantity)
        for row, name in enumerate(names, 1)
    ]


def check(kind: TicketType, lines: list[RawLine], **fields: Any) -> UUID:
    options: dict[str, Any] = {
        "method": BoxOfficeMethod.COMPLIMENTARY,
        "reason": "Press",
        "language": "pt-br",
        "file_name": "guests.csv",
        "user_id": None,
        "actor": SOMEBODY,
        "now": clock.now(),
    }
    return check_guest_list(event=kind.event, lines=lines, **(options | fields))


def confirm(guest_list_id: UUID) -> bool:
    return confirm_guest_list(
        guest_list_id=guest_list_id, user_id=None, actor=SOMEBODY, now=clock.now()
    )


def sell(guest_list_id: UUID) -> None:
    """Sell the whole list, as the worker does message by message."""
    for _message in range(_MOST_MESSAGES):
        if GuestList.objects.get(pk=guest_list_id).state != GuestListState.SELLING:
            return
        sell_guest_list(guest_list_id=guest_list_id, now=clock.now())
    pytest.fail("The list is not sold after many messages.")


def states(guest_list_id: UUID) -> list[tuple[str, str]]:
    lines = GuestLine.objects.filter(guest_list_id=guest_list_id).order_by("row")
    return list(lines.values_list("state", "problem"))


def test_a_checked_list_says_what_is_wrong_in_each_line_and_sells_nothing():
    kind = make_ticket_type()
    make_ticket_type(event=kind.event, name="Camarote É")
    lines = [
        RawLine(1, "Ana", "ana@example.com", "pista", "2"),
        RawLine(2, "", "ana@example.com", "Pista", "1"),
        RawLine(3, "Bia", "bia@", "Pista", "1"),
        RawLine(4, "Caio", "", "Pista VIP", "1"),
        RawLine(5, "Davi", "", "", "1"),
        RawLine(6, "Eva", "", "Pista", "0"),
        RawLine(7, "Gil", "", "Pista", "101"),
        RawLine(8, "Hugo", "", "Pista", "two"),
        RawLine(9, "Iara", "", "CAMAROTE E", ""),
        RawLine(10, "J" * 201, "", "Pista", "1"),
    ]

    guest_list = check(kind, lines)

    assert states(guest_list) == [
        (LineState.READY, ""),
        (LineState.WRONG, LineProblem.NAME),
        (LineState.WRONG, LineProblem.EMAIL),
        (LineState.WRONG, LineProblem.TICKET_TYPE),
        (LineState.WRONG, LineProblem.TICKET_TYPE),
        (LineState.WRONG, LineProblem.QUANTITY),
        (LineState.WRONG, LineProblem.QUANTITY),
        (LineState.WRONG, LineProblem.QUANTITY),
        (LineState.READY, ""),
        (LineState.WRONG, LineProblem.NAME),
    ]
    assert not Order.objects.exists()
    first = GuestLine.objects.get(row=1)
    assert (first.ticket_type, first.ticket_type_text, first.quantity) == (kind, "pista", 2)


def test_a_type_is_not_guessed_between_names_that_differ_in_accents_or_capitals():
    floor = make_ticket_type(name="Pista")
    plain, accented = (
        make_ticket_type(event=floor.event, name=name) for name in ("Area Vip", "Área VIP")
    )
    names = ["Area Vip", "Área VIP", "A\u0301rea  VIP", "area vip", "ÁREA VIP", "PISTA", ""]

    check(floor, [RawLine(row, "Ana", "", name, "1") for row, name in enumerate(names, 1)])

    found = GuestLine.objects.order_by("row").values_list("ticket_type", "problem")
    assert list(found) == [
        (plain.pk, ""),
        (accented.pk, ""),
        (accented.pk, ""),
        (None, LineProblem.UNCLEAR_TYPE),
        (None, LineProblem.UNCLEAR_TYPE),
        (floor.pk, ""),
        (None, LineProblem.TICKET_TYPE),
    ]


def test_the_largest_values_of_a_line_are_taken_and_other_digits_are_not():
    kind = make_ticket_type()
    lines = [
        RawLine(1, "A" * 200, "", "", "100"),
        RawLine(2, "Bia", "", "", "1000"),
        # A digit of another script.
        RawLine(3, "Caio", "", "", "\uff11"),
        RawLine(4, "Davi", "", "", "-1"),
        RawLine(5, "Eva", "", "VIP", ""),
        RawLine(6, "Gil", "", "", ""),
    ]

    guest_list = check(kind, lines)

    assert states(guest_list) == [
        (LineState.READY, ""),
        (LineState.WRONG, LineProblem.QUANTITY),
        (LineState.WRONG, LineProblem.QUANTITY),
        (LineState.WRONG, LineProblem.QUANTITY),
        (LineState.WRONG, LineProblem.TICKET_TYPE),
        (LineState.READY, ""),
    ]
    kinds = GuestLine.objects.order_by("row").values_list("quantity", "ticket_type")
    assert [kinds[0], kinds[5]] == [(100, kind.pk), (1, kind.pk)]


def test_a_list_keeps_how_staff_sell_it_and_each_sale_names_the_user_who_confirmed_it():
    kind = make_ticket_type()
    other = check(kind, guests("Caio"))
    uploader, seller = make_user(), make_user()
    now = clock.now()
    guest_list = check(
        kind,
        guests("Ana", "", "Bia"),
        method=BoxOfficeMethod.CASH,
        reason=" Fan club ",
        language="en",
        user_id=uploader.pk,
        now=now - timedelta(hours=1),
    )
    made = GuestList.objects.get(pk=guest_list)
    assert (made.event, made.method, made.reason) == (kind.event, "cash", "Fan club")
    assert (made.language, made.file_name, made.user) == ("en", "guests.csv", uploader)
    assert made.created_at == now - timedelta(hours=1)

    confirm_guest_list(
        guest_list_id=guest_list, user_id=seller.pk, actor=user_actor(seller), now=now
    )
    made.refresh_from_db()
    assert (made.state, made.user, made.confirmed_at) == (GuestListState.SELLING, seller, now)
    assert (made.asks, made.ask_again_at) == (0, next_retry_at(0, now=now))
    sell(guest_list)

    assert GuestList.objects.get(pk=other).state == GuestListState.CHECKED
    orders = Order.objects.filter(status=OrderStatus.PROCESSING)
    assert set(orders.values_list("language", "payment__method")) == {("en", "cash")}
    sales = BoxOfficeSale.objects.values_list("key", "reason", "user")
    lines = GuestLine.objects.filter(guest_list=guest_list, state=LineState.SOLD)
    assert set(sales) == {(line.pk, "Fan club", seller.pk) for line in lines}
    acts = Act.objects.filter(subject_id=guest_list).order_by("at")
    assert [(act.type, act.details, act.actor_id) for act in acts] == [
        ("guest_list.uploaded", {"method": "cash", "lines": 3}, SOMEBODY.id),
        ("guest_list.confirmed", {"method": "cash", "lines": 2}, str(seller.pk)),
    ]
    sold = Act.objects.filter(type=ActType.ORDER_SOLD)
    assert {act.actor_id for act in sold} == {str(seller.pk)}


def test_a_line_is_sold_by_the_list_if_the_user_is_gone():
    kind = make_ticket_type()
    guest_list = check(kind, guests("Ana"))
    confirm(guest_list)

    sell(guest_list)

    act = Act.objects.get(type=ActType.ORDER_SOLD)
    assert (act.actor_kind, act.actor_name) == ("system", "guest_list")
    assert act.actor_id == system_actor("guest_list", about=guest_list).id


def test_a_confirmed_list_becomes_one_order_for_each_line(queue: RecordingQueue):
    kind = make_ticket_type(capacity=50)
    guest_list = check(kind, guests("Ana", "Bia", quantity="2"))

    confirm(guest_list)
    queue.run_all()

    assert states(guest_list) == [(LineState.SOLD, "")] * 2
    orders = Order.objects.filter(status=OrderStatus.PAID)
    assert sorted(orders.values_list("customer_name", flat=True)) == ["Ana", "Bia"]
    assert Ticket.objects.count() == 4
    assert {message.to[0] for message in mail.outbox} == {
        "guest1@example.com",
        "guest2@example.com",
    }
    assert GuestList.objects.get().state == GuestListState.DONE
    assert left_by_type([kind.event_id])[kind.pk] == 46


def test_a_sold_line_keeps_no_name_and_no_address():
    kind = make_ticket_type()
    guest_list = check(kind, guests("Ana"))
    confirm(guest_list)

    sell(guest_list)

    line = GuestLine.objects.get()
    assert (line.name, line.email) == ("", "")
    assert line.order is not None
    assert line.order.customer_name == "Ana"


def test_a_long_list_is_sold_in_parts_by_several_messages(queue: RecordingQueue):
    kind = make_ticket_type(capacity=100)
    guest_list = check(kind, guests(*[f"Guest {n}" for n in range(2 * LINES_AT_ONCE + 1)]))

    confirm(guest_list)
    messages = queue.run_all()

    assert messages.count(Message.SELL_GUEST_LIST) == 3
    assert Order.objects.filter(status=OrderStatus.PAID).count() == 2 * LINES_AT_ONCE + 1


def test_a_repeated_message_and_a_repeated_confirmation_sell_nothing_twice(queue: RecordingQueue):
    kind = make_ticket_type()
    guest_list = check(kind, guests("Ana"))

    assert confirm(guest_list)
    assert not confirm(guest_list)
    queue.run_all()
    sell_guest_list(guest_list_id=guest_list, now=clock.now())

    assert Order.objects.count() == 1
    assert Act.objects.filter(type="guest_list.confirmed").count() == 1


def test_the_same_list_uploaded_again_is_seen_as_repeated():
    kind = make_ticket_type()
    first = check(kind, guests("Ana", "Bia"))
    confirm(first)
    sell(first)

    again = check(kind, [*guests("ana ", "BIA"), RawLine(3, "Caio", "", "Pista", "1")])

    repeated = (LineState.REPEATED, LineProblem.REPEATED)
    assert states(again) == [repeated, repeated, (LineState.READY, "")]
    confirm(again)
    sell(again)
    assert Order.objects.count() == 3


def test_a_guest_is_known_again_after_the_ticket_type_was_renamed():
    kind = make_ticket_type()
    first = check(kind, guests("Ana"))
    confirm(first)
    sell(first)
    assert {len(line.digest) for line in GuestLine.objects.all()} == {64}
    TicketType.objects.filter(pk=kind.pk).update(name="Pista Premium")

    again = check(kind, guests("Ana", kind="Pista Premium"))

    assert states(again) == [(LineState.REPEATED, LineProblem.REPEATED)]


def test_two_equal_lines_of_one_list_are_two_guests_and_its_repeat_sells_none():
    kind = make_ticket_type()
    twins = [RawLine(row, "João Silva", "", "Pista", "1") for row in (1, 2)]
    first, second = check(kind, twins), check(kind, twins)
    for guest_list in (first, second):
        confirm(guest_list)
        sell(guest_list)

    assert Order.objects.count() == 2
    assert states(second) == [(LineState.REPEATED, LineProblem.REPEATED)] * 2


def test_two_staff_who_import_the_same_list_at_once_sell_it_once():
    kind = make_ticket_type(capacity=50)
    lines = guests(*[f"Guest {n}" for n in range(8)])
    lists = [check(kind, lines) for _ in range(2)]
    for guest_list in lists:
        confirm(guest_list)

    race(*[lambda each=each: sell(each) for each in lists])

    assert Order.objects.count() == 8
    kind.refresh_from_db()
    assert kind.promised == 8
    assert left_by_type([kind.event_id])[kind.pk] == 42
    assert GuestLine.objects.filter(state=LineState.SOLD).count() == 8
    assert GuestLine.objects.filter(state=LineState.REPEATED).count() == 8


def test_workers_with_the_same_message_sell_each_line_once():
    kind = make_ticket_type(capacity=50)
    guest_list = check(kind, guests(*[f"Guest {n}" for n in range(8)]))
    confirm(guest_list)

    race(*[lambda: sell_guest_list(guest_list_id=guest_list, now=clock.now())] * 4)
    sell(guest_list)

    assert Order.objects.count() == 8
    assert GuestList.objects.get().state == GuestListState.DONE


def test_lines_beyond_the_stock_are_refused_whole_and_the_others_are_sold():
    kind = make_ticket_type(capacity=5)
    make_reservation(ticket_type=kind)
    guest_list = check(kind, guests("Ana", "Bia", "Caio", quantity="2"))
    confirm(guest_list)

    sell(guest_list)

    assert states(guest_list) == [
        (LineState.SOLD, ""),
        (LineState.SOLD, ""),
        (LineState.REFUSED, LineProblem.SOLD_OUT),
    ]
    kind.refresh_from_db()
    assert kind.promised == 4
    assert left_by_type([kind.event_id])[kind.pk] == 0


def test_a_guest_whose_line_was_refused_may_be_on_a_later_list():
    kind = make_ticket_type(capacity=1)
    first = check(kind, guests("Ana", quantity="2"))
    confirm(first)
    sell(first)
    later = check(kind, guests("Ana", quantity="1"))
    confirm(later)
    sell(later)

    assert states(first) == [(LineState.REFUSED, LineProblem.SOLD_OUT)]
    assert states(later) == [(LineState.SOLD, "")]


def test_a_line_that_was_refused_for_lack_of_tickets_is_sold_by_the_same_list_later():
    kind = make_ticket_type(capacity=1)
    lines = guests("Ana", quantity="2")
    first = check(kind, lines)
    confirm(first)
    sell(first)
    change_capacity(ticket_type_id=kind.pk, capacity=5)

    again = check(kind, lines)
    confirm(again)
    sell(again)

    assert states(first) == [(LineState.REFUSED, LineProblem.SOLD_OUT)]
    assert states(again) == [(LineState.SOLD, "")]


def test_a_refused_line_leaves_the_next_ones_to_be_sold_and_other_lists_alone():
    kind = make_ticket_type(capacity=1)
    gone = check(kind, guests("Ana", "Bia"))
    other = check(kind, guests("Caio"))
    GuestLine.objects.filter(guest_list=gone, row=1).update(ticket_type=None)
    for guest_list in (gone, other):
        confirm(guest_list)

    sell_guest_list(guest_list_id=gone, now=clock.now())

    assert states(gone) == [(LineState.REFUSED, LineProblem.TICKET_TYPE), (LineState.SOLD, "")]
    assert GuestList.objects.get(pk=gone).state == GuestListState.DONE
    left_alone = GuestList.objects.get(pk=other)
    assert (left_alone.state, left_alone.leased_until) == (GuestListState.SELLING, None)
    assert states(other) == [(LineState.READY, "")]


def test_an_unconfirmed_list_is_not_sold():
    guest_list = check(make_ticket_type(), guests("Ana"))

    sell_guest_list(guest_list_id=guest_list, now=clock.now())

    assert states(guest_list) == [(LineState.READY, "")]


def test_a_list_is_leased_while_it_is_sold_and_free_at_the_end_of_the_lease():
    guest_list = check(make_ticket_type(), guests("Ana"))
    confirm(guest_list)
    now = clock.now()
    leases = []

    def look(_moment: str) -> None:
        leases.append(GuestList.objects.get().leased_until)

    GuestList.objects.update(leased_until=now + timedelta(microseconds=1))
    sell_guest_list(guest_list_id=guest_list, now=now)
    assert states(guest_list) == [(LineState.READY, "")]
    GuestList.objects.update(leased_until=now)
    with watched("orders.guest_lists:sell_at_box_office", at=look):
        sell_guest_list(guest_list_id=guest_list, now=now)

    assert states(guest_list) == [(LineState.SOLD, "")]
    assert leases == [now + timedelta(seconds=90)] * 2
    done = GuestList.objects.get()
    assert (done.finished_at, done.leased_until) == (now, None)


def test_the_end_of_a_list_that_another_worker_has_noted_stays():
    guest_list = check(make_ticket_type(), guests("Ana"))
    confirm(guest_list)

    def finish(moment: str) -> None:
        if moment == BEFORE:
            GuestList.objects.update(state=GuestListState.DONE, finished_at=NOON)

    with watched("orders.guest_lists:_finish_or_go_on", at=finish):
        sell_guest_list(guest_list_id=guest_list, now=clock.now())

    assert GuestList.objects.get().finished_at == NOON


def test_a_list_with_lines_left_is_free_and_asks_anew(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("orders.guest_lists.LINES_AT_ONCE", 1)
    guest_list = check(make_ticket_type(), guests("Ana", "Bia"))
    confirm(guest_list)
    GuestList.objects.update(asks=3)
    now = clock.now()

    sell_guest_list(guest_list_id=guest_list, now=now)

    found = GuestList.objects.get()
    assert (found.leased_until, found.asks) == (None, 0)
    assert found.ask_again_at == next_retry_at(0, now=now)


def test_a_line_that_another_list_sells_at_the_same_moment_is_repeated():
    kind = make_ticket_type()
    first, second = check(kind, guests("Ana", "Bia")), check(kind, guests("Ana"))
    for guest_list in (first, second):
        confirm(guest_list)
    moments: list[str] = []

    def sell_the_second_list(moment: str) -> None:
        moments.append(moment)
        if len(moments) == 1:
            sell_guest_list(guest_list_id=second, now=clock.now())

    with watched("orders.guest_lists:sell_at_box_office", at=sell_the_second_list):
        sell_guest_list(guest_list_id=first, now=clock.now())

    assert states(first) == [(LineState.REPEATED, LineProblem.REPEATED), (LineState.SOLD, "")]
    assert states(second) == [(LineState.SOLD, "")]
    assert Order.objects.count() == 2


def test_a_line_that_was_refused_meanwhile_is_neither_sold_nor_changed():
    guest_list = check(make_ticket_type(), guests("Ana"))
    confirm(guest_list)

    def refuse(_moment: str) -> None:
        GuestLine.objects.update(state=LineState.REFUSED, problem=LineProblem.SOLD_OUT)

    with watched("orders.guest_lists:sell_at_box_office", at=refuse):
        sell_guest_list(guest_list_id=guest_list, now=clock.now())

    assert states(guest_list) == [(LineState.REFUSED, LineProblem.SOLD_OUT)]
    assert not Order.objects.exists()


def test_an_event_that_is_cancelled_meanwhile_refuses_the_lines():
    kind = make_ticket_type()
    guest_list = check(kind, guests("Ana"))
    confirm(guest_list)
    cancel_event(event_id=kind.event_id, actor=SOMEBODY, now=clock.now())

    sell(guest_list)

    assert states(guest_list) == [(LineState.REFUSED, LineProblem.CLOSED)]


def test_without_redis_the_message_is_retried_and_no_line_is_lost(
    monkeypatch: pytest.MonkeyPatch,
):
    kind = make_ticket_type()
    guest_list = check(kind, guests("Ana"))
    confirm(guest_list)

    def fail(**_arguments: object) -> None:
        raise InventoryUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr("orders.guest_lists.sell_at_box_office", fail)
        with pytest.raises(InventoryUnavailable):
            sell_guest_list(guest_list_id=guest_list, now=clock.now())
    sell_guest_list(guest_list_id=guest_list, now=clock.now())

    assert states(guest_list) == [(LineState.SOLD, "")]


def test_the_sweep_sends_a_lost_message_again(queue: RecordingQueue):
    kind = make_ticket_type()
    guest_list = check(kind, guests("Ana"))
    confirm(guest_list)
    queue.sent.clear()

    retry_waiting_work(now=clock.now() + timedelta(minutes=3))

    assert queue.sent == [(Message.SELL_GUEST_LIST, {"guest_list_id": str(guest_list)})]


def test_complimentary_lists_need_a_reason():
    with pytest.raises(ReasonNeeded):
        check(make_ticket_type(), guests("Ana"), reason=" ")

    assert not GuestList.objects.exists()


def test_a_list_is_discarded_before_it_is_confirmed_and_not_after():
    kind = make_ticket_type()
    other = check(kind, guests("Caio"))
    unwanted, wanted = check(kind, guests("Ana")), check(kind, guests("Bia"))
    confirm(wanted)

    by: dict[str, Any] = {"actor": SOMEBODY, "now": clock.now()}
    assert discard_guest_list(guest_list_id=unwanted, **by)
    assert not discard_guest_list(guest_list_id=wanted, **by)
    assert not discard_guest_list(guest_list_id=unwanted, **by)
    assert set(GuestList.objects.values_list("pk", flat=True)) == {other, wanted}
    assert [
        (act.type, act.details["lines"], act.organizer_id)
        for act in Act.objects.filter(subject_id=unwanted).order_by("at", "id")
    ] == [
        ("guest_list.uploaded", 1, kind.event.organizer_id),
        ("guest_list.discarded", 1, kind.event.organizer_id),
    ]


def test_unconfirmed_lists_and_the_names_of_old_lines_are_forgotten():
    kind = make_ticket_type(capacity=1)
    left = check(kind, guests("Ana"))
    done = check(kind, guests("Bia", quantity="2"))
    confirm(done)
    sell(done)
    made_at = GuestList.objects.get(pk=left).created_at
    finished_at = GuestList.objects.get(pk=done).finished_at
    assert finished_at is not None

    forget_guest_lists(now=made_at + timedelta(days=1))
    assert GuestList.objects.filter(pk=left).exists()
    forget_guest_lists(now=finished_at + timedelta(days=30))
    assert GuestLine.objects.get().name == "Bia"
    forget_guest_lists(now=finished_at + timedelta(days=30, seconds=1))

    assert list(GuestList.objects.values_list("pk", flat=True)) == [done]
    line = GuestLine.objects.get()
    assert (line.name, line.email, line.problem) == ("", "", LineProblem.SOLD_OUT)


@pytest.mark.parametrize("emptied", ["name", "email"])
def test_a_line_with_only_a_name_or_only_an_address_is_forgotten(emptied: str):
    done = check(make_ticket_type(capacity=1), guests("Bia", quantity="2"))
    confirm(done)
    sell(done)
    GuestLine.objects.update(**{emptied: ""})

    forget_guest_lists(now=clock.now() + timedelta(days=31))

    assert GuestLine.objects.filter(name="", email="").count() == 1


def test_the_names_of_a_list_that_is_being_sold_are_kept():
    selling = check(make_ticket_type(), guests("Bia"))
    confirm(selling)
    # A worker that died after it had noted the end, or a clock that was wrong.
    GuestList.objects.update(finished_at=clock.now() - timedelta(days=40))

    forget_guest_lists(now=clock.now())

    assert GuestLine.objects.get().name == "Bia"
