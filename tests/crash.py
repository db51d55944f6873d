"""
Dying between two steps of the engine, and doing things between them.

A seam is a function that a verb calls by name. The tests put themselves around it; production
calls it directly and pays nothing.
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
    """The process is gone. No `except Exception` of ours may notice."""


@contextmanager
def watched(seam: str, *, at: Callable[[str], None]) -> Iterator[None]:
    """Call `at` with `before` and `after` around each call of `module:name`."""
    module, path = seam.split(":")
    *holders, name = path.split(".")
    home: Any = reduce(getattr, holders, import_module(module))
    step = getattr(home, name)

    @wraps(step)
    def stepped(*arguments: Any, **named: Any) -> Any:
        at(BEFORE)
        answer = step(*arguments, **named)
        at(AFTER)
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(home, name, stepped)
        yield


@contextmanager
def crash(moment: str, seam: str) -> Iterator[None]:
    """Expect the code inside to die `before` or `after` its first call of `seam`."""

    def die(now: str) -> None:
        if now == moment:
            raise Crash(f"{moment} {seam}")

    with watched(seam, at=die), pytest.raises(Crash):
        yield
