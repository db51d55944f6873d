"""
What every process of the product shares. With its siblings, the only reader of the environment.

Each variable is explained in `.env.example`; a test keeps the two in step.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from botocore.config import Config
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from environ import Env
from kombu import Exchange, Queue

from config.settings.keys import read_ticket_keys, read_webhook_keys
from config.settings.unfold import UNFOLD
from ticketing.telemetry.logs import describe_logging

env = Env()

BASE_DIR = Path(__file__).resolve().parents[2]

# --- Secrets ---------------------------------------------------------------------------
SECRET_KEY = env("SECRET_KEY")
# Still accepted, while SECRET_KEY is being rotated.
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
# Every event's signing key is derived from one of these: a leaked one forges tickets. The
# first signs; all of them are accepted.
TICKET_SIGNING_KEYS = read_ticket_keys(env)
# The secrets of webhook endpoints are derived from these, new ones from the first.
WEBHOOK_SIGNING_KEYS = read_webhook_keys(env)
# The one secret of the first release, for what was derived from it and is not stored.
TICKET_SIGNING_SECRET: str = env("TICKET_SIGNING_SECRET", default="")

# --- Web -------------------------------------------------------------------------------
DEBUG = False
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Where buyers and organizers reach the site; used in mails, without a trailing slash.
PUBLIC_URL: str = env("PUBLIC_URL", default="http://localhost:8000")
ROOT_URLCONF = "config.urls"
LOGIN_REDIRECT_URL = "/admin/"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
# The largest honest request is an event with a long description.
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "ticketing.User"
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "ticketing",
    "events",
    "orders",
    "tickets",
    "tickets.webhooks",
]
# Origins whose pages may call the API from a browser. Cookies never come along.
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/(?!admin|i18n|mailbox|static|healthz|readyz|metrics)"
CORS_ALLOW_HEADERS = [
    "accept-language",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "x-request-id",
]
CORS_EXPOSE_HEADERS = [
    "deprecation",
    "etag",
    "idempotent-replayed",
    "last-modified",
    "link",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "sunset",
    "x-request-id",
]
MIDDLEWARE = [
    "ticketing.api.requests.RequestIdMiddleware",
    "ticketing.api.browsers.BrowserHeadersMiddleware",
    # Everything that is answered is counted, also what is refused next.
    "ticketing.telemetry.middleware.MeasuringMiddleware",
    "ticketing.api.deprecation.DeprecationMiddleware",
    # Around all that answers, so that a browser shows its page every refusal too.
    *(["corsheaders.middleware.CorsMiddleware"] if CORS_ALLOWED_ORIGINS else []),
    "django.middleware.security.SecurityMiddleware",
    "ticketing.api.limits.RateLimitMiddleware",
    # Whatever comes after may read the body.
    "ticketing.api.parsing.BodyLimitMiddleware",
    # From here on only pages, and those who signed in to one.
    "ticketing.api.requests.ApiMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "ticketing.api.requests.PagesLocaleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = [
    # The first asks only whether a name is locked out; the second knows the passwords.
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# A sign-in to the admin is good for so long, also for the API.
SESSION_COOKIE_AGE: int = env.int("SIGN_IN_HOURS", default=12) * 3600
if SESSION_COOKIE_AGE <= 0:
    raise ImproperlyConfigured("SIGN_IN_HOURS must be 1 or more.")

# --- Abuse -----------------------------------------------------------------------------
# How many proxies of ours stand before us, each of which appends to X-Forwarded-For.
TRUSTED_PROXY_HOPS: int = env.int("TRUSTED_PROXY_HOPS", default=0)
# Requests/seconds for each token, and for each address: a house, an office, or all the customers
# whom a mobile network hides behind one.
RATE_LIMITS: dict[str, str] = {
    # Who waits for his order asks every second or two; an organizer's system asks in bursts.
    "read": env("RATE_LIMIT_READ", default="600/60:3000/60"),
    # Each takes tickets from everybody else for a quarter of an hour.
    "reserve": env("RATE_LIMIT_RESERVE", default="30/60:120/60"),
    "write": env("RATE_LIMIT_WRITE", default="120/60:600/60"),
    # A scanner that was offline sends all it has at once, and a venue has many scanners.
    "validate": env("RATE_LIMIT_VALIDATE", default="600/60:6000/60"),
    "signin": env("RATE_LIMIT_SIGNIN", default=":30/300"),
}
# Tickets of one event, reserved and paid, of one customer (by email address) and of one network
# address, where the event has no limit of its own; and the part of its capacity, in percent, that
# one address may hold unpaid. 0: no limit.
TICKETS_PER_CUSTOMER: int = env.int("TICKETS_PER_CUSTOMER", default=20)
TICKETS_PER_ADDRESS: int = env.int("TICKETS_PER_ADDRESS", default=100)
HELD_PERCENT_PER_ADDRESS: int = env.int("HELD_PERCENT_PER_ADDRESS", default=10)
# Rounds of each attempt at a proof of work; 256 attempts on average.
PROOF_OF_WORK_COST: int = env.int("PROOF_OF_WORK_COST", default=5_000)
# Of all kinds and events together; more are delayed, or refused. 0: no limit.
MAILS_PER_RECIPIENT_PER_HOUR: int = env.int("MAILS_PER_RECIPIENT_PER_HOUR", default=10)
# So many wrong passwords for one name from one address, and for so long it is locked there.
AXES_FAILURE_LIMIT: int = env.int("SIGN_IN_FAILURES", default=5)
AXES_COOLOFF_TIME = timedelta(minutes=env.int("SIGN_IN_LOCK_MINUTES", default=15))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "ticketing.api.callers.client_address"
AXES_LOCKOUT_CALLABLE = "ticketing.pages.lockout.answer_locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
# Only failures are kept, and those not for long: they are personal data.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken", "next"]

# --- PostgreSQL: the record ------------------------------------------------------------
DATABASES: dict[str, Any] = {"default": env.db_url("DATABASE_URL")}
# Each thread keeps its connection. After a restart or a failover it is dead: so it is looked at
# before each request.
DATABASES["default"] |= {
    "ENGINE": "ticketing.database",
    "CONN_MAX_AGE": None,
    "CONN_HEALTH_CHECKS": True,
}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"] |= {
    # A connection that is kept can keep its plans too.
    "server_side_binding": True,
    "prepare_threshold": 5,
    "connect_timeout": 5,
    # Whose network went away without a word is given up after so long.
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
}
# Seconds that a statement may run, that it may wait for a lock, and that a transaction may stay
# open between two statements: a process that is stopped in the middle of one must not hold an
# event's lock against everybody else. Each process knows in code what it is, and `migrate` takes
# those of a migration for its connection (ticketing/database/timeouts.py).
DATABASE_TIMEOUTS: dict[str, str] = {
    # A buyer waits: a statement that takes longer is broken, and holds a thread meanwhile.
    "web": env("DATABASE_TIMEOUTS_WEB", default="statement=10,lock=5,idle=15"),
    # No buyer waits, but a task has 45 seconds.
    "worker": env("DATABASE_TIMEOUTS_WORKER", default="statement=30,lock=5,idle=15"),
    # It sends messages, and asks the database nothing so far.
    "beat": env("DATABASE_TIMEOUTS_BEAT", default="statement=5,lock=1,idle=5"),
    # Shells and management commands.
    "command": env("DATABASE_TIMEOUTS_COMMAND", default="statement=30,lock=5,idle=15"),
    # As long as the data takes. But all later statements on a table wait behind one that asks for
    # its lock, so it gives up before they do. Longer than PostgreSQL's deadlock_timeout, 1 second:
    # only then does an autovacuum give way to it.
    "migration": env("DATABASE_TIMEOUTS_MIGRATION", default="statement=0,lock=2,idle=15"),
}

# --- Redis: the live stock, and the cache ----------------------------------------------
REDIS_URL: str = env("REDIS_URL")
# Short: when Redis is down, a request fails at once and does not keep its caller waiting.
REDIS_TIMEOUT_SECONDS = 0.5
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            "SOCKET_TIMEOUT": REDIS_TIMEOUT_SECONDS,
        },
    }
}

# --- AWS: boto3 itself reads AWS_ENDPOINT_URL, the region and the credentials -----------
AWS_REGION: str = env("AWS_DEFAULT_REGION", default="sa-east-1")
AWS_ENDPOINT_URL: str = env("AWS_ENDPOINT_URL", default="")
# A worker waits longer than a buyer would, and shorter than its task may take.
_PATIENT: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 10,
    "retries": {"total_max_attempts": 2},
}
TICKETS_BUCKET: str = env("TICKETS_BUCKET", default="bilheteria-tickets")
# Where people's browsers reach S3, if not by the same name as our processes do.
S3_PUBLIC_ENDPOINT_URL: str = (
    env("AWS_S3_PUBLIC_ENDPOINT_URL", default="").rstrip("/") or AWS_ENDPOINT_URL
)
# Where the links to QR codes lead: from there the admin's pages may show pictures.
TICKETS_ORIGINS: list[str] = (
    [S3_PUBLIC_ENDPOINT_URL]
    if S3_PUBLIC_ENDPOINT_URL
    else [
        f"https://{TICKETS_BUCKET}.s3.amazonaws.com",
        f"https://{TICKETS_BUCKET}.s3.{AWS_REGION}.amazonaws.com",
    ]
)


def _bucket(endpoint_url: str) -> dict[str, Any]:
    return {
        "BACKEND": "ticketing.storage.SmallObjects",
        "OPTIONS": {
            "bucket_name": TICKETS_BUCKET,
            "region_name": AWS_REGION,
            "endpoint_url": endpoint_url or None,
            "client_config": Config(
                **_PATIENT,
                signature_version="s3v4",
                s3={"addressing_style": "path" if endpoint_url else "virtual"},
            ),
            "default_acl": None,
            "querystring_auth": True,
            "querystring_expire": 3600,
            "file_overwrite": True,
        },
    }


STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    # Private objects, handed out as links that run out.
    "tickets": _bucket(AWS_ENDPOINT_URL),
    # The same bucket, to sign links only: a signature is for one host name.
    "ticket_links": _bucket(S3_PUBLIC_ENDPOINT_URL),
}
EMAIL_BACKEND = "django_ses.SESBackend"
DEFAULT_FROM_EMAIL: str = env("MAIL_FROM", default="Bilheteria <ingressos@example.com>")
AWS_SES_REGION_NAME = AWS_REGION
AWS_SES_REGION_ENDPOINT_URL = AWS_ENDPOINT_URL or None
AWS_SES_CONFIG = Config(**_PATIENT)
# The default asks SES for its quota before each mail; the queue already retries what is refused.
AWS_SES_AUTO_THROTTLE = None
# Set only on the local stack: a folder that keeps each mail sent, and a page that shows them.
MAILBOX_DIR: str = env("MAILBOX_DIR", default="")

# --- What is counted ---------------------------------------------------------------------
# Where the processes of one machine keep what they count, for one page to add up, and
# where each worker notes its polls, for its health check.
METRICS_DIR: str = env("PROMETHEUS_MULTIPROC_DIR", default="")
if METRICS_DIR:
    Path(METRICS_DIR).mkdir(parents=True, exist_ok=True)
else:
    # To prometheus_client an empty name is the folder that we are in.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)

# --- Celery over SQS -------------------------------------------------------------------
SQS_QUEUE_URLS: dict[str, str] = {
    "sale": env("SQS_SALE_QUEUE_URL", default=""),
    "delivery": env("SQS_DELIVERY_QUEUE_URL", default=""),
    "refunds": env("SQS_REFUNDS_QUEUE_URL", default=""),
    "upkeep": env("SQS_UPKEEP_QUEUE_URL", default=""),
    "webhooks": env("SQS_WEBHOOKS_QUEUE_URL", default=""),
}
SQS_VISIBILITY_SECONDS: int = env.int("SQS_VISIBILITY_SECONDS", default=60)
# Seconds that a failed message stays hidden, after each time that it was received.
SQS_BACKOFF_SECONDS: dict[int, int] = dict(
    enumerate(
        env.list("SQS_BACKOFF_SECONDS", cast=int, default=[1, 2, 5, 15, 60, 180, 600]), start=1
    )
)
# Work whose message brought no result for so long is asked for again; then after twice as long, …
ASK_AGAIN_SECONDS: int = env.int("ASK_AGAIN_SECONDS", default=120)
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
            "backoff_tasks": [
                "tickets.settle_order",
                "tickets.issue_codes",
                "tickets.deliver_tickets",
                "orders.send_confirmation",
                "tickets.refund_order",
                "tickets.return_money",
                "tickets.wind_up_event",
                "tickets.send_webhooks",
            ],
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

# --- Operations -----------------------------------------------------------------------
# What Prometheus must show to read /metrics, as a bearer token. Without it there is no such page.
METRICS_TOKEN: str = env("METRICS_TOKEN", default="")
# Where traces go, by OTLP over HTTP. Without it nothing of OpenTelemetry is loaded. Its packages
# read this and the other variables of OpenTelemetry themselves.
TRACES_ENDPOINT: str = env("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
TRACES_SERVICE: str = env("OTEL_SERVICE_NAME", default="bilheteria")

# --- Languages and time ----------------------------------------------------------------
USE_TZ = True
TIME_ZONE = "UTC"
# The clock that staff read in the admin; an event's own page goes by the event's.
PAGES_TIME_ZONE: str = env("PAGES_TIME_ZONE", default="America/Sao_Paulo")
LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", _("Brazilian Portuguese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
UNFOLD["SITE_SUBHEADER"] = PAGES_TIME_ZONE.replace("_", " ")
STATIC_URL = "/static/"
STATIC_ROOT = Path(env("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))

# --- The sale --------------------------------------------------------------------------
PAYMENT_GATEWAY: str = env("PAYMENT_GATEWAY", default="orders.gateway.SimulatedGateway")
# The simulated gateway makes no charge: without this it does not start.
ALLOW_SIMULATED_PAYMENTS: bool = env.bool("ALLOW_SIMULATED_PAYMENTS", default=False)

# --- Webhooks --------------------------------------------------------------------------
# Networks that are asked although they are not public, by http too: for a stack on one machine.
WEBHOOK_ALLOWED_NETWORKS: list[str] = env.list("WEBHOOK_ALLOWED_NETWORKS", default=[])

# --- The demo: only config.settings.local reads its password and tokens --------------------
DEMO_ADMIN_PASSWORD = ""
DEMO_API_TOKEN = ""
DEMO_DEVICE_TOKEN = ""

# --- API -------------------------------------------------------------------------------
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "ticketing.api.authentication.BearerAuthentication",
        "ticketing.api.authentication.StaffSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["ticketing.api.queries.KnownParameters"],
    "DEFAULT_PARSER_CLASSES": ["ticketing.api.parsing.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,
    # A word in the query like any other.
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "ticketing.api.problems.answer_problem",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Bilheteria",
    "DESCRIPTION": "Reserve, pay, issue, admit.",
    "OAS_VERSION": "3.1.0",
    "DEFAULT_GENERATOR_CLASS": "ticketing.api.openapi.finishing.EnglishGenerator",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "POSTPROCESSING_HOOKS": [
        "tickets.webhooks.document.tell_webhooks",
        "drf_spectacular.hooks.postprocess_schema_enums",
        "ticketing.api.openapi.finishing.finish",
    ],
    # Each is a value and the same value again: our choices have no other words in the API.
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "EventStatus": "events.models.EventStatus",
        "HealthStatus": [("ok", "ok")],
        "OrderStatus": "orders.models.OrderStatus",
        "PaymentMethod": "orders.models.PaymentMethod",
        "PaymentStatus": "orders.models.PaymentStatus",
        "TicketStatus": "tickets.models.TicketStatus",
    },
}

# --- Logs ------------------------------------------------------------------------------
LOG_LEVEL: str = env("LOG_LEVEL", default="INFO")
LOG_FORMAT: str = env("LOG_FORMAT", default="json")
LOG_REQUESTS: bool = env.bool("LOG_REQUESTS", default=False)
LOGGING = describe_logging(form=LOG_FORMAT, level=LOG_LEVEL, each_request=LOG_REQUESTS)
