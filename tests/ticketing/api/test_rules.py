"""The document and the code accept the same requests."""

import re
from datetime import UTC, datetime, timezone
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import Serializer

from events.request_serializers import EventSent, NewEventSent, TicketTypeChanged
from orders.organizer_serializers import RefundSent
from orders.payment_serializers import PaymentSent
from orders.serializers import CustomerSent, ReservationSent
from tests.api.test_document import DOCUMENT
from tests.make import CUSTOMER
from ticketing.api.idempotency_keys import KEY_PATTERN
from tickets.door.serializers import ScanSent

ID = "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e"
RESERVATION = {"event": "noite-de-jazz", "customer": CUSTOMER}
EVENT = {
    "name": "Noite de Jazz",
    "venue": "Circo Voador",
    "city": "Rio de Janeiro",
    "starts_at": "2027-01-10T21:00:00-03:00",
    "ends_at": "2027-01-11T02:00:00-03:00",
}
KIND = {"name": "Pista", "price": "120.00", "capacity": 200}
# Values at the limits of a rule, and values that a careless rule would accept.
ODD_TEXTS = [
    "",
    " ",
    "\u00a0",
    "\u3000",
    " a ",
    "a\n",
    "\na",
    "a\u0085b",
    "\u2028",
    "\u202eabc",
    "\u0000",
    "a" * 50,
    "a" * 51,
    " " + "a" * 50,
    "a" * 100,
    "a" * 101,
    "a" * 200,
    "a" * 201,
    "Ana 🎷",
    "\ufeff",
]
ODD_AMOUNTS = [
    "0", "120.00", "120.5", "120.", ".5", "-1", "+1", " 1", "1e2", "٣", "99999999.99", "100000000",
    "0.001", "1\n", 0, 1, 12.5, 0.07, 0.29, 0.57, 120.01, 1.005, 0.001, -1, 99_999_999.99, 10**8,
    True, None,
]  # fmt: skip
ODD_MOMENTS = [
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00+14:00",
    "2099-12-31T23:59:59-12:00",
    "1969-12-31T23:59:59Z",
    "1969-12-31T23:59:59-12:00",
    "2100-01-01T00:00:00Z",
    "2100-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
]
WEB_ADDRESSES = [
    "https://example.com/a.png",
    "http://localhost:8000/a.png?b=c#d",
    "http://127.0.0.1/a",
    "https://münchen.de/a.png",
    "ftp://example.com/a.png",
    "https://example.com/a b.png",
    "https://example",
    "//example.com/a.png",
    "https://user:secret@example.com/",
    "javascript:alert(1)",
    "https://example.com\n",
    "https://example.com/%e2%9c%93",
    "https://example.com/%zz",
    "https://example.com/?a#b#c",
]


def documented(component: str, *members: str) -> jsonschema_rs.Draft202012Validator:
    path = "/".join(["#/components/schemas", component, *members])
    return jsonschema_rs.Draft202012Validator(
        {"$ref": path, "components": DOCUMENT["components"]}, validate_formats=False
    )


def is_accepted(serializer: type[Serializer[Any]], name: str, value: Any) -> bool:
    try:
        serializer().fields[name].run_validation(value)
    except ValidationError:
        return False
    return True


FIELDS = [
    (NewEventSent, "name"),
    (NewEventSent, "city"),
    (NewEventSent, "address"),
    (NewEventSent, "description"),
    (NewEventSent, "slug"),
    (NewEventSent, "currency"),
    (NewEventSent, "timezone"),
    (ReservationSent, "event"),
    (ScanSent, "gate"),
    (ScanSent, "code"),
    (PaymentSent, "token"),
]


@pytest.mark.parametrize(
    ("serializer", "name"), FIELDS, ids=lambda each: getattr(each, "__name__", each)
)
def test_a_text_is_accepted_if_it_fits_the_document(serializer: type[Serializer[Any]], name: str):
    schema = documented(serializer.__name__, "properties", name)

    @given(st.one_of(st.text(max_size=60), st.from_regex(r"[a-zA-Z-]{1,4}", fullmatch=True)))
    def agree(text: str) -> None:
        assert is_accepted(serializer, name, text) == schema.is_valid(text)

    for text in [*ODD_TEXTS, "BRL", "brl", "a-b", "a--b", "America/Sao_Paulo", "Mars/Olympus"]:
        assert is_accepted(serializer, name, text) == schema.is_valid(text), text
    agree()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("price", ODD_AMOUNTS),
        ("starts_at", ODD_MOMENTS),
        ("image_url", WEB_ADDRESSES),
        ("capacity", [0, 1, 1.0, 1.5, 1_000_000, 1_000_001, "1", True, None]),
        ("max_per_customer", [0, -1, None, 5]),
        ("requires_proof_of_work", [True, False, 1, "true"]),
        ("status", ["draft", "published", "cancelled", ""]),
    ],
)
def test_a_value_is_accepted_if_it_fits_the_document(name: str, values: list[Any]):
    schema = documented("NewEventSent", "properties", name)

    for value in values:
        assert is_accepted(NewEventSent, name, value) == schema.is_valid(value), value


@given(st.datetimes(timezones=st.just(UTC) | st.just(timezone.max) | st.just(timezone.min)))
def test_a_moment_is_accepted_if_its_year_fits_the_document(moment: datetime):
    schema = documented("NewEventSent", "properties", "starts_at")

    text = moment.isoformat()

    assert is_accepted(NewEventSent, "starts_at", text) == schema.is_valid(text)


@given(st.integers(min_value=0, max_value=10**10 - 1))
@example(29)
@example(57)
def test_an_amount_in_cents_is_accepted_despite_the_rounding_of_floating_point_numbers(cents: int):
    assert is_accepted(NewEventSent, "price", cents * 0.01)
    assert is_accepted(NewEventSent, "price", cents / 100)


@pytest.mark.parametrize(
    ("serializer", "body"),
    [
        (ReservationSent, RESERVATION),
        (ReservationSent, {**RESERVATION, "quantity": 2}),
        (ReservationSent, {**RESERVATION, "items": [{"ticket_type": ID, "quantity": 2}]}),
        (ReservationSent, {**RESERVATION, "items": []}),
        (
            ReservationSent,
            {**RESERVATION, "quantity": 2, "items": [{"ticket_type": ID, "quantity": 2}]},
        ),
        (ReservationSent, {**RESERVATION, "quantity": 2, "amount": 2}),
        (ReservationSent, {**RESERVATION, "quantity": 2, "customer": {**CUSTOMER, "age": 3}}),
        (CustomerSent, {"name": "\t", "email": "ana@example.com"}),
        (RefundSent, {}),
        (RefundSent, {"full": True}),
        (RefundSent, {"full": False}),
        (RefundSent, {"tickets": [ID]}),
        (RefundSent, {"tickets": []}),
        (RefundSent, {"full": False, "tickets": [ID]}),
        (RefundSent, {"full": True, "tickets": [ID]}),
        (NewEventSent, EVENT),
        (NewEventSent, {**EVENT, "capacity": 5}),
        (NewEventSent, {**EVENT, "capacity": 5, "price": 0}),
        (NewEventSent, {**EVENT, "ticket_types": [KIND]}),
        (NewEventSent, {**EVENT, "ticket_types": []}),
        (NewEventSent, {**EVENT, "ticket_types": [{**KIND, "available": 3}], "sold_out": True}),
        (NewEventSent, {**EVENT, "ticket_types": [KIND], "capacity": 5}),
        (NewEventSent, {**EVENT, "ticket_types": [{"name": "Pista"}]}),
        (EventSent, EVENT),
        (EventSent, {**EVENT, "ticket_types": [KIND], "price": 5}),
        (TicketTypeChanged, {"id": ID, "capacity": 5}),
        (TicketTypeChanged, {"name": "Pista", "capacity": 5}),
    ],
)
def test_an_object_is_accepted_if_it_fits_the_document(
    serializer: type[Serializer[Any]], body: dict[str, Any]
):
    accepted = serializer(data=body).is_valid()

    assert accepted == documented(serializer.__name__).is_valid(body)


@pytest.mark.parametrize(
    ("payment", "fits"),
    [
        ({"method": "free"}, True),
        ({"method": "card"}, False),
        ({"method": "card", "token": " "}, False),
        ({"method": "card", "token": "tok_approved"}, True),
        ({"method": "cash", "token": "tok_approved"}, False),
    ],
)
def test_in_the_document_a_payment_that_is_not_free_requires_a_token(
    payment: dict[str, Any],
    fits: bool,  # noqa: FBT001 - a row of the table
):
    assert documented("PaymentSent").is_valid(payment) is fits


@pytest.mark.parametrize(
    ("sent", "fits"),
    [
        ("a", True),
        ("a" * 255, True),
        ("a" * 256, False),
        (f'"{"a" * 255}"', True),
        (f'"{"a" * 256}"', False),
        ('""', False),
        ('"', False),
        ('"a', False),
        ('a"', True),
        ("a b", True),
        ("é", False),
        ("", False),
    ],
)
def test_the_pattern_of_an_idempotency_key_limits_its_length_and_allows_quotes(
    sent: str,
    fits: bool,  # noqa: FBT001 - a row of the table
):
    assert bool(re.fullmatch(KEY_PATTERN, sent)) is fits


@pytest.mark.parametrize("before", ["/", "/?", "/#"])
def test_a_web_address_has_only_the_characters_of_a_uri(before: str):
    is_uri = jsonschema_rs.Draft202012Validator({"format": "uri"}, validate_formats=True).is_valid
    addresses = [f"https://example.com{before}{chr(code)}" for code in range(0x20, 0x180)]

    for address in addresses:
        assert is_accepted(NewEventSent, "image_url", address) == is_uri(address), address
