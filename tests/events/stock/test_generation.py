"""Two releases whose scripts differ share one generation, until Redis loses its scripts."""

from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from events.models import InventoryGeneration
from events.stock import generation

pytestmark = pytest.mark.django_db


@pytest.fixture
def start_release(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Start a process of a release with changed scripts. Return the stamp of the generation."""
    current = dict(generation._SCRIPTS)

    def start(**changed: str | None) -> str:
        scripts = {name: text for name, text in (current | changed).items() if text is not None}
        monkeypatch.setattr(generation, "_SCRIPTS", scripts)
        generation._digest.cache_clear()
        generation._Generation.stamp = ""
        generation.ensure_generation()
        return InventoryGeneration.objects.get().stamp

    yield start
    generation._digest.cache_clear()
    generation._Generation.stamp = ""


CHANGED = "return {'COLD', '-1'} -- as the next release has it"


def test_a_changed_script_of_the_next_release_begins_no_new_generation(
    start_release: Callable[..., str],
):
    stamp = start_release()

    assert start_release(reserve=CHANGED) == stamp
    # The scripts of the previous release are still in Redis, so its generation goes on.
    assert start_release() == stamp


def test_a_release_joins_a_generation_that_an_older_one_began(start_release: Callable[..., str]):
    # Releases up to cd519cc had no witness.
    stamp = start_release(witness=None)

    assert start_release(reserve=CHANGED) == stamp
    assert start_release(witness=None) == stamp


def test_releases_with_no_script_in_common_but_the_witness_share_a_generation(
    start_release: Callable[..., str],
):
    stamp = start_release()
    others = {name: CHANGED for name in generation._SCRIPTS if name != "witness"}

    assert start_release(**others) == stamp


def test_a_redis_that_lost_all_scripts_begins_a_new_generation(
    start_release: Callable[..., str], redis: Redis
):
    stamp = start_release()
    redis.script_flush()

    assert start_release(reserve=CHANGED) != stamp


def test_a_redis_that_restarts_while_a_release_joins_begins_a_new_generation(
    start_release: Callable[..., str], redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    stamp = start_release()
    load = generation._load

    def load_into_another_redis(names: list[str], stamp: str) -> None:
        if set(names) == {"reserve"}:
            redis.script_flush()
        load(names, stamp)

    monkeypatch.setattr(generation, "_load", load_into_another_redis)

    assert start_release(reserve=CHANGED) != stamp


def test_a_process_that_has_read_no_generation_reads_it_first(start_release: Callable[..., str]):
    stamp = start_release()
    generation._Generation.stamp = ""

    assert generation.current_stamp() == stamp
