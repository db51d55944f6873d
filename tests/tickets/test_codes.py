"""The text inside a QR code: base45, contents, signature and keys."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from tickets.base45 import NotBase45, decode_base45, encode_base45
from tickets.codes import (
    CodeSubject,
    UnreadableCode,
    check_signature,
    code_prefix,
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
CODE_OF_THE_PREVIOUS_RELEASE = (
    "T1:W50100992300X8000000077E88G000000A00-ODJ+TAPDKL3L:HPK3O88./4LGSQ9JMTNAIJ"
    "BZ2I2GZQ5ZK9JRI/O1OWFR9N BQH+I6:9-$U4YL8%4ABELSBK0JNIE+O8ZITLRO ARK228TC"
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
def test_base45_encodes_the_examples_of_the_rfc(data: bytes, text: str):
    assert encode_base45(data) == text
    assert decode_base45(text) == data


@pytest.mark.parametrize("text", ["GGW", "::", "A", "a00", "é00", ":::"])
def test_text_that_is_not_the_base45_of_any_bytes_is_refused(text: str):
    with pytest.raises(NotBase45):
        decode_base45(text)


def test_a_code_contains_the_ticket_and_is_the_same_at_each_signing():
    code = sign_code(SUBJECT, TICKET)
    read = read_code(code)
    check_signature(read, event_id=SUBJECT.event_id)

    assert code == sign_code(SUBJECT, TICKET)
    assert (len(code), code[:3]) == (147, "T1:")
    assert read.claims.ticket_id == TICKET
    assert (read.claims.event_number, read.claims.type_number) == (70_000, 3)
    assert read.claims.valid_from == SUBJECT.valid_from
    assert read.claims.valid_until == datetime(2027, 1, 11, tzinfo=UTC)
    assert read_ticket_id(f" {code}\n") == TICKET


def test_a_code_of_one_event_fails_the_check_for_another():
    read = read_code(sign_code(SUBJECT, TICKET))

    with pytest.raises(UnreadableCode):
        check_signature(read, event_id=TICKET)


def test_both_keys_are_accepted_during_a_rotation_and_only_the_new_one_afterwards(settings):
    old = read_code(sign_code(SUBJECT, TICKET))
    secret = settings.TICKET_SIGNING_KEYS[1]
    settings.TICKET_SIGNING_KEYS = {2: "the secret of the new key", 1: secret}
    new = read_code(sign_code(SUBJECT, TICKET))
    check_signature(old, event_id=SUBJECT.event_id)
    check_signature(new, event_id=SUBJECT.event_id)
    assert (old.claims.key_id, new.claims.key_id) == (1, 2)

    settings.TICKET_SIGNING_KEYS = {2: "the secret of the new key"}
    check_signature(new, event_id=SUBJECT.event_id)
    with pytest.raises(UnreadableCode):
        check_signature(old, event_id=SUBJECT.event_id)


@pytest.mark.parametrize("key_id", [0, 1, 2, 255])
def test_the_start_of_a_code_identifies_its_key(settings, key_id: int):
    settings.TICKET_SIGNING_KEYS = {key_id: "a secret"}
    code = sign_code(SUBJECT, TICKET)

    assert code.startswith(code_prefix(key_id))
    assert not code.startswith(code_prefix(3))


def test_a_code_signed_with_the_old_secret_under_the_new_key_id_is_refused(settings):
    settings.TICKET_SIGNING_KEYS = {2: settings.TICKET_SIGNING_KEYS[1]}
    forged = read_code(sign_code(SUBJECT, TICKET))

    settings.TICKET_SIGNING_KEYS = {2: "the secret of the new key"}
    with pytest.raises(UnreadableCode):
        check_signature(forged, event_id=SUBJECT.event_id)


def test_a_ticket_gets_the_same_code_as_in_the_previous_release(settings):
    """An upgrade must keep sold tickets valid. The previous release made the expected code."""
    settings.TICKET_SIGNING_KEYS = {1: "a-signing-secret-for-tests-only-32-bytes"}

    assert sign_code(SUBJECT, TICKET) == CODE_OF_THE_PREVIOUS_RELEASE


def test_two_events_have_different_keys():
    assert public_key(TICKET, 1) != public_key(SUBJECT.event_id, 1)
