"""Settings of production. No process starts with a missing or weak secret or a demo setting."""

import os

from django.core.exceptions import ImproperlyConfigured
from environ import Env

from config.settings.keys import check_secrets
from config.settings.sound import refuse_unsound

_env = Env()
_REQUIRED = [
    "SECRET_KEY",
    "DATABASE_URL",
    "REDIS_URL",
    "ALLOWED_HOSTS",
    "PUBLIC_URL",
    "MAIL_FROM",
    "TICKETS_BUCKET",
    "SQS_SALE_QUEUE_URL",
    "SQS_DELIVERY_QUEUE_URL",
    "SQS_REFUNDS_QUEUE_URL",
    "SQS_UPKEEP_QUEUE_URL",
    "SQS_WEBHOOKS_QUEUE_URL",
    # The default gateway charges nobody.
    "PAYMENT_GATEWAY",
    # Even 0 must be set: if it is forgotten behind a proxy, all callers share one address.
    "TRUSTED_PROXY_HOPS",
]

if _missing := [name for name in _REQUIRED if not _env(name, default="").strip()]:
    raise ImproperlyConfigured(f"Set {', '.join(_missing)}. See .env.example.")
check_secrets(_env)
if _env("MAILBOX_DIR", default=""):
    raise ImproperlyConfigured("MAILBOX_DIR would show all sent mails to anyone. Unset it.")
if _demo := sorted(
    name for name, value in os.environ.items() if name.startswith("DEMO_") and value
):
    raise ImproperlyConfigured(f"Only the local demo uses {', '.join(_demo)}. Unset them.")

from config.settings.base import *

refuse_unsound(globals())

SECURE_SSL_REDIRECT: bool = _env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Load balancers check the health, and Prometheus reads each process, over plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)/?$"]
SECURE_HSTS_SECONDS: int = _env.int("SECURE_HSTS_SECONDS", default=31_536_000)
# Off by default: both also force HTTPS on domains that other systems may use.
SECURE_HSTS_INCLUDE_SUBDOMAINS: bool = _env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD: bool = _env.bool("SECURE_HSTS_PRELOAD", default=False)
# The checks of `check --deploy` for the two settings above.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
