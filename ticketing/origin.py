"""Where the work of this thread comes from: a page, the API, or a worker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


def _no_address() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Origin:
    """
    The way by which a request came: `admin`, `shop`, `api`, or `worker` if there is no request.

    `find_address` returns the caller's IP address. It is called for recorded acts only, because
    hot requests record none.
    """

    channel: str
    find_address: Callable[[], str | None] = _no_address


_WORKER: Final = Origin("worker")
_origin: ContextVar[Origin] = ContextVar("origin", default=_WORKER)


def current_origin() -> Origin:
    """Return the origin of the request that this thread handles."""
    return _origin.get()


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """Make `origin` the current one inside the block."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        # The thread is reused for another request.
        _origin.reset(token)
