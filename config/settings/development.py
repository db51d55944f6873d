"""The whole system on one machine, as `make dev` starts it: each request tells what it asked."""

from config.settings.local import *
from config.settings.local import LOGGING, MIDDLEWARE

_LOGGER = "ticketing.telemetry.middleware"
LOGGING["loggers"][_LOGGER]["level"] = "INFO"
# Directly inside what writes the line of a request.
_PLACE = MIDDLEWARE.index(f"{_LOGGER}.MeasuringMiddleware") + 1
MIDDLEWARE.insert(_PLACE, "ticketing.stack.counting.CountingMiddleware")
