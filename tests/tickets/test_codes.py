"""The text inside a QR code."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from tickets.base45 import NotBase45, decode_base45, encode_base45
from tickets.codes import (
    CodeSubject,
    UnreadableCode,
    check_signature,
    public_key,
    read_code,
    read_ticket_id,
    sign_code,
)

TICKET = UUID("01890000-0000-7000-8000-00000000000a")
SUBJECT = CodeSubject(
    event_id=UUID("01890000-0000-7000-8000-000000000001"),
    event_number=70_000,
    type_number=3,
    valid_from=datetime(2027, 1, 1, tzinfo=UTC),
    event_ends_at=datetime(2027, 1, 10, 12, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("data", "text"),
    # RFC 9285, sections 4.3 and 4.4.
    [
        (b"AB", "BB8"),
        (b"Hello!!", "%69 VD92EX0"),
        (b"base-45", "UJCLQE7W581"),
        (b"ietf!", "QED8WEX0"),
    ],
)
def test_base45_is_that_of_the_rfc(data: bytes, text: str):
    assert encode_base45(data) == text
    assert decode_base45(text) == data


@pytest.mark.parametrize("text", ["GGW", "::", "A", "a00", "é00", ":::"])
def test_what_base45_could_not_have_written_is_refused(text: str):
    with pytest.raises(NotBase45):
        decode_base45(text)


def test_a_code_says_whose_ticket_it_is_and_is_always_the_same():
    code = sign_code(SUBJECT, TICKET)
    read = read_code(code)
    check_signature(read, event_id=SUBJECT.event_id)

    assert code == sign_code(SUBJECT, TICKET)
    assert (len(code), code[:3]) == (147, "T1:")
    assert read.claims.ticket_id == TICKET
    assert (read.claims.event_number, read.claims.type_number) == (70_000, 3)
    assert read.claims.valid_until == datetime(2027, 1, 11, tzinfo=UTC)
    assert read_ticket_id(f" {code}\n") == TICKET


def test_another_events_key_does_not_fit():
    read = read_code(sign_code(SUBJECT, TICKET))

    with pytest.raises(UnreadableCode):
        check_signature(read, event_id=TICKET)


def test_two_keys_are_good_while_one_is_being_rotated(settings):
    old = read_code(sign_code(SUBJECT, TICKET))
    settings.TICKET_SIGNING_KEY_IDS = [2, 1]
    new = read_code(sign_code(SUBJECT, TICKET))
    check_signature(old, event_id=SUBJECT.event_id)
    check_signature(new, event_id=SUBJECT.event_id)
    assert (old.claims.key_id, new.claims.key_id) == (1, 2)

    settings.TICKET_SIGNING_KEY_IDS = [2]
    with pytest.raises(UnreadableCode):
        check_signature(old, event_id=SUBJECT.event_id)


def test_every_event_has_a_key_of_its_own():
    assert public_key(TICKET, 1) != public_key(SUBJECT.event_id, 1)
