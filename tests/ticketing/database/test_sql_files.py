"""
Each file in an app's `sql/` is the current code of one database function and its triggers.

A file may differ from the copy in its migration in comments and white space only.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

pytestmark = pytest.mark.django_db

ROOT = Path(settings.BASE_DIR)
FILES = sorted(
    path
    for app in ("ticketing", "events", "orders", "tickets")
    for path in ROOT.glob(f"{app}/**/sql/*.sql")
)
# Functions that only the previous release calls have no file, only their migration. They are
# dropped in the next release.
PREVIOUS = set(
    tomllib.loads((ROOT / "tests/mutation/plan.toml").read_text())["functions"]["left_out"]
)
# Without the functions of extensions.
_FUNCTIONS = """
SELECT p.proname || '/' || p.pronargs, pg_get_functiondef(p.oid)
FROM pg_proc p WHERE p.pronamespace = %s::regnamespace AND NOT EXISTS (
  SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""
_TRIGGERS = """
SELECT c.relname, t.tgname, p.proname, pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal
"""
_TOKEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<space>\s+)|'(?:[^']|'')*'|\"[^\"]*\"|\w+|.", re.DOTALL
)


@dataclass(frozen=True)
class Code:
    """The tokens of functions (by name and argument count) and triggers (by table and name)."""

    functions: dict[str, list[str]]
    triggers: dict[tuple[str, str], list[str]]


def tokens(text: str) -> list[str]:
    """Return the tokens of SQL text, without comments and white space. A string is one token."""
    found = _TOKEN.finditer(text)
    return [each[0] for each in found if not each["comment"] and not each["space"]]


def rows(query: str, *parameters: str) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


def migrated(name: str) -> Code:
    """Return a function and its triggers as the migrations created them."""
    functions = [row for row in rows(_FUNCTIONS, "public") if row[0].partition("/")[0] == name]
    return Code(
        {key: tokens(text) for key, text in functions if key not in PREVIOUS},
        {(table, key): tokens(text) for table, key, of, text in rows(_TRIGGERS) if of == name},
    )


def installed(name: str, text: str) -> Code:
    """Install a file's text and return its code. The test's transaction is rolled back."""
    with connection.cursor() as cursor:
        for table, key in migrated(name).triggers:
            cursor.execute(f'DROP TRIGGER "{key}" ON "{table}"')
        before = {(table, key) for table, key, *_ in rows(_TRIGGERS)}
        # A schema of its own avoids conflicts with the function that the migrations created.
        cursor.execute("CREATE SCHEMA scratch")
        cursor.execute("SET LOCAL search_path = scratch, public")
        cursor.execute(text)
        functions, triggers = rows(_FUNCTIONS, "scratch"), rows(_TRIGGERS)
        cursor.execute("SET LOCAL search_path = public")
    return Code(
        {key: tokens(made.replace("scratch.", "public.")) for key, made in functions},
        {
            (table, key): tokens(made)
            for table, key, _, made in triggers
            if (table, key) not in before
        },
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_equals_the_function_and_the_triggers_of_the_migrations(path: Path):
    name, text = path.stem, path.read_text()
    expected = migrated(name)

    assert installed(name, text) == expected
    assert len(expected.functions) == 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_begins_with_a_comment_about_its_function(path: Path):
    assert re.match(r"-- \S.*\n(--.*\n)*CREATE FUNCTION ", path.read_text())


def test_every_function_of_the_database_has_one_file():
    names = [key.partition("/")[0] for key, _ in rows(_FUNCTIONS, "public") if key not in PREVIOUS]

    assert sorted(names) == sorted(path.stem for path in FILES)


def test_every_trigger_of_the_database_calls_a_function_that_has_a_file():
    assert {of for _, _, of, _ in rows(_TRIGGERS)} <= {path.stem for path in FILES}


def test_functions_that_only_the_previous_release_calls_are_in_the_database():
    assert {key for key, _ in rows(_FUNCTIONS, "public")} >= PREVIOUS


# --- The comparison notices changes of code, and no other changes ----------------------------

REFUND_TRIGGER = """
CREATE TRIGGER announce_refund AFTER INSERT ON orders_refund
  FOR EACH ROW EXECUTE FUNCTION announce_refund();
"""
CHANGES_OF_CODE = [
    ("announce_sold_out", "k.sold < k.capacity", "k.sold <= k.capacity"),
    ("announce_sold_out", "'event.sold_out'", "'event.sold  out'"),
    ("announce_sold_out", "NEW.sold > OLD.sold AND ", ""),
    ("announce_sold_out", "  DEFERRABLE INITIALLY DEFERRED\n", ""),
    ("announce_sold_out", "TRIGGER announce_sold_out", "TRIGGER announce_the_end"),
    ("announce_order", "'refunded'", "'paid'"),
    ("announce_refund", REFUND_TRIGGER, ""),
    ("describe_event", "STABLE", "VOLATILE"),
    ("describe_event", "(event events_event)", "(event events_event, more int)"),
]


def _text_of(name: str) -> str:
    (path,) = (path for path in FILES if path.stem == name)
    return path.read_text()


@pytest.mark.parametrize(("name", "was", "becomes"), CHANGES_OF_CODE)
def test_a_change_of_code_is_noticed(name: str, was: str, becomes: str):
    text, expected = _text_of(name), migrated(name)
    assert was in text

    assert installed(name, text.replace(was, becomes)) != expected


def test_a_change_of_comments_and_line_breaks_is_not_noticed():
    text, expected = _text_of("announce_sold_out"), migrated("announce_sold_out")
    other = text.replace("BEGIN\n", "BEGIN -- it's written once\n\n").replace(" = ", "=")
    assert other != text

    assert installed("announce_sold_out", other) == expected
