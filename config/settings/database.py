"""The connections to PostgreSQL (the record) and to Redis (the live stock and the cache)."""

from typing import Any

from environ import Env

from ticketing.redis import connection_class_of

_env = Env()

# --- PostgreSQL: the record ------------------------------------------------------------
DATABASES: dict[str, Any] = {"default": _env.db_url("DATABASE_URL")}
# Each thread keeps its connection. Health checks replace it at the next request after PostgreSQL
# was restarted or failed over.
DATABASES["default"] |= {
    "ENGINE": "ticketing.database",
    "CONN_MAX_AGE": None,
    "CONN_HEALTH_CHECKS": True,
}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"] |= {
    # Prepared statements keep their query plans as long as the connection lives.
    "server_side_binding": True,
    "prepare_threshold": 5,
    "connect_timeout": 5,
    # Milliseconds. A server that stops acknowledging packets counts as lost after this time.
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
}
# Limits in seconds, by kind of process: `statement` for one statement, `lock` for its wait for a
# lock, `idle` between two statements of a transaction. Without `idle`, a process that hangs inside
# a transaction would hold an event's lock for ever. Each process declares its kind in code, and
# `migrate` uses `migration` for its connection (ticketing/database/timeouts.py).
DATABASE_TIMEOUTS: dict[str, str] = {
    # A buyer waits for the response, and a slow statement blocks one of few threads.
    "web": _env("DATABASE_TIMEOUTS_WEB", default="statement=10,lock=5,idle=15"),
    # A task may take 45 seconds (CELERY_TASK_SOFT_TIME_LIMIT).
    "worker": _env("DATABASE_TIMEOUTS_WORKER", default="statement=30,lock=5,idle=15"),
    # Beat sends messages and does not query the database so far.
    "beat": _env("DATABASE_TIMEOUTS_BEAT", default="statement=5,lock=1,idle=5"),
    # Shells and management commands.
    "command": _env("DATABASE_TIMEOUTS_COMMAND", default="statement=30,lock=5,idle=15"),
    # A statement may take as long as the data needs. While it waits for a table's lock, all later
    # statements on the table wait too, so it gives up before they time out. `lock` must be more
    # than PostgreSQL's deadlock_timeout of 1 second: an autovacuum is cancelled only after that.
    "migration": _env("DATABASE_TIMEOUTS_MIGRATION", default="statement=0,lock=2,idle=15"),
}

# --- Redis: the live stock, and the cache ----------------------------------------------
REDIS_URL: str = _env("REDIS_URL")
# Short, so that a request fails quickly when Redis is down.
REDIS_TIMEOUT_SECONDS = 0.5
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
        "OPTIONS": {
            "CONNECTION_POOL_KWARGS": {"connection_class": connection_class_of(REDIS_URL)},
            "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            "SOCKET_TIMEOUT": REDIS_TIMEOUT_SECONDS,
        },
    }
}
