"""Tokens of mailed links: the same for ever, for one row and one address, by any key in use."""

from uuid import UUID

import pytest

from ticketing.ids import new_id
from ticketing.mailed_tokens import MailedToken

TOKEN = MailedToken("lnk_", "orders.page_link")
ROW, ADDRESS = UUID("01890000-0000-7000-8000-000000000001"), "ana@example.com"


def test_a_token_is_that_of_the_mails_that_were_sent_by_earlier_releases(settings):
    settings.SECRET_KEY = "the-key-of-these-tests"

    assert TOKEN.derive(ROW, ADDRESS) == (
        "lnk_a186097fb5d97c9e7f90b221102d1be74c45a19c21e68f8efcd11333ba6526e4"
    )


@pytest.mark.parametrize(
    ("kind", "row", "address"),
    [
        (TOKEN, ROW, "bia@example.com"),
        (TOKEN, new_id(), ADDRESS),
        (MailedToken("lnk_", "orders.confirmation"), ROW, ADDRESS),
        (MailedToken("cnf_", "orders.page_link"), ROW, ADDRESS),
    ],
)
def test_a_token_is_valid_for_one_purpose_row_and_address(
    kind: MailedToken, row: UUID, address: str
):
    token = TOKEN.derive(ROW, ADDRESS)

    assert TOKEN.is_valid(token, ROW, ADDRESS)
    assert not kind.is_valid(token, row, address)


@pytest.mark.parametrize("token", ["", "lnk_", "é", "\x00", "\ud800"])
def test_text_that_is_no_token_is_not_valid(token: str):
    assert not TOKEN.is_valid(token, ROW, ADDRESS)


def test_a_token_outlives_a_new_key_until_the_old_key_is_removed(settings):
    token = TOKEN.derive(ROW, ADDRESS)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a-new-secret"

    assert TOKEN.derive(ROW, ADDRESS) != token
    assert TOKEN.is_valid(token, ROW, ADDRESS)
    settings.SECRET_KEY_FALLBACKS = []
    assert not TOKEN.is_valid(token, ROW, ADDRESS)
