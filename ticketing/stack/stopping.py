"""A wish to stop, heard at once and obeyed between two steps, so that no step is torn."""

import signal
import time
from types import FrameType


class Stopped(Exception):
    """Somebody asked us to end."""


class StopRequest:
    """
    Ctrl-C, SIGTERM and SIGHUP, turned into `Stopped` where it does no harm.

    A signal that raised at once could fall between the start of a child and our knowing of it.
    Each further signal is the same wish again, and changes nothing.
    """

    def __init__(self) -> None:
        self._asked = False

    def listen(self) -> None:
        """Hear signals from now on. SIGHUP stays ignored under `nohup`."""
        signal.signal(signal.SIGINT, self._hear)
        signal.signal(signal.SIGTERM, self._hear)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._hear)

    def check(self) -> None:
        """
        Go on, if nobody has asked us to end.

        :raises Stopped: if somebody has
        """
        if self._asked:
            raise Stopped

    def pause(self, seconds: float) -> None:
        """
        Wait a moment.

        :raises Stopped: if somebody has asked us to end
        """
        time.sleep(seconds)
        self.check()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
