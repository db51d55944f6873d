"""Settings of the tests. They use a real PostgreSQL and Valkey; moto replaces AWS."""

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

# Longer than in production: some tests run 200 threads at once, on a busy machine.
REDIS_TIMEOUT_SECONDS = 5
CACHES["default"]["OPTIONS"] |= {
    "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT_SECONDS,
    "SOCKET_TIMEOUT": REDIS_TIMEOUT_SECONDS,
}
# Makes two branches that each add a migration conflict in git, on max_migration.txt, instead of
# failing after the merge.
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
# Serve static files from the packages: tests do not run collectstatic.
WHITENOISE_AUTOREFRESH = True
# No limits. A test about limits sets its own.
RATE_LIMITS = dict.fromkeys(RATE_LIMITS, "")
PROOF_OF_WORK_COST = 1
TICKETS_PER_CUSTOMER = TICKETS_PER_ADDRESS = HELD_PERCENT_PER_ADDRESS = 0
ALLOW_SIMULATED_PAYMENTS = True
SHOW_TEST_PAYMENTS = True
MAILS_PER_RECIPIENT_PER_HOUR = 0
