"""Tests: real PostgreSQL and Valkey; AWS by moto inside a test."""

import os

for _name, _value in {
    "SECRET_KEY": "a-secret-for-tests-only-a-secret-for-tests-only",
    "TICKET_SIGNING_SECRET": "a-signing-secret-for-tests-only-32-bytes",
    "DATABASE_URL": "postgres://postgres@127.0.0.1:1/never",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "SQS_SALE_QUEUE_URL": "https://sqs.sa-east-1.amazonaws.com/123456789012/bilheteria-sale",
    "SQS_DELIVERY_QUEUE_URL": (
        "https://sqs.sa-east-1.amazonaws.com/123456789012/bilheteria-delivery"
    ),
    "SQS_REFUNDS_QUEUE_URL": "https://sqs.sa-east-1.amazonaws.com/123456789012/bilheteria-refunds",
    "SQS_UPKEEP_QUEUE_URL": "https://sqs.sa-east-1.amazonaws.com/123456789012/bilheteria-upkeep",
    "SQS_WEBHOOKS_QUEUE_URL": (
        "https://sqs.sa-east-1.amazonaws.com/123456789012/bilheteria-webhooks"
    ),
    "ALLOWED_HOSTS": "testserver",
}.items():
    os.environ.setdefault(_name, _value)

from config.settings.base import *
from config.settings.base import CACHES, INSTALLED_APPS, RATE_LIMITS, STORAGES

# On a busy machine two hundred threads at once are slower than a buyer would wait.
REDIS_TIMEOUT_SECONDS = 5
CACHES["default"]["OPTIONS"] = {
    "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT_SECONDS,
    "SOCKET_TIMEOUT": REDIS_TIMEOUT_SECONDS,
}
# Two branches with a migration each collide in git, on max_migration.txt, and not in production.
INSTALLED_APPS += ["django_linear_migrations"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
_TICKETS = {
    "BACKEND": "tests.storage.OverwritingStorage",
    "OPTIONS": {"base_url": "https://files.example.com/"},
}
STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "tickets": _TICKETS,
    "ticket_links": _TICKETS,
}
TICKETS_ORIGINS = ["https://files.example.com"]
# Static files straight from the packages: tests collect none.
WHITENOISE_AUTOREFRESH = True
# A test that is about limits sets some.
RATE_LIMITS = dict.fromkeys(RATE_LIMITS, "")
PROOF_OF_WORK_COST = 1
TICKETS_PER_CUSTOMER = TICKETS_PER_ADDRESS = HELD_PERCENT_PER_ADDRESS = 0
ALLOW_SIMULATED_PAYMENTS = True
MAILS_PER_RECIPIENT_PER_HOUR = 0
