"""The static checks that need Django: migrations, and the settings of a deployment."""

import os
import subprocess
import sys
from typing import Final

from ticketing.stack.environment import PROJECT

# Settings that pass the checks of production. No server runs at these addresses, and the checks
# connect to none.
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
    # The repository contains no real gateway.
    "PAYMENT_GATEWAY": "orders.gateway.SimulatedGateway",
    "ALLOW_SIMULATED_PAYMENTS": "true",
    # Production refuses DEMO_* variables, and the developer's shell may have set them.
    "DEMO_ADMIN_PASSWORD": "",
    "DEMO_API_TOKEN": "",
    "DEMO_DEVICE_TOKEN": "",
}
_COMMANDS: Final = (
    ("makemigrations", "--check", "--dry-run", "-v0"),
    ("check", "--deploy", "--fail-level", "WARNING"),
)


def check() -> int:
    """Run the checks with production's settings. Return 0 if all passed."""
    worst = 0
    for command in _COMMANDS:
        print(f"manage.py {' '.join(command)}", flush=True)  # noqa: T201 - output of a command
        done = subprocess.run(  # noqa: S603 - our own commands
            [sys.executable, "-W", "ignore", "manage.py", *command],
            cwd=PROJECT,
            env=os.environ | PRETENDED,
            check=False,
        )
        worst = max(worst, done.returncode)
    return worst
