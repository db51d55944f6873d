"""The format of log lines: JSON objects in production, text on a developer's machine."""

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
# The only names of `extra=` that are logged. Libraries add others, such as whole requests or the
# parameters of queries.
FIELDS: Final = ("method", "route", "status", "code", "ms", "status_code")
_FIRST: Final = ("time", "level", "logger", "event", "request_id")


def describe_logging(*, form: str, level: str, each_request: bool) -> dict[str, Any]:
    """
    Return Django's setting `LOGGING`, with one formatter for the lines of all libraries.

    Without `each_request`, requests and successful tasks are not logged.

    :raises ValueError: if `form` is unknown
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
            # Responses with 4xx are not logged: a sold-out event would fill the disk.
            "django.request": {"level": "ERROR"},
            "axes": {"level": "WARNING"},
            "ticketing.telemetry.middleware": {"level": each},
            # Celery logs each task when it is received, and again when it has ended.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": each},
            "celery.beat": {"level": "WARNING"},
            # botocore logs for each new client where it found its credentials.
            "botocore": {"level": "WARNING"},
        },
    }


def make_formatter(*, form: str) -> ProcessorFormatter:
    """Return the formatter. `LOGGING` and the settings of the web server name this function."""
    return ProcessorFormatter(
        processors=[
            merge_contextvars,
            _add_request_id,
            add_log_level,
            add_logger_name,
            TimeStamper(fmt="iso", utc=True, key="time"),
            ExtraAdder(allow=FIELDS),
            ProcessorFormatter.remove_processors_meta,
            format_exc_info,
            # After `format_exc_info`, so that the text of exceptions is redacted too.
            _redact,
            _make_renderer(form),
        ]
    )


def _add_request_id(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    # Django logs a response of 5xx after the context of the request was cleared.
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
