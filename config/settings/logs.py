"""What the processes tell of themselves: logs, metrics and traces."""

import os
from pathlib import Path

from environ import Env

from ticketing.telemetry.logs import describe_logging

_env = Env()

# --- Logs ------------------------------------------------------------------------------
LOG_LEVEL: str = _env("LOG_LEVEL", default="INFO")
LOG_FORMAT: str = _env("LOG_FORMAT", default="json")
LOG_REQUESTS: bool = _env.bool("LOG_REQUESTS", default=False)
LOGGING = describe_logging(form=LOG_FORMAT, level=LOG_LEVEL, each_request=LOG_REQUESTS)

# --- Metrics and traces ----------------------------------------------------------------
# Where the processes of one machine keep what they count, for one page to add up, and
# where each worker notes its polls, for its health check.
METRICS_DIR: str = _env("PROMETHEUS_MULTIPROC_DIR", default="")
if METRICS_DIR:
    Path(METRICS_DIR).mkdir(parents=True, exist_ok=True)
else:
    # To prometheus_client an empty name is the folder that we are in.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
# What Prometheus must show to read /metrics, as a bearer token. Without it there is no such page.
METRICS_TOKEN: str = _env("METRICS_TOKEN", default="")
# Where traces go, by OTLP over HTTP. Without it nothing of OpenTelemetry is loaded. Its packages
# read this and the other variables of OpenTelemetry themselves.
TRACES_ENDPOINT: str = _env("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
TRACES_SERVICE: str = _env("OTEL_SERVICE_NAME", default="bilheteria")
