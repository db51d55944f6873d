"""BR Codes, compared with the examples that the Banco Central publishes in its manual."""

from dataclasses import replace
from decimal import Decimal

import pytest

from orders.br_code import BrCode, NotABrCode, checksum, read_br_code, write_br_code

# "Manual de Padrões para Iniciação do Pix", the examples of a static and of a dynamic QR code.
STATIC = (
    "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR"
    "5913Fulano de Tal6008BRASILIA62070503***63041D3D"
)
DYNAMIC = (
    "00020101021226700014br.gov.bcb.pix2548pix.example.com/8b3da2f39a4140d1a91abd93113bd441"
    "5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***630464E4"
)
KEY = "123e4567-e12b-12d1-a456-426655440000"
FULANO = BrCode(key=KEY, merchant_name="Fulano de Tal", merchant_city="BRASILIA")
CHARGE = replace(FULANO, key="", url="pix.example.com/8b3da2f39a4140d1a91abd93113bd441")


def sealed(text: str) -> str:
    return f"{text}6304{checksum(text + '6304')}"


@pytest.mark.parametrize(("content", "published"), [(FULANO, STATIC), (CHARGE, DYNAMIC)])
def test_the_published_examples_are_written_and_read(content: BrCode, published: str):
    assert write_br_code(content) == published
    assert read_br_code(published) == content


def test_an_amount_has_two_decimals_and_an_id_its_own_field():
    written = write_br_code(replace(FULANO, amount=Decimal("66.6"), txid="K7QX2M"))

    assert "540566.605802BR" in written
    assert "62100506K7QX2M6304" in written
    assert read_br_code(written) == replace(FULANO, amount=Decimal("66.60"), txid="K7QX2M")


def test_names_lose_their_accents_and_are_cut():
    written = write_br_code(
        replace(
            FULANO,
            merchant_name="Associação  Cultural São João do Sertão",
            merchant_city="São José dos Campos",
        )
    )

    read = read_br_code(written)
    assert (read.merchant_name, read.merchant_city) == (
        "Associacao Cultural Sao J",
        "Sao Jose dos Ca",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        replace(FULANO, url="pix.example.com/1"),
        replace(FULANO, key=""),
        replace(FULANO, txid="K7-QX2M"),
        replace(FULANO, txid="x" * 26),
        replace(FULANO, amount=Decimal("-1.00")),
        replace(FULANO, amount=Decimal("12345678901.00")),
        replace(FULANO, merchant_name="東京"),
        replace(FULANO, key="k" * 100),
    ],
)
def test_what_the_rules_do_not_allow_is_not_written(wrong: BrCode):
    with pytest.raises(NotABrCode):
        write_br_code(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        STATIC[:-1] + "E",
        STATIC[:-8],
        STATIC.replace("5913", "5914"),
        "x" * 513,
        sealed("000201"),
        sealed(STATIC[:-8].replace("986", "840")),
        sealed(STATIC[:-8].replace("br.gov.bcb.pix", "br.gov.bcb.xip")),
        sealed(STATIC[:-8].replace("5802BR", "5403a.b5802BR")),
        sealed(STATIC[:-8] + "5913Fulano de Tal"),
    ],
)
def test_a_text_that_is_no_pix_is_refused(wrong: str):
    with pytest.raises(NotABrCode):
        read_br_code(wrong)


def test_a_checksum_may_be_lower_case_and_the_account_may_have_any_id():
    assert read_br_code(DYNAMIC[:-4] + "64e4") == CHARGE
    assert read_br_code(sealed(STATIC[:-8].replace("012658", "012758"))) == FULANO
