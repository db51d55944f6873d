"""The web process."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.utils.module_loading import import_string

from config.celery import app
from ticketing.api.parsing import with_readable_headers, with_whole_bodies
from ticketing.database.timeouts import Kind, declare_process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

if settings.TRACES_ENDPOINT:
    # By name: where there are no traces, nothing of OpenTelemetry is loaded.
    import_string("ticketing.telemetry.tracing.trace_requests")()

declare_process(Kind.WEB)

application = with_whole_bodies(with_readable_headers(get_wsgi_application()))

if settings.TRACES_ENDPOINT:
    # What is sent by a name that this process does not know has a span that never ends.
    app.loader.import_default_modules()
