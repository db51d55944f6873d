"""
BR Codes: the text of a Pix, which a bank's app reads from a QR code or a buyer pastes.

The rules are those of the Banco Central do Brasil, "Manual de Padrões para Iniciação do Pix"
(https://www.bcb.gov.br/content/estabilidadefinanceira/pix/Regulamento_Pix/II_ManualdePadroesparaIniciacaodoPix.pdf),
which are a profile of EMV QRCPS, Merchant-Presented Mode. A BR Code is a sequence of fields: two
digits of id, two digits of length, and the value. The last field is a checksum of all before it.
"""

import re
from binascii import crc_hqx
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final
from unicodedata import normalize

LONGEST_BR_CODE: Final = 512
LONGEST_NAME: Final = 25
LONGEST_CITY: Final = 15
# What stands for the id of a Pix whose receiver gives none, or whose URL identifies it.
NO_TXID: Final = "***"
_GUI: Final = "br.gov.bcb.pix"
_BRL, _BRAZIL = "986", "BR"
_TXID: Final = re.compile(r"[A-Za-z0-9]{1,25}|\*{3}")
_AMOUNT: Final = re.compile(r"\d{1,10}(\.\d{1,2})?")
_LONGEST_VALUE: Final = 99
# Of EMV's ids for accounts, one may be a Pix account.
_ACCOUNTS: Final = [f"{number:02}" for number in range(26, 52)]
_CHECKSUM: Final = "6304"


class NotABrCode(ValueError):
    """The text is not the BR Code of a Pix, or what it should contain cannot be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrCode:
    """
    The content of a BR Code: a Pix `key` (static), or the `url` of a charge (dynamic).

    `url` is without `https://`. `amount` is in BRL. None leaves it to the payer or to the charge.
    """

    key: str = ""
    url: str = ""
    amount: Decimal | None = None
    merchant_name: str
    merchant_city: str
    txid: str = NO_TXID


def write_br_code(content: BrCode) -> str:
    """
    Return the text. Names lose their accents, and are cut to the length that the rules allow.

    :raises NotABrCode: if there is not exactly one of key and URL, or a value is not allowed
    """
    if bool(content.key) == bool(content.url):
        raise NotABrCode("A BR Code has either a key or a URL.")
    if not _TXID.fullmatch(content.txid):
        raise NotABrCode("The id must be 1 to 25 letters and digits, or ***.")
    if content.amount is not None and not _AMOUNT.fullmatch(f"{content.amount:.2f}"):
        raise NotABrCode("The amount must be positive and have at most ten digits before the dot.")
    account = _field("00", _GUI) + (
        _field("01", content.key) if content.key else _field("25", content.url)
    )
    fields = [
        _field("00", "01"),
        # A charge can be paid only once.
        _field("01", "12") if content.url else "",
        _field("26", account),
        _field("52", "0000"),
        _field("53", _BRL),
        _field("54", f"{content.amount:.2f}") if content.amount is not None else "",
        _field("58", _BRAZIL),
        _field("59", _plain(content.merchant_name, LONGEST_NAME)),
        _field("60", _plain(content.merchant_city, LONGEST_CITY)),
        _field("62", _field("05", content.txid)),
    ]
    text = "".join(fields) + _CHECKSUM
    return text + checksum(text)


def read_br_code(text: str) -> BrCode:
    """
    Return the content of a BR Code.

    :raises NotABrCode: if it is malformed, its checksum is wrong, or it is no Pix in BRL
    """
    if len(text) > LONGEST_BR_CODE:
        raise NotABrCode(f"It has more than {LONGEST_BR_CODE} characters.")
    if text[-8:-4] != _CHECKSUM or checksum(text[:-4]) != text[-4:].upper():
        raise NotABrCode("Its checksum is wrong.")
    fields = _split(text)
    accounts = (_split(fields[number]) for number in _ACCOUNTS if number in fields)
    account = next((each for each in accounts if each.get("00", "").lower() == _GUI), None)
    if account is None:
        raise NotABrCode("It has no account of Pix.")
    if (fields.get("00"), fields.get("53"), fields.get("58")) != ("01", _BRL, _BRAZIL):
        raise NotABrCode("It is not in BRL, or of another version.")
    return BrCode(
        key=account.get("01", ""),
        url=account.get("25", ""),
        amount=_read_amount(fields["54"]) if "54" in fields else None,
        merchant_name=fields.get("59", ""),
        merchant_city=fields.get("60", ""),
        txid=_split(fields.get("62", "")).get("05", NO_TXID),
    )


def checksum(text: str) -> str:
    """Return the CRC-16 of a text that ends with `6304`: polynomial 0x1021, beginning at 0xFFFF."""
    return f"{crc_hqx(text.encode(), 0xFFFF):04X}"


def _field(number: str, value: str) -> str:
    if not value or len(value) > _LONGEST_VALUE or not value.isascii() or not value.isprintable():
        raise NotABrCode(f"Field {number} must have 1 to {_LONGEST_VALUE} characters of ASCII.")
    return f"{number}{len(value):02}{value}"


def _plain(text: str, longest: int) -> str:
    # Not every bank's app can read letters beyond ASCII.
    ascii_only = normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(ascii_only.split())[:longest].strip()


def _split(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    rest = text
    while rest:
        number, length, rest = rest[:2], rest[2:4], rest[4:]
        if not (number + length).isdecimal() or number in fields or len(rest) < int(length):
            raise NotABrCode("Its fields are malformed.")
        fields[number], rest = rest[: int(length)], rest[int(length) :]
    return fields


def _read_amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise NotABrCode("Its amount is not a number.") from error
