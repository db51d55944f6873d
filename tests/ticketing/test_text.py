"""Rules for names and lines of text: web addresses, control characters, and something to see."""

import re
import sys
import unicodedata

import pytest
from django.core.exceptions import ValidationError

from ticketing.api.fields import LineField, NameField, StrictSerializer, is_line, is_name
from ticketing.text import LINE, LINE_NOT_BLANK, check_line, has_web_address, is_blank
from ticketing.text_form import PersonNameField

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

# Hangul's fillers, Khmer's inherent vowels, Mongolian's and other variation selectors, the joiner
# of graphemes, an empty Braille pattern, and what Unicode keeps free for more of them.
DRAWN_AS_NOTHING = "".join(
    (
        "\u115f\u1160\u3164\uffa0\u17b4\u17b5\u180b\u180c\u180d\u180f\u034f\u2800\u2065",
        *(chr(code) for code in range(0xFE00, 0xFE10)),
        *(chr(code) for code in range(0xFFF0, 0xFFF9)),
    )
)
WITH_INVISIBLE_PARTS = [
    "می\u200cخواهم",
    "क्\u200dष",
    "👩\u200d🚀",
    "\u2764\ufe0f",
    "\u200bAna\u200b",
    "Ana\u00adMaria",
    "\u200fشيرين",
    "𠮷",
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
    # These formats are drawn: Arabic and Syriac signs around numbers.
    drawn = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2}
    formats = {code for code in range(0x10000) if unicodedata.category(chr(code)) == "Cf"}
    invisible = formats - drawn - refused | {ord(character) for character in DRAWN_AS_NOTHING}

    matched = {code for code in plain if re.fullmatch(LINE, chr(code))}
    not_blank = {code for code in plain if re.fullmatch(LINE_NOT_BLANK, chr(code))}

    assert set(plain) - matched == refused
    assert matched - not_blank == blank | invisible


@pytest.mark.parametrize("name", WITH_INVISIBLE_PARTS)
def test_invisible_characters_within_a_name_are_legal(name: str):
    check_line(name)

    assert re.fullmatch(LINE_NOT_BLANK, name)
    assert not is_blank(name)


@pytest.mark.parametrize(
    "text", ["\u200b", " \u2060 \ufeff", "\u3164\u3164", "\u200d\ufe0f", "\u2800"]
)
def test_a_line_of_which_nothing_can_be_seen_is_blank_everywhere(text: str):
    class Sent(StrictSerializer):
        name = NameField()
        note = LineField(max_length=20, required=False, allow_blank=True)

    sent = Sent(data={"name": text, "note": text})

    assert not sent.is_valid()
    assert {field: errors[0].code for field, errors in sent.errors.items()} == {"name": "blank"}
    assert Sent().run_validation({"name": "Ana", "note": text}) == {"name": "Ana", "note": ""}
    assert not is_line(text)
    assert not is_name(text)
    with pytest.raises(ValidationError) as refused:
        PersonNameField().clean(text)
    assert [error.code for error in refused.value.error_list] == ["blank"]
    assert PersonNameField(required=False).clean(" ") == ""
