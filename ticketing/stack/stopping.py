"""Turns the signals to stop into an exception at safe points, so that no step is interrupted."""

import signal
import time
from types import FrameType


class Stopped(Exception):
    """The process received a signal to stop."""


class StopRequest:
    """
    Remembers SIGINT (Ctrl-C), SIGTERM and SIGHUP, and raises `Stopped` in `check` and `pause`.

    A handler that raised at once could interrupt us between the start of a child and its entry in
    the roster, and the child would be left running. Further signals change nothing.
    """

    def __init__(self) -> None:
        self._received = False

    def listen(self) -> None:
        """Install the signal handlers. SIGHUP stays ignored under `nohup`."""
        signal.signal(signal.SIGINT, self._handle)
        signal.signal(signal.SIGTERM, self._handle)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._handle)

    def check(self) -> None:
        """
        Raise if a signal to stop was received, otherwise do nothing.

        :raises Stopped: after a signal to stop
        """
        if self._received:
            raise Stopped

    def pause(self, seconds: float) -> None:
        """
        Sleep, then check.

        :raises Stopped: after a signal to stop
        """
        time.sleep(seconds)
        self.check()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._received = True
