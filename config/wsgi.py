"""The WSGI application of the web processes."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.utils.module_loading import import_string

from config.celery import app
from ticketing.api.parsing import with_readable_headers, with_whole_bodies
from ticketing.database.timeouts import Kind, declare_process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

if settings.TRACES_ENDPOINT:
    # Imported here by name, so that OpenTelemetry is not loaded where traces are off.
    import_string("ticketing.telemetry.tracing.trace_requests")()

declare_process(Kind.WEB)

application = with_whole_bodies(with_readable_headers(get_wsgi_application()))

if settings.TRACES_ENDPOINT:
    # Load all tasks: the span of a message whose task is unknown to this process never ends.
    app.loader.import_default_modules()
