"""Advisory locks: by which numbers they are taken, and that one at a time has them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from ticketing.database.locks import Lock, alone

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(settings.BASE_DIR)
HOUSE = ("config", "ticketing", "events", "orders", "tickets")
TAKES_A_LOCK = re.compile(r"pg_(?:try_)?advisory_\w*lock\w*")


@pytest.fixture
def other() -> Iterator[BaseDatabaseWrapper]:
    copy = connection.copy()
    yield copy
    copy.close()


def is_free(other: BaseDatabaseWrapper, *numbers: int) -> bool:
    """Try a lock in another connection's transaction, and give it back at once."""
    with other.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_try_advisory_xact_lock({', '.join('%s' for _ in numbers)})", numbers
        )
        return cursor.fetchone()[0]


def hold(other: BaseDatabaseWrapper, *numbers: int) -> None:
    with other.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_lock({', '.join('%s' for _ in numbers)})", numbers)


def test_the_numbers_stay_as_they_are():
    # Two releases run side by side.
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
    files = [path for folder in HOUSE for path in (ROOT / folder).glob("**/sql/*.sql")]
    calls = re.compile(rf"{TAKES_A_LOCK.pattern}\(([^,]*),")
    taken = [number for path in files for number in calls.findall(path.read_text())]

    assert {int(number) for number in taken} == {
        Lock.EVENT, Lock.SOLD_OUT, Lock.CUSTOMER, Lock.ADDRESS, Lock.NETWORK
    }  # fmt: skip


def test_no_other_module_takes_locks_by_numbers_of_its_own():
    modules = [path for folder in HOUSE for path in (ROOT / folder).rglob("*.py")]
    code = [path for path in modules if "migrations" not in path.parts]
    found = {str(path.relative_to(ROOT)) for path in code if TAKES_A_LOCK.search(path.read_text())}

    # The second polls on a connection that it is given, and takes the number from the first.
    assert found == {"ticketing/database/locks.py", "ticketing/database/migrating.py"}


@pytest.mark.parametrize("numbers", [(Lock.MIGRATION, 7), (1 << 40,)])
def test_one_at_a_time_is_alone(other: BaseDatabaseWrapper, numbers: tuple[int, ...]):
    with alone(*numbers) as ours:
        assert ours
        assert not is_free(other, *numbers)

    assert is_free(other, *numbers)


@pytest.mark.parametrize("numbers", [(Lock.MIGRATION, 7), (1 << 40,)])
def test_what_another_holds_is_left_to_it(other: BaseDatabaseWrapper, numbers: tuple[int, ...]):
    hold(other, *numbers)

    with alone(*numbers) as ours:
        assert not ours


def test_a_pair_and_one_number_of_the_same_bits_do_not_meet(other: BaseDatabaseWrapper):
    with alone(Lock.EVENT, 2):
        assert not is_free(other, Lock.EVENT, 2)
        assert is_free(other, (Lock.EVENT << 32) + 2)


def test_a_lock_whose_connection_is_lost_is_free_again(other: BaseDatabaseWrapper):
    with alone(Lock.MIGRATION, 7):
        connection.connection.close()

    assert connection.connection is None
    assert is_free(other, Lock.MIGRATION, 7)
    with alone(Lock.MIGRATION, 7) as ours:
        assert ours
