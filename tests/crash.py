"""
Simulate the death of a process between two steps of the engine, or run code between the steps.

A seam is a module-level function that a verb calls. Tests wrap it with `watched` or `crash`, so
production code needs no hooks.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce, wraps
from importlib import import_module
from typing import Any, Final

import pytest

BEFORE: Final = "before"
AFTER: Final = "after"


class Crash(BaseException):
    """The simulated death of a process. No `except Exception` catches this BaseException."""


@contextmanager
def watched(seam: str, *, at: Callable[[str], None]) -> Iterator[None]:
    """Call `at("before")` and `at("after")` around each call of the seam, such as `module:name`."""
    module, path = seam.split(":")
    *holders, name = path.split(".")
    home: Any = reduce(getattr, holders, import_module(module))
    step = getattr(home, name)

    @wraps(step)
    def stepped(*arguments: Any, **named: Any) -> Any:
        at(BEFORE)
        result = step(*arguments, **named)
        at(AFTER)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(home, name, stepped)
        yield


@contextmanager
def crash(moment: str, seam: str) -> Iterator[None]:
    """Raise `Crash` `before` or `after` the first call of `seam`. The block must make that call."""

    def die(now: str) -> None:
        if now == moment:
            raise Crash(f"{moment} {seam}")

    with watched(seam, at=die), pytest.raises(Crash):
        yield
