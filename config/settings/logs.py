"""Logs, metrics and traces."""

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
# The folder in which all processes of one machine store their metrics, so that /metrics can add
# them up, and each worker the times of its polls, for its health check.
METRICS_DIR: str = _env("PROMETHEUS_MULTIPROC_DIR", default="")
if METRICS_DIR:
    Path(METRICS_DIR).mkdir(parents=True, exist_ok=True)
else:
    # prometheus_client takes an empty value for the working directory.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
# The bearer token with which Prometheus reads /metrics. Without it /metrics does not exist.
METRICS_TOKEN: str = _env("METRICS_TOKEN", default="")
# The URL to which traces are sent by OTLP over HTTP. Without it OpenTelemetry is not loaded. Its
# packages read this and their other variables themselves.
TRACES_ENDPOINT: str = _env("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
TRACES_SERVICE: str = _env("OTEL_SERVICE_NAME", default="bilheteria")
