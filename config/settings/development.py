"""Settings of `make dev`: as local.py, and each request is logged with its number of queries."""

from config.settings.local import *
from config.settings.local import LOGGING, MIDDLEWARE

_LOGGER = "ticketing.telemetry.middleware"
LOGGING["loggers"][_LOGGER]["level"] = "INFO"
# Directly after the middleware that logs each request, so that the counts are in its line.
_PLACE = MIDDLEWARE.index(f"{_LOGGER}.MeasuringMiddleware") + 1
MIDDLEWARE.insert(_PLACE, "ticketing.stack.counting.CountingMiddleware")
