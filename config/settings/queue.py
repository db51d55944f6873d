"""Celery over SQS: the queues, what beat asks for, and how a worker works."""

from typing import Any

from environ import Env
from kombu import Exchange, Queue

from config.settings.logs import METRICS_DIR
from config.settings.storage import AWS_ENDPOINT_URL, AWS_REGION
from ticketing.queue.message_names import Message

_env = Env()

SQS_QUEUE_URLS: dict[str, str] = {
    "sale": _env("SQS_SALE_QUEUE_URL", default=""),
    "delivery": _env("SQS_DELIVERY_QUEUE_URL", default=""),
    "refunds": _env("SQS_REFUNDS_QUEUE_URL", default=""),
    "upkeep": _env("SQS_UPKEEP_QUEUE_URL", default=""),
    "webhooks": _env("SQS_WEBHOOKS_QUEUE_URL", default=""),
}
SQS_VISIBILITY_SECONDS: int = _env.int("SQS_VISIBILITY_SECONDS", default=60)
# Seconds that a failed message stays hidden, after each time that it was received.
SQS_BACKOFF_SECONDS: dict[int, int] = dict(
    enumerate(
        _env.list("SQS_BACKOFF_SECONDS", cast=int, default=[1, 2, 5, 15, 60, 180, 600]), start=1
    )
)
# Work whose message brought no result for so long is asked for again; then after twice as long, …
ASK_AGAIN_SECONDS: int = _env.int("ASK_AGAIN_SECONDS", default=120)
# After so many receives a message goes to the dead-letter queue.
SQS_MAX_RECEIVES = len(SQS_BACKOFF_SECONDS) + 1
CELERY_BROKER_URL = "sqs://"
# Kombu's own ends its worker, or makes it deaf, when SQS fails.
CELERY_BROKER_TRANSPORT = "ticketing.queue.transport:Transport"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "region": AWS_REGION,
    "visibility_timeout": SQS_VISIBILITY_SECONDS,
    # Real SQS waits for us; the local one answers an empty receive at once.
    "wait_time_seconds": 10 if not AWS_ENDPOINT_URL else 1,
    "polling_interval": 0,
    # Where a worker notes when it last polled each queue.
    "polls_folder": METRICS_DIR,
    # Named queues: a process needs no right to list or create any.
    "predefined_queues": {
        name: {
            "url": url,
            "backoff_policy": SQS_BACKOFF_SECONDS,
            "backoff_tasks": [message.value for message in Message],
        }
        for name, url in SQS_QUEUE_URLS.items()
    },
    # For what is sent, deleted and put off: a buyer waits for it. What is received has its own.
    "client-config": {
        "connect_timeout": 1,
        "read_timeout": 3,
        "retries": {"total_max_attempts": 1},
    },
}
# Each with an exchange of its own: bound to a common one, every queue would get every message.
CELERY_TASK_QUEUES = [Queue(name, Exchange(name), routing_key=name) for name in SQS_QUEUE_URLS]
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    task: {
        "task": task,
        "schedule": seconds,
        # What was not done in time is not worth doing twice.
        "options": {"queue": "upkeep", "expires": max(seconds, 30)},
    }
    for task, seconds in {
        "tickets.find_webhooks": 2,
        "tickets.expire": 5,
        "tickets.ask_again": 30,
        "tickets.audit": 30,
        "tickets.collect_dead_letters": 30,
        "tickets.forget": 3600,
    }.items()
}
CELERY_BEAT_SCHEDULER = "ticketing.queue.beat:NotingScheduler"
# Celery's own deletes a message that it cannot read.
CELERY_WORKER_CONSUMER = "ticketing.queue.consumer:KeepingConsumer"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "upkeep"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# A failed task is not acknowledged: its message returns to the queue, and SQS counts.
CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT = False
CELERY_TASK_TIME_LIMIT = 50
CELERY_TASK_SOFT_TIME_LIMIT = 45
CELERY_TASK_PUBLISH_RETRY = False
# Enough that a worker need not wait for SQS; few enough that its death delays few.
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"
