"""PostgreSQL, the record; Redis, the live stock and the cache."""

from typing import Any

from environ import Env

_env = Env()

# --- PostgreSQL: the record ------------------------------------------------------------
DATABASES: dict[str, Any] = {"default": _env.db_url("DATABASE_URL")}
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
    "web": _env("DATABASE_TIMEOUTS_WEB", default="statement=10,lock=5,idle=15"),
    # No buyer waits, but a task has 45 seconds.
    "worker": _env("DATABASE_TIMEOUTS_WORKER", default="statement=30,lock=5,idle=15"),
    # It sends messages, and asks the database nothing so far.
    "beat": _env("DATABASE_TIMEOUTS_BEAT", default="statement=5,lock=1,idle=5"),
    # Shells and management commands.
    "command": _env("DATABASE_TIMEOUTS_COMMAND", default="statement=30,lock=5,idle=15"),
    # As long as the data takes. But all later statements on a table wait behind one that asks for
    # its lock, so it gives up before they do. Longer than PostgreSQL's deadlock_timeout, 1 second:
    # only then does an autovacuum give way to it.
    "migration": _env("DATABASE_TIMEOUTS_MIGRATION", default="statement=0,lock=2,idle=15"),
}

# --- Redis: the live stock, and the cache ----------------------------------------------
REDIS_URL: str = _env("REDIS_URL")
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
