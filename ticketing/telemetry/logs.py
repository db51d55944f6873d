"""What a line of the log looks like: a JSON object in production, words on one's own machine."""

import sys
from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest
from structlog.contextvars import merge_contextvars
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict, Processor, WrappedLogger

from ticketing.telemetry.redaction import redact_text

FORMS: Final = ("json", "console")
# What a call may add by `extra=`. Others add much more: whole requests, or parameters of queries.
FIELDS: Final = ("method", "route", "status", "code", "ms", "status_code")
_FIRST: Final = ("time", "level", "logger", "event", "request_id")


def describe_logging(*, form: str, level: str, each_request: bool) -> dict[str, Any]:
    """
    Return Django's `LOGGING`: every line of every library goes through one formatter.

    Without `each_request` a request or a task that went well leaves no line.
    """
    if form not in FORMS:
        raise ValueError(f"LOG_FORMAT is one of {', '.join(FORMS)}, not {form!r}.")
    each = "INFO" if each_request else "WARNING"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "ticketing.telemetry.logs.make_formatter", "form": form}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            # To refuse is no event: a sold-out night would fill the disk with it.
            "django.request": {"level": "ERROR"},
            "axes": {"level": "WARNING"},
            "ticketing.telemetry.middleware": {"level": each},
            # Celery tells of each task that it came, and again that it is done.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": each},
            "celery.beat": {"level": "WARNING"},
            # Each new client of AWS tells where it found its credentials.
            "botocore": {"level": "WARNING"},
        },
    }


def make_formatter(*, form: str) -> ProcessorFormatter:
    """Return what makes the lines: the name in `LOGGING` and in the web server's own settings."""
    return ProcessorFormatter(
        processors=[
            merge_contextvars,
            _tell_request,
            add_log_level,
            add_logger_name,
            TimeStamper(fmt="iso", utc=True, key="time"),
            ExtraAdder(allow=FIELDS),
            ProcessorFormatter.remove_processors_meta,
            format_exc_info,
            # Last: what an exception says is text by now.
            _redact,
            _make_renderer(form),
        ]
    )


def _tell_request(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    # Django's own line on an answer of 5xx comes when the request's context is gone.
    request = getattr(line["_record"], "request", None)
    if "request_id" not in line and isinstance(request, HttpRequest):
        line["request_id"] = request.META.get("REQUEST_ID", "")
    return line


def _make_renderer(form: str) -> Processor:
    if form == "json":
        return JSONRenderer(ensure_ascii=False)
    return ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=plain_traceback, timestamp_key="time"
    )


def _redact(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    names = dict.fromkeys([*(name for name in _FIRST if name in line), *line])
    return {name: _redact_value(line[name]) for name in names}


def _redact_value(value: object) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {redact_text(str(name)): _redact_value(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redact_value(inner) for inner in value]
    return redact_text(str(value))
