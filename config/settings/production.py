"""Production: refuses to start on missing or example secrets, and on anything of the demo."""

import os

from django.core.exceptions import ImproperlyConfigured
from environ import Env

from config.settings.keys import check_secrets

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
    # Its default makes no charge.
    "PAYMENT_GATEWAY",
    # 0 must be set too: behind a proxy, a forgotten variable makes all callers one.
    "TRUSTED_PROXY_HOPS",
]

if _missing := [name for name in _REQUIRED if not _env(name, default="").strip()]:
    raise ImproperlyConfigured(f"Set {', '.join(_missing)}. See .env.example.")
check_secrets(_env)
if _env("MAILBOX_DIR", default=""):
    raise ImproperlyConfigured("MAILBOX_DIR shows sent mails to anyone: unset it.")
if _demo := sorted(
    name for name, value in os.environ.items() if name.startswith("DEMO_") and value
):
    raise ImproperlyConfigured(f"{', '.join(_demo)} belong to the local demo: unset them.")

from config.settings.base import *

SECURE_SSL_REDIRECT: bool = _env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Load balancers ask for health over plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)/?$"]
SECURE_HSTS_SECONDS: int = _env.int("SECURE_HSTS_SECONDS", default=31_536_000)
# They bind domains that are not ours alone.
SECURE_HSTS_INCLUDE_SUBDOMAINS: bool = _env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD: bool = _env.bool("SECURE_HSTS_PRELOAD", default=False)
# `check --deploy` asks for both.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
