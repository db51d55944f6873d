"""The static checks that need Django: migrations, and the settings of a deployment."""

import os
import subprocess
import sys
from typing import Final

from ticketing.stack.environment import PROJECT

# Nothing answers at these addresses, and nobody asks.
PRETENDED: Final = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "kV8-tQ2xZ_r5Lm9Wc4Yp7Nd1Hs6Jf3Gb0Aa-uEiOoXyTzR4qWe8u",
    "TICKET_SIGNING_SECRET": "pB3_wK7nD-q1Vt5Zx9Rm2Hc8Lf4Jy6Sg0Ee-aUoIiNkMsW",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "ALLOWED_HOSTS": "tickets.test",
    "PUBLIC_URL": "https://tickets.test",
    "MAIL_FROM": "Tickets <tickets@tickets.test>",
    "TICKETS_BUCKET": "none",
    "SQS_SALE_QUEUE_URL": "https://sqs.sa-east-1.amazonaws.com/1/sale",
    "SQS_DELIVERY_QUEUE_URL": "https://sqs.sa-east-1.amazonaws.com/1/delivery",
    "SQS_REFUNDS_QUEUE_URL": "https://sqs.sa-east-1.amazonaws.com/1/refunds",
    "SQS_UPKEEP_QUEUE_URL": "https://sqs.sa-east-1.amazonaws.com/1/upkeep",
    "SQS_WEBHOOKS_QUEUE_URL": "https://sqs.sa-east-1.amazonaws.com/1/webhooks",
    "TRUSTED_PROXY_HOPS": "1",
    # There is no real gateway here to name.
    "PAYMENT_GATEWAY": "orders.gateway.SimulatedGateway",
    "ALLOW_SIMULATED_PAYMENTS": "true",
    # Those of a developer's shell are not production's.
    "DEMO_ADMIN_PASSWORD": "",
    "DEMO_API_TOKEN": "",
    "DEMO_DEVICE_TOKEN": "",
}
_COMMANDS: Final = (
    ("makemigrations", "--check", "--dry-run", "-v0"),
    ("check", "--deploy", "--fail-level", "WARNING"),
)


def check() -> int:
    """Run them as production would see them. Return 0 if all is well."""
    worst = 0
    for command in _COMMANDS:
        print(f"manage.py {' '.join(command)}", flush=True)  # noqa: T201 - we speak to a person
        done = subprocess.run(  # noqa: S603 - our own commands
            [sys.executable, "-W", "ignore", "manage.py", *command],
            cwd=PROJECT,
            env=os.environ | PRETENDED,
            check=False,
        )
        worst = max(worst, done.returncode)
    return worst
