"""The metric of the time since each worker polled each queue."""

import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ticketing.queue.polls import GONE_SECONDS, read_polls


class PollAges(Collector):
    """
    Reads the files that workers write to `PROMETHEUS_MULTIPROC_DIR`.

    Files that are no longer written are left out: a killed worker leaves its file behind, and its
    age would grow forever.
    """

    def collect(self) -> Iterator[Metric]:
        ages = GaugeMetricFamily(
            "bilheteria_queue_poll_age_seconds",
            "Seconds since this worker last polled this queue.",
            labels=["queue", "worker"],
        )
        now = time.time()
        for polls in read_polls(Path(settings.METRICS_DIR)) if settings.METRICS_DIR else ():
            if now - polls.written_at <= GONE_SECONDS:
                for queue, polled_at in polls.polled_at.items():
                    ages.add_metric([queue, polls.worker], max(0.0, round(now - polled_at, 1)))
        yield ages
