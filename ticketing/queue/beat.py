"""Beat's scheduler, which writes a file for the health check as a worker does."""

import logging
import time
from pathlib import Path
from typing import Any, Final

from celery.beat import PersistentScheduler, ScheduleEntry
from django.conf import settings

from ticketing.queue.polls import EVERY_SECONDS, clear_away_old_polls, forget_polls, write_polls

logger = logging.getLogger(__name__)

# In the file, the time of beat is stored under this name instead of the name of a queue.
_BEAT: Final = "beat"


class NotingScheduler(PersistentScheduler):
    """Writes the time at which it last tried to send a task, also if SQS did not answer."""

    _written_at = 0.0

    def setup_schedule(self) -> None:
        super().setup_schedule()
        if settings.METRICS_DIR:
            clear_away_old_polls(Path(settings.METRICS_DIR), now=time.time())

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        super().apply_entry(entry, producer=producer)
        now = time.time()
        if settings.METRICS_DIR and abs(now - self._written_at) > EVERY_SECONDS:
            try:
                write_polls(Path(settings.METRICS_DIR), {_BEAT: now})
            except OSError:
                logger.warning("The file for beat's health check was not written.", exc_info=True)
            self._written_at = now

    def close(self) -> None:
        super().close()
        if settings.METRICS_DIR:
            forget_polls(Path(settings.METRICS_DIR))
