"""Rules for names and lines of text: web addresses, control characters and blanks."""

import re
import sys
import unicodedata

import pytest

from ticketing.text import LINE, LINE_NOT_BLANK, has_web_address

# Names of people and firms as they type them.
NAMES = [
    "Ana Souza",
    "J. R. Silva",
    "J.R. Silva",
    "J.R.R. Tolkien",
    "D.Sc. Ana",
    "Ana M.Souza",
    "Ana, M.Sc.",
    "Ana B.Com",
    "Ana Ph.D.",
    "Maria d.C.",
    "Silva & Filhos Ltda.",
    "Silva Ltda.ME",
    "Silva S.A.",
    "Dr.Ana",
    "Dra.Ana/Dr.Bruno",
    "Ana/Bruno",
    "José Jr.de Souza",
    "Maria S.do Carmo",
    "M.A.de Souza",
    "St.John Smith",
    "Sta.Rosa",
    "N'Golo O’Brien-Smith",
    "Nº 5: Ana",
    "Ana (mesa 3, 2ª fila)",
    "李小龙",
    "Анна К.Петрова",
]
ADVERTISEMENTS = [
    "http://foo.com",
    "HTTPS://FOO.COM/x",
    "ftp://foo",
    "http:/foo",
    "www.foo",
    "Ganhe em WWW.Foo.Xyz agora",
    "foo.com",
    "Foo.Com",
    "foo.com/x",
    "foo.com.br",
    "foo.com:8080",
    "foo.com.",
    "(foo.com)",
    "Compre em melhor-preco.de",
    "melhorpreco.de",
    "um.dois.de",
    "bit.ly/x",
    "t.me/grupo",
    "x.co/a",
    "foo.io?ref=1",
    "ana@foo.com",
    "xn--bcher-kva.example",
    "münchen.com",
    "foo\uff0ecom",
    "foo。com",
    "ｆｏｏ.ｃｏｍ",
    "foo\u200b.c\u200bom",
    "foo.\u00adcom",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_web_address_is_found_in_names(name: str):
    assert not has_web_address(name)


@pytest.mark.parametrize("text", ADVERTISEMENTS)
def test_the_web_address_in_an_advertisement_is_found(text: str):
    assert has_web_address(text)


@pytest.mark.parametrize("text", ["a." * 100, "a-" * 100, "." * 200, "a." * 99 + "é/", "a:" * 100])
def test_text_that_resembles_a_web_address_is_checked_quickly(text: str):
    assert not has_web_address(text)


def test_the_patterns_cover_every_control_character_and_every_blank_of_unicode():
    plain = [code for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    directions = {0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
    refused = {code for code in plain if unicodedata.category(chr(code)) == "Cc"} | directions
    blank = {code for code in plain if chr(code).isspace()} - refused

    matched = {code for code in plain if re.fullmatch(LINE, chr(code))}
    not_blank = {code for code in plain if re.fullmatch(LINE_NOT_BLANK, chr(code))}

    assert set(plain) - matched == refused
    assert matched - not_blank == blank
