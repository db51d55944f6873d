"""Sending a mail from its row: the lease, the recipient's limit, and what failures leave."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from tests.moments import NOON
from ticketing.mail_limit import WINDOW
from ticketing.mailing import MailRefused
from ticketing.models import BookedMail
from tickets import outgoing
from tickets.models import OrderListMail
from tickets.outgoing import give_up_mail, lease_mail, send_leased_mail

pytestmark = pytest.mark.django_db(transaction=True)

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
ANA = "ana@example.com"
LEASED: dict[str, Any] = {"leased_until": NOON + MINUTE, "goes_at": NOON}


@pytest.fixture(autouse=True)
def other() -> Any:
    """Store the mail of another row, which no test may change."""
    row = mail_of("bia@example.com", **LEASED)
    before = state_of(row)
    yield
    assert state_of(row) == before


def mail_of(email: str = ANA, **fields: Any) -> OrderListMail:
    columns = {"asked_at": NOON, "ask_again_at": NOON, "expires_at": NOON} | fields
    return OrderListMail.objects.create(email=email, language="en", **columns)


def state_of(row: OrderListMail) -> Any:
    return OrderListMail.objects.filter(pk=row.pk).values().get()


def lease(row: OrderListMail, *, now: Any = NOON, address: str = ANA) -> bool:
    rows = OrderListMail.objects.filter(pk=row.pk)
    return lease_mail(rows, address=lambda _row: address, now=now) is not None


def failing(error: Exception) -> Callable[..., None]:
    def fail(*_arguments: Any) -> None:
        raise error

    return fail


def send(row: OrderListMail, *, now: Any = NOON + SECOND) -> list[bool]:
    """Send the mail of a leased row. Return what was recorded, in which case in a transaction."""
    recorded: list[bool] = []

    def record(was_sent: bool, /) -> None:  # noqa: FBT001 - as `Record` is called
        assert connection.in_atomic_block
        recorded.append(was_sent)

    letter: Any = None
    send_leased_mail(row, lambda: letter, now=now, record=record)
    return recorded


def test_a_mail_without_an_address_is_closed():
    row = mail_of()

    assert not lease(row, address="")

    state = state_of(row)
    assert (state["sent_at"], state["leased_until"], state["goes_at"]) == (NOON, None, None)
    assert not BookedMail.objects.exists()


def test_a_mail_over_the_limit_is_booked_once_and_leaves_at_its_time(settings: Any):
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 1
    first, second = mail_of(), mail_of(asked_at=NOON - MINUTE)

    assert (lease(first), lease(second)) == (True, False)

    assert state_of(first)["goes_at"] == NOON
    state = state_of(second)
    goes_at = state["goes_at"]
    assert goes_at > NOON
    assert (state["ask_again_at"], state["leased_until"]) == (goes_at, None)
    booked = BookedMail.objects.count()
    assert [lease(second, now=goes_at - SECOND), lease(second, now=goes_at)] == [False, True]
    assert BookedMail.objects.count() == booked == 2


def test_a_booking_counts_for_an_hour(settings: Any):
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 5
    old, recent = mail_of(goes_at=NOON - WINDOW), mail_of(goes_at=NOON - WINDOW + SECOND)

    assert [lease(row) for row in (old, recent)] == [True, True]

    assert state_of(old)["goes_at"] == NOON
    assert state_of(recent)["goes_at"] == NOON - WINDOW + SECOND
    assert BookedMail.objects.count() == 1


def test_a_mail_that_was_sent_is_noted_unless_it_was_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(outgoing, "send_mail", lambda _letter: None)
    sent, again = mail_of(**LEASED), mail_of(**LEASED)
    OrderListMail.objects.filter(pk=again.pk).update(asked_at=NOON + SECOND)

    assert (send(sent), send(again)) == ([True], [True])

    states = [state_of(row) for row in (sent, again)]
    assert [state["sent_at"] for state in states] == [NOON + SECOND, None]
    assert {(state["leased_until"], state["goes_at"]) for state in states} == {(None, None)}


def test_a_refused_mail_is_given_up_unless_it_was_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(outgoing, "send_mail", failing(MailRefused("No\0 " + 400 * "x")))
    refused, again = mail_of(**LEASED, attempts=3), mail_of(**LEASED)
    OrderListMail.objects.filter(pk=again.pk).update(asked_at=NOON + SECOND)

    assert (send(again), caplog.text) == ([], "")
    assert send(refused) == [False]

    assert f"given up: OrderListMail {refused.pk}" in caplog.text
    state = state_of(refused)
    assert (state["failed_at"], state["attempts"]) == (NOON + SECOND, 4)
    assert (state["leased_until"], state["goes_at"], state["sent_at"]) == (None, None, None)
    assert state["failure"] == "No " + 297 * "x"
    state = state_of(again)
    assert (state["failed_at"], state["leased_until"], state["goes_at"]) == (None, None, NOON)
    assert (state["attempts"], state["failure"]) == (0, "")


@pytest.mark.parametrize(
    ("attempts", "days", "is_last"), [(19, 3, True), (18, 3, False), (19, 2, False)]
)
def test_a_failing_mail_is_given_up_after_twenty_attempts_and_three_days(
    monkeypatch: pytest.MonkeyPatch,
    attempts: int,
    days: int,
    is_last: bool,  # noqa: FBT001
):
    monkeypatch.setattr(outgoing, "send_mail", failing(ConnectionError("away")))
    row, now = mail_of(**LEASED, attempts=attempts), NOON + timedelta(days=days)

    if is_last:
        assert send(row, now=now) == [False]
    else:
        with pytest.raises(ConnectionError):
            send(row, now=now)

    state = state_of(row)
    assert state["failed_at"] == (now if is_last else None)
    assert (state["attempts"], state["leased_until"]) == (attempts + 1, None)
    assert state["failure"]


def test_a_mail_is_given_up_without_a_record_too():
    row = mail_of(**LEASED)

    give_up_mail(row, "refused", now=NOON)

    assert state_of(row)["failed_at"] == NOON
