"""
Simulates the death of a process between two steps of a verb, or runs code between them.

A seam is a function that a verb calls, named "module:function" here. Tests wrap it with
`monkeypatch`, so production code needs no hooks.
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
    """Stands for the death of the process. A BaseException: no `except Exception` may catch it."""


@contextmanager
def watched(seam: str, *, at: Callable[[str], None]) -> Iterator[None]:
    """Call `at("before")` and `at("after")` around each call of the seam `module:name`."""
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
    """Make the code of the block die `before` or `after` its first call of `seam`."""

    def die(now: str) -> None:
        if now == moment:
            raise Crash(f"{moment} {seam}")

    with watched(seam, at=die), pytest.raises(Crash):
        yield
