"""Settings of the whole system on one machine: `make run` and docker-compose.yml."""

import os
from decimal import Decimal
from pathlib import Path

from environ import Env

# `make run` writes its secrets and addresses into this file. `manage.py` needs them.
_LOCAL_ENV = Path(__file__).resolve().parents[2] / ".local" / "env"
if _LOCAL_ENV.is_file() and os.access(_LOCAL_ENV, os.R_OK):
    Env.read_env(str(_LOCAL_ENV))

os.environ.setdefault("LOG_FORMAT", "console")

from config.settings.base import *

_env = Env()

ALLOWED_HOSTS = ["*"]
EMAIL_BACKEND = "ticketing.stack.mailbox.MailboxBackend"
ALLOW_SIMULATED_PAYMENTS = True
SHOW_TEST_PAYMENTS = True
SIMULATED_FEE_PERCENT = Decimal(_env("SIMULATED_FEE_PERCENT", default="3.99"))
DEMO_ADMIN_PASSWORD = _env("DEMO_ADMIN_PASSWORD", default="")
DEMO_API_TOKEN = _env("DEMO_API_TOKEN", default="")
DEMO_DEVICE_TOKEN = _env("DEMO_DEVICE_TOKEN", default="")
