"""The explanation of each problem code, read from `docs/problems.md` and its translation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from django.conf import settings
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

ENGLISH: Final = "en"
_FILES: Final = {ENGLISH: "docs/problems.md", "pt-br": "docs/problemas.md"}
_HEADING: Final = re.compile(r"^(##|###) (.+)\n", re.MULTILINE)
_STATUS: Final = re.compile(r"(?P<status>\d{3})\. ")
_LITERAL: Final = re.compile(r"`([^`]+)`")
# A link to another document becomes plain text, because those files are not served.
_LINK: Final = re.compile(r"\[([^\]]+)\]\((https://[^)\s]+|[^)\s]*)\)")


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explanation of one code in one language. `paragraphs` are HTML."""

    code: str
    status: int
    paragraphs: list[SafeString]


@dataclass(frozen=True, slots=True)
class Section:
    """The problems of one section of the documentation."""

    title: str
    problems: list[Explanation]


@cache
def sections_in(language: str) -> list[Section]:
    """Return all problems in a language of `_FILES`, in the order of the documentation."""
    return list(_read((settings.BASE_DIR / _FILES[language]).read_text()))


def explanation_of(code: str, language: str) -> Explanation | None:
    """Return the explanation of a code in a language, or None if there is no such code."""
    problems = (problem for section in sections_in(language) for problem in section.problems)
    return next((problem for problem in problems if problem.code == code), None)


def _read(text: str) -> Iterator[Section]:
    _, *parts = _HEADING.split(text)
    section = Section("", [])
    for level, heading, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        if level == "##":
            if section.problems:
                yield section
            section = Section(heading, [])
        else:
            section.problems.append(_explain(heading.strip("`"), body.strip()))
    yield section


def _explain(code: str, body: str) -> Explanation:
    found = _STATUS.match(body)
    assert found is not None, code  # noqa: S101 - a test reads every heading
    paragraphs = [_to_html(paragraph) for paragraph in body[found.end() :].split("\n\n")]
    return Explanation(code, int(found["status"]), paragraphs)


def _to_html(paragraph: str) -> SafeString:
    text: str = escape(" ".join(paragraph.split()))
    text = _LITERAL.sub(r"<code>\1</code>", text)
    return mark_safe(_LINK.sub(_link, text))  # noqa: S308 - escaped above


def _link(found: re.Match[str]) -> str:
    words, address = found.groups()
    return f'<a href="{address}">{words}</a>' if address.startswith("https://") else words
