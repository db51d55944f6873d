"""Changes to Lua scripts and SQL functions, line by line, with regular expressions."""

import re
from collections.abc import Iterator
from typing import Final

from tests.mutation.python_changes import Change

# Pairs of a pattern and its replacement.
_SWAPS: Final = [
    (r"<=", "<"),
    (r">=", ">"),
    (r"(?<![<>=~-])<(?![=>])", "<="),
    (r"(?<![<>=-])>(?!=)", ">="),
    (r"==", "~="),
    (r"~=", "=="),
    (r"<>", "="),
    (r"(?<![<>=~:])=(?![=>])", "<>"),
    (r"(?<=\s)\+(?=\s)", "-"),
    (r"(?<=\s)-(?=\s)", "+"),
    (r"\band\b", "or"),
    (r"\bor\b", "and"),
    (r"\bAND\b", "OR"),
    (r"\bOR\b", "AND"),
    (r"\bnot\b ", ""),
    (r"\bNOT\b ", ""),
    (r"\bIS DISTINCT FROM\b", "IS NOT DISTINCT FROM"),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r"\bIS NOT NULL\b", "IS NULL"),
    (r"\bEXISTS\b", "NOT EXISTS"),
    (r"\bgreatest\b", "least"),
    (r"\bmin\b", "max"),
    (r"-(?=ARGV)", ""),
    (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"),
]
# Statements on a line of their own, which can be removed.
_LUA_STATEMENT: Final = re.compile(
    r"^\s*(redis\.call\(.*\)|\w[\w\[\]# +]* = .*|if .* end|return .*)$"
)
_SQL_STATEMENT: Final = re.compile(r"^\s*(PERFORM|NEW\.|RETURN QUERY|UPDATE|DELETE|\w+ :=).*;$")
_SQL_CONDITION: Final = re.compile(r"\b(AND|OR) (?=\S)")


def changes_of_lua(path: str, script: str) -> list[Change]:
    """Return all changes to a script."""
    return list(_unique(_changes(path, script, comment="--", swaps_of_sql=False)))


def changes_of_sql(path: str, function: str) -> list[Change]:
    """Return all changes to the body of a SQL function."""
    head, body, tail = re.split(r"(?<=\$function\$)|(?=\$function\$\s*$)", function, maxsplit=2)
    found = _unique(_changes(path, body, comment="--", swaps_of_sql=True))
    return [
        Change(each.path, each.line, each.was, each.becomes, head + each.text + tail)
        for each in found
    ]


def _changes(path: str, text: str, *, comment: str, swaps_of_sql: bool) -> Iterator[Change]:
    lines = text.splitlines()
    statement = _SQL_STATEMENT if swaps_of_sql else _LUA_STATEMENT
    for place, line in enumerate(lines):
        code = line.partition(comment)[0].rstrip()
        variants = [_swap(code, *swap) for swap in _SWAPS if _belongs(swap[1], sql=swaps_of_sql)]
        becomes = [variant for each in variants for variant in each]
        if statement.match(code) and not code.strip().startswith(("local ", "DECLARE")):
            becomes.append("")
        if swaps_of_sql:
            becomes += _without_a_condition(code)
        for changed in becomes:
            after = "\n".join([*lines[:place], changed, *lines[place + 1 :]]) + "\n"
            yield Change(path, place + 1, code.strip(), changed.strip(), after)


def _swap(code: str, pattern: str, replacement: str) -> list[str]:
    return [
        code[: found.start()] + replacement + code[found.end() :]
        for found in re.finditer(pattern, code)
    ]


def _without_a_condition(code: str) -> list[str]:
    """Remove `AND …` up to the next condition or the end of its line."""
    parts = _SQL_CONDITION.split(code)
    # [first, word, rest, word, rest, …]
    return [
        "".join(
            part if at % 2 == 0 else f"{part} "
            for at, part in enumerate(parts)
            if at not in (gone, gone + 1)
        )
        + (" THEN" if parts[gone + 1].endswith(" THEN") else "")
        + (";" if parts[gone + 1].endswith(";") else "")
        for gone in range(1, len(parts) - 1, 2)
        if parts[gone + 1].count("(") == parts[gone + 1].count(")")
    ]


def _belongs(replacement: str, *, sql: bool) -> bool:
    """Return whether a replacement is valid in this language."""
    only_lua, only_sql = {"~=", "=="}, {"<>", "IS NULL", "IS NOT NULL"}
    return replacement not in (only_lua if sql else only_sql)


def _unique(changes: Iterator[Change]) -> Iterator[Change]:
    seen = set()
    for change in changes:
        if change.was != change.becomes and change.text not in seen:
            seen.add(change.text)
            yield change
