"""Production: refuses to start on a missing or example secret."""

from django.core.exceptions import ImproperlyConfigured
from environ import Env

_env = Env()
_REQUIRED = [
    "SECRET_KEY",
    "TICKET_SIGNING_SECRET",
    "DATABASE_URL",
    "REDIS_URL",
    "ALLOWED_HOSTS",
    "PUBLIC_URL",
    "MAIL_FROM",
    "TICKETS_BUCKET",
    "SQS_SALE_QUEUE_URL",
    "SQS_DELIVERY_QUEUE_URL",
    "SQS_UPKEEP_QUEUE_URL",
    "SQS_WEBHOOKS_QUEUE_URL",
]
# Characters, at the least. Django asks for 50 itself.
_SECRETS = {"SECRET_KEY": 50, "TICKET_SIGNING_SECRET": 40}
_FEWEST_DIFFERENT = 8

if _missing := [name for name in _REQUIRED if not _env(name, default="").strip()]:
    raise ImproperlyConfigured(f"Set {', '.join(_missing)}. See .env.example.")
for _name, _length in _SECRETS.items():
    if len(_env(_name)) < _length or len(set(_env(_name))) < _FEWEST_DIFFERENT:
        raise ImproperlyConfigured(f"{_name} is weak: use {_length} random characters or more.")
    if "change-me" in _env(_name) or "example" in _env(_name):
        raise ImproperlyConfigured(f"{_name} is the example from .env.example. Make your own.")
if _env("SECRET_KEY") == _env("TICKET_SIGNING_SECRET"):
    raise ImproperlyConfigured("TICKET_SIGNING_SECRET must differ from SECRET_KEY.")
if _env("MAILBOX_DIR", default=""):
    raise ImproperlyConfigured("MAILBOX_DIR shows sent mails to anyone: unset it.")

from config.settings.base import *

SECURE_SSL_REDIRECT: bool = _env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Load balancers ask for health over plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz)/?$"]
SECURE_HSTS_SECONDS: int = _env.int("SECURE_HSTS_SECONDS", default=31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
