"""Beat with a note of its last turn, so that its health is checked as a worker's is."""

import logging
import time
from pathlib import Path
from typing import Any, Final

from celery.beat import PersistentScheduler, ScheduleEntry
from django.conf import settings

from ticketing.queue.polls import EVERY_SECONDS, clear_away_old_polls, forget_polls, write_polls

logger = logging.getLogger(__name__)

# What beat is called among the queues.
_BEAT: Final = "beat"


class NotingScheduler(PersistentScheduler):
    """Notes when it last came to send a task, whether SQS took the message or not."""

    _noted_at = 0.0

    def setup_schedule(self) -> None:
        super().setup_schedule()
        if settings.METRICS_DIR:
            clear_away_old_polls(Path(settings.METRICS_DIR), now=time.time())

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        super().apply_entry(entry, producer=producer)
        now = time.time()
        if settings.METRICS_DIR and abs(now - self._noted_at) > EVERY_SECONDS:
            try:
                write_polls(Path(settings.METRICS_DIR), {_BEAT: now})
            except OSError:
                logger.warning("The time of beat's last turn could not be written.", exc_info=True)
            self._noted_at = now

    def close(self) -> None:
        super().close()
        if settings.METRICS_DIR:
            forget_polls(Path(settings.METRICS_DIR))
