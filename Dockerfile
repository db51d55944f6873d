# syntax=docker/dockerfile:1
# One image for all processes. The container's command chooses the process; the default is the web.

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /app
RUN python -m venv /venv && python -m venv /tools
COPY requirements.txt requirements-dev.txt ./
RUN /venv/bin/pip install --require-hashes --only-binary :all: -r requirements.txt
# Babel compiles the translations and is not in the final image. Its version and hash come from
# requirements-dev.txt.
RUN sed -n '/^babel==/,/^[^ ]*==/p' requirements-dev.txt | sed '1!{/^[a-z]/,$d}' > /tmp/babel.txt \
  && /tools/bin/pip install --require-hashes --no-deps -r /tmp/babel.txt
COPY manage.py ./
COPY config ./config
COPY ticketing ./ticketing
COPY events ./events
COPY orders ./orders
COPY tickets ./tickets
COPY locale ./locale
# The API serves these documents.
COPY docs/openapi.yaml docs/problems.md docs/problemas.md ./docs/
RUN /tools/bin/pybabel compile -d locale -D django \
  && DJANGO_SETTINGS_MODULE=config.settings.base SECRET_KEY=build TICKET_SIGNING_SECRET=build ALLOW_SIMULATED_PAYMENTS=true \
     DATABASE_URL=postgres://build@/build REDIS_URL=redis://build/0 \
     /venv/bin/python manage.py collectstatic --noinput -v0 \
  && /venv/bin/python -m compileall -q config ticketing events orders tickets

FROM python:3.13-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=config.settings.production \
    PROMETHEUS_MULTIPROC_DIR=/tmp/metrics
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin bilheteria
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
USER 10001
EXPOSE 8000
# On SIGTERM granian finishes its requests and Celery its tasks.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
# `python -m` puts /app on the import path, where granian finds our log formatter.
CMD ["python", "-m", "granian", "--log-config", "config/granian.json", "--interface", "wsgi", "config.wsgi:application", \
     "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "4", \
     "--backlog", "2048", "--workers-kill-timeout", "20"]
