"""Celery over SQS: the queues, the schedule of beat, and the settings of the workers."""

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
# Seconds until a failed message is received again: after the first receive, the second, and so on.
SQS_BACKOFF_SECONDS: dict[int, int] = dict(
    enumerate(
        _env.list("SQS_BACKOFF_SECONDS", cast=int, default=[1, 2, 5, 15, 60, 180, 600]), start=1
    )
)
# The sweep sends a message again if its row still waits after this time, then after twice as long,
# and so on.
ASK_AGAIN_SECONDS: int = _env.int("ASK_AGAIN_SECONDS", default=120)
# After this many receives SQS moves a message to the dead-letter queue.
SQS_MAX_RECEIVES = len(SQS_BACKOFF_SECONDS) + 1
CELERY_BROKER_URL = "sqs://"
# With kombu's own transport, a worker ends or stops polling when SQS fails.
CELERY_BROKER_TRANSPORT = "ticketing.queue.transport:Transport"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "region": AWS_REGION,
    "visibility_timeout": SQS_VISIBILITY_SECONDS,
    # Long polling. The local SQS does not support it and returns an empty response at once.
    "wait_time_seconds": 10 if not AWS_ENDPOINT_URL else 1,
    "polling_interval": 0,
    # A worker writes the time of its last poll of each queue here, for its health check.
    "polls_folder": METRICS_DIR,
    # With predefined queues a process needs no permission to list or create queues.
    "predefined_queues": {
        name: {
            "url": url,
            "backoff_policy": SQS_BACKOFF_SECONDS,
            "backoff_tasks": [message.value for message in Message],
        }
        for name, url in SQS_QUEUE_URLS.items()
    },
    # Short timeouts for sending, deleting and delaying messages: a buyer may be waiting. Receives
    # have a client of their own.
    "client-config": {
        "connect_timeout": 1,
        "read_timeout": 3,
        "retries": {"total_max_attempts": 1},
    },
}
# One exchange for each queue: with a shared exchange, every queue would get every message.
CELERY_TASK_QUEUES = [Queue(name, Exchange(name), routing_key=name) for name in SQS_QUEUE_URLS]
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    task: {
        "task": task,
        "schedule": seconds,
        # An old message is dropped: the next one does the same work.
        "options": {"queue": "upkeep", "expires": max(seconds, 30)},
    }
    for task, seconds in {
        "tickets.find_webhooks": 2,
        "tickets.expire": 5,
        "tickets.ask_again": 30,
        "tickets.audit": 30,
        "tickets.collect_dead_letters": 30,
        "tickets.summarize": 60,
        "tickets.make_reports": 300,
        "tickets.tell_members": 60,
        "tickets.remind": 60,
        "tickets.forget": 3600,
        # Not once a day: beat would begin to wait anew at each deployment.
        "tickets.erase_old_data": 3600,
    }.items()
}
CELERY_BEAT_SCHEDULER = "ticketing.queue.beat:NotingScheduler"
# Celery's own consumer deletes messages that it cannot read.
CELERY_WORKER_CONSUMER = "ticketing.queue.consumer:KeepingConsumer"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "upkeep"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# The message of a failed task is not acknowledged: it returns to the queue, and SQS counts the
# receives.
CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT = False
CELERY_TASK_TIME_LIMIT = 50
CELERY_TASK_SOFT_TIME_LIMIT = 45
CELERY_TASK_PUBLISH_RETRY = False
# High enough that a worker rarely waits for SQS, low enough that its death delays few messages.
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"
