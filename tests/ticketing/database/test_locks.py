"""Advisory locks: their numbers, and that only one connection has a lock at a time."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from ticketing.database.locks import Lock, try_lock

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(settings.BASE_DIR)
PACKAGES = ("config", "ticketing", "events", "orders", "tickets")
TAKES_A_LOCK = re.compile(r"pg_(?:try_)?advisory_\w*lock\w*")


@pytest.fixture
def other() -> Iterator[BaseDatabaseWrapper]:
    copy = connection.copy()
    yield copy
    copy.close()


def is_free(other: BaseDatabaseWrapper, *numbers: int) -> bool:
    """Return whether another connection can take a lock. It releases the lock at once."""
    with other.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_try_advisory_xact_lock({', '.join('%s' for _ in numbers)})", numbers
        )
        return cursor.fetchone()[0]


def hold(other: BaseDatabaseWrapper, *numbers: int) -> None:
    with other.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_lock({', '.join('%s' for _ in numbers)})", numbers)


def test_the_numbers_of_locks_never_change():
    # Processes of two releases must lock each other out.
    assert {lock.name: lock.value for lock in Lock} == {
        "EVENT": 1,
        "SOLD_OUT": 3,
        "WEBHOOK_ENDPOINT": 4,
        "CUSTOMER": 5,
        "ADDRESS": 6,
        "NETWORK": 7,
        "MAIL_RECIPIENT": 8,
        "MIGRATION": 9,
    }


def test_every_lock_that_a_function_of_the_database_takes_is_listed():
    files = [path for folder in PACKAGES for path in (ROOT / folder).glob("**/sql/*.sql")]
    calls = re.compile(rf"{TAKES_A_LOCK.pattern}\(([^,]*),")
    taken = [number for path in files for number in calls.findall(path.read_text())]

    assert {int(number) for number in taken} == {
        Lock.EVENT, Lock.SOLD_OUT, Lock.CUSTOMER, Lock.ADDRESS, Lock.NETWORK
    }  # fmt: skip


def test_no_other_module_calls_postgresqls_lock_functions():
    modules = [path for folder in PACKAGES for path in (ROOT / folder).rglob("*.py")]
    code = [path for path in modules if "migrations" not in path.parts]
    found = {str(path.relative_to(ROOT)) for path in code if TAKES_A_LOCK.search(path.read_text())}

    # The second one polls on a given connection, and imports the number from the first one.
    assert found == {"ticketing/database/locks.py", "ticketing/database/migrating.py"}


@pytest.mark.parametrize("numbers", [(Lock.MIGRATION, 7), (1 << 40,)])
def test_a_lock_is_taken_for_the_block_only(other: BaseDatabaseWrapper, numbers: tuple[int, ...]):
    with try_lock(*numbers) as ours:
        assert ours
        assert not is_free(other, *numbers)

    assert is_free(other, *numbers)


@pytest.mark.parametrize("numbers", [(Lock.MIGRATION, 7), (1 << 40,)])
def test_a_lock_of_another_connection_is_not_taken(
    other: BaseDatabaseWrapper, numbers: tuple[int, ...]
):
    hold(other, *numbers)

    with try_lock(*numbers) as ours:
        assert not ours


def test_a_pair_and_one_number_of_the_same_bits_do_not_conflict(other: BaseDatabaseWrapper):
    with try_lock(Lock.EVENT, 2):
        assert not is_free(other, Lock.EVENT, 2)
        assert is_free(other, (Lock.EVENT << 32) + 2)


def test_a_lock_whose_connection_is_lost_is_free_again(other: BaseDatabaseWrapper):
    with try_lock(Lock.MIGRATION, 7):
        connection.connection.close()

    assert connection.connection is None
    assert is_free(other, Lock.MIGRATION, 7)
    with try_lock(Lock.MIGRATION, 7) as ours:
        assert ours
